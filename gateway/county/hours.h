/* SPDX-License-Identifier: Apache-2.0 */
/* Hourly figures of the new readings of one message, before they are added to the table. Pure. */
#ifndef BAIYE_COUNTY_HOURS_H
#define BAIYE_COUNTY_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hour_cell {
    int32_t stream;
    int32_t metric;
    int64_t hour_ms;
    uint64_t n;
    double sum, min, max;
    double x, y; /* of angles: sums of cosines and sines */
};

struct hours {               /* all zero: none */
    struct hour_cell *cells; /* malloc'ed; hours_free() */
    uint32_t *places;        /* by hash: a cell's number and 1; 0: free. Twice as many as cells */
    size_t count, room;
    bool failed; /* no memory */
};

void hours_clear(struct hours *hours);
/* One sample; `angle`: degrees. */
void hours_add(struct hours *hours, int32_t stream, int32_t metric, int64_t ts_ms, double value,
               bool angle);
/* Puts the cells, one for each (stream, hour, metric), in that order; nothing is added then. */
void hours_sort(struct hours *hours);
void hours_free(struct hours *hours);

#endif
