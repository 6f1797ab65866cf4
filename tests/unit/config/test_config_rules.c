/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/config/config_fixture.h"

static void reads_a_rule_with_all_its_keys(void **state)
{
    (void)state;
    struct config *c = config_good(
        HEAD TWO "alerts:\n"
                 "  - { name: frost, label: 霜冻, label_en: Frost, todo: 盖膜, todo_en: cover,\n"
                 "      metric: air_temperature, below: 2, clear: 3, for: 10min, level: alarm,\n"
                 "      scope: plot, plots: [upper], hours: '18:00-09:00', months: 11-2,\n"
                 "      quiet: '22:00-24:00' }\n"
                 "  - { name: drop, metric: air_temperature, change: -3 per 1h,\n"
                 "      devices: [a], months: [3, 5] }\n");
    const struct alert_rule *frost = &c->alerts[0], *drop = &c->alerts[1];
    assert_int_equal(c->alert_count, 2);
    assert_string_equal(frost->label, "霜冻");
    assert_string_equal(frost->label_en, "Frost");
    assert_string_equal(frost->todo, "盖膜");
    assert_string_equal(frost->todo_en, "cover");
    assert_true(!frost->above && frost->limit == 2 && frost->clear == 3 && !frost->shipped);
    assert_int_equal(frost->for_s, 600);
    assert_int_equal(frost->level, 2);
    assert_int_equal(frost->scope, ALERT_PLOT);
    assert_int_equal(frost->months, 1 << 10 | 1 << 11 | 1 << 0 | 1 << 1);
    assert_true(frost->hours.from == 1080 && frost->hours.to == 540);
    assert_true(frost->quiet.from == 1320 && frost->quiet.to == 1440);
    assert_true(frost->device_count == 1 && frost->devices[0] == 1);
    assert_true(!drop->above && drop->limit == -3 && drop->clear == -3 && drop->per_s == 3600);
    assert_int_equal(drop->months, 1 << 2 | 1 << 4);
    assert_true(drop->device_count == 1 && drop->devices[0] == 0);
    assert_int_equal(drop->scope, ALERT_GARDEN);
    assert_string_equal(drop->label_en, "drop");
    config_free(c);
}

static void a_file_without_rules_has_the_shipped_ones_that_can_come(void **state)
{
    (void)state;
    static const char *const texts[] = {HEAD DEV, HEAD DEV "alerts: []\n"};
    char why[160];
    for (unsigned i = 0; i < 2; i++) {
        struct config *c = config_good(texts[i]);
        assert_int_equal(c->alert_count, 3); /* nothing measures the soil */
        assert_string_equal(c->alerts[0].name, "frost-watch");
        assert_string_equal(c->alerts[1].name, "frost");
        assert_string_equal(c->alerts[2].name, "heat");
        for (unsigned r = 0; r < c->alert_count; r++) {
            const struct alert_rule *rule = &c->alerts[r];
            assert_true(rule->shipped && rule->label[0] && rule->label_en[0] && rule->todo[0] &&
                        rule->todo_en[0] && rule->device_count == 1);
            assert_true(rule->above ? rule->clear < rule->limit : rule->clear > rule->limit);
            assert_false(config_alert_trouble(c, rule, why, sizeof why));
        }
        config_free(c);
    }
    struct config *c = config_good(HEAD DEV "alerts: none\n");
    assert_int_equal(c->alert_count, 0);
    config_free(c);
    c = config_good("location: { lat: -26.5, lon: 30 }\n" HEAD DEV);
    assert_int_equal(c->alerts[1].months, 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10); /* its spring */
    config_free(c);
}

/* One output, for a rule, a time and a siren; the longest time is the profile's unless given. */
static void reads_what_switches_what(void **state)
{
    (void)state;
    struct config *c = config_good(
        RELAY DRY
        "forecast: { file: /w.json }\n"
        "plots:\n  - { name: upper, devices: [a] }\n"
        "actions:\n"
        "  - { name: fan, device: r, write: out-2, when: dry, plots: [upper], fail: keep }\n"
        "  - { name: lamp, label: 灯, device: r, write: out-1, at: ['06:00', '18:30'], for: "
        "20min,\n"
        "      pause: 2h, override: 1h, skip_when_rain: 2.5mm within 12h }\n"
        "notify:\n  - { name: yard, output: { device: r, write: out-1, for: 30s } }\n");
    assert_int_equal(c->action_count, 3);
    const struct action_config *fan = &c->actions[0], *lamp = &c->actions[1],
                               *siren = &c->actions[2];
    assert_string_equal(fan->label, "fan");
    assert_int_equal(fan->device, 1);
    assert_string_equal(fan->write->name, "out-2");
    assert_int_equal(fan->rule, 0);
    assert_int_equal(fan->rule_device_count, 1);
    assert_true(fan->keep);
    assert_true(fan->for_s == 3000 && fan->pause_s == 300 && fan->override_s == 7200);
    assert_true(fan->on == 1 && fan->off == 0);
    assert_string_equal(lamp->label, "灯");
    assert_true(lamp->time_count == 2 && lamp->times[0] == 360 && lamp->times[1] == 1110);
    assert_true(lamp->for_s == 1200 && lamp->pause_s == 7200 && lamp->override_s == 3600);
    assert_true(lamp->rule < 0 && lamp->way < 0);
    assert_true(lamp->rain_s == 43200 && (int)(lamp->rain_mm * 10) == 25 && fan->rain_s == 0);
    assert_true(siren->way == 0 && siren->for_s == 30 && siren->pause_s == 270);
    config_free(c);
}

