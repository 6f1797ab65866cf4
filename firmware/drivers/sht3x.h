/* SPDX-License-Identifier: Apache-2.0 */
/* Air temperature and humidity by Sensirion SHT30/31/35, single shot, high repeatability, both
 * words with CRC. values[0] = °C, values[1] = %RH; raw are the 16-bit words. */
#ifndef BAIYE_SHT3X_H
#define BAIYE_SHT3X_H

#include "firmware/drivers/sensor.h"

struct sht3x {
    struct sensor sensor;
    struct sensor_value value[2];
    uint64_t ready_us;
    uint8_t address;
    uint8_t tries_left;
    bool measuring; /* a measurement was begun and can be read at ready_us */
};

/* `address`: 0x44, or 0x45 with ADDR high. */
void sht3x_init(struct sht3x *sht3x, uint8_t address);

#endif
