/* SPDX-License-Identifier: Apache-2.0 */
/* What rules make of values of all kinds: from a log, flagged, of other units, changes and
 * increments. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/alerts/rules_bench.h"

static double worst;

static void take_worst(void *context, const struct rules_cause *cause)
{
    (void)context;
    worst = cause->extreme;
}

/* What a node has logged while it could not be asked, as of that moment. */
static void log_says(uint16_t device, int64_t ms_ago, double value, uint8_t flag)
{
    b.now_ms -= ms_ago;
    give(device, AIR, value, flag, true);
    b.now_ms += ms_ago;
}

static void late_values_say_how_bad_it_was_and_raise_and_end_nothing(void **state)
{
    (void)state;
    begin(&frost, 1);
    log_says(1, MINUTE, -5, METRIC_GOOD);
    log_says(1, 0, -5, METRIC_GOOD);
    assert_string_equal(standing(), "");
    air_each_minute(1, 40, 1);
    assert_string_equal(standing(), "frost-garden");
    log_says(1, 20 * MINUTE, -2.5, METRIC_GOOD); /* while it stood */
    rules_each(b.rules, take_worst, NULL);
    assert_float_equal(worst, -2.5, 0.001);
    log_says(1, 50 * MINUTE, -9, METRIC_GOOD); /* before it began */
    log_says(1, 10 * MINUTE, -9, METRIC_RANGE);
    log_says(2, 10 * MINUTE, 20, METRIC_GOOD);
    rules_each(b.rules, take_worst, NULL);
    assert_float_equal(worst, -2.5, 0.001);
    log_says(1, MINUTE, 30, METRIC_GOOD); /* ends nothing */
    assert_string_equal(standing(), "frost-garden");
    assert_int_equal(b.begun, 1);
    assert_int_equal(b.ended, 0);
    restart(); /* after a power cut: the log holds what was before this boot */
    assert_true(rules_restore(b.rules, "frost-garden", "d-1", -2.5, b.now_ms - HOUR));
    log_says(1, 30 * MINUTE, -4, METRIC_GOOD);
    rules_each(b.rules, take_worst, NULL);
    assert_float_equal(worst, -4, 0.001);
}

static struct {
    unsigned count;
    int64_t at_ms;
    double value;
    char id[RULES_ID_SIZE];
} log_told;

static void take_log(void *context, const struct rules_cause *cause, int64_t at_ms, double value)
{
    (void)context;
    log_told.count++;
    log_told.at_ms = at_ms;
    log_told.value = value;
    rules_id(b.rules, cause, log_told.id);
}

static int64_t heard_ms;

static void note_end(void *context, const struct rules_cause *cause)
{
    (void)context;
    if (!cause->stands)
        heard_ms = cause->heard_mono_ms;
}

static void what_a_log_says_of_a_cause_that_is_over_is_told(void **state)
{
    (void)state;
    begin(&frost, 1);
    rules_on_late(b.rules, take_log);
    memset(&log_told, 0, sizeof log_told);
    log_says(1, HOUR, -5, METRIC_GOOD);
    assert_int_equal(log_told.count, 1);
    assert_int_equal(log_told.at_ms, b.now_ms - HOUR);
    assert_float_equal(log_told.value, -5, 0.001);
    assert_string_equal(log_told.id, "frost-garden");
    log_says(1, HOUR, 20, METRIC_GOOD);   /* not beyond its limit */
    log_says(1, HOUR, -50, METRIC_RANGE); /* not believed */
    assert_int_equal(log_told.count, 1);
    assert_string_equal(standing(), ""); /* it raises nothing */
}

/* What stood because nobody could measure it any more: since when not. */
static void the_end_of_a_cause_says_when_it_was_last_measured(void **state)
{
    (void)state;
    rules_destroy(b.rules);
    b = (struct bench){.config = garden_with(&frost, 1), .now_ms = HOUR};
    b.rules = rules_create(b.config, note_end, NULL);
    air_each_minute(1, 40, 1);
    int64_t last_ms = b.now_ms;
    b.now_ms += 3 * HOUR;
    air_each_minute(1, 5, 20);
    assert_int_equal(heard_ms, last_ms);
}

