/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/drivers/atmos14.h"
#include "firmware/drivers/convert.h"
#include "firmware/drivers/teros12.h"
#include "tests/unit/drivers/fake_hal.h"

static struct sdi12_number soil[3], air[4];

static size_t soil_now(void *context, uint8_t index, struct sdi12_number *numbers, size_t max)
{
    (void)context;
    if (index || max < 3)
        return 0;
    memcpy(numbers, soil, sizeof soil);
    return 3;
}

static size_t air_now(void *context, uint8_t index, struct sdi12_number *numbers, size_t max)
{
    (void)context;
    if (index || max < 4)
        return 0;
    memcpy(numbers, air, sizeof air);
    return 4;
}

static struct sdi12_probe probes[2];
static struct sdi12_line line;
static struct teros12 teros12;
static struct atmos14 atmos14;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    probes[0] = sdi12_probe_teros12('0');
    probes[0].measure = soil_now;
    probes[1] = sdi12_probe_atmos14('1');
    probes[1].measure = air_now;
    fake.probes = probes;
    fake.probe_count = 2;
    memcpy(soil, (struct sdi12_number[]){{25780, 1}, {182, 1}, {120, 0}}, sizeof soil);
    memcpy(air, (struct sdi12_number[]){{1642, 3}, {1865, 2}, {7631, 4}, {9321, 2}}, sizeof air);
    sdi12_line_init(&line);
    teros12_init(&teros12, &line, '0');
    atmos14_init(&atmos14, &line, '1');
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_false(fake.sdi_sloppy);
    assert_null(line.owner);
    return 0;
}

static struct sensor_value *soil_values(void)
{
    fake_measure(&teros12.probe.sensor);
    return teros12.probe.sensor.values;
}

static void soil_is_converted_as_the_manual_says(void **state)
{
    (void)state;
    const struct sensor_value *v = soil_values();
    assert_int_equal(v[TEROS12_MOISTURE].hundredths, 3044); /* 3.879e-4 x 2578.0 - 0.6956 */
    assert_int_equal(v[TEROS12_MOISTURE].raw, 257800);
    assert_int_equal(v[TEROS12_MOISTURE].flag, METRIC_GOOD);
    assert_int_equal(v[TEROS12_TEMPERATURE].hundredths, 1820);
    assert_int_equal(v[TEROS12_CONDUCTIVITY].hundredths, 12000);
}

static void soil_outside_the_sensor_is_flagged(void **state)
{
    (void)state;
    soil[0] = (struct sdi12_number){17000, 1}; /* drier than air */
    soil[1] = (struct sdi12_number){-9999, 0}; /* the probe's own error code */
    soil[2] = (struct sdi12_number){20001, 0};
    const struct sensor_value *v = soil_values();
    assert_int_equal(v[0].flag, METRIC_RANGE);
    assert_int_equal(v[0].hundredths, -362);
    assert_int_equal(v[1].flag, METRIC_FAULT);
    assert_int_equal(v[1].hundredths, SENSOR_NO_VALUE);
    assert_int_equal(v[2].flag, METRIC_RANGE);
}

static void conductivity_is_compensated_when_asked(void **state)
{
    (void)state;
    teros12.coefficient = 190;
    const struct sensor_value *v = soil_values();
    assert_int_equal(v[2].hundredths, 13780); /* 120 / (1 - 0.019 x 6.8) */
    assert_int_equal(v[2].raw, 12000);
    soil[1] = (struct sdi12_number){-9999, 0};
    v = soil_values();
    assert_int_equal(v[2].flag, METRIC_FAULT);
    assert_int_equal(conductivity_at_25(12000, 2500, 190), 12000);
    assert_int_equal(conductivity_at_25(12000, 3500, 200), 10000);
    assert_int_equal(conductivity_at_25(12000, 3500, 0), 12000);
    assert_int_equal(conductivity_at_25(INT32_MAX, -4000, 9999), INT32_MAX);
}

