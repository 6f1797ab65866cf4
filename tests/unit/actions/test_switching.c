/* SPDX-License-Identifier: Apache-2.0 */
/* What is switched, by whom, and when it ends: in virtual time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/actions/switching_bench.h"

static void before_anything_else_an_output_is_switched_off(void **state)
{
    (void)state;
    begin_one(water());
    b.on[0] = true; /* as the run before left it */
    start();
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_START);
    run(HOUR);
    assert_false(b.on[0]); /* and stays so for its pause */
}

static void it_is_on_while_its_rule_holds_and_off_at_the_end_of_the_cause(void **state)
{
    (void)state;
    struct action_config fan = water();
    fan.until_metric[0] = '\0';
    fan.pause_s = 10;
    begin_one(fan);
    run(MINUTE);
    assert_int_equal(b.orders[0], 0);
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_true(b.on[0]);
    run(5 * MINUTE);
    assert_true(b.on[0]);
    b.truths[0] = RULES_NO;
    run(SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_OVER);
    assert_int_equal(b.orders[0], 2);
}

static void watering_ends_at_its_value_and_then_pauses(void **state)
{
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_true(b.on[0]);
    run(5 * MINUTE);
    b.truths[0] = RULES_NO; /* less dry than its rule says, but not wet enough yet */
    run(5 * MINUTE);
    assert_true(b.on[0]);
    b.truths[0] = RULES_YES;
    b.moisture = 28.5; /* the mean of 27.5 and 29.5 */
    run(10 * SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_REACHED);
    b.moisture = 20;
    run(2 * HOUR - MINUTE);
    assert_false(b.on[0]);
    run(2 * MINUTE);
    assert_true(b.on[0]); /* it is still dry */
}

static void watering_ends_at_its_longest_time(void **state)
{
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(SECOND);
    int64_t begun_ms = b.now_ms;
    while (b.on[0])
        second();
    assert_int_equal(b.now_ms - begun_ms, 20 * MINUTE);
    assert_int_equal(b.why[0], SWITCH_LONGEST);
    run(2 * HOUR - 10 * SECOND);
    assert_false(b.on[0]);
    run(20 * SECOND);
    assert_true(b.on[0]);
}

static void nothing_begins_by_a_value_that_is_stale_or_flagged(void **state)
{
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.truths[0] = RULES_UNKNOWN;
    run(HOUR);
    assert_int_equal(b.orders[0], 0);
    b.truths[0] = RULES_NO;
    b.probes_silent = true;
    run(MINUTE); /* what the probes said is stale */
    b.truths[0] = RULES_YES;
    run(HOUR);
    assert_int_equal(b.orders[0], 0);
    for (int i = 0; i < 100; i++) {
        second();
        read_device(PROBE_A, 5, METRIC_RANGE);
    }
    assert_int_equal(b.orders[0], 0);
    /* The first value behind a silence decides nothing alone. */
    read_device(PROBE_A, 5, METRIC_GOOD);
    second();
    assert_int_equal(b.orders[0], 0);
    read_device(PROBE_A, 5, METRIC_GOOD);
    second();
    assert_true(b.on[0]);
}

static void without_values_it_goes_off_or_stays_as_was_said(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        for (int rule = 0; rule < 2; rule++) {
            struct action_config action = water();
            action.keep = keep;
            begin_one(action);
            run(2 * HOUR);
            b.truths[0] = RULES_YES;
            run(MINUTE);
            assert_true(b.on[0]);
            if (rule)
                own[0].until_metric[0] = '\0';
            if (rule)
                b.truths[0] = RULES_UNKNOWN;
            else
                b.probes_silent = true;
            run(MINUTE);
            assert_int_equal(b.on[0], keep);
            if (!keep)
                assert_int_equal(b.why[0], SWITCH_NO_VALUES);
            run(20 * MINUTE);
            assert_false(b.on[0]); /* its longest time ends it in any case */
        }
    }
}