static void reads_ways_and_groups(void **state)
{
    (void)state;
    struct config *c = config_good(
        HEAD DEV "notify:\n"
                 "  - { name: family, wecom: { key_file: /w.key } }\n"
                 "  - { name: village, language: en,\n"
                 "      dingtalk: { token_file: /d.token, secret_file: /d.secret } }\n"
                 "  - { name: son, mail: { url: 'smtps://m.example.org', from: g@example.org,\n"
                 "      to: [a@example.org, b@example.org], user: g, password_file: /m.pass } }\n"
                 "groups: { night: [village, son], day: [family] }\n"
                 "escalate: 15min\nheartbeat: Sunday 19:00\n");
    assert_int_equal(c->way_count, 3);
    assert_int_equal(c->ways[0].kind, WAY_WECOM);
    assert_string_equal(c->ways[0].token_file, "/w.key");
    assert_string_equal(c->ways[0].url, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send");
    assert_int_equal(c->ways[0].language, METRIC_ZH);
    assert_int_equal(c->ways[1].language, METRIC_EN);
    assert_string_equal(c->ways[1].secret_file, "/d.secret");
    assert_int_equal(c->ways[2].to_count, 2);
    assert_string_equal(c->ways[2].to[1], "b@example.org");
    assert_int_equal(c->group_count, 2);
    assert_int_equal(c->groups[0].ways, 6); /* in the order of the file */
    assert_int_equal(c->groups[1].ways, 1);
    assert_true(config_way_is_used(c, 0) && config_way_is_used(c, 2));
    assert_int_equal(c->escalate_s, 900);
    assert_int_equal(c->heartbeat_day, 1);
    assert_int_equal(c->heartbeat_minute, 1140);
    config_free(c);
    c = config_good(HEAD DEV "notify:\n  - { name: a, ntfy: { topic: t } }\n"
                             "  - { name: b, webhook: { url: 'http://127.0.0.1:9/x' } }\n");
    assert_int_equal(c->group_count, 1);
    assert_int_equal(c->groups[0].ways, 3);
    assert_int_equal(c->escalate_s, 600);
    config_free(c);
    c = config_good(HEAD DEV "notify:\n  - { name: a, ntfy: { topic: t } }\n"
                             "  - { name: b, ntfy: { topic: t } }\ngroups: { day: [a] }\n");
    assert_true(config_way_is_used(c, 0));
    assert_false(config_way_is_used(c, 1));
    config_free(c);
}

static void a_rule_that_no_device_can_raise_is_a_warning(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *says;
    } cases[] = {
        {"metric: soil_ph, below: 4", "measures soil_ph"},
        {"metric: air_temperature, above: 400", "limit 400 is outside"},
        {"metric: air_temperature, below: -400", "limit -400 is outside"},
        {"metric: air_humidity, above: 100", "limit 100 is outside"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], why[160] = "";
        (void)snprintf(text, sizeof text, HEAD DEV "alerts:\n  - { name: x, %s }\n", cases[i].rule);
        struct config *c = config_good(text);
        assert_true(config_alert_trouble(c, &c->alerts[0], why, sizeof why));
        assert_non_null(strstr(why, cases[i].says));
        assert_non_null(strstr(why, "never comes"));
        config_free(c);
    }
}

/* A limit is in the metric's own unit, 70 °C; what the device can show, 140 °F, is 60 °C. */
static void limits_in_two_units_are_compared_in_one(void **state)
{
    (void)state;
    char path[128], why[160] = "";
    (void)snprintf(path, sizeof path, "%s/own.yaml", config_folder);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    assert_true(fputs("label: own\nfields:\n  - { metric: air_temperature, register: 0, "
                      "unit: °F }\n",
                      stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    struct config *c = config_good(HEAD "      - { name: a, profile: own, address: 1 }\n"
                                        "alerts:\n"
                                        "  - { name: x, metric: air_temperature, above: 70 }\n"
                                        "  - { name: y, metric: air_temperature, above: 50 }\n");
    assert_true(config_alert_trouble(c, &c->alerts[0], why, sizeof why));
    assert_false(config_alert_trouble(c, &c->alerts[1], why, sizeof why));
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_rule_with_all_its_keys),
        cmocka_unit_test(a_file_without_rules_has_the_shipped_ones_that_can_come),
        cmocka_unit_test(reads_what_switches_what),
        cmocka_unit_test(reads_ways_and_groups),
        cmocka_unit_test(a_rule_that_no_device_can_raise_is_a_warning),
        cmocka_unit_test(limits_in_two_units_are_compared_in_one),
    };
    return cmocka_run_group_tests(tests, config_make_folder, config_remove_folder);
}
