/* SPDX-License-Identifier: Apache-2.0 */
/* The running garden: what all parts of the program share. One thread. */
#ifndef BAIYE_FIELD_GARDEN_H
#define BAIYE_FIELD_GARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/ledger.h"
#include "tools/field/loop.h"
#include "tools/field/scene.h"
#include "tools/field/weather.h"
#include "tools/field/wire.h"
#include "tools/field/write_stamps.h"

struct line;

struct garden {
    struct loop loop;
    const struct scene *scene;
    const char *dir; /* run directory: links to the ptys, sockets, nodes' files */
    uint64_t seed;
    struct pty_latency latency; /* of its ptys; 0: not measured */
    struct write_stamps stamps; /* not open without --measure-hop */
    struct weather weather;
    int64_t weather_start_s, started_ns;
    double watered_pct;    /* what relays have added to the soil's moisture, as far as it is left */
    int64_t watered_at_ns; /* until then */
    struct ledger ledger;
    bool sampling_stopped; /* nothing answers any more: what was given stays all there is */
    struct line **lines;
    size_t line_count;
};

/* Seconds of the garden's own time at a moment of CLOCK_MONOTONIC. */
double garden_time_s(const struct garden *garden, int64_t at_ns);
/* The weather at a spot, now, and what its soil was watered. */
void garden_weather(struct garden *garden, uint32_t spot, struct weather_now *now);
/* Wall time of a moment of CLOCK_MONOTONIC near now. */
int64_t garden_wall_ms(int64_t at_ns);
/* One line to stderr. */
void garden_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
