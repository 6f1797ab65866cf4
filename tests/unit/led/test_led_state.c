/* SPDX-License-Identifier: Apache-2.0 */
/* What may be believed, and when: staleness, clocks, trends, the day's range, hostile messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/rpc_reply.h"
#include "led_scene.h"

#define MINUTE 60000

static struct led_scene s;
static int air; /* slot of plot/upper/air_temperature */

static int setup(void **unused)
{
    (void)unused;
    scene_open(&s);
    air = state_slot(&s.state, "plot/upper/air_temperature");
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    scene_close(&s);
    return 0;
}

static void send_air(double value, bool retained)
{
    char json[200];
    (void)snprintf(json, sizeof json,
                   "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":%g},\"flags\":{}}",
                   value);
    scene_send(&s, "plot/upper/live", json, retained);
}

static struct led_value now(void)
{
    return state_value(&s.state, air, &s.now);
}

static void nothing_is_shown_before_it_came(void **unused)
{
    (void)unused;
    assert_int_equal(now().shown, SHOWN_WAITING);
}

static void a_value_is_stale_after_two_and_a_half_periods(void **unused)
{
    (void)unused;
    send_air(18.2, false);
    assert_int_equal(now().shown, SHOWN_GOOD);
    scene_advance(&s, 150000);
    assert_int_equal(now().shown, SHOWN_GOOD);
    scene_advance(&s, 1);
    assert_int_equal(now().shown, SHOWN_STALE);
    assert_int_equal(now().age_ms, 150001);
}

static void the_brokers_batch_time_is_allowed_for(void **unused)
{
    (void)unused;
    s.state.batch_ms = 600000;
    send_air(18.2, false);
    scene_advance(&s, 750000);
    assert_int_equal(now().shown, SHOWN_GOOD);
    scene_advance(&s, 1);
    assert_int_equal(now().shown, SHOWN_STALE);
}

static void all_is_stale_while_the_gateway_is_offline(void **unused)
{
    (void)unused;
    send_air(18.2, false);
    state_message(&s.state, "gateway/status", "offline", 7, false, &s.now);
    assert_int_equal(now().shown, SHOWN_STALE);
    state_message(&s.state, "gateway/status", "online", 6, false, &s.now);
    assert_int_equal(now().shown, SHOWN_GOOD);
}

static void a_retained_value_is_as_old_as_its_time_says(void **unused)
{
    (void)unused;
    scene_send(&s, "plot/upper/live",
               "{\"ts\":1775190000000,\"every_s\":60,\"values\":{\"air_temperature\":7}}", true);
    assert_int_equal(now().shown, SHOWN_STALE);
    assert_int_equal(now().age_ms, SCENE_WALL_MS - 1775190000000);
}

static void a_clock_set_back_makes_nothing_young_again(void **unused)
{
    (void)unused;
    send_air(18.2, false);
    scene_advance(&s, 5 * MINUTE);
    s.now.wall_ms -= 3600000;
    assert_int_equal(now().shown, SHOWN_STALE);
    assert_int_equal(now().age_ms, 5 * MINUTE);
}

static void the_gateways_clock_counts_once_it_is_known(void **unused)
{
    (void)unused;
    int64_t gateway = s.now.wall_ms;
    s.now.wall_ms += 86400000; /* the local clock is a day ahead */
    state_time(&s.state, gateway, s.now.mono_ms - 20, &s.now);
    assert_int_equal(state_clock_ms(&s.state, &s.now), gateway + 10);
    char json[200];
    (void)snprintf(json, sizeof json,
                   "{\"ts\":%lld,\"every_s\":60,\"values\":{\"air_temperature\":9}}",
                   (long long)gateway);
    scene_send(&s, "plot/upper/live", json, true);
    assert_int_equal(now().shown, SHOWN_GOOD);
    s.now.wall_ms -= 5 * 86400000LL;
    assert_int_equal(now().shown, SHOWN_GOOD);
    s.now.mono_ms += 10 * MINUTE;
    assert_int_equal(now().shown, SHOWN_STALE);
}

