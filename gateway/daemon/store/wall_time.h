/* SPDX-License-Identifier: Apache-2.0 */
/* The store's time: whether the wall clock is believed, what it was when it was not, and the wall
 * times of earlier boots. A reading taken before the time was known carries a monotonic time; it
 * gets its wall time when its boot's offset is known. Judging: the store thread. Asking: any. */
#ifndef BAIYE_STORE_WALL_TIME_H
#define BAIYE_STORE_WALL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/clock.h"

struct wall_time;

/* NULL: no memory. */
struct wall_time *wall_time_create(void);
void wall_time_destroy(struct wall_time *time);

/* When the newest batch of an earlier run was taken in, 0: not known: no clock before it is
 * believed. */
void wall_time_not_before(struct wall_time *time, int64_t newest_ms);

/* Judges the clock, at most once a second. CLOCK_GAINED_TRUST: from now on it is believed, and
 * `*shift_ms` is how far it is from what it was; the caller keeps its offset and adds it as that of
 * this boot. */
enum clock_event wall_time_look(struct wall_time *time, const struct clock_now *now,
                                int64_t *shift_ms);
void wall_time_trust(struct wall_time *time);
bool wall_time_is_trusted(const struct wall_time *time);
/* wall - monotonic, as last seen. */
int64_t wall_time_offset_ms(const struct wall_time *time);
struct wall_ms wall_time_now(const struct wall_time *time);

/* The offsets of boots, whose time became known; false: not (yet) known. */
void wall_time_add_boot(struct wall_time *time, uint32_t boot, int64_t offset_ms);
bool wall_time_of_boot(struct wall_time *time, uint32_t boot, int64_t *offset_ms);

/* Readings of this boot went out before their time was known: a correction is owed. */
void wall_time_went_out(struct wall_time *time);
bool wall_time_correction_owed(const struct wall_time *time);
/* The record has no wall time yet, and is in no mean. */
void wall_time_owes(struct wall_time *time, uint64_t id);
/* The first such record of this boot, 0: none; forgets it. */
uint64_t wall_time_take_owed(struct wall_time *time);

#endif
