/* SPDX-License-Identifier: Apache-2.0 */
/* Illuminance by ROHM BH1750, one-time high resolution, at its lowest sensitivity: 1.85 lx a
 * count, up to 121,557 lx, which full sun seldom reaches under a diffuser. No checksum: two
 * readings of the result must be equal. values[0] = lx; a full count is flagged range. */
#ifndef BAIYE_BH1750_H
#define BAIYE_BH1750_H

#include "firmware/drivers/sensor.h"

struct bh1750 {
    struct sensor sensor;
    struct sensor_value value[1];
    uint64_t ready_us;
    uint8_t address;
    uint8_t tries_left;
    bool measuring;
};

/* `address`: 0x23, or 0x5C with ADDR high. */
void bh1750_init(struct bh1750 *bh1750, uint8_t address);

#endif