static void a_retained_value_from_the_future_is_not_believed(void **unused)
{
    (void)unused;
    s.now.wall_ms -= 30 * 86400000LL; /* no clock yet */
    scene_send(&s, "plot/upper/live",
               "{\"ts\":1775196300000,\"every_s\":60,\"values\":{\"air_temperature\":7}}", true);
    assert_int_equal(now().shown, SHOWN_STALE);
    assert_int_equal(now().age_ms, -1);
    scene_send(&s, "plot/upper/live",
               "{\"ts\":1775196360000,\"every_s\":60,\"values\":{\"air_temperature\":7}}", false);
    assert_int_equal(now().shown, SHOWN_GOOD); /* it came as it was taken */
    s.now.mono_ms += 3 * MINUTE;
    assert_int_equal(now().shown, SHOWN_STALE);
}

static void an_older_message_does_not_replace_a_newer_one(void **unused)
{
    (void)unused;
    send_air(18.2, false);
    scene_send(&s, "plot/upper/live",
               "{\"ts\":1775196299000,\"every_s\":60,\"values\":{\"air_temperature\":3}}", false);
    assert_float_equal(now().value, 18.2, 0.001);
}

static void flags_decide_what_is_shown(void **unused)
{
    (void)unused;
    static const struct {
        const char *rest;
        enum shown shown;
        enum metric_flag flag;
    } cases[] = {
        {"\"values\":{\"air_temperature\":5},\"flags\":{}", SHOWN_GOOD, METRIC_GOOD},
        {"\"values\":{\"air_temperature\":5},\"flags\":{\"air_temperature\":\"uncalibrated\"}",
         SHOWN_MARKED, METRIC_UNCALIBRATED},
        {"\"values\":{\"air_temperature\":5},\"flags\":{\"air_temperature\":\"clock\"}",
         SHOWN_MARKED, METRIC_CLOCK},
        {"\"values\":{\"air_temperature\":5},\"flags\":{\"air_temperature\":\"stale\"}",
         SHOWN_STALE, METRIC_STALE},
        {"\"values\":{\"air_temperature\":95},\"flags\":{\"air_temperature\":\"range\"}", SHOWN_BAD,
         METRIC_RANGE},
        {"\"values\":{},\"flags\":{\"air_temperature\":\"fault\"}", SHOWN_BAD, METRIC_FAULT},
        {"\"values\":{},\"flags\":{}", SHOWN_BAD, METRIC_ABSENT},
        {"\"values\":{\"air_temperature\":\"18.2\"}", SHOWN_BAD, METRIC_FAULT},
        {"\"values\":{\"air_temperature\":5},\"flags\":{\"air_temperature\":\"new-flag\"}",
         SHOWN_BAD, METRIC_FAULT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[300];
        scene_advance(&s, 1000);
        (void)snprintf(json, sizeof json, "{\"ts\":@,\"every_s\":60,%s}", cases[i].rest);
        scene_send(&s, "plot/upper/live", json, false);
        assert_int_equal(now().shown, cases[i].shown);
        assert_int_equal(now().flag, cases[i].flag);
    }
}

static void an_arrow_needs_a_real_change_within_the_hour(void **unused)
{
    (void)unused;
    send_air(10, false);
    scene_advance(&s, 10 * MINUTE);
    send_air(12, false);
    assert_int_equal(now().trend, 0); /* too soon to say */
    scene_advance(&s, 20 * MINUTE);
    send_air(12, false);
    assert_int_equal(now().trend, 1);
    send_air(10.3, false);
    assert_int_equal(now().trend, 0);
    send_air(9, false);
    assert_int_equal(now().trend, -1);
    scene_advance(&s, 200 * MINUTE);
    send_air(20, false);
    assert_int_equal(now().trend, 0); /* what it was hours ago is no trend */
}

static void the_days_range_is_shown_only_when_nothing_was_missed(void **unused)
{
    (void)unused;
    send_air(10, false);
    assert_false(now().has_range); /* the morning was not seen */
    assert_true(state_wants_day(&s.state, air, &s.now));
    state_day(&s.state, air, 4, 12, &s.now);
    assert_true(now().has_range);
    assert_false(state_wants_day(&s.state, air, &s.now));
    assert_float_equal(now().min, 4, 0.001);
    scene_advance(&s, MINUTE);
    send_air(13, false);
    assert_float_equal(now().max, 13, 0.001);
    scene_advance(&s, 30 * MINUTE);
    send_air(11, false);
    assert_false(now().has_range); /* half an hour is missing */
    while (state_clock_ms(&s.state, &s.now) < SCENE_WALL_MS + 12 * 3600000LL) {
        scene_advance(&s, MINUTE);
        send_air(11, false);
    }
    assert_true(now().has_range); /* a new day, seen from midnight on */
    assert_float_equal(now().min, 11, 0.001);
}

static void of_rain_the_days_sum_is_shown_and_no_increment(void **unused)
{
    (void)unused;
    int rain = state_slot(&s.state, "plot/upper/rainfall");
    const char *live = "{\"ts\":@,\"every_s\":60,\"values\":{\"rainfall\":0.2}}";
    scene_send(&s, "plot/upper/live", live, false);
    assert_int_equal(state_value(&s.state, rain, &s.now).shown, SHOWN_WAITING);
    assert_true(state_wants_day(&s.state, rain, &s.now));
    double sum = 0;
    static const char rows[] = "{\"min\":[0,0],\"max\":[0.8,0.2],\"sum\":[13.4,null,0.2]}";
    assert_true(rpc_reply_day_sum(rows, sizeof rows - 1, &sum));
    state_day_sum(&s.state, rain, sum, &s.now);
    struct led_value value = state_value(&s.state, rain, &s.now);
    assert_int_equal(value.shown, SHOWN_GOOD);
    assert_float_equal(value.value, 13.6, 0.001);
    assert_false(value.has_range);
    assert_true(state_wants_day(&s.state, rain, &s.now)); /* more may have fallen */
    scene_advance(&s, MINUTE);
    scene_send(&s, "plot/upper/live", live, false); /* the same drop, sent with another's value */
    assert_float_equal(state_value(&s.state, rain, &s.now).value, 13.6, 0.001);
    scene_advance(&s, 24 * 60 * MINUTE);
    scene_send(&s, "plot/upper/live", live, false);
    assert_int_equal(state_value(&s.state, rain, &s.now).shown, SHOWN_WAITING); /* another day */
    assert_false(rpc_reply_day_sum("{\"sum\":[]}", 10, &sum));
}

static void the_sites_timezone_is_a_name_and_no_file(void **unused)
{
    (void)unused;
    scene_send(&s, "site", "{\"location\":{\"timezone\":\"Asia/Shanghai\"}}", true);
    assert_string_equal(s.state.timezone, "Asia/Shanghai");
    static const char *const others[] = {"{\"location\":{\"timezone\":\"/etc/passwd\"}}",
                                         "{\"location\":{\"timezone\":\":../../etc/passwd\"}}",
                                         "{\"location\":{\"timezone\":7}}", "{}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        scene_send(&s, "site", others[i], true);
        assert_string_equal(s.state.timezone, "Asia/Shanghai");
    }
}

static void an_alert_is_told_in_both_languages_where_the_gateway_can(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/a",
               "{\"what\":\"no answer\",\"todo\":\"look\",\"level\":\"watch\",\"since\":@,"
               "\"zh\":{\"what\":\"没有应答\",\"todo\":\"去看\"}}",
               true);
    const struct state_alert *alert = state_alert(&s.state, 0, 0);
    assert_string_equal(alert->what[LANGUAGE_ZH], "没有应答");
    assert_string_equal(alert->todo[LANGUAGE_ZH], "去看");
    assert_string_equal(alert->what[LANGUAGE_EN], "no answer");
    assert_string_equal(alert->todo[LANGUAGE_EN], "look");
    assert_string_equal(state_alert_place(&s.state, alert, LANGUAGE_ZH), "");
    scene_send(&s, "alert/a",
               "{\"what\":\"x\",\"where\":\"garden\",\"place\":\"Upper\",\"level\":\"watch\","
               "\"zh\":{\"what\":\"某\",\"place\":\"上坡、下坡\"},\"since\":@}",
               true);
    alert = state_alert(&s.state, 0, 0); /* the gateway's words, not the name */
    assert_string_equal(state_alert_place(&s.state, alert, LANGUAGE_ZH), "上坡、下坡");
    assert_string_equal(state_alert_place(&s.state, alert, LANGUAGE_EN), "Upper");
    scene_send(&s, "alert/a", "{\"what\":\"x\",\"zh\":{\"what\":7},\"since\":@}", true);
    assert_string_equal(state_alert(&s.state, 0, 0)->what[LANGUAGE_ZH], "x");
}

