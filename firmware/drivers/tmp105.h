/* SPDX-License-Identifier: Apache-2.0 */
/* Air temperature by TI TMP105 (12 bit, set at every start so that a brown-out of the part alone
 * can't leave it at 9) or any LM75 (9 bit, nothing to set). These parts send no checksum: a value
 * counts when two readings in a row agree. values[0] = °C. */
#ifndef BAIYE_TMP105_H
#define BAIYE_TMP105_H

#include "firmware/drivers/sensor.h"

struct tmp105 {
    struct sensor sensor;
    struct sensor_value value[1];
    uint64_t ready_us; /* end of the conversion, later of the pause before the next try */
    uint8_t address;
    bool lm75;
    uint8_t tries_left;
};

/* `address`: 0x48..0x4F, by the pins A0..A2. */
void tmp105_init(struct tmp105 *tmp105, uint8_t address);
void lm75_init(struct tmp105 *lm75, uint8_t address);

#endif
