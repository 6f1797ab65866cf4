/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/wall_time.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/common/log.h"

#define LOOK_EVERY_MS 1000
#define BOOTS_MOST    256u

struct wall_time {
    atomic_bool trusted;
    atomic_llong offset_ms; /* wall - monotonic, as it is believed; once trusted */
    atomic_bool went_out;   /* readings of this boot, before their time was known */
    uint64_t first_owed;    /* record of this boot without a time, 0: none */
    int64_t newest_ms;      /* of what an earlier run stored, 0: not known */
    int64_t next_look_ms;
    struct clock_watch watch;
    struct log_state log;
    pthread_mutex_t lock; /* ---- everything below ---- */
    struct boot_offset {
        uint32_t boot;
        int64_t offset_ms;
    } boots[BOOTS_MOST];
    uint32_t boot_count;
};

struct wall_time *wall_time_create(void)
{
    struct wall_time *time = calloc(1, sizeof *time);
    if (time == NULL)
        return NULL;
    struct clock_now now = clock_now();
    time->watch = (struct clock_watch){.offset_ms = now.wall_ms - now.mono_ms};
    log_state_init(&time->log, 0);
    pthread_mutex_init(&time->lock, NULL);
    return time;
}

void wall_time_destroy(struct wall_time *time)
{
    if (time == NULL)
        return;
    pthread_mutex_destroy(&time->lock);
    free(time);
}

void wall_time_not_before(struct wall_time *time, int64_t newest_ms)
{
    time->newest_ms = newest_ms;
}

/* ---- Judging ---- */

enum clock_event wall_time_look(struct wall_time *time, const struct clock_now *now,
                                int64_t *shift_ms)
{
    *shift_ms = 0;
    if (now->mono_ms < time->next_look_ms)
        return CLOCK_STEADY;
    time->next_look_ms = now->mono_ms + LOOK_EVERY_MS;
    int64_t known_ms = time->watch.trusted ? now->mono_ms + time->watch.offset_ms - CLOCK_STEP_MS
                                           : time->newest_ms;
    bool trusted = clock_is_trusted(now->wall_ms, known_ms);
    enum clock_event event = clock_watch(&time->watch, now, trusted, shift_ms);
    atomic_store(&time->offset_ms, time->watch.offset_ms);
    log_change(&time->log, event == CLOCK_DOUBTED, LOG_LEVEL_WARNING,
               event == CLOCK_DOUBTED
                   ? "store: the clock was set to a time that nothing vouches for, %lld ms off: "
                     "readings go on by the time known before"
                   : "store: the clock is believed again (%lld ms off)",
               (long long)*shift_ms);
    if (event == CLOCK_STEPPED)
        log_write(LOG_LEVEL_WARNING, "store: the clock stepped by %lld ms", (long long)*shift_ms);
    return event;
}

void wall_time_trust(struct wall_time *time)
{
    atomic_store(&time->trusted, true);
}

bool wall_time_is_trusted(const struct wall_time *time)
{
    return atomic_load_explicit(&time->trusted, memory_order_relaxed);
}

int64_t wall_time_offset_ms(const struct wall_time *time)
{
    return atomic_load(&time->offset_ms);
}

struct wall_ms wall_time_now(const struct wall_time *time)
{
    struct clock_now now = clock_now();
    if (!atomic_load(&time->trusted))
        return (struct wall_ms){now.wall_ms, TIME_UNTRUSTED};
    /* A step that wall_time_look() has not seen yet is judged here by the same rule. */
    int64_t known_ms = now.mono_ms + atomic_load(&time->offset_ms);
    int64_t apart_ms = now.wall_ms - known_ms;
    bool stepped = (apart_ms > CLOCK_STEP_MS || apart_ms < -CLOCK_STEP_MS) &&
                   !clock_is_trusted(now.wall_ms, known_ms - CLOCK_STEP_MS);
    return (struct wall_ms){stepped ? known_ms : now.wall_ms, TIME_TRUSTED};
}

/* ---- Boots ---- */

static bool offset_of(const struct wall_time *time, uint32_t boot, int64_t *offset_ms)
{
    for (uint32_t i = 0; i < time->boot_count; i++) {
        if (time->boots[i].boot == boot) {
            *offset_ms = time->boots[i].offset_ms;
            return true;
        }
    }
    return false;
}

bool wall_time_of_boot(struct wall_time *time, uint32_t boot, int64_t *offset_ms)
{
    pthread_mutex_lock(&time->lock);
    bool known = offset_of(time, boot, offset_ms);
    pthread_mutex_unlock(&time->lock);
    return known;
}

void wall_time_add_boot(struct wall_time *time, uint32_t boot, int64_t offset_ms)
{
    int64_t known = 0;
    pthread_mutex_lock(&time->lock);
    if (!offset_of(time, boot, &known)) {
        uint32_t at = time->boot_count < BOOTS_MOST ? time->boot_count++ : boot % BOOTS_MOST;
        time->boots[at] = (struct boot_offset){boot, offset_ms};
    }
    pthread_mutex_unlock(&time->lock);
}

/* ---- What waits for the time ---- */

void wall_time_went_out(struct wall_time *time)
{
    atomic_store(&time->went_out, true);
}

bool wall_time_correction_owed(const struct wall_time *time)
{
    return atomic_load(&time->went_out);
}

void wall_time_owes(struct wall_time *time, uint64_t id)
{
    if (time->first_owed == 0)
        time->first_owed = id;
}

uint64_t wall_time_take_owed(struct wall_time *time)
{
    uint64_t id = time->first_owed;
    time->first_owed = 0;
    return id;
}
