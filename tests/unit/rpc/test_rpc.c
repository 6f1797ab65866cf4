/* SPDX-License-Identifier: Apache-2.0 */
/* What the methods ask store, forecast, alerts and ways; roles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/rpc/rpc_bench.h"

static void time_is_told_to_everybody(void **state)
{
    (void)state;
    assert_string_equal(ask(&stranger, "time", "{}"), "");
    assert_int_equal(json_integer_value(json_object_get(last, "ts")), 1795293274123);
    assert_true(json_is_true(json_object_get(last, "trusted")));
    assert_int_equal(fakes.audit_count, 0);
}

static void devices_are_listed_with_what_may_be_written(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "devices", "{}"), "");
    const json_t *list = json_object_get(last, "devices");
    assert_int_equal(json_array_size(list), 3);
    const json_t *first = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "bus")), "east");
    assert_int_equal(json_array_size(json_object_get(first, "writes")), 4);
}

/* As in its topic: null before its first answer, and the battery where it has one. */
static void a_devices_stats_say_when_it_was_seen_and_its_battery(void **state)
{
    (void)state;
    assert_string_equal(ask(&technician, "stats", "{\"device\":\"plot-1\"}"), "");
    assert_int_equal(json_integer_value(json_object_get(last, "last_seen")), 1795293274123);
    assert_true(json_real_value(json_object_get(last, "battery")) == 3.61);
    assert_string_equal(ask(&technician, "stats", "{\"device\":\"dead\"}"), "");
    assert_true(json_is_null(json_object_get(last, "last_seen")));
    assert_null(json_object_get(last, "battery"));
}

static void a_full_history_answer_stays_below_64_kb(void **state)
{
    (void)state;
    fakes.history_points = 5000;
    assert_string_equal(ask(&stranger, "history",
                            "{\"device\":\"plot-1\",\"metric\":\"air_temperature\","
                            "\"from\":1795000000000,\"to\":1795293274123,\"step\":\"hour\"}"),
                        "");
    assert_int_equal(fakes.history.step, STORE_HOUR);
    assert_int_equal(fakes.history.device, 0);
    assert_int_equal(json_array_size(json_object_get(last, "mean")), RPC_HISTORY_MAX);
    assert_int_equal(json_integer_value(json_object_get(last, "next")),
                     1795000000000 + RPC_HISTORY_MAX * 1000);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(last, "bad"), 7)), 7);
    assert_null(json_object_get(last, "flags"));
    fakes.history_points = 5000;
    assert_string_equal(ask(&stranger, "history",
                            "{\"device\":\"plot-1\",\"metric\":\"air_temperature\","
                            "\"from\":1795000000000,\"to\":1795293274123,\"step\":\"raw\"}"),
                        "");
    assert_string_equal(json_string_value(json_array_get(json_object_get(last, "flags"), 7)),
                        "uncalibrated");
    assert_null(json_object_get(last, "bad"));
    char *text = json_dumps(last, JSON_COMPACT | JSON_REAL_PRECISION(8));
    assert_in_range(strlen(text), 50000, 65536);
    assert_null(json_object_get(last, "sum"));
    free(text);
    fakes.history_points = 5000;
    assert_string_equal(ask(&stranger, "history",
                            "{\"device\":\"plot-1\",\"metric\":\"rainfall\","
                            "\"from\":1795000000000,\"to\":1795293274123,\"step\":\"raw\"}"),
                        "");
    assert_true(json_array_size(json_object_get(last, "sum")) > 500);
    text = json_dumps(last, JSON_COMPACT | JSON_REAL_PRECISION(8));
    assert_in_range(strlen(text), 50000, 65536);
    free(text);
}

