/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and lines that are silent, in virtual time; and the gateway's own troubles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/alerts/offline.h"
#include "gateway/daemon/alerts/system.h"
#include "tests/unit/alerts/garden.h"

#define NOON INT64_C(1795521600000)

static const struct config *config;
static struct offline *offline;
static struct active *active;
static struct active_now now;

static int begin(void **state)
{
    (void)state;
    config = garden_with(NULL, 0);
    offline = offline_create(config);
    active = active_create();
    now = (struct active_now){.mono_ms = 100000, .wall = {.ms = NOON, .trust = TIME_TRUSTED}};
    return offline == NULL || active == NULL;
}

static int end(void **state)
{
    (void)state;
    offline_destroy(offline);
    active_destroy(active);
    return 0;
}

static void hear(uint16_t device, bool online, uint64_t exceptions)
{
    struct device_health health = {.device = device,
                                   .online = online,
                                   .exceptions = exceptions,
                                   .last_seen = {.ms = NOON - 1000}};
    offline_health(offline, &health);
}

static void hear_all(bool online)
{
    for (uint16_t i = 0; i < DEVICES; i++)
        hear(i, online, 0);
}

static void pass(int64_t ms)
{
    offline_second(offline, active, &now);
    now.mono_ms += ms;
    now.wall.ms += ms;
    offline_second(offline, active, &now);
}

static const char *standing(void)
{
    static char ids[1024];
    ids[0] = '\0';
    for (const struct alert *alert = active_first(active); alert != NULL; alert = alert->next) {
        size_t at = strlen(ids);
        if (alert->ended_ms == 0)
            (void)snprintf(ids + at, sizeof ids - at, "%s%s", at > 0 ? " " : "", alert->text.id);
    }
    return ids;
}

static void a_device_is_given_five_of_its_periods(void **state)
{
    (void)state;
    hear_all(true);
    hear(1, false, 0);
    pass((int64_t)5 * EVERY_MS - 1);
    assert_string_equal(standing(), "");
    pass(1);
    assert_string_equal(standing(), "silent-d-1");
    const struct alert *alert = active_find(active, "silent-d-1");
    assert_true(alert->since_ms == NOON - 1000); /* since it was seen last */
    assert_string_equal(alert->text.words[METRIC_ZH].what, "没有应答，没有新数据");
    assert_string_equal(alert->text.words[METRIC_ZH].place, "上坡 · 探头1");
    hear(1, true, 0);
    pass(0);
    assert_string_equal(standing(), "");
}

static void one_that_answers_only_with_exceptions_is_told_as_that(void **state)
{
    (void)state;
    hear_all(true);
    hear(1, true, 7);
    hear(1, false, 8);
    pass((int64_t)5 * EVERY_MS);
    const struct alert *alert = active_find(active, "silent-d-1");
    assert_non_null(alert);
    assert_non_null(strstr(alert->text.words[METRIC_EN].what, "error codes"));
    assert_non_null(strstr(alert->text.words[METRIC_ZH].what, "错误码"));
}

static void what_to_do_is_the_devices_hint_in_both_languages(void **state)
{
    (void)state;
    hear_all(true);
    hear(1, false, 0);
    struct device_health health = {
        .device = 1, .last_seen = {.ms = NOON - 1000}, .hint = {.id = HINT_UNIT_SILENT}};
    pass((int64_t)5 * EVERY_MS);
    const struct alert *alert = active_find(active, "silent-d-1");
    assert_non_null(alert);
    assert_string_equal(alert->text.words[METRIC_ZH].todo, "检查它的供电和接线");
    offline_health(offline, &health);
    pass(0);
    assert_string_equal(alert->text.words[METRIC_EN].todo,
                        "no answer: look at its power, address, rate and wiring");
    assert_string_equal(alert->text.words[METRIC_ZH].todo,
                        "没有应答：检查它的供电、地址、波特率和接线");
}

static void a_line_of_silent_devices_is_one_alert(void **state)
{
    (void)state;
    hear_all(true);
    hear(1, false, 0);
    pass((int64_t)5 * EVERY_MS);
    assert_string_equal(standing(), "silent-d-1");
    hear_all(false);
    pass(0);
    assert_string_equal(standing(), "line-west");
    hear(2, true, 0);
    pass(0);
    assert_string_equal(standing(), "silent-d-1"); /* the others are given their time */
    pass((int64_t)5 * EVERY_MS);
    assert_int_equal(active_count(active), 5);
}

static void a_line_that_is_dead_before_all_were_asked_is_one_alert(void **state)
{
    (void)state;
    hear(0, false, 0);
    hear(1, false, 0);
    pass((int64_t)5 * EVERY_MS); /* of the others nothing is known yet */
    assert_string_equal(standing(), "line-west");
    hear(2, true, 0); /* so it is not the line */
    pass(0);
    assert_string_equal(standing(), "silent-d-0 silent-d-1");
}

static void hear_away(bool away)
{
    for (uint16_t i = 0; i < DEVICES; i++) {
        struct device_health health = {.device = i, .away = away, .last_seen = {.ms = NOON - 1000}};
        offline_health(offline, &health);
    }
}

static void a_converter_that_does_not_dial_in_is_one_alert_after_a_minute(void **state)
{
    (void)state;
    hear_all(true);
    hear_away(true);
    pass(59999);
    assert_string_equal(standing(), "");
    pass(1);
    assert_string_equal(standing(), "line-west");
    const struct alert *alert = active_find(active, "line-west");
    assert_string_equal(alert->text.words[METRIC_EN].what,
                        "the converter of line west has not dialled in");
    assert_string_equal(alert->text.words[METRIC_ZH].what, "总线 west 的转换器没有连上主机");
    assert_non_null(strstr(alert->text.words[METRIC_ZH].todo, "SIM"));
    hear_away(false); /* it is back; its devices have their time */
    pass(1000);
    hear_all(true);
    pass(0);
    assert_string_equal(standing(), "");
}