static void alerts_are_kept_until_they_are_cleared(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/frost", "{\"what\":\"frost\",\"level\":\"alarm\",\"since\":@}", true);
    scene_send(&s, "alert/dry", "{\"what\":\"dry\",\"level\":\"watch\",\"since\":@}", true);
    assert_int_equal(state_alert_count(&s.state, 1), 2);
    assert_string_equal(state_alert(&s.state, 0, 0)->id, "frost");
    assert_string_equal(state_alert(&s.state, 0, 1)->id, "dry");
    assert_null(state_alert(&s.state, 0, 2));
    state_message(&s.state, "alert/frost", "", 0, false, &s.now);
    assert_int_equal(state_alert_count(&s.state, 0), 1);
    assert_int_equal(state_alert_count(&s.state, 2), 0);
}

static void alerts_cleared_while_the_broker_was_away_go(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/frost", "{\"what\":\"frost\",\"level\":\"alarm\"}", true);
    scene_send(&s, "alert/dry", "{\"what\":\"dry\",\"level\":\"watch\"}", true);
    state_link(&s.state, false, &s.now);
    scene_advance(&s, 3600000);
    state_settle(&s.state, &s.now);
    assert_int_equal(state_alert_count(&s.state, 0), 2); /* unknown is not cleared */
    state_link(&s.state, true, &s.now);
    scene_send(&s, "alert/dry", "{\"what\":\"dry\",\"level\":\"watch\"}", true);
    state_settle(&s.state, &s.now);
    assert_int_equal(state_alert_count(&s.state, 0), 2);
    scene_advance(&s, STATE_SETTLE_MS);
    state_settle(&s.state, &s.now);
    assert_int_equal(state_alert_count(&s.state, 0), 1);
    assert_string_equal(state_alert(&s.state, 0, 0)->id, "dry");
}

