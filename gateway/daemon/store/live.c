/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "gateway/common/clock.h"

#define GATHER_NS 5000000 /* between two looks of the reader */

struct slot {
    bool has_reading, has_health;
    bool changed, health_changed, quiet;
    struct reading reading;
    struct device_health health;
};

struct live {
    pthread_mutex_t lock; /* held for one copy at a time */
    uint16_t count;
    int timer_fd;
    bool set;          /* the timer, since the reader last looked */
    int64_t looked_ns; /* CLOCK_MONOTONIC */
    struct slot slots[];
};

struct live *live_create(uint16_t device_count)
{
    struct live *live = calloc(1, sizeof *live + device_count * sizeof live->slots[0]);
    if (live == NULL)
        return NULL;
    pthread_mutex_init(&live->lock, NULL);
    live->count = device_count;
    live->timer_fd = -1;
    return live;
}

void live_destroy(struct live *live)
{
    if (live == NULL)
        return;
    pthread_mutex_destroy(&live->lock);
    free(live);
}

static unsigned values_of(const struct reading *reading)
{
    return reading->value_count < READING_VALUES_MAX ? reading->value_count : READING_VALUES_MAX;
}

/* The part of a reading that is in use. */
static size_t reading_size(const struct reading *reading)
{
    return offsetof(struct reading, values) + values_of(reading) * sizeof reading->values[0];
}

/* What was not asked for this time keeps its newest value. */
static void renew(struct slot *slot, const struct reading *now)
{
    unsigned known = slot->has_reading ? values_of(&slot->reading) : 0;
    memcpy(&slot->reading, now, offsetof(struct reading, values));
    for (unsigned i = 0; i < values_of(now); i++) {
        if (i >= known || !reading_value_rests(&now->values[i]))
            slot->reading.values[i] = now->values[i];
    }
    slot->has_reading = true;
}

/* Under the lock: at once, or when the reader's last look is GATHER_NS ago; a time that is past
 * expires at once. */
static void wake(struct live *live)
{
    int64_t at = live->looked_ns + GATHER_NS;
    struct itimerspec when = {.it_value = clock_timespec(at)};
    if (live->set || live->timer_fd < 0)
        return;
    live->set = timerfd_settime(live->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0;
}

void live_put(struct live *live, const struct reading *reading)
{
    if (reading->late || reading->device >= live->count)
        return;
    struct slot *slot = &live->slots[reading->device];
    pthread_mutex_lock(&live->lock);
    if (!slot->has_reading || reading->taken.ms >= slot->reading.taken.ms) {
        renew(slot, reading);
        slot->changed = true;
        if (!slot->quiet)
            wake(live);
    }
    pthread_mutex_unlock(&live->lock);
}

void live_put_health(struct live *live, const struct device_health *health)
{
    if (health->device >= live->count)
        return;
    struct slot *slot = &live->slots[health->device];
    pthread_mutex_lock(&live->lock);
    slot->health = *health;
    slot->has_health = true;
    slot->health_changed = true; /* goes out with the reader's next round; no one is woken */
    pthread_mutex_unlock(&live->lock);
}

bool live_get(struct live *live, uint16_t device, struct reading *reading)
{
    if (device >= live->count)
        return false;
    const struct slot *slot = &live->slots[device];
    pthread_mutex_lock(&live->lock);
    bool found = slot->has_reading;
    if (found)
        memcpy(reading, &slot->reading, reading_size(&slot->reading));
    pthread_mutex_unlock(&live->lock);
    return found;
}

bool live_get_health(struct live *live, uint16_t device, struct device_health *health)
{
    if (device >= live->count)
        return false;
    pthread_mutex_lock(&live->lock);
    bool found = live->slots[device].has_health;
    if (found)
        *health = live->slots[device].health;
    pthread_mutex_unlock(&live->lock);
    return found;
}

void live_set_timer(struct live *live, int fd)
{
    pthread_mutex_lock(&live->lock);
    live->timer_fd = fd;
    live->set = false;
    pthread_mutex_unlock(&live->lock);
}

bool live_set_quiet(struct live *live, uint16_t device, bool quiet)
{
    pthread_mutex_lock(&live->lock);
    live->slots[device].quiet = quiet;
    bool missed = !quiet && live->slots[device].changed;
    pthread_mutex_unlock(&live->lock);
    return missed;
}

void live_changed(struct live *live, bool *changed)
{
    pthread_mutex_lock(&live->lock);
    live->looked_ns = clock_mono_ns();
    live->set = false;
    for (uint16_t i = 0; i < live->count; i++) {
        changed[i] = live->slots[i].changed;
        live->slots[i].changed = false;
    }
    pthread_mutex_unlock(&live->lock);
}

bool live_health_changed(struct live *live, uint16_t device)
{
    pthread_mutex_lock(&live->lock);
    bool changed = live->slots[device].health_changed;
    live->slots[device].health_changed = false;
    pthread_mutex_unlock(&live->lock);
    return changed;
}
