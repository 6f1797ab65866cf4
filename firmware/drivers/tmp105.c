/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/tmp105.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum {
    REGISTER_TEMPERATURE = 0,
    REGISTER_CONFIG = 1,
    CONFIG_12_BIT = 0x60, /* continuous, comparator, 12 bit */
    CONVERSION_MS = 320,  /* longest at 12 bit; an LM75 takes 100 */
    TRIES = 3,
    PAUSE_MS = 5,
    AGREE = 32, /* counts of 1/256 °C: neighbours at 9 bit differ by 128, at 12 bit by 16 */
    AGREE_LM75 = 128,
};

static void tmp105_start(struct sensor *sensor, uint64_t now_us)
{
    struct tmp105 *t = (struct tmp105 *)sensor;
    sensor_begin(sensor);
    t->tries_left = TRIES;
    t->ready_us = now_us;
    if (t->lm75)
        return;
    static const uint8_t config[] = {REGISTER_CONFIG, CONFIG_12_BIT};
    for (int i = 0; i < TRIES; i++)
        if (hal_i2c_transfer(t->address, config, sizeof config, NULL, 0) == HAL_OK) {
            t->ready_us = now_us + CONVERSION_MS * UINT64_C(1000);
            return;
        }
    t->tries_left = 1; /* one more look in poll(), which also says what is wrong */
}

static enum hal_result read_count(const struct tmp105 *t, int16_t *count)
{
    static const uint8_t pointer = REGISTER_TEMPERATURE;
    uint8_t data[2];
    enum hal_result result = hal_i2c_transfer(t->address, &pointer, 1, data, sizeof data);
    *count = (int16_t)(data[0] << 8 | data[1]);
    return result;
}

/* 12 bit left-aligned: the low four are always 0, so a line stuck high is seen at once. */
static bool counts_agree(const struct tmp105 *t, int16_t first, int16_t second)
{
    int difference = first - second;
    if (difference < 0)
        difference = -difference;
    if (t->lm75)
        return difference <= AGREE_LM75 && first != -1;
    return difference <= AGREE && !((first | second) & 0xF);
}

static uint64_t tmp105_poll(struct sensor *sensor, uint64_t now_us)
{
    struct tmp105 *t = (struct tmp105 *)sensor;
    if (now_us < t->ready_us)
        return t->ready_us;
    int16_t first = 0, second = 0;
    enum hal_result result = read_count(t, &first);
    if (result == HAL_OK)
        result = read_count(t, &second);
    if (result == HAL_OK && counts_agree(t, first, second)) {
        int32_t count = t->lm75 ? second & ~0x1F : second; /* 11 bits at most are a LM75's */
        sensor->values[0] =
            sensor_checked(divide_rounded(count * INT64_C(100), 256), count, -4000, 12500);
        return SENSOR_DONE;
    }
    if (--t->tries_left) {
        sensor->errors.retries++;
        t->ready_us = now_us + PAUSE_MS * UINT64_C(1000);
        return t->ready_us;
    }
    sensor_failed(sensor, result);
    return SENSOR_DONE;
}

static const struct sensor_driver tmp105_driver = {
    .name = "tmp105",
    .values = 1,
    .warm_ms = 1,
    .bound_ms = CONVERSION_MS + 200,
    .start = tmp105_start,
    .poll = tmp105_poll,
};

static const struct sensor_driver lm75_driver = {
    .name = "lm75",
    .values = 1,
    .warm_ms = 100, /* the first conversion */
    .bound_ms = 200,
    .start = tmp105_start,
    .poll = tmp105_poll,
};

void tmp105_init(struct tmp105 *tmp105, uint8_t address)
{
    *tmp105 = (struct tmp105){.sensor = {.driver = &tmp105_driver, .values = tmp105->value},
                              .address = address};
    sensor_begin(&tmp105->sensor);
}

void lm75_init(struct tmp105 *lm75, uint8_t address)
{
    *lm75 = (struct tmp105){.sensor = {.driver = &lm75_driver, .values = lm75->value},
                            .address = address,
                            .lm75 = true};
    sensor_begin(&lm75->sensor);
}
