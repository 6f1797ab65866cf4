/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own supply. values[0] = V; raw = mV. Flagged range below 7 V, where probes begin to
 * fail, and above 30 V. */
#ifndef BAIYE_SUPPLY_H
#define BAIYE_SUPPLY_H

#include "firmware/drivers/sensor.h"

struct supply {
    struct sensor sensor;
    struct sensor_value value[1];
};

void supply_init(struct supply *supply);

#endif