static void air_is_read_and_fog_is_saturated(void **state)
{
    (void)state;
    fake_measure(&atmos14.probe.sensor);
    const struct sensor_value *v = atmos14.probe.sensor.values;
    assert_int_equal(v[ATMOS14_HUMIDITY].hundredths, 7631);
    assert_int_equal(v[ATMOS14_TEMPERATURE].hundredths, 1865);
    assert_int_equal(v[ATMOS14_VAPOUR_PRESSURE].hundredths, 164);
    assert_int_equal(v[ATMOS14_PRESSURE].hundredths, 9321);
    air[2] = (struct sdi12_number){1013, 3};
    fake_measure(&atmos14.probe.sensor);
    assert_int_equal(v[ATMOS14_HUMIDITY].hundredths, 10000);
    assert_int_equal(v[ATMOS14_HUMIDITY].raw, 10130);
    assert_int_equal(v[ATMOS14_HUMIDITY].flag, METRIC_GOOD);
    air[2] = (struct sdi12_number){1300, 3};
    fake_measure(&atmos14.probe.sensor);
    assert_int_equal(v[ATMOS14_HUMIDITY].flag, METRIC_RANGE);
}

static void two_probes_share_the_line(void **state)
{
    (void)state;
    for (int concurrent = 0; concurrent < 2; concurrent++) {
        teros12.probe.concurrent = atmos14.probe.concurrent = concurrent;
        fake_measure_both(&teros12.probe.sensor, &atmos14.probe.sensor);
        assert_int_equal(teros12.probe.sensor.values[0].hundredths, 3044);
        assert_int_equal(atmos14.probe.sensor.values[0].hundredths, 7631);
    }
}

static void concurrent_probes_measure_at_the_same_time(void **state)
{
    (void)state;
    fake.sdi_fault = SDI_NO_REQUEST; /* so that M takes its whole second, too */
    fake.sdi_faults = 1000;
    uint32_t one_by_one = fake_measure_both(&teros12.probe.sensor, &atmos14.probe.sensor);
    teros12.probe.concurrent = atmos14.probe.concurrent = true;
    uint32_t together = fake_measure_both(&teros12.probe.sensor, &atmos14.probe.sensor);
    assert_true(together + 600 < one_by_one);
}

static void a_dead_probe_is_absent_and_holds_up_nobody(void **state)
{
    (void)state;
    probes[0].address = 'x';
    uint32_t ms = fake_measure_both(&teros12.probe.sensor, &atmos14.probe.sensor);
    assert_true(ms < 4500);
    assert_int_equal(teros12.probe.sensor.values[0].flag, METRIC_ABSENT);
    assert_int_equal(teros12.probe.sensor.errors.absent, 1);
    assert_int_equal(atmos14.probe.sensor.values[0].hundredths, 7631);
}

static void faults_that_heal_cost_only_retries(void **state)
{
    (void)state;
    static const enum fake_sdi_fault faults[] = {SDI_MUTE,   SDI_PARITY,  SDI_FLIPPED,    SDI_CUT,
                                                 SDI_GLITCH, SDI_FOREIGN, SDI_NO_REQUEST, SDI_SLOW};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (unsigned count = 1; count <= 2; count++) {
            setup(NULL);
            fake.sdi_fault = faults[i];
            fake.sdi_faults = count;
            const struct sensor_value *v = soil_values();
            assert_int_equal(v[0].flag, METRIC_GOOD);
            assert_int_equal(v[0].hundredths, 3044);
            assert_int_equal(v[1].hundredths, 1820);
            assert_int_equal(v[2].hundredths, 12000);
        }
}

static void faults_that_stay_end_in_a_flag_within_the_bound(void **state)
{
    (void)state;
    static const enum fake_sdi_fault faults[] = {SDI_MUTE, SDI_PARITY, SDI_CUT, SDI_BABBLE,
                                                 SDI_FOREIGN};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        setup(NULL);
        fake.sdi_fault = faults[i];
        fake.sdi_faults = 100000;
        const struct sensor_value *v = soil_values();
        assert_int_equal(v[0].flag, faults[i] == SDI_MUTE ? METRIC_ABSENT : METRIC_FAULT);
        for (int channel = 0; channel < 3; channel++)
            assert_int_equal(v[channel].hundredths, SENSOR_NO_VALUE);
        fake.sdi_faults = 0;
        assert_int_equal(soil_values()[0].hundredths, 3044);
    }
}