static void what_is_not_known_yet_stays_as_it_stands(void **state)
{
    (void)state;
    struct alert_text text = {.id = "silent-d-3"};
    (void)active_set(active, &text, 0, NOON, &now);
    pass((int64_t)9 * EVERY_MS);
    assert_string_equal(standing(), "silent-d-3");
    assert_true(offline_is_ours(offline, "silent-d-3"));
    assert_true(offline_is_ours(offline, "stuck-d-3"));
    assert_true(offline_is_ours(offline, "line-west"));
    assert_false(offline_is_ours(offline, "silent-d-9"));
    assert_false(offline_is_ours(offline, "line-d-3"));
    assert_false(offline_is_ours(offline, "frost-garden"));
}

static void a_sensor_that_does_not_move_is_told(void **state)
{
    (void)state;
    struct reading reading = {.device = 2, .value_count = 3};
    reading.values[AIR].flag = METRIC_STUCK;
    hear_all(true);
    offline_reading(offline, &reading);
    pass(0);
    assert_string_equal(standing(), "stuck-d-2");
    assert_string_equal(active_find(active, "stuck-d-2")->text.words[METRIC_ZH].what,
                        "气温好几个小时没有变化");
    hear(2, false, 0);
    pass(0);
    assert_string_equal(standing(), "stuck-d-2"); /* its silence says nothing of the sensor */
    hear(2, true, 0);
    reading.late = true;
    reading.values[AIR] = (struct reading_value){.flag = METRIC_GOOD, .present = true};
    offline_reading(offline, &reading);
    pass(0);
    assert_string_equal(standing(), "stuck-d-2"); /* nor what is late */
    reading.late = false;
    reading.values[AIR].present = false;
    offline_reading(offline, &reading);
    pass(0);
    assert_string_equal(standing(), "stuck-d-2"); /* nor one in which it was not asked for */
    reading.values[AIR].present = true;
    offline_reading(offline, &reading);
    pass(0);
    assert_string_equal(standing(), "");
}

/* ---- The gateway's own ---- */

static struct system_seen well(void)
{
    return (struct system_seen){.store = {.available = true},
                                .descriptors_left = true,
                                .disk_known = true,
                                .disk_bytes = UINT64_C(8) << 30,
                                .disk_free_bytes = UINT64_C(4) << 30};
}

static const char *looked(const struct system_seen *seen)
{
    system_look(config, seen, active, &now);
    return standing();
}

static void each_trouble_of_the_gateway_comes_and_goes(void **state)
{
    (void)state;
    struct system_seen seen = well();
    assert_string_equal(looked(&seen), "");
    (void)snprintf(seen.store.alarm, sizeof seen.store.alarm, "disk full");
    assert_string_equal(looked(&seen), "store");
    assert_int_equal(active_find(active, "store")->text.level, ALERT_WATCH);
    seen.store.available = false;
    (void)looked(&seen);
    assert_int_equal(active_find(active, "store")->text.level, ALERT_ALARM);
    seen = well();
    seen.store.quarantined = 3;
    assert_string_equal(looked(&seen), "quarantine");
    seen = well();
    seen.descriptors_left = false;
    assert_string_equal(looked(&seen), "descriptors");
    seen = well();
    seen.disk_free_bytes = UINT64_C(100) << 20;
    assert_string_equal(looked(&seen), "disk");
    seen.upgrade = (struct upgrade_state){"undone", "0.1.0", "0.2.0", "", "no gateway answers"};
    assert_string_equal(looked(&seen), "disk upgrade");
    const struct alert_words *words = active_find(active, "upgrade")->text.words;
    assert_string_equal(words[METRIC_EN].what, "the gateway's upgrade from 0.1.0 to 0.2.0 was "
                                               "undone: no gateway answers");
    assert_string_equal(words[METRIC_ZH].what,
                        "主机从 0.1.0 升级到 0.2.0 没有成功，已退回：新版本没有应答");
    (void)strcpy(seen.upgrade.state, "confirmed");
    assert_string_equal(looked(&seen), "disk");
    system_web("can't listen on 0.0.0.0:8443 (TLS): address in use, not there yet, a bad "
               "certificate, or no file descriptor left",
               active, &now);
    assert_string_equal(
        active_find(active, "http")->text.words[METRIC_ZH].what,
        "网页打不开：0.0.0.0:8443 (TLS) 的地址被占用或还不存在，证书不对，或文件描述符用完了");
    assert_string_equal(standing(), "disk http");
    system_web(NULL, active, &now);
    seen = well();
    assert_string_equal(looked(&seen), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_device_is_given_five_of_its_periods),
        CASE(one_that_answers_only_with_exceptions_is_told_as_that),
        CASE(what_to_do_is_the_devices_hint_in_both_languages),
        CASE(a_line_of_silent_devices_is_one_alert),
        CASE(a_line_that_is_dead_before_all_were_asked_is_one_alert),
        CASE(a_converter_that_does_not_dial_in_is_one_alert_after_a_minute),
        CASE(what_is_not_known_yet_stays_as_it_stands),
        CASE(a_sensor_that_does_not_move_is_told),
        CASE(each_trouble_of_the_gateway_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
