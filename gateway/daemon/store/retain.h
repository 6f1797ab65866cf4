/* SPDX-License-Identifier: Apache-2.0 */
/* What goes first when the file nears max_size. Hourly means of every reading are kept, written at
 * the latest in the transaction that drops their batch.
 *
 *   1. from 85 % on, until 80 %: batches that every broker has acknowledged and that are older than
 *      7 days
 *   2. then: hourly means older than 30 days become daily ones
 *   3. from 95 % on, until 94 %: acknowledged batches younger than 7 days
 *   4. when no acknowledged one is left: batches that some broker still misses
 *
 * Always the oldest first. What is dropped is recorded (purged_ranges.h) and published as gaps
 * ("quota"). 3 and 4 break what is promised of a smaller file, and stand as an alarm for an hour.
 * Pure. */
#ifndef BAIYE_STORE_RETAIN_H
#define BAIYE_STORE_RETAIN_H

#include <stdbool.h>
#include <stdint.h>

#define RETAIN_KEPT_MS      (INT64_C(7) * 86400000) /* acknowledged batches, at least */
#define RETAIN_HIGH_PERCENT 85
#define RETAIN_LOW_PERCENT  80 /* until here, once begun */
#define RETAIN_FULL_PERCENT 95
#define RETAIN_LOSS_PERCENT 94 /* until here, once begun: losing a page at a time costs gaps */

enum retain_step {
    RETAIN_NOTHING,
    RETAIN_DROP_OLD,
    RETAIN_FOLD_HOURS,
    RETAIN_DROP_YOUNG,
    RETAIN_DROP_MISSED
};

struct retain_state {
    unsigned percent; /* of the pages in use */
    bool begun;       /* was above RETAIN_HIGH_PERCENT and not yet below RETAIN_LOW_PERCENT */
    bool losing;      /* the same of RETAIN_FULL_PERCENT and RETAIN_LOSS_PERCENT */
    bool full;        /* a commit has failed for want of room */
    bool acked;       /* the oldest batch, by every broker */
    int64_t age_ms;   /* since it was taken in; negative while the time is not known */
    bool may_fold;    /* there are hours older than 30 days */
};
enum retain_step retain_decide(const struct retain_state *state);

#endif
