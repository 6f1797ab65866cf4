/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/drivers/tmp105.h"
#include "tests/unit/drivers/fake_hal.h"

static uint16_t counts;      /* what the temperature register holds */
static uint16_t odd_reading; /* handed out instead, in every `odd_every`th read */
static unsigned odd_every, reads;
static uint8_t config;

static enum hal_result part(const uint8_t *write, size_t write_size, uint8_t *read,
                            size_t read_size)
{
    assert_true(write_size >= 1);
    if (write_size == 2 && write[0] == 1)
        config = write[1];
    if (read_size == 2) {
        assert_int_equal(write[0], 0);
        reads++;
        uint16_t value = odd_every && reads % odd_every == 0 ? odd_reading : counts;
        read[0] = (uint8_t)(value >> 8);
        read[1] = (uint8_t)value;
    }
    return HAL_OK;
}

static const struct fake_i2c bus[] = {{0x48, part}};
static struct tmp105 tmp105;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.i2c = bus;
    fake.i2c_count = 1;
    counts = 0x1940;
    odd_every = reads = 0;
    config = 0;
    tmp105_init(&tmp105, 0x48);
    return 0;
}

static const struct sensor_value *measured(void)
{
    fake_measure(&tmp105.sensor);
    return &tmp105.sensor.values[0];
}

static void datasheet_counts_give_the_datasheet_temperatures(void **state)
{
    (void)state;
    static const struct {
        uint16_t counts;
        int32_t hundredths;
        uint8_t flag;
    } rows[] = {
        {0x7FF0, 12794, METRIC_RANGE}, {0x7D00, 12500, METRIC_GOOD}, {0x6400, 10000, METRIC_GOOD},
        {0x5000, 8000, METRIC_GOOD},   {0x4B00, 7500, METRIC_GOOD},  {0x3200, 5000, METRIC_GOOD},
        {0x1900, 2500, METRIC_GOOD},   {0x0040, 25, METRIC_GOOD},    {0x0000, 0, METRIC_GOOD},
        {0xFFC0, -25, METRIC_GOOD},    {0xE700, -2500, METRIC_GOOD}, {0xC900, -5500, METRIC_RANGE},
        {0x0010, 6, METRIC_GOOD},      {0xFFF0, -6, METRIC_GOOD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        counts = rows[i].counts;
        const struct sensor_value *value = measured();
        assert_int_equal(value->hundredths, rows[i].hundredths);
        assert_int_equal(value->raw, (int16_t)rows[i].counts);
        assert_int_equal(value->flag, rows[i].flag);
    }
    assert_int_equal(config, 0x60);
}

static void an_lm75_is_read_as_it_is(void **state)
{
    (void)state;
    lm75_init(&tmp105, 0x48);
    counts = 0xE700 | 0x80 | 0x15; /* -24.5 °C, and noise in the bits an LM75 does not have */
    assert_int_equal(measured()->hundredths, -2450);
    assert_int_equal(config, 0);
}

static void one_that_is_not_there_is_absent(void **state)
{
    (void)state;
    fake.i2c_count = 0;
    const struct sensor_value *value = measured();
    assert_int_equal(value->flag, METRIC_ABSENT);
    assert_int_equal(value->hundredths, SENSOR_NO_VALUE);
    assert_int_equal(tmp105.sensor.errors.absent, 1);
    fake.i2c_count = 1;
    assert_int_equal(measured()->hundredths, 2525);
}

static void a_nak_now_and_then_costs_only_a_retry(void **state)
{
    (void)state;
    for (unsigned naks = 1; naks <= 2; naks++) {
        fake.i2c_nak = naks;
        assert_int_equal(measured()->hundredths, 2525);
        assert_int_equal(measured()->flag, METRIC_GOOD);
    }
}

static void a_stuck_bus_is_a_fault_not_an_old_value(void **state)
{
    (void)state;
    assert_int_equal(measured()->flag, METRIC_GOOD);
    fake.i2c_stuck = true;
    const struct sensor_value *value = measured();
    assert_int_equal(value->flag, METRIC_FAULT);
    assert_int_equal(value->hundredths, SENSOR_NO_VALUE);
    assert_int_equal(tmp105.sensor.errors.corrupt, 1);
}

static void readings_that_disagree_are_not_believed(void **state)
{
    (void)state;
    odd_reading = 0x5940; /* a flipped bit: 89 °C */
    odd_every = 2;
    assert_int_equal(measured()->flag, METRIC_FAULT);
    odd_every = 3; /* the second pair is clean */
    reads = 1;
    assert_int_equal(measured()->hundredths, 2525);
    assert_true(tmp105.sensor.errors.retries > 0);
}

static void a_line_stuck_high_is_no_temperature(void **state)
{
    (void)state;
    counts = 0xFFFF; /* would be -0.004 °C */
    assert_int_equal(measured()->flag, METRIC_FAULT);
    lm75_init(&tmp105, 0x48);
    assert_int_equal(measured()->flag, METRIC_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(datasheet_counts_give_the_datasheet_temperatures, setup),
        cmocka_unit_test_setup(an_lm75_is_read_as_it_is, setup),
        cmocka_unit_test_setup(one_that_is_not_there_is_absent, setup),
        cmocka_unit_test_setup(a_nak_now_and_then_costs_only_a_retry, setup),
        cmocka_unit_test_setup(a_stuck_bus_is_a_fault_not_an_old_value, setup),
        cmocka_unit_test_setup(readings_that_disagree_are_not_believed, setup),
        cmocka_unit_test_setup(a_line_stuck_high_is_no_temperature, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