static void assert_said(const char *expected)
{
    char *text = json_dumps(last, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
}

static void alerts_are_listed_as_their_topics_have_them(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "alerts", "{}"), "");
    assert_said("{\"alerts\":[{\"decimals\":1,\"id\":\"frost-garden\",\"what\":\"Frost\",\"zh\":{"
                "\"what\":\"霜冻\"}}]}");
    assert_string_equal(ask(&farmer, "alerts", "{\"from\":1,\"to\":9}"), "");
    assert_said("{\"alerts\":[{\"decimals\":1,\"id\":\"frost-garden\",\"what\":\"Frost\",\"zh\":{"
                "\"what\":\"霜冻\"}},"
                "{\"decimals\":1,\"ended\":9,\"id\":\"frost-garden\",\"what\":\"Frost\",\"zh\":{"
                "\"what\":\"霜冻\"}}]}");
    assert_string_equal(ask(&farmer, "alerts", "{\"from\":1,\"to\":900}"), "");
    assert_said("{\"alerts\":[{\"decimals\":1,\"id\":\"frost-garden\",\"what\":\"Frost\",\"zh\":{"
                "\"what\":\"霜冻\"}},"
                "{\"decimals\":1,\"ended\":900,\"id\":\"frost-garden\",\"what\":\"Frost\",\"zh\":{"
                "\"what\":\"霜冻\"}}],\"next\":5}");
    assert_string_equal(ask(&farmer, "alerts", "{\"from\":9}"), "invalid");
    assert_string_equal(ask(&farmer, "alerts", "{\"from\":9,\"to\":1}"), "invalid");
}

static void the_ways_say_how_they_are(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "ways", "{}"), "");
    assert_said(
        "{\"ways\":[{\"service\":\"wecom\",\"trouble\":\"\",\"waiting\":0,\"way\":\"family\"},"
        "{\"service\":\"ntfy\",\"trouble\":\"wrong key (93000)\",\"waiting\":0,\"way\":\"son\"}]}");
}

static void a_test_of_the_ways_says_what_each_answered(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "alert_test", "{}"), "forbidden");
    assert_string_equal(ask(&technician, "alert_test", "{\"way\":\"none\"}"), "unknown");
    assert_int_equal(fakes.tests, 0);
    assert_string_equal(ask(&technician, "alert_test", "{}"), "");
    assert_said("{\"ways\":[{\"delivered\":true,\"service\":\"wecom\",\"way\":\"family\","
                "\"why\":\"\",\"why_zh\":\"\"},{\"delivered\":false,\"service\":\"ntfy\","
                "\"way\":\"son\",\"why\":\"wrong key (93000)\","
                "\"why_zh\":\"密钥不对（93000）\"}]}");
    assert_int_equal(fakes.tests, 2);
    assert_string_equal(ask(&technician, "alert_test", "{\"way\":\"son\"}"), "");
    assert_int_equal(fakes.tests, 3);
}

static void an_acknowledged_alert_says_by_whom(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "ack", "{\"id\":\"frost-plot-1\"}"), "");
    assert_string_equal(fakes.acked_by, "li");
    assert_int_equal(fakes.acked_ms, 1795293274123);
    assert_string_equal(last_audit()->method, "ack");
    assert_string_equal(ask(&farmer, "ack", "{\"id\":\"frost-plot-2\"}"), "unknown");
    assert_string_equal(ask(&farmer, "ack", "{}"), "invalid");
}