static void a_persons_write_wins_for_its_time(void **state)
{
    (void)state;
    struct action_config action = water();
    action.until_metric[0] = '\0';
    action.for_s = 4 * 3600;
    action.pause_s = 60;
    begin_one(action);
    run(2 * MINUTE);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_true(b.on[0]);
    switching_person(b.switching, 0, false, 0, "li", b.now_ms);
    b.on[0] = false;
    switching_person_done(b.switching, 0, true);
    run(2 * HOUR - MINUTE);
    assert_false(b.on[0]);
    assert_string_equal(switching_output(b.switching, 0)->user, "li");
    run(2 * MINUTE);
    assert_true(b.on[0]);
    /* Switched on by a person it is not switched off by its cause, but when the time is over. */
    b.truths[0] = RULES_NO;
    run(MINUTE);
    assert_false(b.on[0]);
    switching_person(b.switching, 0, true, 0, "li", b.now_ms);
    b.on[0] = true;
    switching_person_done(b.switching, 0, true);
    run(2 * HOUR - MINUTE);
    assert_true(b.on[0]);
    run(2 * MINUTE);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_PERSON_END);
}

static void a_persons_write_that_may_have_failed_ends_switched_off(void **state)
{
    (void)state;
    begin_one(water());
    switching_person(b.switching, 0, true, 0, "li", b.now_ms);
    b.on[0] = true; /* the answer was lost */
    switching_person_done(b.switching, 0, false);
    run(SECOND);
    assert_false(b.on[0]);
}

static void an_order_under_way_does_not_undo_a_person(void **state)
{
    struct switching_order order[2];
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    b.now_ms += SECOND;
    struct switching_now at = now();
    assert_int_equal(switching_tick(b.switching, &at, b.truths, order), 1);
    switching_person(b.switching, 0, false, 0, "li", b.now_ms); /* behind it in the bus's queue */
    switching_done(b.switching, order, true, b.now_ms);
    assert_int_equal(switching_output(b.switching, 0)->state, SWITCH_IS_OFF);
    switching_person_done(b.switching, 0, true);
    run(HOUR);
    assert_int_equal(b.orders[0], 0);
}

/* It was read back only when the person's write had failed: on it is, and off it must go. */
static void an_order_that_ends_behind_a_persons_failed_write_says_nothing(void **state)
{
    struct switching_order order[2];
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    b.now_ms += SECOND;
    struct switching_now at = now();
    assert_int_equal(switching_tick(b.switching, &at, b.truths, order), 1);
    b.on[0] = true;
    switching_person(b.switching, 0, false, 0, "li", b.now_ms);
    switching_person_done(b.switching, 0, false);
    switching_done(b.switching, order, true, b.now_ms);
    run(5 * SECOND);
    assert_false(b.on[0]);
}

static void one_owner_at_a_time(void **state)
{
    (void)state;
    struct action_config two[2] = {water(), water()};
    two[0].until_metric[0] = two[1].until_metric[0] = '\0';
    two[0].pause_s = two[1].pause_s = 60;
    begin(two, 2);
    run(2 * MINUTE);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_int_equal(switching_output(b.switching, 0)->action, 0);
    b.truths[1] = RULES_YES;
    b.truths[0] = RULES_NO;
    run(SECOND);
    assert_false(b.on[0]); /* the first one's end is an end */
    run(MINUTE);
    assert_true(b.on[0]);
    assert_int_equal(switching_output(b.switching, 0)->action, 1);
}

static void a_device_that_was_silent_is_switched_off_when_it_is_back(void **state)
{
    (void)state;
    struct action_config action = water();
    action.until_metric[0] = '\0';
    begin_one(action);
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_true(b.on[0]);
    b.dead = true;
    run(2 * MINUTE);
    b.dead = false;
    run(10 * SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_SILENT);
}

