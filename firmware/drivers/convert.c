/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/convert.h"

static void no_values(struct sensor *sensor, enum metric_flag flag)
{
    for (unsigned i = 0; i < sensor->driver->values; i++)
        sensor->values[i] = (struct sensor_value){
            .hundredths = SENSOR_NO_VALUE, .raw = SENSOR_NO_VALUE, .flag = (uint8_t)flag};
}

void sensor_begin(struct sensor *sensor)
{
    no_values(sensor, METRIC_ABSENT);
}

struct sensor_value sensor_checked(int32_t hundredths, int32_t raw, int32_t min, int32_t max)
{
    bool inside = hundredths >= min && hundredths <= max;
    return (struct sensor_value){
        .hundredths = hundredths, .raw = raw, .flag = inside ? METRIC_GOOD : METRIC_RANGE};
}

void sensor_failed(struct sensor *sensor, enum hal_result result)
{
    no_values(sensor, result == HAL_NAK ? METRIC_ABSENT : METRIC_FAULT);
    if (result == HAL_NAK)
        sensor->errors.absent++;
    else if (result == HAL_TIMEOUT)
        sensor->errors.late++;
    else
        sensor->errors.corrupt++;
}

int32_t divide_rounded(int64_t dividend, int32_t divisor)
{
    int64_t half = divisor / 2;
    int64_t result = (dividend < 0 ? dividend - half : dividend + half) / divisor;
    if (result > INT32_MAX)
        return INT32_MAX;
    return result <= INT32_MIN ? INT32_MIN + 1 : (int32_t)result; /* INT32_MIN means "no value" */
}

uint8_t crc8_sensirion(const uint8_t *data, size_t size)
{
    unsigned crc = 0xFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1 ^ (crc & 0x80 ? 0x31U : 0)) & 0xFF;
    }
    return (uint8_t)crc;
}

uint8_t crc8_onewire(const uint8_t *data, size_t size)
{
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x8CU : 0);
    }
    return (uint8_t)crc;
}

int32_t conductivity_at_25(int32_t conductivity, int32_t temperature, uint16_t coefficient)
{
    /* 1 + k (T - 25), in millionths: k is 1e-4 a kelvin, T 1e-2 kelvin. */
    int64_t factor = 1000000 + (int64_t)coefficient * (temperature - 2500);
    if (factor < 100000)
        factor = 100000; /* far below freezing the straight line means nothing any more */
    if (factor > INT32_MAX)
        factor = INT32_MAX;
    return divide_rounded((int64_t)conductivity * 1000000, (int32_t)factor);
}
