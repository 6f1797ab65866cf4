/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/ds18b20.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum {
    SKIP_ROM = 0xCC,
    CONVERT = 0x44,
    READ_SCRATCHPAD = 0xBE,
    CONVERSION_MS = 750,
    PAUSE_MS = 10,
    TRIES = 3,
    SCRATCHPAD = 9,
    POWER_ON_VALUE = 0x0550, /* 85.0 °C */
    CONFIG = 4,              /* 0RR11111 */
    CONFIG_FIXED = 0x9F,
    CONFIG_FIXED_IS = 0x1F,
};

static void write_byte(uint8_t byte)
{
    for (int bit = 0; bit < 8; bit++)
        (void)hal_onewire_slot(byte >> bit & 1);
}

static uint8_t read_byte(void)
{
    unsigned byte = 0;
    for (int bit = 0; bit < 8; bit++)
        byte |= (hal_onewire_slot(true) ? 1U : 0U) << bit;
    return (uint8_t)byte;
}

static enum hal_result command(uint8_t code)
{
    if (!hal_onewire_reset())
        return HAL_NAK;
    write_byte(SKIP_ROM);
    write_byte(code);
    return HAL_OK;
}

static enum hal_result fetch(int16_t *count)
{
    enum hal_result result = command(READ_SCRATCHPAD);
    if (result != HAL_OK)
        return result;
    uint8_t data[SCRATCHPAD];
    for (int i = 0; i < SCRATCHPAD; i++)
        data[i] = read_byte();
    *count = (int16_t)(data[1] << 8 | data[0]);
    if (crc8_onewire(data, SCRATCHPAD - 1) != data[SCRATCHPAD - 1] ||
        (data[CONFIG] & CONFIG_FIXED) != CONFIG_FIXED_IS || *count == POWER_ON_VALUE)
        return HAL_FAULT;
    return HAL_OK;
}

static void ds18b20_start(struct sensor *sensor, uint64_t now_us)
{
    struct ds18b20 *d = (struct ds18b20 *)sensor;
    sensor_begin(sensor);
    d->tries_left = TRIES;
    d->converting = false;
    d->ready_us = now_us;
}

static uint64_t ds18b20_poll(struct sensor *sensor, uint64_t now_us)
{
    struct ds18b20 *d = (struct ds18b20 *)sensor;
    if (now_us < d->ready_us)
        return d->ready_us;
    enum hal_result result;
    if (d->converting) {
        int16_t count;
        result = fetch(&count);
        if (result == HAL_OK) {
            sensor->values[0] =
                sensor_checked(divide_rounded(count * INT64_C(25), 4), count, -5500, 12500);
            return SENSOR_DONE;
        }
    } else {
        result = command(CONVERT);
        if (result == HAL_OK) {
            d->converting = true;
            d->ready_us = now_us + CONVERSION_MS * UINT64_C(1000);
            return d->ready_us;
        }
    }
    if (--d->tries_left) {
        sensor->errors.retries++;
        d->ready_us = now_us + PAUSE_MS * UINT64_C(1000); /* reads the same conversion again */
        return d->ready_us;
    }
    sensor_failed(sensor, result);
    return SENSOR_DONE;
}

static const struct sensor_driver ds18b20_driver = {
    .name = "ds18b20",
    .values = 1,
    .warm_ms = 10,
    .bound_ms = 900,
    .start = ds18b20_start,
    .poll = ds18b20_poll,
};

void ds18b20_init(struct ds18b20 *ds18b20)
{
    *ds18b20 = (struct ds18b20){.sensor = {.driver = &ds18b20_driver, .values = ds18b20->value}};
    sensor_begin(&ds18b20->sensor);
}
