/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/sht3x.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum {
    MEASURE_MS = 16, /* 15.5 at most */
    PAUSE_MS = 2,    /* between tries: the part answers 1 ms after a reset */
    TRIES = 3,
};

static enum hal_result begin(struct sht3x *s, uint64_t now_us)
{
    static const uint8_t single_shot[] = {0x24, 0x00}; /* high repeatability, no stretching */
    enum hal_result result = hal_i2c_transfer(s->address, single_shot, sizeof single_shot, NULL, 0);
    s->measuring = result == HAL_OK;
    s->ready_us = now_us + (s->measuring ? MEASURE_MS : PAUSE_MS) * UINT64_C(1000);
    return result;
}

static void sht3x_start(struct sensor *sensor, uint64_t now_us)
{
    struct sht3x *s = (struct sht3x *)sensor;
    sensor_begin(sensor);
    s->tries_left = TRIES;
    s->measuring = false;
    s->ready_us = now_us;
}

static enum hal_result fetch(const struct sht3x *s, uint16_t *temperature, uint16_t *humidity)
{
    uint8_t data[6];
    enum hal_result result = hal_i2c_transfer(s->address, NULL, 0, data, sizeof data);
    if (result != HAL_OK)
        return result;
    if (crc8_sensirion(data, 2) != data[2] || crc8_sensirion(data + 3, 2) != data[5])
        return HAL_FAULT;
    *temperature = (uint16_t)(data[0] << 8 | data[1]);
    *humidity = (uint16_t)(data[3] << 8 | data[4]);
    return HAL_OK;
}

static uint64_t sht3x_poll(struct sensor *sensor, uint64_t now_us)
{
    struct sht3x *s = (struct sht3x *)sensor;
    if (now_us < s->ready_us)
        return s->ready_us;
    enum hal_result result;
    if (s->measuring) {
        uint16_t temperature, humidity;
        result = fetch(s, &temperature, &humidity);
        if (result == HAL_OK) {
            sensor->values[0] =
                sensor_checked(divide_rounded(INT64_C(17500) * temperature, 65535) - 4500,
                               temperature, -4000, 12500);
            sensor->values[1] = sensor_checked(divide_rounded(INT64_C(10000) * humidity, 65535),
                                               humidity, 0, 10000);
            return SENSOR_DONE;
        }
        s->measuring = false; /* measure anew: what was garbled is gone from the part */
        s->ready_us = now_us + PAUSE_MS * UINT64_C(1000);
    } else {
        result = begin(s, now_us);
        if (result == HAL_OK)
            return s->ready_us;
    }
    if (--s->tries_left) {
        sensor->errors.retries++;
        return s->ready_us;
    }
    sensor_failed(sensor, result);
    return SENSOR_DONE;
}

static const struct sensor_driver sht3x_driver = {
    .name = "sht3x",
    .values = 2,
    .warm_ms = 2,
    .bound_ms = 200,
    .start = sht3x_start,
    .poll = sht3x_poll,
};

void sht3x_init(struct sht3x *sht3x, uint8_t address)
{
    *sht3x = (struct sht3x){.sensor = {.driver = &sht3x_driver, .values = sht3x->value},
                            .address = address};
    sensor_begin(&sht3x->sensor);
}
