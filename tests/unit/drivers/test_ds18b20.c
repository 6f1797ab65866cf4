/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/drivers/convert.h"
#include "firmware/drivers/ds18b20.h"
#include "tests/unit/drivers/fake_hal.h"

static struct ds18b20 ds18b20;

static void holds(uint16_t count)
{
    uint8_t *s = fake.wire_scratchpad;
    memcpy(s,
           (uint8_t[]){(uint8_t)count, (uint8_t)(count >> 8), 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10},
           8);
    s[8] = crc8_onewire(s, 8);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.wire_present = true;
    holds(0x0191);
    ds18b20_init(&ds18b20);
    return 0;
}

static const struct sensor_value *measured(void)
{
    fake_measure(&ds18b20.sensor);
    return &ds18b20.sensor.values[0];
}

static void the_checksum_is_the_makers(void **state)
{
    (void)state;
    /* The ROM of Maxim's application note 27. */
    assert_int_equal(crc8_onewire((const uint8_t[]){0x02, 0x1C, 0xB8, 0x01, 0, 0, 0}, 7), 0xA2);
}

static void datasheet_counts_give_the_datasheet_temperatures(void **state)
{
    (void)state;
    static const struct {
        uint16_t count;
        int32_t hundredths;
    } rows[] = {
        {0x07D0, 12500}, {0x0191, 2506},  {0x00A2, 1013},  {0x0008, 50},    {0x0000, 0},
        {0xFFF8, -50},   {0xFF5E, -1013}, {0xFE6F, -2506}, {0xFC90, -5500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        holds(rows[i].count);
        const struct sensor_value *value = measured();
        assert_int_equal(value->hundredths, rows[i].hundredths);
        assert_int_equal(value->raw, (int16_t)rows[i].count);
        assert_int_equal(value->flag, METRIC_GOOD);
    }
}

static void the_value_of_power_up_is_refused(void **state)
{
    (void)state;
    holds(0x0550);
    assert_int_equal(measured()->flag, METRIC_FAULT);
    holds(0x0551);
    assert_int_equal(measured()->hundredths, 8506);
}

static void a_scratchpad_of_zeros_is_refused(void **state)
{
    (void)state;
    memset(fake.wire_scratchpad, 0, 9); /* its CRC is right */
    assert_int_equal(crc8_onewire(fake.wire_scratchpad, 8), 0);
    assert_int_equal(measured()->flag, METRIC_FAULT);
}

static void any_flipped_bit_is_noticed(void **state)
{
    (void)state;
    for (fake.wire_flip = 1; fake.wire_flip <= 72; fake.wire_flip++) {
        assert_int_equal(measured()->flag, METRIC_FAULT);
        assert_int_equal(ds18b20.sensor.values[0].hundredths, SENSOR_NO_VALUE);
    }
    assert_int_equal(ds18b20.sensor.errors.corrupt, 72);
}

static void a_missing_and_a_shorted_one_are_absent(void **state)
{
    (void)state;
    fake.wire_present = false;
    assert_int_equal(measured()->flag, METRIC_ABSENT);
    fake.wire_present = fake.wire_held = true;
    assert_int_equal(measured()->flag, METRIC_ABSENT);
    fake.wire_held = false;
    assert_int_equal(measured()->hundredths, 2506);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_checksum_is_the_makers, setup),
        cmocka_unit_test_setup(datasheet_counts_give_the_datasheet_temperatures, setup),
        cmocka_unit_test_setup(the_value_of_power_up_is_refused, setup),
        cmocka_unit_test_setup(a_scratchpad_of_zeros_is_refused, setup),
        cmocka_unit_test_setup(any_flipped_bit_is_noticed, setup),
        cmocka_unit_test_setup(a_missing_and_a_shorted_one_are_absent, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
