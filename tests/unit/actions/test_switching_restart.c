/* SPDX-License-Identifier: Apache-2.0 */
/* What is on when the gateway is killed or restarted, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/actions/switching_bench.h"

static char kept[4096];
static size_t kept_size;
static unsigned lost;

static void count_lost(const char *device, const char *write)
{
    (void)device;
    (void)write;
    lost++;
}

/* Killed, and started anew with so many of the actions. */
static void killed(uint16_t actions)
{
    const struct switching_now at = now();
    kept_size = persisted_write(&config, b.switching, &at, kept, sizeof kept);
    assert_true(kept_size > 0);
    switching_destroy(b.switching); /* by the file that it was made from */
    b.switching = NULL;
    config.action_count = actions;
    memset(b.orders, 0, sizeof b.orders);
    lost = 0;
    start();
}

static void read_kept(void)
{
    const struct switching_now at = now();
    persisted_read(&config, b.switching, &at, kept, kept_size, count_lost);
}

/* Watering, and on. */
static void begin_on(void)
{
    struct action_config action = water();
    action.until_metric[0] = '\0';
    action.pause_s = 60;
    begin_one(action);
    run(2 * MINUTE);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_true(b.on[0]);
}

static void what_the_file_has_no_action_for_any_more_is_switched_off_once(void **state)
{
    (void)state;
    begin_on();
    killed(0);
    assert_int_equal(switching_output_count(b.switching), 0);
    read_kept();
    run(10 * SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_LEFT);
    b.on[0] = true; /* it is people's now */
    run(2 * HOUR);
    assert_true(b.on[0]);
    assert_int_equal(b.orders[0], 1);
    assert_int_equal(switching_find(b.switching, RELAY, &writes[0]), -1);
    killed(0);
    read_kept();
    assert_int_equal(switching_output_count(b.switching), 0);
}

static void a_device_that_has_another_name_is_found_by_its_place(void **state)
{
    (void)state;
    begin_on();
    killed(0);
    (void)snprintf(devices[RELAY].name, sizeof devices[RELAY].name, "fan");
    read_kept();
    run(10 * SECOND);
    assert_false(b.on[0]);
    /* One that has neither is said. */
    begin_on();
    killed(0);
    (void)snprintf(devices[RELAY].name, sizeof devices[RELAY].name, "fan");
    devices[RELAY].unit = 99;
    read_kept();
    assert_int_equal(lost, 1);
}

static void what_does_not_answer_at_the_start_is_tried_until_it_is_off(void **state)
{
    (void)state;
    begin_on();
    killed(0);
    read_kept();
    b.dead = true;
    run(HOUR);
    assert_true(switching_output(b.switching, 0)->off_failed);
    killed(0); /* still not off: remembered over another one */
    read_kept();
    b.dead = false;
    run(2 * MINUTE);
    assert_false(b.on[0]);
}

static void a_person_who_writes_what_is_left_on_has_it(void **state)
{
    (void)state;
    begin_on();
    killed(0);
    read_kept();
    b.dead = true;
    run(MINUTE);
    switching_release(b.switching, 0);
    b.dead = false;
    b.on[0] = true;
    run(HOUR);
    assert_true(b.on[0]);
}

static void a_persons_time_goes_on_over_a_restart(void **state)
{
    (void)state;
    begin_on();
    switching_person(b.switching, 0, false, 0, "li", b.now_ms);
    b.on[0] = false;
    switching_person_done(b.switching, 0, true);
    run(HOUR);
    killed(1);
    b.unsettled = true; /* the store does not answer yet: nothing is switched on */
    run(5 * MINUTE);
    assert_false(b.on[0]);
    read_kept();
    b.unsettled = false;
    run(54 * MINUTE);
    assert_false(b.on[0]);
    assert_string_equal(switching_output(b.switching, 0)->user, "li");
    run(2 * MINUTE);
    assert_true(b.on[0]);
}

static void a_persons_time_is_kept_by_a_clock_that_is_not_set(void **state)
{
    (void)state;
    begin_on();
    switching_person(b.switching, 0, false, 0, "li", b.now_ms);
    b.on[0] = false;
    switching_person_done(b.switching, 0, true);
    run(HOUR);
    killed(1);
    b.day_known = false;
    b.day_ms -= 400 * 24 * HOUR;
    read_kept();
    run(HOUR - MINUTE);
    assert_false(b.on[0]);
    run(2 * MINUTE);
    assert_true(b.on[0]);
    /* Power that was away for longer ends it. */
    begin_on();
    switching_person(b.switching, 0, false, 0, "li", b.now_ms);
    killed(1);
    b.day_ms += 3 * HOUR;
    read_kept();
    assert_false(switching_output(b.switching, 0)->person);
}

