/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile may have wrong about a field: registers of known values, read by a slip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/metric/metric.h"
#include "tools/cli/profile_guess.h"

static struct field_config field_of(const char *metric, uint8_t type, uint8_t order, double scale)
{
    struct field_config field = {.function = 3, .scale = scale, .channel = -1};
    const struct metric_info *info = metric_find(metric);
    assert_non_null(info);
    field.type = type;
    field.order = order;
    strcpy(field.metric, metric);
    field.min = info->min;
    field.max = info->max;
    return field;
}

static const struct {
    const char *metric;
    uint8_t type, order;
    double scale;
    uint16_t words[2];
    const char *guess; /* "": nothing looks wrong */
} cases[] = {
    /* right as they are */
    {"air_temperature", FIELD_S16, ORDER_ABCD, 0.1, {253}, ""},
    {"air_temperature", FIELD_S16, ORDER_ABCD, 0.1, {0xFF9B}, ""},
    {"air_temperature", FIELD_S16, ORDER_ABCD, 0.1, {0}, ""}, /* freezing point */
    {"air_temperature", FIELD_F32, ORDER_ABCD, 1, {0x41CA, 0x6666}, ""},
    {"illuminance", FIELD_U32, ORDER_ABCD, 1, {0x0001, 0x86A0}, ""},
    {"illuminance", FIELD_U32, ORDER_ABCD, 1, {0, 3}, ""}, /* night */
    {"wind_direction", FIELD_U16, ORDER_ABCD, 1, {350}, ""},
    {"air_humidity", FIELD_U16, ORDER_ABCD, 0.1, {1000}, ""},
    /* sign */
    {"air_temperature", FIELD_U16, ORDER_ABCD, 0.1, {0xFF9B}, "try type: s16 (-10.1)"},
    /* order of words, of bytes, of both */
    {"illuminance", FIELD_U32, ORDER_ABCD, 1, {0x86A0, 0x0001}, "try order: cdab (100000)"},
    {"illuminance", FIELD_U32, ORDER_CDAB, 1, {0x0001, 0x86A0}, "try order: abcd (100000)"},
    {"air_temperature", FIELD_F32, ORDER_ABCD, 1, {0x6666, 0x41CA}, "try order: cdab (25.3)"},
    {"air_temperature", FIELD_F32, ORDER_ABCD, 1, {0xCA41, 0x6666}, "try order: badc (25.3)"},
    {"air_temperature", FIELD_F32, ORDER_ABCD, 1, {0x6666, 0xCA41}, "try order: dcba (25.3)"},
    {"carbon_dioxide", FIELD_U16, ORDER_ABCD, 1, {0x9001}, "try order: badc (400)"},
    /* scale */
    {"air_temperature", FIELD_S16, ORDER_ABCD, 1, {253}, "try scale: 0.1 (25.3)"},
    {"air_temperature", FIELD_S16, ORDER_ABCD, 0.1, {2531}, "try scale: 0.01 (25.31)"},
    {"air_humidity", FIELD_U16, ORDER_ABCD, 1, {658}, "try scale: 0.1 (65.8)"},
    {"air_humidity", FIELD_U16, ORDER_ABCD, 0.01, {658}, "unusual, perhaps scale: 0.1 (65.8)"},
    {"air_pressure", FIELD_U16, ORDER_ABCD, 1, {1013}, "try scale: 0.1 (101.3)"},
    {"air_pressure", FIELD_U16, ORDER_ABCD, 0.1, {10130}, "try scale: 0.01 (101.3)"},
    {"soil_ph", FIELD_U16, ORDER_ABCD, 0.1, {560}, "try scale: 0.01 (5.6)"},
    {"battery_voltage", FIELD_U16, ORDER_ABCD, 1, {3300}, "try scale: 0.001 (3.3)"},
    /* type, and type with scale */
    {"illuminance", FIELD_F32, ORDER_ABCD, 1, {0x0001, 0x86A0}, "try type: u32 (100000)"},
    {"air_temperature", FIELD_U32, ORDER_ABCD, 1, {0x41CA, 0x6666}, "try type: f32 (25.3)"},
    {"air_temperature",
     FIELD_U32,
     ORDER_ABCD,
     1,
     {0x6666, 0x41CA},
     "try type: f32, order: cdab (25.3)"},
    {"air_temperature", FIELD_U32, ORDER_ABCD, 0.1, {0xFFFF, 0xFF9B}, "try type: s32 (-10.1)"},
    /* no value, no guess */
    {"air_temperature", FIELD_S16, ORDER_ABCD, 0.1, {0x7FFF}, "write no_value: 0x7FFF"},
    {"air_humidity", FIELD_U16, ORDER_ABCD, 0.1, {0xFFFF}, "write no_value: 0xFFFF"},
    {"illuminance", FIELD_U32, ORDER_ABCD, 1, {0xFFFF, 0xFFFF}, "write no_value: 0xFFFFFFFF"},
    {"soil_ph", FIELD_U16, ORDER_ABCD, 0.1, {0}, "holds 0"},
    {"air_pressure", FIELD_F32, ORDER_ABCD, 1, {0x7FC0, 0x1234}, "another register?"},
};

