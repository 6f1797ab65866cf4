/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of samples in the memory that stays, in the form of protocols/history. A power cut
 * during a write loses at most the sample being written. */
#ifndef BAIYE_NODE_LOG_H
#define BAIYE_NODE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "protocols/node_log/node_log.h"

/* A reader's position: the next slot to look at, and what a sample there would be. */
struct log_cursor {
    struct node_log_identity at;
    uint16_t interval_ds;
    uint32_t wall_s;
    bool known;             /* a marker was passed: `at` holds */
    enum hal_result result; /* of the last slot */
};

struct log {
    uint32_t head; /* place of the next slot to be written */
    uint16_t boot;
    bool begun;                  /* this boot's first marker is written */
    struct node_log_marker last; /* as written last, `next` counted on with each sample */
    uint16_t newest_boot;        /* of the last sample in the log; 0: none */
    uint32_t newest_seq;
    struct log_cursor resume; /* where the last window ended */
    uint16_t wall_boot;       /* a boot whose wall time was looked for already ... */
    uint32_t wall_s;          /* ... and what was found */
};

/* Finds the end of the log; `boot` is the boot that now begins. Reads at most one slot of each
 * stretch and two stretches whole. An error: the memory did not answer, and where the log ends is
 * not known. */
enum hal_result log_open(struct log *log, uint16_t boot);
/* Appends sample `seq` of this boot. `interval_ds`: how far from this one the next is expected; a
 * sample that comes otherwise costs a slot more. `wall_s`: UTC at uptime 0, or 0. On an error the
 * sample is not in the log, and the next one will be. */
enum hal_result log_append(struct log *log, uint32_t seq, uint32_t uptime_ds, uint16_t interval_ds,
                           uint32_t wall_s, const struct node_values *values);
/* Records from (boot, seq) on, or the next later ones; boot 0: from the oldest. Does not fill
 * now_ds, nor the wall time of the present boot. Reads at most two stretches and six markers to
 * find them, and once a boot up to all 43 markers for its wall time; continuing where the last
 * window ended, as many as it gives. */
void log_window(struct log *log, uint16_t boot, uint32_t seq, struct node_log_window *window);

#endif
