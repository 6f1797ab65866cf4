/* SPDX-License-Identifier: Apache-2.0 */
/* Tipping-bucket rain gauge: the board counts debounced closures, this turns them into rain since
 * reset, which only grows, so that a reader who missed samples misses no rain. A rate that no
 * cloud gives (a loose contact, somebody cleaning the gauge) is flagged. values[0] = mm; raw =
 * tips since reset. */
#ifndef BAIYE_RAIN_GAUGE_H
#define BAIYE_RAIN_GAUGE_H

#include "firmware/drivers/sensor.h"

struct rain_gauge {
    struct sensor sensor;
    uint16_t tip;       /* 0.0001 mm a tip: 2000 by default, 2794 for gauges of 0.011 inch */
    uint32_t last_tips; /* of hal_pulse_count(), which wraps */
    uint64_t last_us;
    uint64_t tips; /* since init */
};

void rain_gauge_init(struct rain_gauge *gauge, uint16_t tip);

#endif