/* <rule>-<plot> of the gateway, each up to 32 characters long. */
static void an_alarm_with_a_long_name_is_shown(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/frost-while-in-bud-of-the-terrace-behind-the-house",
               "{\"what\":\"frost\",\"level\":\"alarm\"}", true);
    assert_int_equal(state_alert_count(&s.state, 2), 1);
}

static void an_alarm_that_somebody_acknowledged_takes_over_no_more(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/frost", "{\"what\":\"frost\",\"level\":\"alarm\",\"acked\":true}", true);
    assert_int_equal(state_alert_count(&s.state, 2), 0);
    assert_int_equal(state_alert_count(&s.state, 1), 1);
}

static void an_alarm_finds_a_place_among_any_number_of_alerts(void **unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        char topic[32];
        (void)snprintf(topic, sizeof topic, "alert/a%d", i);
        scene_send(&s, topic, "{\"what\":\"x\",\"level\":\"watch\"}", true);
    }
    assert_int_equal(state_alert_count(&s.state, 0), STATE_ALERTS_MAX);
    scene_send(&s, "alert/frost", "{\"what\":\"frost\",\"level\":\"alarm\"}", true);
    assert_string_equal(state_alert(&s.state, 2, 0)->id, "frost");
}

static void what_is_not_understood_changes_nothing(void **unused)
{
    (void)unused;
    static const char *const payloads[] = {
        "",
        "{",
        "null",
        "[]",
        "42",
        "\"text\"",
        "{}",
        "{\"ts\":0,\"values\":{}}",
        "{\"ts\":1e300,\"every_s\":60,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":-5,\"every_s\":60,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":@,\"every_s\":0,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":@,\"every_s\":-60,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":@,\"every_s\":1e18,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":@,\"every_s\":60,\"values\":[1,2]}",
        "{\"ts\":@,\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":1}}",
        "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":1e999}}",
        "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":1}} trailing",
        "\xFF\xFE{\"ts\":1}",
    };
    send_air(18.2, false);
    struct state before = s.state;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        scene_send(&s, "plot/upper/live", payloads[i], false);
        scene_send(&s, "plot/nobody/live", payloads[i], false);
    }
    before.rejected = s.state.rejected;
    assert_memory_equal(&before, &s.state, sizeof before);
    assert_true(s.state.rejected > 10);
}