/* A relay of which nothing is read but its outputs: looks are all that hears of it. */
static void an_output_that_is_silent_is_not_known_to_be_on(void **state)
{
    (void)state;
    struct action_config action = water();
    action.until_metric[0] = '\0';
    begin_one(action);
    b.relay_unread = true;
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    assert_true(b.on[0]);
    b.dead = true;
    run(20 * SECOND);
    b.dead = false; /* one look without an answer is a bad line */
    run(MINUTE);
    assert_true(b.on[0]);
    b.dead = true;
    run(2 * MINUTE);
    assert_int_equal(switching_output(b.switching, 0)->state, SWITCH_IS_UNKNOWN);
    assert_true(switching_output(b.switching, 0)->off_failed);
    b.truths[0] = RULES_NO;
    b.dead = false;
    run(MINUTE);
    assert_false(b.on[0]);
    /* One that was off is switched off for sure when it is back. */
    b.dead = true;
    run(2 * MINUTE);
    assert_int_equal(switching_output(b.switching, 0)->state, SWITCH_IS_OFF);
    assert_false(switching_output(b.switching, 0)->off_failed);
    b.orders[0] = 0;
    b.dead = false;
    run(MINUTE);
    assert_int_equal(b.orders[0], 1);
    assert_int_equal(b.why[0], SWITCH_SILENT);
}

static void a_power_cut_between_two_polls_is_found(void **state)
{
    (void)state;
    struct action_config action = water();
    action.until_metric[0] = '\0';
    begin_one(action);
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(MINUTE);
    b.on[0] = false;
    b.orders[0] = 0;
    run(MINUTE);
    assert_int_equal(b.orders[0], 1);
    assert_int_equal(b.why[0], SWITCH_OTHERWISE);
    /* And one that somebody else switched on is switched off. */
    b.truths[0] = RULES_NO;
    b.on[0] = true;
    run(MINUTE);
    assert_false(b.on[0]);
}

static void a_failed_switch_is_trouble_until_it_has_worked(void **state)
{
    (void)state;
    struct action_config fan = water();
    fan.until_metric[0] = '\0';
    begin_one(fan);
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(SECOND);
    b.truths[0] = RULES_NO;
    b.dead = true;
    run(SECOND);
    assert_true(switching_output(b.switching, 0)->off_failed);
    unsigned before = b.orders[0];
    run(HOUR);
    assert_in_range(b.orders[0] - before, 50, 70); /* tried on, once a minute */
    b.dead = false;
    run(2 * MINUTE);
    assert_false(b.on[0]);
    assert_false(switching_output(b.switching, 0)->off_failed);
}

static void what_could_not_be_switched_on_is_trouble_while_its_cause_holds(void **state)
{
    (void)state;
    begin_one(water());
    run(2 * HOUR);
    b.dead = true;
    b.truths[0] = RULES_YES;
    run(SECOND);
    b.dead = false;
    run(10 * SECOND);
    assert_int_equal(switching_output(b.switching, 0)->state, SWITCH_IS_OFF);
    assert_int_equal(switching_output(b.switching, 0)->on_failed, 0);
    b.truths[0] = RULES_NO;
    run(SECOND);
    assert_int_equal(switching_output(b.switching, 0)->on_failed, -1);
}

/* 06:00 and 18:00 of two days. */
static void a_time_of_the_day_is_taken_once_a_day(void **state)
{
    (void)state;
    struct action_config lamp = water();
    lamp.rule = -1;
    lamp.until_metric[0] = '\0';
    lamp.times[0] = 360;
    lamp.times[1] = 1080;
    lamp.time_count = 2;
    lamp.pause_s = 60;
    begin_one(lamp);
    run(5 * HOUR + 50 * MINUTE);
    assert_int_equal(b.orders[0], 0);
    run(20 * MINUTE);
    assert_true(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_TIME);
    run(20 * MINUTE);
    assert_false(b.on[0]);
    run(47 * HOUR - 10 * MINUTE);
    assert_int_equal(b.orders[0], 2 * 4);
}

