/* SPDX-License-Identifier: Apache-2.0 */
/* "35 %" is what stands in the register, or refused with what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/cli/amount.h"

static const struct amount_range speed = {.min = 0, .max = 1000, .scale = 0.1, .unit = "%"};
static const struct amount_range level = {.min = -400, .max = 800, .scale = 0.1, .unit = "°C"};
static const struct amount_range coil = {.min = 0, .max = 1, .scale = 1, .unit = ""};

static void assert_raw(const struct amount_range *range, const char *text, const char *unit,
                       long long expected)
{
    long long raw = -9999;
    assert_int_equal(amount_parse(range, text, unit, &raw), AMOUNT_OK);
    assert_int_equal(raw, expected);
}

static void test_what_people_say_is_what_stands_there(void **state)
{
    (void)state;
    assert_raw(&speed, "35", "%", 350);
    assert_raw(&speed, "35", NULL, 350);
    assert_raw(&speed, "35%", NULL, 350);
    assert_raw(&speed, "0.3", NULL, 3); /* 0.3 / 0.1 is no 3 in binary numbers */
    assert_raw(&speed, "100", "%", 1000);
    assert_raw(&level, "-3.5", "°C", -35);
    assert_raw(&coil, "0x1", NULL, 1);
}

static void assert_refused(const struct amount_range *range, const char *text, const char *unit,
                           enum amount_fault fault)
{
    long long raw = 7;
    assert_int_equal(amount_parse(range, text, unit, &raw), fault);
    assert_int_equal(raw, 7);
}

static void test_what_can_not_be_is_refused(void **state)
{
    (void)state;
    assert_refused(&speed, "100.1", "%", AMOUNT_OUTSIDE);
    assert_refused(&speed, "-0.1", NULL, AMOUNT_OUTSIDE);
    assert_refused(&speed, "35", "Hz", AMOUNT_UNIT);
    assert_refused(&speed, "35rpm", NULL, AMOUNT_UNIT);
    assert_refused(&coil, "1", "%", AMOUNT_UNIT);
    assert_refused(&speed, "35.05", NULL, AMOUNT_STEP);
    assert_refused(&speed, "fast", NULL, AMOUNT_NO_NUMBER);
    assert_refused(&speed, "nan", NULL, AMOUNT_NO_NUMBER);
    assert_refused(&speed, "1e300", NULL, AMOUNT_OUTSIDE);
    assert_refused(&speed, "", NULL, AMOUNT_NO_NUMBER);
}

static void assert_text(const struct amount_range *range, long long raw, const char *expected)
{
    char text[64];
    amount_print(range, raw, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_registers_are_said_in_their_unit(void **state)
{
    (void)state;
    char text[64];
    assert_text(&speed, 350, "35 %");
    assert_text(&level, 65501, "-3.5 °C"); /* its 16 bits */
    assert_text(&coil, 1, "1");
    amount_print_range(&speed, text, sizeof text);
    assert_string_equal(text, "0..100 % (0.1)");
    amount_print_range(&coil, text, sizeof text);
    assert_string_equal(text, "0..1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_people_say_is_what_stands_there),
        cmocka_unit_test(test_what_can_not_be_is_refused),
        cmocka_unit_test(test_registers_are_said_in_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