/* Every prefix and every single-byte corruption of a real message: no crash, and a value is shown
 * only if it is one that a correct parser would read. */
static void broken_messages_do_no_harm(void **unused)
{
    (void)unused;
    static const char good[] =
        "{\"ts\":1775196300000,\"every_s\":60,\"values\":{\"air_temperature\":18.21},"
        "\"flags\":{\"air_humidity\":\"fault\"}}";
    char text[sizeof good];
    for (size_t size = 0; size < sizeof good - 1; size++)
        state_message(&s.state, "plot/upper/live", good, size, false, &s.now);
    assert_int_equal(now().shown, SHOWN_WAITING);
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, good, sizeof good);
            text[at] = (char)(text[at] ^ 1 << bit);
            state_message(&s.state, "plot/upper/live", text, sizeof good - 1, false, &s.now);
            (void)now();
        }
    }
}

static void long_strings_are_cut_at_a_character(void **unused)
{
    (void)unused;
    char *json = malloc(40000);
    assert_non_null(json);
    int used = sprintf(json, "{\"level\":\"alarm\",\"what\":\"");
    for (int i = 0; i < 10000; i++)
        used += sprintf(json + used, "茶");
    used += sprintf(json + used, "\"}");
    state_message(&s.state, "alert/long", json, (size_t)used, true, &s.now);
    const char *what = state_alert(&s.state, 2, 0)->what[LANGUAGE_ZH];
    assert_true(strlen(what) < STATE_TEXT_SIZE);
    assert_string_equal(what + strlen(what) - 3, "…");
    size_t at = 0;
    for (uint32_t code; (code = utf8_next(what, strlen(what), &at)) != 0;)
        assert_true(code == 0x8336 || code == 0x2026);
    free(json);
}

static void payloads_over_the_bound_are_not_looked_at(void **unused)
{
    (void)unused;
    char *json = malloc(STATE_PAYLOAD_MAX + 1);
    assert_non_null(json);
    memset(json, ' ', STATE_PAYLOAD_MAX + 1);
    uint32_t rejected = s.state.rejected;
    state_message(&s.state, "site", json, STATE_PAYLOAD_MAX + 1, true, &s.now);
    assert_int_equal(s.state.rejected, rejected + 1);
    free(json);
}

static void deep_nesting_is_refused(void **unused)
{
    (void)unused;
    char *json = malloc(60001);
    assert_non_null(json);
    memset(json, '[', 60000);
    uint32_t rejected = s.state.rejected;
    state_message(&s.state, "site", json, 60000, true, &s.now);
    assert_int_equal(s.state.rejected, rejected + 1);
    free(json);
}