static void a_step_of_the_clock_takes_no_time_twice(void **state)
{
    (void)state;
    struct action_config lamp = water();
    lamp.rule = -1;
    lamp.until_metric[0] = '\0';
    lamp.times[0] = 360;
    lamp.time_count = 1;
    lamp.pause_s = 1;
    lamp.for_s = 60;
    begin_one(lamp);
    run(6 * HOUR);
    assert_int_equal(b.orders[0], 2);
    b.day_ms -= 2 * HOUR;
    run(3 * HOUR);
    assert_int_equal(b.orders[0], 2);
    b.day_ms += 20 * HOUR; /* over the next one: it is not made good */
    run(MINUTE);
    assert_int_equal(b.orders[0], 2);
    /* Nor by a restart within it. */
    assert_true(switching_kept_changed(b.switching));
    assert_false(switching_kept_changed(b.switching));
    b.day_ms -= (b.day_ms + b.now_ms) % (24 * HOUR) - 6 * HOUR;
    start();
    switching_time_ran(b.switching, "water", 360, DAY_2026 + b.day_ms + b.now_ms - MINUTE);
    run(MINUTE);
    assert_int_equal(b.orders[0], 3); /* off, at the start */
    run(24 * HOUR);
    assert_int_equal(b.orders[0], 5);
}

static void without_a_trusted_clock_no_time_of_the_day_comes(void **state)
{
    (void)state;
    struct action_config lamp = water();
    lamp.rule = -1;
    lamp.until_metric[0] = '\0';
    lamp.times[0] = 360;
    lamp.time_count = 1;
    begin_one(lamp);
    b.day_known = false;
    run(24 * HOUR);
    assert_int_equal(b.orders[0], 0);
}

static void what_is_wet_already_is_not_watered_at_its_time(void **state)
{
    (void)state;
    struct action_config daily = water();
    daily.rule = -1;
    daily.times[0] = 360;
    daily.time_count = 1;
    begin_one(daily);
    b.moisture = 30;
    run(7 * HOUR);
    assert_int_equal(b.orders[0], 0);
    b.moisture = 20;
    run(10 * HOUR);
    assert_int_equal(b.orders[0], 0);
}

static void a_siren_calls_again_until_somebody_answers(void **state)
{
    (void)state;
    struct action_config siren = {.name = "yard",
                                  .device = RELAY,
                                  .write = &writes[1],
                                  .on = 1,
                                  .rule = -1,
                                  .way = 0,
                                  .for_s = 30,
                                  .pause_s = 270,
                                  .override_s = 7200};
    begin_one(siren);
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_true(b.on[0]); /* at once, whatever its pause */
    assert_int_equal(b.why[0], SWITCH_CALL);
    run(30 * SECOND);
    assert_false(b.on[0]);
    run(240 * SECOND);
    assert_int_equal(b.orders[0], 2);
    run(40 * SECOND);
    assert_int_equal(b.orders[0], 3);
    b.truths[0] = RULES_NO;
    run(SECOND);
    assert_false(b.on[0]);
    assert_int_equal(b.why[0], SWITCH_OVER);
    b.truths[0] = RULES_YES; /* another alarm */
    run(2 * SECOND);
    assert_true(b.on[0]);
}

static void at_the_stop_all_is_switched_off(void **state)
{
    struct switching_order orders[4];
    (void)state;
    begin_one(water());
    assert_int_equal(switching_stop(b.switching, b.now_ms, orders), 0);
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(SECOND);
    assert_int_equal(switching_stop(b.switching, b.now_ms, orders), 1);
    assert_int_equal(orders[0].what, SWITCH_OFF);
    switching_done(b.switching, orders, true, b.now_ms);
    switching_person(b.switching, 0, true, 0, "li", b.now_ms);
    assert_int_equal(switching_stop(b.switching, b.now_ms, orders), 1); /* a person's, too */
}

