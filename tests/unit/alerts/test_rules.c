/* SPDX-License-Identifier: Apache-2.0 */
/* Rules in virtual time: limits, hysteresis, hold time, silence, places, changes, hours, restarts;
 * and the words that come of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/alerts/rules.h"
#include "gateway/daemon/alerts/text.h"
#include "tests/unit/alerts/garden.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

static struct bench {
    const struct config *config;
    struct rules *rules;
    int64_t now_ms;
    unsigned begun, ended, told;
    char standing[512]; /* ids, in the order of rules */
} b;

static void told(void *context, const struct rules_cause *cause)
{
    static bool stood[64];
    size_t index = (size_t)(cause->rule - b.config->alerts) * 8 +
                   (size_t)(cause->plot >= 0 ? cause->plot + 1 : cause->device + 1);
    (void)context;
    if (b.told++ == 0)
        memset(stood, 0, sizeof stood);
    b.begun += cause->stands && !stood[index];
    b.ended += !cause->stands && stood[index];
    stood[index] = cause->stands;
}

static void add_id(void *context, const struct rules_cause *cause)
{
    char id[RULES_ID_SIZE];
    size_t at = strlen(b.standing);
    (void)context;
    rules_id(b.rules, cause, id);
    (void)snprintf(b.standing + at, sizeof b.standing - at, "%s%s", at > 0 ? " " : "", id);
}

static const char *standing(void)
{
    b.standing[0] = '\0';
    rules_each(b.rules, add_id, NULL);
    return b.standing;
}

static void begin(const struct alert_rule *rules, unsigned count)
{
    rules_destroy(b.rules);
    b = (struct bench){.config = garden_with(rules, count), .now_ms = HOUR};
    b.rules = rules_create(b.config, told, NULL);
    assert_non_null(b.rules);
}

/* Another run of the program: what was raised is forgotten. */
static void restart(void)
{
    rules_destroy(b.rules);
    b.rules = rules_create(b.config, told, NULL);
    b.told = b.begun = b.ended = 0;
    b.now_ms = 5000;
}

static int end(void **state)
{
    (void)state;
    rules_destroy(b.rules);
    b.rules = NULL;
    return 0;
}

static void give(uint16_t device, unsigned field, double value, uint8_t flag, bool late)
{
    struct reading reading = {.device = device,
                              .value_count = 3,
                              .late = late,
                              .taken = {.ms = b.now_ms},
                              .time = {.ms = b.now_ms, .trust = TIME_TRUSTED}};
    reading.values[field] = (struct reading_value){.value = value, .present = true, .flag = flag};
    rules_reading(b.rules, &reading);
}

static void air(uint16_t device, double value)
{
    give(device, AIR, value, METRIC_GOOD, false);
}

/* A reading a minute. */
static void air_each_minute(uint16_t device, unsigned minutes, double value)
{
    for (unsigned i = 0; i < minutes; i++) {
        b.now_ms += MINUTE;
        air(device, value);
    }
}

static const struct alert_rule frost = {.name = "frost",
                                        .label = "霜冻",
                                        .label_en = "Frost",
                                        .todo = "盖膜",
                                        .todo_en = "cover the buds",
                                        .metric = "air_temperature",
                                        .limit = 2,
                                        .clear = 3,
                                        .for_s = 600,
                                        .level = 2};

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