static void references_are_told_apart(void **unused)
{
    (void)unused;
    assert_int_equal(state_slot(&s.state, "plot/upper/air_temperature"), air);
    assert_true(state_slot(&s.state, "dev/upper/air_temperature") != air);
    assert_true(state_slot(&s.state, "forecast/upper/pick_kg") >= 0);
    assert_true(state_slot(&s.state, "forecast/upper/ready_jin") >= 0);
    assert_int_equal(state_slot(&s.state, "forecast/upper/luck"), -1);
    assert_int_equal(state_slot(&s.state, "plot/upper"), -1);
    assert_int_equal(state_slot(&s.state, "plot//air_temperature"), -1);
    assert_int_equal(state_slot(&s.state, "plot/a/b/c"), -1);
    assert_int_equal(state_slot(&s.state, "plot/upper/"), -1);
    assert_int_equal(state_slot(&s.state, "nothing"), -1);
    assert_int_equal(state_slot(&s.state, "plot/up\"per/air_temperature"), -1);
    assert_int_equal(state_slot(&s.state, "plot/+/air_temperature"), -1);
    char name[STATE_NAME_SIZE * 2 + 20];
    (void)snprintf(name, sizeof name, "plot/%040d/air_temperature", 7);
    assert_int_equal(state_slot(&s.state, name), -1);
}

static void a_forecast_of_yesterday_is_old(void **unused)
{
    (void)unused;
    int pick = state_slot(&s.state, "forecast/upper/pick_kg");
    int jin = state_slot(&s.state, "forecast/upper/pick_jin");
    scene_live_day(&s);
    struct led_value value = state_value(&s.state, pick, &s.now);
    assert_int_equal(value.shown, SHOWN_GOOD);
    assert_true(value.triple);
    assert_float_equal(value.low, 6, 0.001);
    assert_float_equal(state_value(&s.state, jin, &s.now).low, 12, 0.001);
    assert_true(state_forecast_fresh(&s.state, &s.now));
    scene_advance(&s, 26 * 3600000LL);
    assert_int_equal(state_value(&s.state, pick, &s.now).shown, SHOWN_STALE);
    assert_false(state_forecast_fresh(&s.state, &s.now));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_shown_before_it_came),
        CASE(a_value_is_stale_after_two_and_a_half_periods),
        CASE(the_brokers_batch_time_is_allowed_for),
        CASE(all_is_stale_while_the_gateway_is_offline),
        CASE(a_retained_value_is_as_old_as_its_time_says),
        CASE(a_clock_set_back_makes_nothing_young_again),
        CASE(the_gateways_clock_counts_once_it_is_known),
        CASE(a_retained_value_from_the_future_is_not_believed),
        CASE(an_older_message_does_not_replace_a_newer_one),
        CASE(flags_decide_what_is_shown),
        CASE(an_arrow_needs_a_real_change_within_the_hour),
        CASE(the_days_range_is_shown_only_when_nothing_was_missed),
        CASE(of_rain_the_days_sum_is_shown_and_no_increment),
        CASE(the_sites_timezone_is_a_name_and_no_file),
        CASE(an_alert_is_told_in_both_languages_where_the_gateway_can),
        CASE(alerts_are_kept_until_they_are_cleared),
        CASE(alerts_cleared_while_the_broker_was_away_go),
        CASE(an_alarm_with_a_long_name_is_shown),
        CASE(an_alarm_that_somebody_acknowledged_takes_over_no_more),
        CASE(an_alarm_finds_a_place_among_any_number_of_alerts),
        CASE(what_is_not_understood_changes_nothing),
        CASE(broken_messages_do_no_harm),
        CASE(long_strings_are_cut_at_a_character),
        CASE(payloads_over_the_bound_are_not_looked_at),
        CASE(deep_nesting_is_refused),
        CASE(references_are_told_apart),
        CASE(a_forecast_of_yesterday_is_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
