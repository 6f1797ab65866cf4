/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/alerts/cause.h"
#include "tests/unit/alerts/rules_bench.h"

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
    for (unsigned minute = 0; minute < 2; minute++) {
        b.now_ms += MINUTE;
        for (uint16_t d = 0; d < DEVICES; d++)
            air(d, d == 0 ? 1.26 : 1.8);
    }
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
    for (uint16_t d = 2; d < DEVICES; d++)
        air_each_minute(d, 2, 9);
    air_each_minute(0, 1, 1.98);
    air_each_minute(1, 1, 1.99);
    rules_each(b.rules, compose, NULL); /* the value now, and the worst that it was */
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：气温 1.98 °C，低于 2 °C（最低 0.0）");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 1.98 °C, below 2 °C (lowest 0.0)");
    assert_string_equal(text.words[METRIC_ZH].place, "上坡");
    assert_true(text.measured && text.value > 1.979 && text.extreme < 0);
    air_each_minute(0, 1, 2.6); /* it stands until 3 °C, and 2.6 is not below 2 */
    air_each_minute(1, 1, 2.6);
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_ZH].what, "霜冻：气温 2.6 °C（最低 0.0）");
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 2.6 °C (lowest 0.0)");
}

/* The table of metrics does not have it; the device's profile has words for it. */
static void what_only_a_profile_knows_is_told_in_its_words(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_DEVICE);
    (void)snprintf(rule.metric, sizeof rule.metric, "input_1");
    (void)snprintf(rule.label, sizeof rule.label, "水箱满了");
    (void)snprintf(rule.label_en, sizeof rule.label_en, "Tank full");
    rule.above = true;
    rule.limit = rule.clear = 0;
    begin(&rule, 1);
    for (unsigned i = 0; i < 2; i++) {
        b.now_ms += MINUTE;
        give(2, INPUT, 1, METRIC_GOOD, false);
    }
    rules_each(b.rules, compose, NULL);
    assert_string_equal(text.words[METRIC_ZH].what, "水箱满了：输入 1 接通");
    assert_string_equal(text.words[METRIC_EN].what, "Tank full: 输入 1 on");
    assert_string_equal(text.words[METRIC_ZH].quantity, "输入 1");
    assert_false(text.measured); /* no number to be shown large */
}

static void pass(int64_t ms)
{
    struct rules_time time = {.mono_ms = b.now_ms += ms};
    rules_time_is(b.rules, &time);
    rules_each(b.rules, compose, NULL);
}

/* Its thermometer may have died hours ago: what it said last is not what is now. */
static void what_nothing_is_heard_of_is_not_told_as_it_were_now(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    begin(&rule, 1);
    air_each_minute(0, 2, -3);
    air_each_minute(1, 2, 1.5);
    pass(0);
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air -3.0 °C, below 2 °C");
    assert_false(text.stale);
    b.now_ms += MINUTE;
    air(1, 1.2);
    pass(0); /* the other one is still measured */
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air 1.2 °C, below 2 °C (lowest -3.0)");
    assert_false(text.stale);
    assert_string_equal(text.devices, "d-0 d-1"); /* as far as is known */
    pass(3 * MINUTE);
    assert_string_equal(text.words[METRIC_EN].what,
                        "Frost: no new data, last: Air -3.0 °C, below 2 °C");
    assert_string_equal(text.words[METRIC_ZH].what,
                        "霜冻：没有新数据，最后是气温 -3.0 °C，低于 2 °C");
    assert_true(text.stale && text.measured);
    assert_string_equal(standing(), "frost-garden");
    air_each_minute(0, 1, -1);
    pass(0);
    assert_string_equal(text.words[METRIC_EN].what, "Frost: Air -1.0 °C, below 2 °C (lowest -3.0)");
    assert_false(text.stale);
}

static struct active *active;

static void take(void *context, const struct rules_cause *cause)
{
    (void)cause_take(b.config, b.rules, active, cause, context);
}

static const char *said(int64_t ms)
{
    static struct active_now now = {.mono_ms = 1, .wall = {.ms = 1}};
    b.now_ms += ms;
    struct rules_time time = {.mono_ms = b.now_ms};
    rules_time_is(b.rules, &time);
    rules_each(b.rules, take, &now);
    return active_first(active)->text.words[METRIC_EN].what;
}

/* Of before the start: as it was said, for as long as its devices may take to answer. */
static void what_stood_before_the_start_has_its_time_to_be_measured(void **state)
{
    (void)state;
    struct alert_rule rule = at_once(ALERT_GARDEN);
    active = active_create();
    begin(&rule, 1);
    air_each_minute(0, 2, -3);
    assert_string_equal(said(0), "Frost: Air -3.0 °C, below 2 °C");
    restart();
    (void)said(0);
    assert_true(rules_restore(b.rules, "frost-garden", "d-0", -4, b.now_ms - HOUR));
    assert_string_equal(said(2 * MINUTE), "Frost: Air -3.0 °C, below 2 °C");
    assert_string_equal(said(MINUTE), "Frost: no new data, last: Air -3.0 °C, below 2 °C");
    assert_true(active_first(active)->text.stale);
    b.now_ms += MINUTE;
    air(0, -1);
    assert_string_equal(said(0), "Frost: Air -1.0 °C, below 2 °C (lowest -4.0)");
    active_destroy(active);
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
        CASE(an_alert_speaks_of_quantity_plot_and_unit_in_peoples_words),
        CASE(what_only_a_profile_knows_is_told_in_its_words),
        CASE(what_nothing_is_heard_of_is_not_told_as_it_were_now),
        CASE(what_stood_before_the_start_has_its_time_to_be_measured),
        CASE(a_change_is_told_as_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
