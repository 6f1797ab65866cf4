/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/drivers/rain_gauge.h"
#include "firmware/drivers/soil_probe.h"
#include "firmware/drivers/supply.h"
#include "tests/unit/drivers/fake_hal.h"

static struct soil_probe soil;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    soil_probe_init(&soil, 0);
    return 0;
}

static const struct sensor_value *wetness_at(uint16_t adc)
{
    fake.adc = adc;
    fake_measure(&soil.sensor);
    return &soil.sensor.values[0];
}

static void wetness_lies_between_the_two_counts(void **state)
{
    (void)state;
    soil.dry = 40000;
    soil.saturated = 20000;
    assert_int_equal(wetness_at(40000)->hundredths, 0);
    assert_int_equal(wetness_at(20000)->hundredths, 10000);
    assert_int_equal(wetness_at(25000)->hundredths, 7500);
    assert_int_equal(wetness_at(25000)->flag, METRIC_GOOD);
    assert_int_equal(wetness_at(25000)->raw, 25000);
    soil.dry = 20000; /* a probe that works the other way round */
    soil.saturated = 40000;
    assert_int_equal(wetness_at(25000)->hundredths, 2500);
}

static void a_little_beyond_is_clipped_and_far_beyond_is_flagged(void **state)
{
    (void)state;
    soil.dry = 40000;
    soil.saturated = 20000;
    assert_int_equal(wetness_at(41000)->hundredths, 0);
    assert_int_equal(wetness_at(41000)->flag, METRIC_GOOD);
    assert_int_equal(wetness_at(19000)->hundredths, 10000);
    assert_int_equal(wetness_at(45000)->flag, METRIC_RANGE);
    assert_int_equal(wetness_at(45000)->hundredths, -2500);
}

static void without_calibration_the_makers_counts_are_used_and_said_so(void **state)
{
    (void)state;
    assert_int_equal(wetness_at(33312)->hundredths, 0);
    assert_int_equal(wetness_at(24984)->hundredths, 5000);
    assert_int_equal(wetness_at(24984)->flag, METRIC_UNCALIBRATED);
    soil.dry = 30000;
    soil.saturated = 29500; /* the same soil taken twice: no calibration */
    assert_int_equal(wetness_at(24984)->flag, METRIC_UNCALIBRATED);
}

static void an_open_or_shorted_input_is_absent(void **state)
{
    (void)state;
    assert_int_equal(wetness_at(100)->flag, METRIC_ABSENT);
    assert_int_equal(wetness_at(65535)->flag, METRIC_ABSENT);
    assert_int_equal(soil.sensor.values[0].hundredths, SENSOR_NO_VALUE);
    soil_probe_init(&soil, 3); /* the board has no such channel */
    assert_int_equal(wetness_at(25000)->flag, METRIC_ABSENT);
}

static void a_converter_that_fails_is_a_fault(void **state)
{
    (void)state;
    fake.adc_result = HAL_TIMEOUT;
    assert_int_equal(wetness_at(25000)->flag, METRIC_FAULT);
    assert_int_equal(soil.sensor.errors.late, 1);
}

static const struct sensor_value *rain(struct rain_gauge *gauge, uint32_t tips, uint32_t seconds)
{
    fake.pulses += tips;
    fake.now_us += seconds * UINT64_C(1000000);
    fake_measure(&gauge->sensor);
    return &gauge->sensor.values[0];
}

static void rain_adds_up_over_the_wrap_of_the_counter(void **state)
{
    (void)state;
    struct rain_gauge gauge;
    uint16_t tip = 20;
    fake.pulses = UINT32_MAX - 1;
    rain_gauge_init(&gauge, &tip);
    assert_int_equal(rain(&gauge, 0, 60)->hundredths, 0);
    assert_int_equal(rain(&gauge, 1, 60)->hundredths, 20);
    assert_int_equal(rain(&gauge, 4, 60)->hundredths, 100);
    assert_int_equal(rain(&gauge, 4, 60)->raw, 9);
    tip = 28; /* another gauge: what fell before stays what it was */
    assert_int_equal(rain(&gauge, 10, 60)->hundredths, 180 + 280);
}

static void rain_begins_again_where_the_channel_ends(void **state)
{
    (void)state;
    struct rain_gauge gauge;
    uint16_t tip = 1000;
    rain_gauge_init(&gauge, &tip);
    int32_t before = rain(&gauge, 262, 3600 * 24 * 30)->hundredths;
    assert_int_equal(before, 262000);
    assert_int_equal(rain(&gauge, 1, 60)->hundredths, 1000 - 136); /* 262,136 steps */
    assert_int_equal(rain(&gauge, 1, 60)->flag, METRIC_GOOD);
}

static void rain_that_no_cloud_gives_is_flagged_but_counted(void **state)
{
    (void)state;
    struct rain_gauge gauge;
    uint16_t tip = 20;
    rain_gauge_init(&gauge, &tip);
    assert_int_equal(rain(&gauge, 3, 0)->flag, METRIC_GOOD);
    assert_int_equal(rain(&gauge, 190, 60)->flag, METRIC_GOOD);
    assert_int_equal(rain(&gauge, 210, 60)->flag, METRIC_RANGE);
    assert_int_equal(rain(&gauge, 0, 60)->flag, METRIC_GOOD);
    assert_int_equal(gauge.sensor.values[0].hundredths, 403 * 20);
}

static void supply_is_given_in_volts(void **state)
{
    (void)state;
    struct supply supply;
    supply_init(&supply);
    static const struct {
        uint16_t mv;
        int32_t hundredths;
        uint8_t flag;
    } rows[] = {{12345, 1235, METRIC_GOOD},
                {6990, 699, METRIC_RANGE},
                {31000, 3100, METRIC_RANGE},
                {0, SENSOR_NO_VALUE, METRIC_ABSENT}}; /* the fake's "can't measure" */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake.supply_mv = rows[i].mv;
        fake_measure(&supply.sensor);
        assert_int_equal(supply.sensor.values[0].hundredths, rows[i].hundredths);
        assert_int_equal(supply.sensor.values[0].flag, rows[i].flag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wetness_lies_between_the_two_counts, setup),
        cmocka_unit_test_setup(a_little_beyond_is_clipped_and_far_beyond_is_flagged, setup),
        cmocka_unit_test_setup(without_calibration_the_makers_counts_are_used_and_said_so, setup),
        cmocka_unit_test_setup(an_open_or_shorted_input_is_absent, setup),
        cmocka_unit_test_setup(a_converter_that_fails_is_a_fault, setup),
        cmocka_unit_test_setup(rain_adds_up_over_the_wrap_of_the_counter, setup),
        cmocka_unit_test_setup(rain_begins_again_where_the_channel_ends, setup),
        cmocka_unit_test_setup(rain_that_no_cloud_gives_is_flagged_but_counted, setup),
        cmocka_unit_test_setup(supply_is_given_in_volts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
