/* SPDX-License-Identifier: Apache-2.0 */
/* What time it is, and whether to believe it. Small gateways have no battery clock: after a power
 * cut they wake up in the past and jump when a time source is reached. Until then wall times are
 * untrusted; the distance of the wall clock from the monotonic one tells the jump. */
#ifndef BAIYE_COMMON_CLOCK_H
#define BAIYE_COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How far a wall time can be trusted. */
enum time_trust {
    TIME_UNTRUSTED = 0, /* no time source since power-up */
    TIME_TRUSTED = 1,
};

struct monotonic_ms {
    int64_t ms; /* CLOCK_MONOTONIC (CLOCK_BOOTTIME is not used: the gateway never suspends) */
};

struct wall_ms {
    int64_t ms; /* UTC, milliseconds since 1970 */
    enum time_trust trust;
};

/* Both clocks at one moment. */
struct clock_now {
    int64_t wall_ms, mono_ms;
};
struct clock_now clock_now(void);
/* The monotonic one alone: for deadlines, and for how long something took. */
int64_t clock_mono_ns(void);
int64_t clock_mono_ms(void);

/* The day of the site's calendar, YYYYMMDD; 0: none. */
int32_t clock_day(int64_t wall_ms);

/* `ns` nanoseconds, 0 or more, as system calls take them. Where those count seconds in 32 bits
 * (armhf of Debian 12) what is beyond 2038 is the latest that they can say. */
struct timespec clock_timespec(int64_t ns);

/* A time daemon, whichever it is, keeps the kernel's clock. false as well where the sandbox does
 * not let the kernel be asked. */
bool clock_is_disciplined(void);
/* Left by baiye-clock.service once that is so, for the daemon, whose sandbox is such a one. */
#define CLOCK_DISCIPLINED_FILE "/run/baiye-clock/synchronized"

/* Is there a reason to believe the wall clock now? The kernel's clock is disciplined (adjtimex or
 * that file), systemd-timesyncd has synchronised, a battery clock set the time at boot and tells a
 * plausible one itself, or this is a virtual machine or a container whose host keeps the time; and
 * it is not before this program was built. `not_before_ms`: what is known to be over, 0: nothing.
 * BAIYE_CLOCK=trusted or =untrusted in the environment overrules; a path there means: trusted as
 * soon as that file exists, as time daemons leave one. Costs some system calls. */
bool clock_is_trusted(int64_t wall_ms, int64_t not_before_ms);
/* Pure. Does a battery clock vouch for the wall clock? One whose battery is dead wakes up years
 * ago, and the system lifts the wall clock to a time that it has saved: then the two differ. */
bool clock_rtc_vouches(int64_t rtc_ms, int64_t wall_ms, int64_t not_before_ms);

/* The wall clock's distance from the monotonic one, watched for trust and for steps. */
struct clock_watch {
    bool trusted;
    int64_t offset_ms; /* wall - monotonic, as last seen */
};
enum clock_event {
    CLOCK_STEADY,
    CLOCK_GAINED_TRUST,
    CLOCK_STEPPED,
    CLOCK_DOUBTED /* it was trusted and stepped to where nothing vouches for it: the time goes on by
                     the offset that is known */
};

#define CLOCK_STEP_MS 1500 /* a smaller difference is slewing, or the kernel's correction */

/* Pure. `trusted`: is there a reason to believe the wall clock now? `shift_ms` is how far the wall
 * clock moved against the monotonic one since the last call that gave an event (or the first
 * one). */
enum clock_event clock_watch(struct clock_watch *watch, const struct clock_now *now, bool trusted,
                             int64_t *shift_ms);

#endif