static void a_corrupted_value_never_passes_for_a_measured_one(void **state)
{
    (void)state;
    for (unsigned count = 1; count < 40; count++) {
        setup(NULL);
        fake.sdi_fault = SDI_FLIPPED;
        fake.sdi_faults = count;
        const struct sensor_value *v = soil_values();
        assert_true(v[0].hundredths == 3044 || v[0].hundredths == SENSOR_NO_VALUE);
        assert_true(v[2].hundredths == 12000 || v[2].hundredths == SENSOR_NO_VALUE);
    }
}

static void a_measurement_that_was_aborted_is_begun_again(void **state)
{
    (void)state;
    fake.sdi_fault = SDI_ABORTED;
    fake.sdi_faults = 1;
    assert_int_equal(soil_values()[0].hundredths, 3044);
    fake.sdi_faults = 1000;
    assert_int_equal(soil_values()[0].flag, METRIC_FAULT);
}

static void a_probe_without_crc_is_read_without(void **state)
{
    (void)state;
    fake.sdi_no_crc = true;
    assert_int_equal(soil_values()[0].hundredths, 3044);
    unsigned commands = fake.sdi_commands;
    assert_int_equal(soil_values()[0].hundredths, 3044);
    assert_int_equal(fake.sdi_commands - commands, 2); /* not asked for CRC any more: M and D0 */
}

static void another_kind_of_probe_is_refused(void **state)
{
    (void)state;
    atmos14_init(&atmos14, &line, '0'); /* a TEROS 12 is there, which gives three numbers */
    fake_measure(&atmos14.probe.sensor);
    assert_int_equal(atmos14.probe.sensor.values[0].flag, METRIC_FAULT);
}

static void a_scan_finds_everybody_in_less_than_three_seconds(void **state)
{
    (void)state;
    static struct sdi12_probe all[SDI12_SCAN_ADDRESSES];
    for (unsigned i = 0; i < SDI12_SCAN_ADDRESSES; i++)
        all[i] = sdi12_probe_teros12(sdi12_scan_address(i));
    fake.probes = all;
    for (size_t count = 0; count <= SDI12_SCAN_ADDRESSES; count += 12) {
        fake.probe_count = count;
        struct sdi12_scan scan;
        sdi12_scan_start(&scan, &line);
        uint64_t begin = fake.now_us, next;
        while ((next = sdi12_scan_poll(&scan, fake.now_us)) != SDI12_LINE_DONE)
            fake.now_us = next > fake.now_us ? next : fake.now_us + 10;
        assert_true(fake.now_us - begin < 3000000);
        assert_true(scan.present == (UINT64_C(1) << count) - 1);
        assert_null(line.owner);
    }
}

static void any_command_passes_through(void **state)
{
    (void)state;
    assert_true(sdi12_line_take(&line, &fake));
    assert_false(sdi12_line_take(&line, &line));
    assert_false(sdi12_line_ask(&line, &sdi12_rules_standard, "0I", 2, fake.now_us));
    assert_false(sdi12_line_ask(&line, &sdi12_rules_standard, "012345!", 7, fake.now_us));
    assert_true(sdi12_line_ask(&line, &sdi12_rules_standard, "0I!", 3, fake.now_us));
    for (uint64_t next = 0; next != SDI12_LINE_DONE;) {
        next = sdi12_line_poll(&line, fake.now_us);
        if (next != SDI12_LINE_DONE)
            fake.now_us = next;
    }
    assert_int_equal(line.result, SDI12_LINE_ANSWER);
    assert_string_equal(line.answer, "013METER   TER12 112T12-00000001\r\n");
    sdi12_line_release(&line, &fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(soil_is_converted_as_the_manual_says),
        TEST(soil_outside_the_sensor_is_flagged),
        TEST(conductivity_is_compensated_when_asked),
        TEST(air_is_read_and_fog_is_saturated),
        TEST(two_probes_share_the_line),
        TEST(concurrent_probes_measure_at_the_same_time),
        TEST(a_dead_probe_is_absent_and_holds_up_nobody),
        TEST(faults_that_heal_cost_only_retries),
        TEST(faults_that_stay_end_in_a_flag_within_the_bound),
        TEST(a_corrupted_value_never_passes_for_a_measured_one),
        TEST(a_measurement_that_was_aborted_is_begun_again),
        TEST(a_probe_without_crc_is_read_without),
        TEST(another_kind_of_probe_is_refused),
        TEST(a_scan_finds_everybody_in_less_than_three_seconds),
        TEST(any_command_passes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
