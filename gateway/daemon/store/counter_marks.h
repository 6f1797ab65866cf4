/* SPDX-License-Identifier: Apache-2.0 */
/* Where the counters (rain, water) of bought devices stood when the newest stored reading was
 * taken: written in the transaction that stores the reading, so that after a reload, a kill or a
 * power cut the next increment begins there, neither lost nor counted twice. One document a device
 * in table meta, `mark:DEVICE`: "1 WALL_MS METRIC=CODE …". Store thread, except for the getter. */
#ifndef BAIYE_STORE_COUNTER_MARKS_H
#define BAIYE_STORE_COUNTER_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/db.h"

struct counter_marks;

/* NULL: no memory. `config` must outlive it. */
struct counter_marks *counter_marks_create(const struct config *config);
void counter_marks_destroy(struct counter_marks *marks);

/* What the file has; before any thread is started. */
void counter_marks_load(struct counter_marks *marks, struct db *db);
/* What was loaded; false: nothing. Any thread: it does not change. */
bool counter_marks_get(const struct counter_marks *marks, uint16_t device,
                       struct reading_mark *mark);

/* A reading that the next transaction will store. */
void counter_marks_put(struct counter_marks *marks, uint16_t device,
                       const struct reading_mark *mark);
/* Writes what has changed, inside the caller's transaction; counter_marks_saved() after its
 * success. An SQLite result code. */
int counter_marks_save(struct counter_marks *marks, struct db *db);
void counter_marks_saved(struct counter_marks *marks);

#endif
