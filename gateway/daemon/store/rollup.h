/* SPDX-License-Identifier: Apache-2.0 */
/* Hourly n, min, mean and max (of directions the mean vector) of every value of every stream, for
 * years of charts; the rows also tell in which batches an hour's readings (and a boot's sequence
 * numbers) lie, which makes them the index of history and resend. Open hours are kept in RAM and
 * written every few minutes in the transaction of a commit, together with the id up to which they
 * hold; after a crash the batches from there on are counted again. Hours are UTC hours. Store
 * thread. */
#ifndef BAIYE_STORE_ROLLUP_H
#define BAIYE_STORE_ROLLUP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/angle.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/places.h"
#include "gateway/daemon/store/record.h"

#define HOUR_MS 3600000

enum rollup_step { ROLLUP_HOUR = 1, ROLLUP_DAY = 2 };

struct rollup_cell {
    uint32_t n;
    uint32_t bad; /* taken, but not to be believed: in none of the others */
    double min, max, sum;
    bool vector; /* of a direction: `angle` is the sum of them */
    struct angle_sum angle;
};

struct rollup_row {
    int64_t t_ms; /* where it begins */
    uint64_t first_id, last_id;
    uint32_t boot_lo, boot_hi, seq_lo, seq_hi;
    uint8_t count;
    struct rollup_cell cells[READING_VALUES_MAX];
};

struct rollup;

/* Room for `capacity` open hours; it grows when more are needed at once. */
struct rollup *rollup_create(uint32_t capacity);
void rollup_destroy(struct rollup *rollup);

/* Counts one reading. `db` is asked for an hour that is not in RAM (may be closed). */
struct rollup_at {
    uint64_t id, batch; /* the record's number, and that of its batch's first one */
};
void rollup_add(struct rollup *rollup, struct db *db, const struct stream *stream,
                struct rollup_at at, const struct record *record, int64_t wall_ms,
                const struct payload_value *values);
/* Writes what has changed, inside the caller's transaction; rollup_flushed() after its success. */
int rollup_flush(struct rollup *rollup, struct db *db);
void rollup_flushed(struct rollup *rollup);
/* An hour that is in the file no longer, since a day has it. */
void rollup_forget(struct rollup *rollup, uint32_t stream, int64_t t_ms);
/* Many hours wait to be written: time to flush, before more are counted. */
bool rollup_pressed(const struct rollup *rollup);

/* Calls `each` for the rows of a stream with from <= t < to, in the file or in RAM, by time. */
typedef void (*rollup_each)(void *context, const struct rollup_row *row);
int rollup_read(struct rollup *rollup, struct db *db, const struct stream *stream,
                enum rollup_step step, int64_t from_ms, int64_t to_ms, rollup_each each,
                void *context);
/* Calls `each` with the first record's number of each batch that has readings of that hour. false:
 * they are not known, they lie between the row's first_id and last_id. */
typedef void (*rollup_each_place)(void *context, uint64_t batch);
bool rollup_places(struct rollup *rollup, struct db *db, uint32_t stream,
                   const struct rollup_row *row, rollup_each_place each, void *context);
/* Calls `each` for the hours that may hold readings of the boot in that range, for one that is in
 * the file and in RAM twice. */
void rollup_find_seq(struct rollup *rollup, struct db *db, uint32_t stream, uint32_t boot,
                     uint32_t first_seq, uint32_t last_seq, rollup_each each, void *context);

/* Where the day of `t_ms` begins in the process's time zone (the site's). */
int64_t rollup_day_start(int64_t t_ms);
/* May the value be believed: good, or good but of an uncalibrated sensor or an unsure time? */
bool rollup_believe(const struct payload_value *value);
/* Of directions, also of a row that an older version wrote: its mean is all that is known. */
struct angle_sum rollup_angle(const struct rollup_cell *cell);
/* Adds `from` to `to`. */
void rollup_merge(struct rollup_row *to, const struct rollup_row *from);
/* Writes one row. An SQLite result code. */
int rollup_save(struct db *db, uint32_t stream, enum rollup_step step,
                const struct rollup_row *row);

#endif