static void a_persons_write_lasts_no_longer_than_the_output_may_be_on(void **state)
{
    (void)state;
    begin_on();
    b.truths[0] = RULES_NO;
    run(MINUTE);
    switching_person(b.switching, 0, true, 600, "li", b.now_ms);
    b.on[0] = true;
    switching_person_done(b.switching, 0, true);
    run(9 * MINUTE);
    assert_true(b.on[0]);
    run(2 * MINUTE);
    assert_false(b.on[0]);
}

/* ---- The forecast of rain is read some time after the start ---- */

static struct ahead weather;

/* Due whenever it is dry and half a minute off; 12 mm in the next 12 hours. */
static struct action_config water_unless_rain(void)
{
    struct action_config action = water();
    action.until_metric[0] = '\0';
    action.pause_s = 30;
    action.rain_mm = 5;
    action.rain_s = 12 * 3600;
    weather = (struct ahead){.made_ms = DAY_2026, .first_ms = DAY_2026, .count = 48};
    for (unsigned i = 0; i < weather.count; i++)
        weather.rain_mm[i] = 1;
    return action;
}

static void nothing_is_watered_before_the_forecast_is_read(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    b.truths[0] = RULES_YES;
    b.ahead = &weather;
    run(5 * MINUTE);
    assert_int_equal(switching_output(b.switching, 0)->why, SWITCH_RAIN);
    killed(1);
    b.ahead = NULL;
    read_kept();
    run(2 * MINUTE);
    assert_false(b.on[0]);
    b.ahead = &weather;
    b.day_known = false; /* nor before there is a clock to read it by */
    run(30 * SECOND);
    b.day_known = true;
    run(HOUR);
    assert_int_equal(b.orders[0], 1); /* off, at the start */
    assert_int_equal(switching_output(b.switching, 0)->why, SWITCH_RAIN);
}

static void a_forecast_that_does_not_come_is_waited_for_three_minutes(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    killed(1);
    b.truths[0] = RULES_YES;
    run(3 * MINUTE - SECOND);
    assert_false(b.on[0]);
    run(5 * SECOND);
    assert_true(b.on[0]);
    /* Later on it is waited for no more. */
    b.truths[0] = RULES_NO;
    run(5 * MINUTE);
    assert_false(b.on[0]);
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_true(b.on[0]);
}

static void a_forecast_without_rain_ends_the_wait(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    memset(weather.rain_mm, 0, sizeof weather.rain_mm);
    killed(1);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_false(b.on[0]);
    b.ahead = &weather;
    run(SECOND);
    assert_true(b.on[0]);
}

/* 00:58, and the gateway starts at 01:07: late by nine minutes, it may be late by ten. */
static void a_time_of_the_day_is_not_missed_by_the_wait(void **state)
{
    struct action_config action = water_unless_rain();
    (void)state;
    action.rule = -1;
    action.times[0] = 58;
    action.time_count = 1;
    begin_one(action);
    killed(1);
    b.day_ms = 67 * MINUTE - b.now_ms;
    run(2 * MINUTE);
    assert_false(b.on[0]);
    run(2 * MINUTE);
    assert_true(b.on[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_the_file_has_no_action_for_any_more_is_switched_off_once,
                                  end),
        cmocka_unit_test_teardown(a_device_that_has_another_name_is_found_by_its_place, end),
        cmocka_unit_test_teardown(what_does_not_answer_at_the_start_is_tried_until_it_is_off, end),
        cmocka_unit_test_teardown(a_person_who_writes_what_is_left_on_has_it, end),
        cmocka_unit_test_teardown(a_persons_time_goes_on_over_a_restart, end),
        cmocka_unit_test_teardown(a_persons_time_is_kept_by_a_clock_that_is_not_set, end),
        cmocka_unit_test_teardown(nothing_is_watered_before_the_forecast_is_read, end),
        cmocka_unit_test_teardown(a_forecast_that_does_not_come_is_waited_for_three_minutes, end),
        cmocka_unit_test_teardown(a_forecast_without_rain_ends_the_wait, end),
        cmocka_unit_test_teardown(a_time_of_the_day_is_not_missed_by_the_wait, end),
        cmocka_unit_test_teardown(a_persons_write_lasts_no_longer_than_the_output_may_be_on, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