static void two_names_of_one_register_are_one_output(void **state)
{
    (void)state;
    struct action_config actions[] = {water(), water()};
    actions[0].until_metric[0] = actions[1].until_metric[0] = '\0';
    actions[1].write = &writes[2]; /* the same coil */
    begin(actions, 2);
    assert_int_equal(switching_output_count(b.switching), 1);
    assert_int_equal(switching_find(b.switching, RELAY, &writes[2]), 0);
    assert_int_equal(switching_find(b.switching, RELAY, &writes[1]), -1);
}

/* ---- Rain that is forecast ---- */

static struct ahead weather;

/* 6 mm, from three to five hours after the bench's beginning. */
static struct action_config water_unless_rain(void)
{
    struct action_config action = water();
    action.rain_mm = 5;
    action.rain_s = 12 * 3600;
    weather = (struct ahead){.made_ms = DAY_2026, .first_ms = DAY_2026, .count = 48};
    weather.rain_mm[3] = weather.rain_mm[4] = 3;
    return action;
}

static bool skipped(void)
{
    struct switching_skip skip;
    bool any = switching_skipped(b.switching, &skip);
    assert_true(!any || (skip.action == 0 && skip.rain_mm >= 5));
    return any;
}

static void watering_waits_while_rain_is_forecast_and_is_told_once(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    b.ahead = &weather;
    b.day_known = true;
    run(2 * HOUR);
    assert_false(skipped()); /* it is not due */
    b.truths[0] = RULES_YES;
    run(HOUR);
    assert_int_equal(b.orders[0], 0);
    assert_true(skipped());
    assert_false(skipped());
    assert_int_equal(switching_output(b.switching, 0)->why, SWITCH_RAIN);
    run(HOUR); /* half of it has fallen, and it is still dry */
    assert_true(b.on[0]);
    assert_false(skipped());
}

static void a_cause_that_comes_again_is_told_again(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    b.ahead = &weather;
    b.day_known = true;
    run(2 * HOUR);
    for (int i = 0; i < 2; i++) {
        b.truths[0] = RULES_YES;
        run(MINUTE);
        assert_true(skipped());
        b.truths[0] = RULES_NO;
        run(MINUTE);
        assert_false(skipped());
        assert_int_equal(switching_output(b.switching, 0)->why, SWITCH_OVER);
    }
}

static void rain_every_hour(void)
{
    weather.count = AHEAD_HOURS;
    for (unsigned i = 0; i < AHEAD_HOURS; i++)
        weather.rain_mm[i] = 1;
}

/* Forecast again and again, it does not fall: the soil stays dry. */
static void watering_waits_for_rain_no_longer_than_it_may_take(void **state)
{
    (void)state;
    begin_one(water_unless_rain());
    rain_every_hour();
    b.ahead = &weather;
    run(2 * HOUR);
    b.truths[0] = RULES_YES;
    run(12 * HOUR - MINUTE);
    assert_int_equal(b.orders[0], 0);
    assert_true(skipped());
    run(2 * MINUTE);
    assert_true(b.on[0]);
    run(3 * HOUR); /* 20 minutes of water, 2 hours of pause; then it waits once more */
    assert_int_equal(b.orders[0], 2);
    assert_true(skipped());
    assert_false(skipped());
}

static void a_time_of_the_day_is_left_out_and_the_next_one_not(void **state)
{
    (void)state;
    struct action_config action = water_unless_rain();
    struct switching_skip skip;
    action.rule = -1;
    action.times[0] = 360;
    action.time_count = 1;
    begin_one(action);
    rain_every_hour();
    b.ahead = &weather;
    run(7 * HOUR);
    assert_true(skipped());
    assert_false(skipped());
    assert_int_equal(b.orders[0], 0);
    assert_true(switching_rain(b.switching, 0, &skip));
    assert_true(skip.action == 0 && skip.rain_mm >= 12);
    b.ahead = NULL;
    run(23 * HOUR + 5 * MINUTE);
    assert_true(b.on[0]);
    assert_false(skipped());
    assert_false(switching_rain(b.switching, 0, &skip));
}

