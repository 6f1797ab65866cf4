/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver needs to turn counts into values and failures into flags. Pure. */
#ifndef BAIYE_CONVERT_H
#define BAIYE_CONVERT_H

#include "firmware/drivers/sensor.h"
#include "firmware/hal.h"

/* No value, flag absent, in every channel: so a driver that is never started shows nothing old. */
void sensor_begin(struct sensor *sensor);

/* A value with its raw count: good, or range when it lies outside the sensor's own limits. */
struct sensor_value sensor_checked(int32_t hundredths, int32_t raw, int32_t min, int32_t max);

/* All channels without value: absent when no one answered (HAL_NAK), else fault. HAL_OK stands for
 * "it answered, but nonsense". Counts the error. */
void sensor_failed(struct sensor *sensor, enum hal_result result);

/* Rounded half away from zero; divisor > 0. A result beyond 32 bits sticks at the limit. */
int32_t divide_rounded(int64_t dividend, int32_t divisor);

/* CRC-8 of Sensirion's sensors (0x31, start 0xFF) and of 1-Wire (0x31 reflected, start 0). */
uint8_t crc8_sensirion(const uint8_t *data, size_t size);
uint8_t crc8_onewire(const uint8_t *data, size_t size);

/* Conductivity as it would be at 25 °C. `coefficient`: hundredths of a percent a kelvin, 190 is
 * usual for soil water; 0 leaves the value alone. Both values in hundredths. */
int32_t conductivity_at_25(int32_t conductivity, int32_t temperature, uint16_t coefficient);

#endif
