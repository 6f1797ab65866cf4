/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/hours.h"

#include <math.h>
#include <stdlib.h>

#define HOUR_MS INT64_C(3600000)

void hours_clear(struct hours *hours)
{
    hours->count = 0;
    hours->failed = false;
}

void hours_add(struct hours *hours, int32_t stream, int32_t metric, int64_t ts_ms, double value,
               bool angle)
{
    if (hours->count == hours->room) {
        size_t room = hours->room * 2 + 256;
        struct hour_cell *grown = realloc(hours->cells, room * sizeof *grown);
        if (grown == NULL) {
            hours->failed = true;
            return;
        }
        hours->cells = grown;
        hours->room = room;
    }
    double radians = value * M_PI / 180;
    hours->cells[hours->count++] = (struct hour_cell){.stream = stream,
                                                      .metric = metric,
                                                      .hour_ms = ts_ms - ts_ms % HOUR_MS,
                                                      .n = 1,
                                                      .sum = value,
                                                      .min = value,
                                                      .max = value,
                                                      .x = angle ? cos(radians) : 0,
                                                      .y = angle ? sin(radians) : 0};
}

static int by_key(const void *a, const void *b)
{
    const struct hour_cell *x = a, *y = b;
    if (x->stream != y->stream)
        return x->stream < y->stream ? -1 : 1;
    if (x->hour_ms != y->hour_ms)
        return x->hour_ms < y->hour_ms ? -1 : 1;
    return (x->metric > y->metric) - (x->metric < y->metric);
}

void hours_fold(struct hours *hours)
{
    size_t kept = 0;
    if (hours->count == 0)
        return;
    qsort(hours->cells, hours->count, sizeof *hours->cells, by_key);
    for (size_t i = 1; i < hours->count; i++) {
        struct hour_cell *to = &hours->cells[kept];
        const struct hour_cell *from = &hours->cells[i];
        if (by_key(to, from) != 0) {
            hours->cells[++kept] = *from;
            continue;
        }
        to->n += from->n;
        to->sum += from->sum;
        to->min = fmin(to->min, from->min);
        to->max = fmax(to->max, from->max);
        to->x += from->x;
        to->y += from->y;
    }
    hours->count = kept + 1;
}

void hours_free(struct hours *hours)
{
    free(hours->cells);
    *hours = (struct hours){0};
}
