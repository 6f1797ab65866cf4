/* SPDX-License-Identifier: Apache-2.0 */
/* Tipping-bucket rain gauge: the board counts debounced closures, this turns them into rain since
 * reset, which only grows, so that a reader who missed samples misses no rain; a tip counts what
 * the setting said when it was seen. A rate that no cloud gives (a loose contact, somebody cleaning
 * the gauge) is flagged. values[0] = mm, from 0 again after the channel's end; raw = tips since
 * reset. */
#ifndef BAIYE_RAIN_GAUGE_H
#define BAIYE_RAIN_GAUGE_H

#include "firmware/drivers/sensor.h"

struct rain_gauge {
    struct sensor sensor;
    struct sensor_value value[1];
    const uint16_t *tip; /* hundredths of a millimetre, NODE_SETTING_TIP in force */
    uint32_t last_tips;  /* of hal_pulse_count(), which wraps */
    uint32_t tips;       /* since init, wraps */
    uint32_t hundredths; /* of rain, modulo what the channel carries */
    uint64_t last_us;
};

/* `tip` outlives the gauge. */
void rain_gauge_init(struct rain_gauge *gauge, const uint16_t *tip);

#endif