static void flagged_and_late_values_judge_nothing(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    air_each_minute(0, 3, 9);
    static const uint8_t bad[] = {METRIC_STALE, METRIC_RANGE, METRIC_STUCK, METRIC_ABSENT,
                                  METRIC_FAULT};
    for (unsigned i = 0; i < sizeof bad; i++) {
        b.now_ms += MINUTE;
        give(0, AIR, -9, bad[i], false);
        give(1, AIR, -9, METRIC_GOOD, true);
        give(2, AIR, (double)NAN, METRIC_GOOD, false);
    }
    assert_string_equal(standing(), "");
    air_each_minute(0, 2, 1);
    assert_string_equal(standing(), "frost-garden");
    for (unsigned i = 0; i < sizeof bad; i++) {
        b.now_ms += MINUTE;
        give(0, AIR, 9, bad[i], false);
        give(0, AIR, 9, METRIC_GOOD, true);
    }
    assert_string_equal(standing(), "frost-garden");
}

static void uncalibrated_values_and_those_of_unknown_time_count(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    static const uint8_t good[] = {METRIC_UNCALIBRATED, METRIC_CLOCK};
    for (unsigned i = 0; i < sizeof good; i++) {
        begin(&rule, 1);
        for (unsigned n = 0; n < 2; n++) {
            b.now_ms += MINUTE;
            give(0, AIR, 1, good[i], false);
        }
        assert_string_equal(standing(), "frost-garden");
    }
}

static void a_limit_is_in_the_metrics_unit_whatever_the_device_gives(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    (void)snprintf(rule.metric, sizeof rule.metric, "soil_temperature");
    begin(&rule, 1);
    for (unsigned n = 0; n < 3; n++) {
        b.now_ms += MINUTE;
        give(0, SOIL, 41, METRIC_GOOD, false); /* °F: 5 °C */
    }
    assert_string_equal(standing(), "");
    b.now_ms += MINUTE;
    give(0, SOIL, 33.8, METRIC_GOOD, false); /* 1 °C */
    assert_string_equal(standing(), "frost-garden");
}

static void a_fall_within_the_time_is_a_change(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    rule.per_s = 3600;
    rule.limit = rule.clear = -3;
    begin(&rule, 1);
    for (unsigned i = 0; i < 200; i++) /* 2.4 K an hour */
        air_each_minute(0, 1, 20 - i * 0.04);
    assert_string_equal(standing(), "");
    for (unsigned i = 0; i < 60; i++) /* 3.6 K an hour */
        air_each_minute(0, 1, 12 - i * 0.06);
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(0, 60, 9);
    assert_string_equal(standing(), "");
    air_each_minute(0, 2, 19); /* a rise is none */
    assert_string_equal(standing(), "");
}

static void increments_within_the_time_add_up(void **state)
{
    (void)state;
    struct alert_rule rule = downpour();
    begin(&rule, 1);
    rain(0);
    for (unsigned i = 0; i < 40; i++)
        rain(0.4);
    assert_string_equal(standing(), ""); /* 16 mm */
    for (unsigned i = 0; i < 11; i++)
        rain(0.4);
    assert_string_equal(standing(), "rain-garden");
    for (unsigned i = 0; i < 60; i++)
        rain(0);
    assert_string_equal(standing(), "");
}

static void the_first_increment_behind_a_silence_is_no_downpour(void **state)
{
    (void)state;
    struct alert_rule rule = downpour();
    begin(&rule, 1);
    rain(30); /* what came since who knows when */
    rain(0);
    rain(0);
    assert_string_equal(standing(), "");
    b.now_ms += 3 * HOUR;
    rain(45);
    rain(0);
    rain(0);
    assert_string_equal(standing(), "");
}

#define CASE(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(flagged_and_late_values_judge_nothing),
        CASE(what_a_log_says_of_a_cause_that_is_over_is_told),
        CASE(the_end_of_a_cause_says_when_it_was_last_measured),
        CASE(late_values_say_how_bad_it_was_and_raise_and_end_nothing),
        CASE(uncalibrated_values_and_those_of_unknown_time_count),
        CASE(a_limit_is_in_the_metrics_unit_whatever_the_device_gives),
        CASE(a_fall_within_the_time_is_a_change),
        CASE(increments_within_the_time_add_up),
        CASE(the_first_increment_behind_a_silence_is_no_downpour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