static void a_history_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{}", "invalid"},
        {"{\"device\":\"nobody\",\"metric\":\"x\",\"from\":0,\"to\":1}", "unknown"},
        {"{\"plot\":\"nowhere\",\"metric\":\"x\",\"from\":0,\"to\":1}", "unknown"},
        {"{\"plot\":\"upper\",\"from\":0,\"to\":1}", "invalid"},
        {"{\"plot\":\"upper\",\"metric\":\"x\",\"from\":\"0\",\"to\":1}", "invalid"},
        {"{\"plot\":\"upper\",\"metric\":\"x\",\"from\":-1,\"to\":1}", "invalid"},
        {"{\"plot\":\"upper\",\"metric\":\"x\",\"from\":1e300,\"to\":1}", "invalid"},
        {"{\"plot\":\"upper\",\"metric\":\"x\",\"from\":0,\"to\":1,\"step\":\"week\"}", "invalid"},
        {"{\"plot\":7,\"metric\":\"x\",\"from\":0,\"to\":1}", "invalid"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(ask(&farmer, "history", wrong[i][0]), wrong[i][1]);
    fakes.result = STORE_UNAVAILABLE;
    assert_string_equal(
        ask(&farmer, "history", "{\"plot\":\"upper\",\"metric\":\"x\",\"from\":0,\"to\":1}"),
        "unavailable");
}

static void a_resend_goes_to_the_broker_that_asked(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&farmer, "resend", "{\"device\":\"dead\",\"boot\":7,\"from\":4,\"to\":9}"), "");
    assert_int_equal(fakes.resend.broker, 0);
    assert_int_equal(fakes.resend.device, 2);
    assert_int_equal(fakes.resend.last_seq, 9);
    assert_int_equal(json_integer_value(json_object_get(last, "found")), 6);
    assert_string_equal(
        ask(&farmer, "resend", "{\"device\":\"dead\",\"boot\":7,\"from\":9,\"to\":4}"), "invalid");
}

static void a_resend_by_numbers_says_what_is_gone(void **state)
{
    (void)state;
    static const char *const wrong[] = {"[]",    "[1]",       "[0,5]",      "[5,4]",   "[1,2,3]",
                                        "\"1\"", "[1,\"2\"]", "[1,100001]", "[1.5,3]", "{}"};
    char params[64];
    assert_string_equal(ask(&farmer, "resend", "{\"ids\":[101,200]}"), "");
    assert_int_equal(json_integer_value(json_object_get(last, "found")), 99);
    assert_int_equal(json_integer_value(json_object_get(last, "next")), 201);
    const json_t *gone = json_array_get(json_object_get(last, "gone"), 0);
    assert_int_equal(json_integer_value(json_array_get(gone, 0)), 101);
    assert_int_equal(json_integer_value(json_array_get(gone, 1)), 101);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(params, sizeof params, "{\"ids\":%s}", wrong[i]);
        assert_string_equal(ask(&farmer, "resend", params), "invalid");
    }
}

static void a_resend_that_waits_for_the_next_month_says_so(void **state)
{
    (void)state;
    static const char asked[] = "{\"device\":\"dead\",\"boot\":7,\"from\":4,\"to\":9}";
    fakes.thrifty = true;
    fakes.later_ms = 1796083200000;
    assert_string_equal(ask(&farmer, "resend", asked), "");
    const json_t *later = json_object_get(last, "later");
    assert_int_equal(json_array_size(later), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(later, 0), "broker")),
                        "local");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(later, 0), "ts")),
                     fakes.later_ms);
    fakes.later_ms = 0; /* the time is not known */
    assert_string_equal(ask(&farmer, "resend", asked), "");
    later = json_object_get(last, "later");
    assert_true(json_is_null(json_object_get(json_array_get(later, 0), "ts")));
    fakes.thrifty = false;
    assert_string_equal(ask(&farmer, "resend", asked), "");
    assert_null(json_object_get(last, "later"));
}

static void a_likely_slip_is_asked_about_before_it_is_stored(void **state)
{
    (void)state;
    static const char *const slips[] = {"100000,\"pickers\":10", "901,\"pickers\":300",
                                        "250,\"pickers\":10", "2.5,\"pickers\":10"};
    char params[160];
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        (void)snprintf(params, sizeof params,
                       "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":%s}",
                       slips[i]);
        assert_string_equal(ask(&farmer, "pick", params), "doubtful");
    }
    assert_int_equal(fakes.pick_count, 0);
    assert_string_equal(ask(&farmer, "pick",
                            "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\","
                            "\"kg\":250,\"pickers\":10,\"sure\":true}"),
                        "");
    assert_int_equal(fakes.pick_count, 1);
}