/* As without the key: nobody forecasts, too little, too late, a day old, no known clock. */
static void without_a_forecast_of_rain_it_waters_as_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        begin_one(water_unless_rain());
        b.ahead = i == 0 ? NULL : &weather;
        b.day_known = i != 1;
        weather.rain_mm[4] = i == 2 ? 1.5F : 3;
        weather.made_ms -= i == 3 ? 23 * HOUR : 0;
        weather.count = i == 4 ? 6 : 48; /* a quarter of the hours is missing */
        if (i == 5) {
            weather.rain_mm[3] = weather.rain_mm[4] = 0;
            weather.rain_mm[20] = 9;
        }
        run(2 * HOUR);
        b.truths[0] = RULES_YES;
        run(SECOND);
        assert_true(b.on[0]);
        assert_false(skipped());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(before_anything_else_an_output_is_switched_off, end),
        cmocka_unit_test_teardown(it_is_on_while_its_rule_holds_and_off_at_the_end_of_the_cause,
                                  end),
        cmocka_unit_test_teardown(watering_ends_at_its_value_and_then_pauses, end),
        cmocka_unit_test_teardown(watering_waits_while_rain_is_forecast_and_is_told_once, end),
        cmocka_unit_test_teardown(a_cause_that_comes_again_is_told_again, end),
        cmocka_unit_test_teardown(watering_waits_for_rain_no_longer_than_it_may_take, end),
        cmocka_unit_test_teardown(a_time_of_the_day_is_left_out_and_the_next_one_not, end),
        cmocka_unit_test_teardown(without_a_forecast_of_rain_it_waters_as_ever, end),
        cmocka_unit_test_teardown(watering_ends_at_its_longest_time, end),
        cmocka_unit_test_teardown(nothing_begins_by_a_value_that_is_stale_or_flagged, end),
        cmocka_unit_test_teardown(without_values_it_goes_off_or_stays_as_was_said, end),
        cmocka_unit_test_teardown(a_persons_write_wins_for_its_time, end),
        cmocka_unit_test_teardown(a_persons_write_that_may_have_failed_ends_switched_off, end),
        cmocka_unit_test_teardown(an_order_under_way_does_not_undo_a_person, end),
        cmocka_unit_test_teardown(an_order_that_ends_behind_a_persons_failed_write_says_nothing,
                                  end),
        cmocka_unit_test_teardown(one_owner_at_a_time, end),
        cmocka_unit_test_teardown(a_device_that_was_silent_is_switched_off_when_it_is_back, end),
        cmocka_unit_test_teardown(an_output_that_is_silent_is_not_known_to_be_on, end),
        cmocka_unit_test_teardown(a_power_cut_between_two_polls_is_found, end),
        cmocka_unit_test_teardown(a_failed_switch_is_trouble_until_it_has_worked, end),
        cmocka_unit_test_teardown(what_could_not_be_switched_on_is_trouble_while_its_cause_holds,
                                  end),
        cmocka_unit_test_teardown(a_time_of_the_day_is_taken_once_a_day, end),
        cmocka_unit_test_teardown(a_step_of_the_clock_takes_no_time_twice, end),
        cmocka_unit_test_teardown(without_a_trusted_clock_no_time_of_the_day_comes, end),
        cmocka_unit_test_teardown(what_is_wet_already_is_not_watered_at_its_time, end),
        cmocka_unit_test_teardown(a_siren_calls_again_until_somebody_answers, end),
        cmocka_unit_test_teardown(at_the_stop_all_is_switched_off, end),
        cmocka_unit_test_teardown(two_names_of_one_register_are_one_output, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