static void names_the_simplest_slip_that_explains_the_registers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        struct field_config field =
            field_of(cases[i].metric, cases[i].type, cases[i].order, cases[i].scale);
        bool said = profile_guess(&field, cases[i].words, text, sizeof text);
        assert_true(said == (text[0] != '\0'));
        bool right = cases[i].guess[0] ? strstr(text, cases[i].guess) != NULL : !said;
        if (!right)
            fail_msg("%zu: %s %04X %04X: \"%s\", not \"%s\"", i, cases[i].metric, cases[i].words[0],
                     cases[i].words[1], text, cases[i].guess);
    }
}

/* Several slips of one price are all named: who reads it knows the place and takes the right
 * one. */
static void several_are_named(void **state)
{
    (void)state;
    char text[256];
    static const uint16_t words[] = {0xFD00}; /* 253, its bytes exchanged; or -7.68 °C */
    struct field_config field = field_of("air_temperature", FIELD_S16, ORDER_ABCD, 0.1);
    assert_true(profile_guess(&field, words, text, sizeof text));
    assert_non_null(strstr(text, "order: badc (25.3)"));
    assert_non_null(strstr(text, "scale: 0.01 (-7.68)"));
}

/* What has no number to be plausible is not guessed at. */
static void nothing_is_said_of_counters_bits_and_codes(void **state)
{
    (void)state;
    char text[256];
    static const uint16_t words[] = {0xFFF0, 0xFFF0};
    struct field_config field = field_of("rainfall", FIELD_U32, ORDER_ABCD, 1);
    field.role = ROLE_COUNTER;
    assert_false(profile_guess(&field, words, text, sizeof text));
    field = field_of("wind_direction", FIELD_U16, ORDER_ABCD, 1);
    field.enum_count = 8;
    assert_false(profile_guess(&field, words, text, sizeof text));
    field = field_of("air_humidity", FIELD_U16, ORDER_ABCD, 1);
    field.no_value_count = 1;
    field.no_values[0] = 0xFFF0;
    assert_false(profile_guess(&field, words, text, sizeof text));
    char small[8];
    field.no_value_count = 0;
    assert_true(profile_guess(&field, words, small, sizeof small)); /* cut, not overrun */
    assert_int_equal(strlen(small), 7);
}

/* Whatever the registers hold, the text has an end. */
static void no_registers_break_it(void **state)
{
    (void)state;
    char text[256];
    for (uint32_t raw = 0; raw <= 0xFFFF; raw++) {
        const uint16_t words[] = {(uint16_t)raw, (uint16_t)(raw * 40503u)};
        struct field_config narrow = field_of("air_temperature", FIELD_S16, ORDER_ABCD, 0.1);
        struct field_config wide = field_of("air_pressure", FIELD_F32, ORDER_DCBA, 1);
        (void)profile_guess(&narrow, words, text, sizeof text);
        (void)profile_guess(&wide, words, text, sizeof text);
        assert_true(strlen(text) < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_simplest_slip_that_explains_the_registers),
        cmocka_unit_test(several_are_named),
        cmocka_unit_test(nothing_is_said_of_counters_bits_and_codes),
        cmocka_unit_test(no_registers_break_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
