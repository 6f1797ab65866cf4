/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/bh1750.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum {
    POWER_ON = 0x01,
    TIME_HIGH = 0x40 | 31 >> 5, /* measuring time register: 31 instead of 69 */
    TIME_LOW = 0x60 | (31 & 31),
    ONE_TIME = 0x20,
    MEASURE_MS = 90, /* 180 at most with 69, so 81 with 31 */
    PAUSE_MS = 5,
    TRIES = 3,
    FULL = 0xFFFF,
};

static void bh1750_start(struct sensor *sensor, uint64_t now_us)
{
    struct bh1750 *b = (struct bh1750 *)sensor;
    sensor_begin(sensor);
    b->tries_left = TRIES;
    b->measuring = false;
    b->ready_us = now_us;
}

static enum hal_result begin(struct bh1750 *b, uint64_t now_us)
{
    static const uint8_t commands[] = {POWER_ON, TIME_HIGH, TIME_LOW, ONE_TIME};
    enum hal_result result = HAL_OK;
    for (size_t i = 0; i < sizeof commands && result == HAL_OK; i++)
        result = hal_i2c_transfer(b->address, &commands[i], 1, NULL, 0);
    b->measuring = result == HAL_OK;
    b->ready_us = now_us + (b->measuring ? MEASURE_MS : PAUSE_MS) * UINT64_C(1000);
    return result;
}

static enum hal_result fetch(const struct bh1750 *b, uint16_t *count)
{
    uint8_t data[2][2];
    for (int i = 0; i < 2; i++) {
        enum hal_result result = hal_i2c_transfer(b->address, NULL, 0, data[i], 2);
        if (result != HAL_OK)
            return result;
    }
    *count = (uint16_t)(data[0][0] << 8 | data[0][1]);
    return data[0][0] == data[1][0] && data[0][1] == data[1][1] ? HAL_OK : HAL_FAULT;
}

static uint64_t bh1750_poll(struct sensor *sensor, uint64_t now_us)
{
    struct bh1750 *b = (struct bh1750 *)sensor;
    if (now_us < b->ready_us)
        return b->ready_us;
    enum hal_result result;
    if (b->measuring) {
        uint16_t count;
        result = fetch(b, &count);
        if (result == HAL_OK) { /* lx = count / 1.2 x 69 / 31 */
            int32_t hundredths = divide_rounded(INT64_C(5750) * count, 31);
            sensor->values[0] =
                sensor_checked(hundredths, count, 0, count == FULL ? hundredths - 1 : hundredths);
            return SENSOR_DONE;
        }
        b->measuring = false;
        b->ready_us = now_us + PAUSE_MS * UINT64_C(1000);
    } else {
        result = begin(b, now_us);
        if (result == HAL_OK)
            return b->ready_us;
    }
    if (--b->tries_left) {
        sensor->errors.retries++;
        return b->ready_us;
    }
    sensor_failed(sensor, result);
    return SENSOR_DONE;
}

static const struct sensor_driver bh1750_driver = {
    .name = "bh1750",
    .values = 1,
    .warm_ms = 1,
    .bound_ms = 500,
    .start = bh1750_start,
    .poll = bh1750_poll,
};

void bh1750_init(struct bh1750 *bh1750, uint8_t address)
{
    *bh1750 = (struct bh1750){.sensor = {.driver = &bh1750_driver, .values = bh1750->value},
                              .address = address};
    sensor_begin(&bh1750->sensor);
}
