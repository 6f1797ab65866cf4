/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/drivers/bh1750.h"
#include "firmware/drivers/convert.h"
#include "firmware/drivers/sht3x.h"
#include "tests/unit/drivers/fake_hal.h"

/* ---- an SHT3x ---- */

static uint16_t sht_words[2];
static uint64_t sht_begun_us; /* 0: nothing to read */
static unsigned sht_flip;     /* that many answers have a flipped bit */

static enum hal_result sht(const uint8_t *write, size_t write_size, uint8_t *read, size_t read_size)
{
    if (write_size) {
        assert_int_equal(write_size, 2);
        assert_int_equal(write[0] << 8 | write[1], 0x2400);
        sht_begun_us = fake.now_us;
        return HAL_OK;
    }
    assert_int_equal(read_size, 6);
    if (!sht_begun_us || fake.now_us - sht_begun_us < 15500)
        return HAL_NAK; /* as the part does without clock stretching */
    sht_begun_us = 0;
    for (int i = 0; i < 2; i++) {
        read[3 * i] = (uint8_t)(sht_words[i] >> 8);
        read[3 * i + 1] = (uint8_t)sht_words[i];
        read[3 * i + 2] = crc8_sensirion(read + 3 * i, 2);
    }
    if (sht_flip) {
        sht_flip--;
        read[4] ^= 0x10;
    }
    return HAL_OK;
}

/* ---- a BH1750 ---- */

static uint16_t light_count;
static uint8_t light_commands[8];
static unsigned light_written, light_flip;

static enum hal_result light(const uint8_t *write, size_t write_size, uint8_t *read,
                             size_t read_size)
{
    if (write_size) {
        assert_int_equal(write_size, 1);
        light_commands[light_written++ % 8] = write[0];
        return HAL_OK;
    }
    assert_int_equal(read_size, 2);
    read[0] = (uint8_t)(light_count >> 8);
    read[1] = (uint8_t)light_count;
    if (light_flip) {
        light_flip--;
        read[0] ^= 0x80;
    }
    return HAL_OK;
}

static const struct fake_i2c bus[] = {{0x44, sht}, {0x23, light}};
static struct sht3x sht3x;
static struct bh1750 bh1750;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.i2c = bus;
    fake.i2c_count = 2;
    sht_words[0] = 0x6666;
    sht_words[1] = 0x8000;
    sht_begun_us = 0;
    sht_flip = 0;
    light_count = 0x8390;
    light_written = light_flip = 0;
    sht3x_init(&sht3x, 0x44);
    bh1750_init(&bh1750, 0x23);
    return 0;
}

static const struct sensor_value *sht_values(void)
{
    fake_measure(&sht3x.sensor);
    return sht3x.sensor.values;
}

static void the_checksum_is_the_datasheets(void **state)
{
    (void)state;
    assert_int_equal(crc8_sensirion((const uint8_t[]){0xBE, 0xEF}, 2), 0x92);
}

static void words_become_temperature_and_humidity(void **state)
{
    (void)state;
    const struct sensor_value *v = sht_values();
    assert_int_equal(v[0].hundredths, 2500); /* -45 + 175 x 0.4 */
    assert_int_equal(v[0].raw, 0x6666);
    assert_int_equal(v[1].hundredths, 5000);
    sht_words[0] = 0;
    sht_words[1] = 0xFFFF;
    v = sht_values();
    assert_int_equal(v[0].hundredths, -4500);
    assert_int_equal(v[0].flag, METRIC_RANGE);
    assert_int_equal(v[1].hundredths, 10000);
    assert_int_equal(v[1].flag, METRIC_GOOD);
}

static void a_wrong_checksum_is_measured_again_then_given_up(void **state)
{
    (void)state;
    sht_flip = 2;
    assert_int_equal(sht_values()[0].hundredths, 2500);
    assert_int_equal(sht3x.sensor.errors.retries, 2);
    sht_flip = 3;
    const struct sensor_value *v = sht_values();
    assert_int_equal(v[0].flag, METRIC_FAULT);
    assert_int_equal(v[0].hundredths, SENSOR_NO_VALUE);
    assert_int_equal(v[1].hundredths, SENSOR_NO_VALUE);
    assert_int_equal(sht3x.sensor.errors.corrupt, 1);
}

static void naks_and_a_stuck_bus_are_told_apart(void **state)
{
    (void)state;
    fake.i2c_nak = 2;
    assert_int_equal(sht_values()[0].flag, METRIC_GOOD);
    fake.i2c_nak = 1000;
    assert_int_equal(sht_values()[0].flag, METRIC_ABSENT);
    fake.i2c_nak = 0;
    fake.i2c_stuck = true;
    assert_int_equal(sht_values()[0].flag, METRIC_FAULT);
    fake_measure(&bh1750.sensor);
    assert_int_equal(bh1750.sensor.values[0].flag, METRIC_FAULT);
    fake.i2c_stuck = false;
    assert_int_equal(sht_values()[0].flag, METRIC_GOOD);
}

static void counts_become_lux(void **state)
{
    (void)state;
    fake_measure(&bh1750.sensor);
    const struct sensor_value *v = bh1750.sensor.values;
    /* The datasheet's 0x8390 / 1.2 = 28067 lx, at 31/69 of its sensitivity. */
    assert_int_equal(v[0].hundredths, 6247097);
    assert_int_equal(v[0].raw, 0x8390);
    static const uint8_t commands[] = {0x01, 0x40, 0x7F, 0x20};
    assert_int_equal(light_written, 4);
    assert_memory_equal(light_commands, commands, 4);
    light_count = 0;
    fake_measure(&bh1750.sensor);
    assert_int_equal(v[0].hundredths, 0);
    assert_int_equal(v[0].flag, METRIC_GOOD);
}

static void a_full_count_is_out_of_range(void **state)
{
    (void)state;
    light_count = 0xFFFF;
    fake_measure(&bh1750.sensor);
    assert_int_equal(bh1750.sensor.values[0].flag, METRIC_RANGE);
    light_count = 0xFFFE;
    fake_measure(&bh1750.sensor);
    assert_int_equal(bh1750.sensor.values[0].flag, METRIC_GOOD);
}

static void light_that_reads_differently_twice_is_measured_again(void **state)
{
    (void)state;
    light_flip = 1;
    fake_measure(&bh1750.sensor);
    assert_int_equal(bh1750.sensor.values[0].hundredths, 6247097);
    assert_int_equal(bh1750.sensor.errors.retries, 1);
    for (unsigned naks = 0; naks < 3; naks++) {
        fake.i2c_nak = naks;
        fake_measure(&bh1750.sensor);
        assert_int_equal(bh1750.sensor.values[0].flag, METRIC_GOOD);
    }
    fake.i2c_count = 1;
    fake_measure(&bh1750.sensor);
    assert_int_equal(bh1750.sensor.values[0].flag, METRIC_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_checksum_is_the_datasheets, setup),
        cmocka_unit_test_setup(words_become_temperature_and_humidity, setup),
        cmocka_unit_test_setup(a_wrong_checksum_is_measured_again_then_given_up, setup),
        cmocka_unit_test_setup(naks_and_a_stuck_bus_are_told_apart, setup),
        cmocka_unit_test_setup(counts_become_lux, setup),
        cmocka_unit_test_setup(a_full_count_is_out_of_range, setup),
        cmocka_unit_test_setup(light_that_reads_differently_twice_is_measured_again, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