static void the_ledger_is_listed_and_deleted_from_by_any_farmer(void **state)
{
    (void)state;
    fakes.ledger_row = (struct store_pick){.id = "u-1",
                                           .plot = "upper",
                                           .user = "wang",
                                           .first = "li",
                                           .day = 20260403,
                                           .kg = 12.5,
                                           .pickers = 3};
    assert_string_equal(ask(&farmer, "picks", "{\"from\":\"2026-04-01\",\"plot\":\"upper\"}"), "");
    assert_int_equal(fakes.ledger.from_day, 20260401);
    assert_int_equal(fakes.ledger.to_day, 99991231);
    assert_string_equal(fakes.ledger.plot, "upper");
    const json_t *row = json_array_get(json_object_get(last, "picks"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "day")), "2026-04-03");
    assert_string_equal(json_string_value(json_object_get(row, "by")), "li");
    assert_string_equal(json_string_value(json_object_get(row, "changed_by")), "wang");
    assert_true(json_is_null(json_object_get(last, "next")));
    assert_string_equal(ask(&farmer, "picks", "{\"from\":\"yesterday\"}"), "invalid");
    assert_string_equal(ask(&farmer, "picks", "{\"skip\":-1}"), "invalid");
    assert_string_equal(ask(&farmer, "pick_delete", "{\"id\":\"u-1\"}"), "");
    assert_string_equal(fakes.dropped.id, "u-1");
    assert_string_equal(fakes.dropped.user, "li");
    assert_int_equal(fakes.picked_count, 1); /* the forecast counts anew */
    assert_string_equal(ask(&farmer, "pick_delete", "{}"), "invalid");
}

static void ready_shoots_are_counted_into_the_same_ledger(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"shoots\":501,\"frames\":3}",
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"shoots\":-1,\"frames\":3}",
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"shoots\":12,\"frames\":0}",
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"shoots\":12}",
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"frames\":3}",
        "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"soon\",\"shoots\":12,\"frames\":3}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(ask(&farmer, "count", wrong[i]), "invalid");
    assert_int_equal(fakes.pick_count, 0);
    assert_string_equal(ask(&farmer, "count",
                            "{\"id\":\"c\",\"plot\":\"upper\",\"day\":\"2026-04-03\","
                            "\"shoots\":12.3,\"frames\":3,\"made\":5}"),
                        "");
    assert_true(fakes.pick.counted);
    assert_true(fakes.pick.kg == 12.3);
    assert_int_equal(fakes.pick.pickers, 3);
    assert_int_equal(fakes.pick.day, 20260403);
    assert_string_equal(fakes.pick.user, "li");
    assert_int_equal(fakes.picked_count, 1); /* the forecast looks again */
    fakes.ledger_row = fakes.pick;
    assert_string_equal(ask(&farmer, "counts", "{\"plot\":\"upper\"}"), "");
    assert_true(fakes.ledger.counted);
    const json_t *row = json_array_get(json_object_get(last, "counts"), 0);
    assert_true(json_number_value(json_object_get(row, "shoots")) == 12.3);
    assert_int_equal(json_integer_value(json_object_get(row, "frames")), 3);
    assert_null(json_object_get(row, "kg"));
    assert_string_equal(ask(&farmer, "count_delete", "{\"id\":\"c\"}"), "");
    assert_string_equal(fakes.dropped.id, "c");
}

