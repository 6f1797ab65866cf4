/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* No program of ours ran before 2026-01-01. */
#define EARLIEST_MS 1767225600000
/* A battery clock drifts some minutes in months without a time source. */
#define RTC_APART_MS 600000

static int64_t read_ns(clockid_t id)
{
    struct timespec t = {0};
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

int32_t clock_day(int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm local;
    if (localtime_r(&t, &local) == NULL)
        return 0;
    return (local.tm_year + 1900) * 10000 + (local.tm_mon + 1) * 100 + local.tm_mday;
}

struct timespec clock_timespec(int64_t ns)
{
    int64_t seconds = ns / 1000000000;
    if (sizeof(time_t) == sizeof(int32_t) && seconds > INT32_MAX)
        seconds = INT32_MAX;
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)(ns % 1000000000)};
}

struct clock_now clock_now(void)
{
    return (struct clock_now){.wall_ms = read_ns(CLOCK_REALTIME) / 1000000,
                              .mono_ms = clock_mono_ms()};
}

static bool file_starts_with(const char *path, const char *text)
{
    char head[16] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, head, sizeof head - 1);
    close(fd);
    return got > 0 && strncmp(head, text, strlen(text)) == 0;
}

/* Does the processor say that it is virtual? */
static bool virtual_machine(void)
{
    char text[8192];
    int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return strstr(text, " hypervisor") != NULL;
}

/* Does not change while the process lives; any thread asks. */
static pthread_once_t host_once = PTHREAD_ONCE_INIT;
static bool host_keeps;

static void look_at_host(void)
{
    host_keeps = access("/run/systemd/container", F_OK) == 0 || access("/.dockerenv", F_OK) == 0 ||
                 access("/run/.containerenv", F_OK) == 0 || virtual_machine();
}

static bool host_keeps_time(void)
{
    (void)pthread_once(&host_once, look_at_host);
    return host_keeps;
}

bool clock_rtc_vouches(int64_t rtc_ms, int64_t wall_ms, int64_t not_before_ms)
{
    int64_t apart_ms = rtc_ms > wall_ms ? rtc_ms - wall_ms : wall_ms - rtc_ms;
    return apart_ms <= RTC_APART_MS && rtc_ms >= EARLIEST_MS && rtc_ms >= not_before_ms;
}

static bool battery_clock_vouches(int64_t wall_ms, int64_t not_before_ms)
{
    char text[24] = {0};
    int fd = open("/sys/class/rtc/rtc0/since_epoch", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 && file_starts_with("/sys/class/rtc/rtc0/hctosys", "1") &&
           clock_rtc_vouches(strtoll(text, NULL, 10) * 1000, wall_ms, not_before_ms);
}

bool clock_is_disciplined(void)
{
    struct timex kernel = {0};
    return adjtimex(&kernel) >= 0 && (kernel.status & STA_UNSYNC) == 0;
}

bool clock_is_trusted(int64_t wall_ms, int64_t not_before_ms)
{
    const char *said = getenv("BAIYE_CLOCK");
    if (wall_ms < EARLIEST_MS)
        return false;
    if (said != NULL && strcmp(said, "trusted") == 0)
        return true;
    if (said != NULL && strcmp(said, "untrusted") == 0)
        return false;
    if (said != NULL && said[0] == '/')
        return access(said, F_OK) == 0;
    return clock_is_disciplined() || access(CLOCK_DISCIPLINED_FILE, F_OK) == 0 ||
           access("/run/systemd/timesync/synchronized", F_OK) == 0 ||
           battery_clock_vouches(wall_ms, not_before_ms) || host_keeps_time();
}

enum clock_event clock_watch(struct clock_watch *watch, const struct clock_now *now, bool trusted,
                             int64_t *shift_ms)
{
    int64_t offset = now->wall_ms - now->mono_ms;
    *shift_ms = offset - watch->offset_ms;
    if (trusted && !watch->trusted) {
        *watch = (struct clock_watch){.trusted = true, .offset_ms = offset};
        return CLOCK_GAINED_TRUST;
    }
    if (*shift_ms > CLOCK_STEP_MS || *shift_ms < -CLOCK_STEP_MS) {
        if (watch->trusted && !trusted)
            return CLOCK_DOUBTED;
        watch->offset_ms = offset;
        return CLOCK_STEPPED;
    }
    return CLOCK_STEADY; /* slewing goes on against the same mark, so that it adds up */
}
