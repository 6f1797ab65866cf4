/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/hours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"

#define HOUR_MS    INT64_C(3600000)
#define ROOM_FIRST 256

void hours_clear(struct hours *hours)
{
    if (hours->places != NULL)
        memset(hours->places, 0, 2 * hours->room * sizeof *hours->places);
    hours->count = 0;
    hours->failed = false;
}

/* Where such a cell stands, or would. */
static uint32_t *place_of(struct hours *hours, int32_t stream, int32_t metric, int64_t hour_ms)
{
    size_t mask = 2 * hours->room - 1; /* a power of two less one */
    uint64_t hash = (uint64_t)(uint32_t)stream * 0x9E3779B97F4A7C15u;
    hash = (hash ^ (uint64_t)(hour_ms / HOUR_MS)) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ (uint32_t)metric) * 0x9E3779B97F4A7C15u;
    for (size_t at = (size_t)(hash >> 32) & mask;; at = (at + 1) & mask) {
        uint32_t *place = &hours->places[at];
        const struct hour_cell *cell = *place != 0 ? &hours->cells[*place - 1] : NULL;
        if (cell == NULL ||
            (cell->stream == stream && cell->metric == metric && cell->hour_ms == hour_ms))
            return place;
    }
}

/* Room for one more cell. */
static bool make_room(struct hours *hours)
{
    size_t room = hours->room; /* doubles: stays a power of two */
    struct hour_cell *cells =
        grow_array(hours->cells, &room, room > 0 ? room + 1 : ROOM_FIRST, sizeof *cells);
    if (cells != NULL)
        hours->cells = cells;
    uint32_t *places = cells != NULL ? calloc(2 * room, sizeof *places) : NULL;
    if (places == NULL)
        return false;
    free(hours->places);
    hours->places = places;
    hours->room = room;
    for (size_t i = 0; i < hours->count; i++) {
        const struct hour_cell *cell = &hours->cells[i];
        *place_of(hours, cell->stream, cell->metric, cell->hour_ms) = (uint32_t)i + 1;
    }
    return true;
}

void hours_add(struct hours *hours, int32_t stream, int32_t metric, int64_t ts_ms, double value,
               bool angle)
{
    int64_t hour_ms = ts_ms - ts_ms % HOUR_MS;
    if (hours->failed || (hours->count == hours->room && !make_room(hours))) {
        hours->failed = true;
        return;
    }
    uint32_t *place = place_of(hours, stream, metric, hour_ms);
    if (*place == 0) {
        hours->cells[hours->count] = (struct hour_cell){
            .stream = stream, .metric = metric, .hour_ms = hour_ms, .min = value, .max = value};
        *place = (uint32_t)++hours->count;
    }
    struct hour_cell *cell = &hours->cells[*place - 1];
    cell->n++;
    cell->sum += value;
    cell->min = value < cell->min ? value : cell->min;
    cell->max = value > cell->max ? value : cell->max;
    if (angle) {
        cell->x += cos(value * M_PI / 180);
        cell->y += sin(value * M_PI / 180);
    }
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

void hours_sort(struct hours *hours)
{
    if (hours->count > 0)
        qsort(hours->cells, hours->count, sizeof *hours->cells, by_key);
}

void hours_free(struct hours *hours)
{
    free(hours->cells);
    free(hours->places);
    *hours = (struct hours){0};
}