static void what_the_forecast_said_is_listed_by_day(void **state)
{
    (void)state;
    fakes.said[0] = (struct store_said){.plot = "upper",
                                        .day = 20260403,
                                        .at_ms = 5,
                                        .program = "1.2.3",
                                        .kg = {6.04, 9.26, 12},
                                        .booked = NAN};
    fakes.said[1] = fakes.said[0];
    fakes.said[1].booked = 4;
    assert_string_equal(ask(&farmer, "said", "{\"plot\":\"upper\",\"from\":\"2026-01-01\"}"), "");
    assert_string_equal(fakes.said_asked.plot, "upper");
    assert_int_equal(fakes.said_asked.from_day, 20260101);
    assert_int_equal(fakes.said_asked.to_day, 99991231);
    char *text = json_dumps(last, JSON_COMPACT | JSON_REAL_PRECISION(8));
    assert_string_equal(text, "{\"said\":[{\"day\":\"2026-04-03\",\"at\":5,\"program\":\"1.2.3\","
                              "\"kg\":[6.0,9.3,12.0],\"booked\":null},"
                              "{\"day\":\"2026-04-03\",\"at\":5,\"program\":\"1.2.3\","
                              "\"kg\":[6.0,9.3,12.0],\"booked\":4}],\"next\":null}");
    free(text);
    assert_string_equal(ask(&farmer, "said", "{}"), "invalid");
    assert_string_equal(ask(&farmer, "said", "{\"plot\":\"upper\",\"to\":\"never\"}"), "invalid");
}

static void a_pick_is_stored_with_who_said_it(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "pick",
                            "{\"id\":\"u-1\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":12.5,"
                            "\"pickers\":4}"),
                        "");
    assert_string_equal(fakes.pick.user, "li");
    assert_int_equal(fakes.pick.day, 20260403);
    assert_true(fakes.pick.kg == 12.5);
    static const char *const wrong[] = {
        "{\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-13-03\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03x\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-02-31\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":20260231,\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-02-29\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2100-02-29\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-00\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\" 2026-04-03\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026- 4-3\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"+2026-4-3\",\"kg\":1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":-1}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":\"1\"}",
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":1,\"pickers\":-1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(ask(&farmer, "pick", wrong[i]), "invalid");
    assert_int_equal(fakes.pick_count, 1);
    assert_int_equal(fakes.picked_count, 1);
    fakes.result = STORE_UNAVAILABLE; /* nobody is told of what is not stored */
    assert_string_not_equal(
        ask(&farmer, "pick",
            "{\"id\":\"u-2\",\"plot\":\"upper\",\"day\":\"2026-04-04\",\"kg\":1,\"pickers\":1}"),
        "");
    assert_int_equal(fakes.picked_count, 1);
}

static void roles_limit_what_may_be_done(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&stranger, "write", "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}"),
        "forbidden");
    assert_string_equal(ask(&stranger, "pick", "{}"), "forbidden");
    assert_string_equal(ask(&farmer, "stats", "{}"), "forbidden");
    assert_string_equal(ask(&farmer, "read", "{\"device\":\"plot-1\",\"register\":3}"),
                        "forbidden");
    assert_string_equal(ask(&farmer, "raw", "{}"), "unknown-method");  /* not by MQTT */
    assert_string_equal(ask(&technician, "update", "{}"), "starting"); /* is one under way? */
    assert_true(loop_step(loop));
    assert_string_equal(ask(&technician, "update", "{}"), "unknown");
    assert_int_equal(fakes.audit_count, 7);
    assert_string_equal(ask(&farmer, "read", "{\"device\":\"plot-1\",\"name\":\"period\"}"), "");
}

static void refused_requests_cannot_fill_the_flash(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_string_equal(ask(&stranger, "pick", "{}"), "forbidden");
    assert_int_equal(fakes.audit_count, 20);
    assert_string_equal(last_audit()->result, "more were refused in this minute");
}

