/* SPDX-License-Identifier: Apache-2.0 */
/* The newest of each device: a slot for its reading and one for its health. Bus threads put, the
 * link thread of publish looks; neither waits for the disk. The newest sample wins, by the
 * monotonic clock, so that a step of the wall clock changes no order. */
#ifndef BAIYE_STORE_LIVE_H
#define BAIYE_STORE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/reading.h"

struct live;

/* NULL: no memory. */
struct live *live_create(uint16_t device_count);
void live_destroy(struct live *live);

/* Any bus thread. A late reading is ignored. */
void live_put(struct live *live, const struct reading *reading);
void live_put_health(struct live *live, const struct device_health *health);

/* Copies; false when the device has none yet. Any thread. */
bool live_get(struct live *live, uint16_t device, struct reading *reading);
bool live_get_health(struct live *live, uint16_t device, struct device_health *health);

/* ---- The one reader ---- */
/* A timerfd of CLOCK_MONOTONIC, set when a slot changes whose device is not quiet: at once, or a
 * few milliseconds after the last live_changed(), so that what a burst brings is one wake. -1:
 * no one waits. */
void live_set_timer(struct live *live, int fd);
/* A quiet device's changes wake no one: it is looked at in time. True: it is not quiet any more,
 * and has changed while it was. */
bool live_set_quiet(struct live *live, uint16_t device, bool quiet);
/* By device: has the reading changed since this was last asked? All at once, since it is asked for
 * each change. */
void live_changed(struct live *live, bool *changed);
/* Has the health? */
bool live_health_changed(struct live *live, uint16_t device);

#endif
