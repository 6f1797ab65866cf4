/* SPDX-License-Identifier: Apache-2.0 */
/* Which (device, boot, seq) the store has already: for devices that number their own samples and
 * may be asked for the same one twice (a poll and the log). Per device two boots in RAM as sorted
 * ranges, the others in the file; those that changed stay in RAM until they are written together
 * with what they tell of, or a crash would leave numbers without readings. When a boot has more
 * holes than fit, the oldest are forgotten: that can only let a duplicate in, never keep a reading
 * out. Store thread. */
#ifndef BAIYE_STORE_DEDUP_H
#define BAIYE_STORE_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/record.h"

struct dedup;

/* Only devices whose profile is a node are watched. NULL: no memory. */
struct dedup *dedup_create(const struct config *config);
void dedup_destroy(struct dedup *dedup);

/* Is it one of them? Of the others every reading is new. */
bool dedup_watches(const struct dedup *dedup, uint16_t device);
/* false: it is there already. `db` may be closed: then only RAM is asked. */
bool dedup_add(struct dedup *dedup, struct db *db, uint16_t device, uint32_t boot, uint32_t seq);
/* These can't come any more. Only what lies below a reading of that boot is noted: a number beyond
 * them all may still come. */
void dedup_lost(struct dedup *dedup, struct db *db, uint16_t device, uint32_t boot, uint32_t first,
                uint32_t last);
/* A reading that was added: what its counters say counts as reported. */
void dedup_note(struct dedup *dedup, uint16_t device, uint32_t boot,
                const struct stream_schema *schema, const struct payload_value *values);
/* What is in the file: from where on something may be missing, in one of the last boots, and what
 * their counters reported. Where the beginning of a boot is missing, the end of the one before may
 * be, too. seq 0: nothing. */
void dedup_last(struct db *db, const struct device_config *device, struct reading_stored *stored);
/* Many boots wait to be written: time to flush, before more are added. */
bool dedup_pressed(const struct dedup *dedup);
/* Writes what has changed, inside the caller's transaction; dedup_flushed() after its success. */
int dedup_flush(struct dedup *dedup, struct db *db);
void dedup_flushed(struct dedup *dedup);

#endif