static void test_only_a_technician_edits_the_configuration(void **state)
{
    (void)state;
    static const char edit[] = "{\"sha256_old\":\"x\",\"confirm_s\":60,"
                               "\"edits\":[{\"path\":[\"label\"],\"set\":\"secret\"}]}";
    assert_string_equal(ask(&farmer, "config_edit", edit), "forbidden");
    assert_string_equal(ask(&farmer, "config_shown", "{}"), "forbidden");
    assert_string_equal(ask(&technician, "config_edit", "{}"), "invalid");
    assert_string_equal(ask(&technician, "config_edit", edit), "busy"); /* nobody judges it here */
    assert_string_equal(last_audit()->method, "config_edit");
    assert_string_equal(last_audit()->detail, "label");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

/* Two words where root's helper finds them, and what the helper has left. */
static void an_upgrade_is_a_wish_of_two_words(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"suite\":\"beta\"}",    "{\"suite\":1}",
                                        "{\"version\":\"1.1 x\"}", "{\"version\":\"1.1\\nstable\"}",
                                        "{\"version\":\"v1\"}",    "{\"version\":\"-o\"}",
                                        "{\"version\":\"\"}"};
    char path[300], text[100] = "";
    assert_string_equal(ask(&technician, "upgrade", "{}"), "unavailable");
    assert_int_equal(setenv("STATE_DIRECTORY", folder, 1) | setenv("BAIYED_UPGRADE", folder, 1), 0);
    assert_string_equal(ask(&farmer, "upgrade", "{}"), "forbidden");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(ask(&technician, "upgrade", wrong[i]), "invalid");
    (void)snprintf(path, sizeof path, "%s/upgrade.order", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_string_equal(
        ask(&technician, "upgrade", "{\"version\":\"1.1+deb12\",\"suite\":\"early\"}"), "");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    assert_string_equal(text, "1.1+deb12 early\n");
    (void)unlink(path);
    assert_string_equal(ask(&technician, "upgrade_state", "{}"), "");
    assert_string_equal(json_string_value(json_object_get(last, "state")), "");
    (void)snprintf(path, sizeof path, "%s/state", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("state undone\nfrom 1.0\nto 1.1\nat 2026-11-30T04:00:00Z\nwhy no gateway answers\n"
                "stated nothing\nto\nwhy ",
                file);
    (void)fclose(file);
    assert_string_equal(ask(&technician, "upgrade_state", "{}"), "");
    assert_string_equal(json_string_value(json_object_get(last, "state")), "undone");
    assert_string_equal(json_string_value(json_object_get(last, "to")), "1.1");
    assert_string_equal(json_string_value(json_object_get(last, "why")), "");
    (void)unlink(path);
    assert_int_equal(unsetenv("STATE_DIRECTORY") | unsetenv("BAIYED_UPGRADE"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_a_technician_edits_the_configuration),
        TEST(an_upgrade_is_a_wish_of_two_words),
        TEST(time_is_told_to_everybody),
        TEST(devices_are_listed_with_what_may_be_written),
        TEST(a_devices_stats_say_when_it_was_seen_and_its_battery),
        TEST(a_full_history_answer_stays_below_64_kb),
        TEST(a_history_that_makes_no_sense_is_refused),
        TEST(alerts_are_listed_as_their_topics_have_them),
        TEST(the_ways_say_how_they_are),
        TEST(a_test_of_the_ways_says_what_each_answered),
        TEST(an_acknowledged_alert_says_by_whom),
        TEST(a_resend_goes_to_the_broker_that_asked),
        TEST(a_resend_by_numbers_says_what_is_gone),
        TEST(a_resend_that_waits_for_the_next_month_says_so),
        TEST(a_likely_slip_is_asked_about_before_it_is_stored),
        TEST(the_ledger_is_listed_and_deleted_from_by_any_farmer),
        TEST(ready_shoots_are_counted_into_the_same_ledger),
        TEST(what_the_forecast_said_is_listed_by_day),
        TEST(a_pick_is_stored_with_who_said_it),
        TEST(roles_limit_what_may_be_done),
        TEST(refused_requests_cannot_fill_the_flash),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(fake_config.file, sizeof fake_config.file, "%s/baiye.yaml", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
