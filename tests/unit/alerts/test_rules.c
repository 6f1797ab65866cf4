/* SPDX-License-Identifier: Apache-2.0 */
/* Rules in virtual time: limits, hysteresis, hold time, silence, places, hours, restarts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/alerts/rules_bench.h"

static void a_limit_must_be_passed_for_the_hold_time(void **state)
{
    (void)state;
    begin(&frost, 1);
    air_each_minute(0, 5, 10);
    air_each_minute(0, 10, 1.5); /* nine minutes from the first to the last */
    assert_string_equal(standing(), "");
    air_each_minute(0, 1, 1.5);
    assert_string_equal(standing(), "frost-garden");
    assert_int_equal(b.begun, 1);
}

static void a_value_back_within_the_limit_begins_the_hold_time_anew(void **state)
{
    (void)state;
    begin(&frost, 1);
    air_each_minute(0, 5, 10);
    air_each_minute(0, 9, 1.5);
    air_each_minute(0, 1, 2.5);
    air_each_minute(0, 10, 1.5);
    assert_string_equal(standing(), "");
}

static void it_ends_beyond_the_other_limit_and_not_between_the_two(void **state)
{
    (void)state;
    begin(&frost, 1);
    air_each_minute(0, 13, 1.5);
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(0, 30, 2.9); /* and down again: no second alarm */
    air_each_minute(0, 30, 1.9);
    assert_string_equal(standing(), "frost-garden");
    assert_int_equal(b.begun, 1);
    air_each_minute(0, 1, 3.1);
    assert_string_equal(standing(), "");
    assert_int_equal(b.ended, 1);
}

static void a_rule_above_is_the_mirror(void **state)
{
    (void)state;
    struct alert_rule heat = frost;
    (void)snprintf(heat.name, sizeof heat.name, "heat");
    heat.above = true;
    heat.limit = 38;
    heat.clear = 36;
    begin(&heat, 1);
    air_each_minute(0, 13, 38); /* not above */
    assert_string_equal(standing(), "");
    air_each_minute(0, 12, 38.1);
    assert_string_equal(standing(), "heat-garden");
    air_each_minute(0, 3, 36);
    assert_string_equal(standing(), "heat-garden");
    air_each_minute(0, 1, 35.9);
    assert_string_equal(standing(), "");
}

static void six_cold_thermometers_are_one_frost_of_the_garden(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    for (unsigned n = 0; n < 5; n++) {
        b.now_ms += MINUTE;
        for (uint16_t d = 0; d < DEVICES; d++)
            air(d, 1.0 - d);
    }
    assert_string_equal(standing(), "frost-garden");
    assert_int_equal(b.begun, 1);
    for (uint16_t d = 1; d < DEVICES; d++)
        air_each_minute(d, 2, 9);
    assert_string_equal(standing(), "frost-garden"); /* one is cold still */
    air_each_minute(0, 2, 9);
    assert_string_equal(standing(), "");
    assert_int_equal(b.ended, 1);
}

static void scope_makes_one_cause_a_plot_or_a_device(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_PLOT);
    begin(&rule, 1);
    for (unsigned n = 0; n < 2; n++) {
        b.now_ms += MINUTE;
        for (uint16_t d = 0; d < DEVICES - 1; d++)
            air(d, 1);
    }
    assert_string_equal(standing(), "frost-upper frost-lower frost-d-4"); /* d-4 is in no plot */
    rule = at_once(ALERT_DEVICE);
    begin(&rule, 1);
    for (unsigned n = 0; n < 2; n++) {
        b.now_ms += MINUTE;
        air(1, 1);
        air(4, 1);
    }
    assert_string_equal(standing(), "frost-d-1 frost-d-4");
}

static void one_reading_behind_a_silence_decides_nothing(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    air(0, -9); /* the first of all */
    assert_string_equal(standing(), "");
    air_each_minute(0, 1, 9);
    air_each_minute(0, 1, 1);
    assert_string_equal(standing(), "frost-garden"); /* not behind a silence: one is enough */
    b.now_ms += HOUR;
    air(0, 9); /* nor ends one reading what stands */
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(0, 1, 9);
    assert_string_equal(standing(), "");
    b.now_ms += HOUR;
    air(0, -9);
    assert_string_equal(standing(), "");
    b.now_ms += HOUR;
    air(0, -9); /* a second one does, though it too comes behind a silence */
    assert_string_equal(standing(), "frost-garden");
}

