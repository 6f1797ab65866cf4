/* SPDX-License-Identifier: Apache-2.0 */
/* What a plot's devices say together, from the newest reading of each: one value a metric, in one
 * unit, with a flag when nothing sound stands behind it. Pure; the caller gives readings and time.
 *
 * Devices of one plot measure the same air and the same rain at several places. So a plot's value
 * is their mean (of increments too: two gauges with 2 mm each are 2 mm of rain), that of directions
 * the mean vector's, and of a state or a total (METRIC_LAST) the newest. */
#ifndef BAIYE_PLOTS_PLOT_VALUES_H
#define BAIYE_PLOTS_PLOT_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/angle.h"
#include "gateway/daemon/reading.h"
#include "protocols/mqtt/json.h"

#define PLOT_METRICS 40 /* what is more is left out */

/* How the i-th value of a device's readings is to be taken. Names are not copied: they must
 * outlive the plot_values. */
struct plot_field {
    const char *metric;
    const char *unit;      /* of the device */
    const char *plot_unit; /* of the plot's value, which the site document gives */
    uint8_t decimals;      /* 0..9 */
};

/* `sum`, `angle` and `n` are of those believed; `flag` and `sound` too. */
struct plot_value {
    const char *metric, *unit;
    double sum; /* METRIC_LAST: the newest */
    struct angle_sum angle;
    uint32_t n;
    uint8_t kind, decimals;
    uint8_t flag;  /* of the first */
    bool sound;    /* one has no flag */
    uint8_t doubt; /* why the first that is not believed is not; METRIC_GOOD: all are */
    int64_t newest_ms;
};

/* Starts as {0}. */
struct plot_values {
    struct plot_value values[PLOT_METRICS];
    unsigned count;
    unsigned believed; /* values of devices that count */
    int64_t oldest_ms; /* of the readings that count */
    uint32_t every_ms; /* the longest of their periods */
};

/* Adds a device's newest reading; `count` fields. One older than the device's rhythm allows at
 * `wall_ms` only says that its metrics are stale. */
void plot_values_add(struct plot_values *plot, const struct plot_field *fields, unsigned count,
                     const struct reading *reading, uint32_t every_ms, int64_t wall_ms);
/* After all devices: vapour pressure deficit (kPa) and dew point (°C), where air temperature and
 * humidity are known. */
void plot_values_derive(struct plot_values *plot);
/* The plot's value; false: there is none. */
bool plot_values_get(const struct plot_values *plot, const char *metric, double *value,
                     enum metric_flag *flag);
/* The payload of plot/…/live. */
void plot_values_json(struct json_out *o, const struct plot_values *plot);

#endif
