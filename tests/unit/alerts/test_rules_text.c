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
        CASE(an_alert_speaks_of_quantity_plot_and_unit_in_peoples_words),
        CASE(a_change_is_told_as_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