static void a_silence_longer_than_the_hold_time_does_not_count_as_holding(void **state)
{
    (void)state;
    begin(&frost, 1);
    air_each_minute(0, 3, 9);
    air_each_minute(0, 1, 1);
    b.now_ms += 5 * HOUR;
    air(0, 1);
    air_each_minute(0, 3, 1);
    assert_string_equal(standing(), "");
    air_each_minute(0, 7, 1);
    assert_string_equal(standing(), "frost-garden");
}

static void outside_its_hours_and_months_a_rule_sleeps(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    rule.hours = (struct alert_hours){.from = 18 * 60, .to = 9 * 60};
    rule.months = 0x1E; /* February to May */
    struct rules_time time = {.known = true, .minute = 17 * 60 + 59, .month = 2};
    begin(&rule, 1);
    rules_time_is(b.rules, &time);
    air_each_minute(0, 3, 1);
    assert_string_equal(standing(), "");
    time.minute = 18 * 60;
    rules_time_is(b.rules, &time);
    air_each_minute(0, 3, 1);
    assert_string_equal(standing(), "frost-garden");
    time.minute = 9 * 60 - 1;
    rules_time_is(b.rules, &time);
    assert_string_equal(standing(), "frost-garden");
    time.minute = 9 * 60;
    rules_time_is(b.rules, &time); /* the morning ends it without a reading */
    assert_string_equal(standing(), "");
    assert_int_equal(b.ended, 1);
    time = (struct rules_time){.known = true, .minute = 0, .month = 5};
    rules_time_is(b.rules, &time);
    air_each_minute(0, 3, 1);
    assert_string_equal(standing(), "");
    time.known = false; /* no one knows the hour: better one alarm too many */
    rules_time_is(b.rules, &time);
    air_each_minute(0, 3, 1);
    assert_string_equal(standing(), "frost-garden");
}

static void what_stood_before_a_restart_is_held_by_the_devices_that_held_it(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    restart();
    assert_true(rules_restore(b.rules, "frost-garden", "d-1 d-3", -1.5, -HOUR));
    assert_false(rules_restore(b.rules, "heat-garden", "d-1", (double)NAN, 0));
    air_each_minute(0, 5, 9); /* was warm before, too */
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(1, 2, 9);
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(3, 2, 9);
    assert_string_equal(standing(), "");
    assert_int_equal(b.ended, 1);
    restart();
    assert_false(rules_restore(b.rules, "frost-garden", "d-12 gone", (double)NAN, 0));
    assert_string_equal(standing(), "");
}

static void the_graver_of_two_causes_outranks_the_other(void **state)
{
    (void)state;
    struct alert_rule rules[] = {at_once(ALERT_GARDEN), at_once(ALERT_GARDEN)};
    (void)snprintf(rules[1].name, sizeof rules[1].name, "frost-watch");
    rules[1].level = 1;
    rules[1].limit = 4;
    rules[1].clear = 5;
    begin(rules, 2);
    air_each_minute(0, 2, 3.5);
    assert_string_equal(standing(), "frost-watch-garden");
    air_each_minute(0, 1, 1.5);
    assert_string_equal(standing(), "frost-garden frost-watch-garden");
    struct rules_cause watch = {.rule = &b.config->alerts[1], .plot = -1, .device = -1};
    struct rules_cause alarm = {.rule = &b.config->alerts[0], .plot = -1, .device = -1};
    assert_true(rules_outranked(b.rules, &watch));
    assert_false(rules_outranked(b.rules, &alarm));
}

static void two_hundred_sensors_in_one_second_are_one_alert(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    for (unsigned n = 0; n < 200; n++) {
        air((uint16_t)(n % DEVICES), 0);
        b.now_ms += 5;
    }
    assert_int_equal(b.begun, 1);
}

#define CASE(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_limit_must_be_passed_for_the_hold_time),
        CASE(a_value_back_within_the_limit_begins_the_hold_time_anew),
        CASE(it_ends_beyond_the_other_limit_and_not_between_the_two),
        CASE(a_rule_above_is_the_mirror),
        CASE(six_cold_thermometers_are_one_frost_of_the_garden),
        CASE(scope_makes_one_cause_a_plot_or_a_device),
        CASE(one_reading_behind_a_silence_decides_nothing),
        CASE(a_silence_longer_than_the_hold_time_does_not_count_as_holding),
        CASE(outside_its_hours_and_months_a_rule_sleeps),
        CASE(what_stood_before_a_restart_is_held_by_the_devices_that_held_it),
        CASE(the_graver_of_two_causes_outranks_the_other),
        CASE(two_hundred_sensors_in_one_second_are_one_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
