/* SPDX-License-Identifier: Apache-2.0 */
/* Temperature by one Maxim DS18B20, alone on its 1-Wire bus, powered (not parasitic), 12 bit.
 * A scratchpad of zeros has a valid CRC and 85.0 °C is what it holds before its first conversion:
 * both are refused. values[0] = °C. */
#ifndef BAIYE_DS18B20_H
#define BAIYE_DS18B20_H

#include "firmware/drivers/sensor.h"

struct ds18b20 {
    struct sensor sensor;
    struct sensor_value value[1];
    uint64_t ready_us;
    uint8_t tries_left;
    bool converting;
};

void ds18b20_init(struct ds18b20 *ds18b20);

#endif