static struct alert_rule at_once(uint8_t scope)
{
    struct alert_rule rule = frost;
    rule.for_s = 0;
    rule.scope = scope;
    return rule;
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

static struct alert_rule downpour(void)
{
    struct alert_rule rule = at_once(ALERT_GARDEN);
    (void)snprintf(rule.name, sizeof rule.name, "rain");
    (void)snprintf(rule.metric, sizeof rule.metric, "rainfall");
    rule.above = true;
    rule.per_s = 3600;
    rule.limit = 20;
    rule.clear = 10;
    return rule;
}

static void rain(double mm)
{
    b.now_ms += MINUTE;
    give(0, RAIN, mm, METRIC_GOOD, false);
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

/* ---- Words ---- */

static struct alert_text text;

static void compose(void *context, const struct rules_cause *cause)
{
    char devices[ALERT_DEVICES_SIZE];
    uint32_t holding = rules_devices(b.rules, cause, devices, sizeof devices);
    (void)context;
    text = (struct alert_text){0};
    text_of_cause(b.config, cause, devices, holding, &text);
}

static void an_alert_speaks_of_quantity_plot_and_unit_in_peoples_words(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    air_each_minute(0, 2, 1.26);
    for (uint16_t d = 1; d < DEVICES; d++)
        air_each_minute(d, 2, 1.8);
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：气温 1.3 °C，低于 2 °C");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 1.3 °C, below 2 °C");
    assert_string_equal(text.words[METRIC_ZH].place, "上坡、下坡、探头4 等 4 处");
    assert_string_equal(text.words[METRIC_EN].place, "上坡, 下坡, 探头4 and 1 more");
    assert_string_equal(text.words[METRIC_ZH].todo, "盖膜");
    assert_string_equal(text.words[METRIC_EN].todo, "cover the buds");
    assert_string_equal(text.where, "garden");
    air_each_minute(0, 1, -0.04);
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 0.0 °C, below 2 °C");
    air_each_minute(0, 1, 1.98);
    air_each_minute(1, 1, 1.99);
    for (uint16_t d = 2; d < DEVICES; d++)
        air_each_minute(d, 2, 9);
    rules_each(b.rules, compose, NULL); /* the value now, and the worst that it was */
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：气温 1.98 °C，低于 2 °C（最低 0.0）");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 1.98 °C, below 2 °C (lowest 0.0)");
    assert_string_equal(text.words[METRIC_ZH].place, "上坡");
    assert_true(text.measured && text.value > 1.979 && text.extreme < 0);
}

static void a_change_is_told_as_a_change(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_DEVICE);
    rule.per_s = 3600;
    rule.limit = rule.clear = -3;
    begin(&rule, 1);
    air_each_minute(0, 3, 12);
    air_each_minute(0, 1, 8.5);
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：气温 1 小时内降了 3.5 °C");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air fell by 3.5 °C within 1 h");
    /* Beside the number alone: a change is not read as a temperature. */
    assert_string_equal(text.words[METRIC_ZH].quantity, "气温 1 小时内变化");
    assert_string_equal(text.words[METRIC_EN].quantity, "Air, change within 1 h");
    assert_string_equal(text.words[METRIC_EN].label, "Frost");
    assert_string_equal(text.words[METRIC_ZH].place, "上坡 · 探头0");
    assert_string_equal(text.where, "d-0");
    rule = downpour();
    begin(&rule, 1);
    rain(0);
    for (unsigned i = 0; i < 6; i++)
        rain(4);
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：雨量 1 小时内 24.0 mm");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Rain within 1 h: 24.0 mm");
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
        CASE(flagged_and_late_values_judge_nothing),
        CASE(what_a_log_says_of_a_cause_that_is_over_is_told),
        CASE(the_end_of_a_cause_says_when_it_was_last_measured),
        CASE(late_values_say_how_bad_it_was_and_raise_and_end_nothing),
        CASE(uncalibrated_values_and_those_of_unknown_time_count),
        CASE(a_limit_is_in_the_metrics_unit_whatever_the_device_gives),
        CASE(a_fall_within_the_time_is_a_change),
        CASE(increments_within_the_time_add_up),
        CASE(the_first_increment_behind_a_silence_is_no_downpour),
        CASE(outside_its_hours_and_months_a_rule_sleeps),
        CASE(what_stood_before_a_restart_is_held_by_the_devices_that_held_it),
        CASE(the_graver_of_two_causes_outranks_the_other),
        CASE(two_hundred_sensors_in_one_second_are_one_alert),
        CASE(an_alert_speaks_of_quantity_plot_and_unit_in_peoples_words),
        CASE(a_change_is_told_as_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
