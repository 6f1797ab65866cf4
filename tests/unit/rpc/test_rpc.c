/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/rpc/fakes.h"

static char folder[] = "/tmp/baiye-rpc-XXXXXX";
static struct loop *loop;
static struct rpc *rpc;

static json_t *last; /* what the last call ended with */
static unsigned progress_count, end_count;

static void answered(void *context, bool progress, const json_t *body)
{
    (void)context;
    if (progress) {
        progress_count++;
        return;
    }
    end_count++;
    json_decref(last);
    last = json_deep_copy(body);
}

static int start(void **state)
{
    (void)state;
    memset(&fakes, 0, sizeof fakes);
    fakes.now = (struct wall_ms){1795293274123, TIME_TRUSTED};
    progress_count = end_count = 0;
    struct rpc_parts parts = {.publish = fake_publish,
                              .alerts = fake_alerts,
                              .notifier = fake_notifier,
                              .buses = fake_buses};
    loop = loop_open(false);
    rpc = rpc_open(loop, &fake_config, &parts);
    return rpc != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    loop_end(loop);
    loop_drop_tasks(loop); /* in the order of the daemon */
    rpc_close(rpc);
    loop_close(loop);
    json_decref(last);
    last = NULL;
    return 0;
}

static const struct rpc_caller technician = {"wang", "socket", -1, USER_TECHNICIAN};
static const struct rpc_caller farmer = {"li", "local", 0, USER_FARMER};
static const struct rpc_caller stranger = {"zhang", "local", 0, USER_UNKNOWN};

/* The error's code, "" when the call went well. */
static const char *ask(const struct rpc_caller *caller, const char *method, const char *params)
{
    json_t *json = json_loads(params, 0, NULL);
    unsigned before = end_count;
    assert_non_null(json);
    (void)rpc_call(rpc, caller, method, json, "", answered, NULL);
    while (end_count == before)
        assert_true(loop_step(loop));
    json_decref(json);
    const json_t *error = json_object_get(last, "error");
    return error != NULL ? json_string_value(json_object_get(error, "code")) : "";
}

static const struct store_audit *last_audit(void)
{
    assert_in_range(fakes.audit_count, 1, 64);
    return &fakes.audits[fakes.audit_count - 1];
}

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
        "{\"service\":\"ntfy\",\"trouble\":\"wrong key\",\"waiting\":0,\"way\":\"son\"}]}");
}

static void a_test_of_the_ways_says_what_each_answered(void **state)
{
    (void)state;
    assert_string_equal(ask(&farmer, "alert_test", "{}"), "forbidden");
    assert_string_equal(ask(&technician, "alert_test", "{\"way\":\"none\"}"), "unknown");
    assert_int_equal(fakes.tests, 0);
    assert_string_equal(ask(&technician, "alert_test", "{}"), "");
    assert_said("{\"ways\":[{\"delivered\":true,\"service\":\"wecom\",\"way\":\"family\","
                "\"why\":\"\"},{\"delivered\":false,\"service\":\"ntfy\",\"way\":\"son\","
                "\"why\":\"wrong key\"}]}");
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

static void a_write_is_one_request_of_the_bus_and_audited(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}"), "");
    assert_int_equal(fakes.registers[3], 60);
    assert_int_equal(fakes.bus_requests, 1); /* that reads it back itself */
    assert_string_equal(last_audit()->user, "li");
    assert_string_equal(last_audit()->via, "local");
    assert_string_equal(last_audit()->method, "write");
    assert_string_equal(last_audit()->result, "ok");
    assert_non_null(strstr(last_audit()->detail, "\"value\":60"));
    assert_string_equal(
        ask(&technician, "write", "{\"device\":\"plot-1\",\"name\":\"offset\",\"value\":-7}"), "");
    assert_int_equal(fakes.registers[4], 0xFFF9);
}

static void a_write_outside_the_list_or_its_range_never_reaches_the_bus(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{\"device\":\"plot-1\",\"name\":\"other\",\"value\":1}", "not-allowed"},
        {"{\"device\":\"plot-1\",\"name\":\"period\",\"value\":9}", "invalid"},
        {"{\"device\":\"plot-1\",\"name\":\"period\",\"value\":3601}", "invalid"},
        {"{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60.5}", "invalid"},
        {"{\"device\":\"plot-1\",\"name\":\"period\"}", "invalid"},
        {"{\"device\":\"plot-1\",\"register\":3,\"value\":60}", "invalid"},
        {"{\"device\":\"plot-1\",\"name\":\"offset\",\"value\":1}", "forbidden"},
        {"{\"device\":\"nobody\",\"name\":\"period\",\"value\":60}", "unknown"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_string_equal(ask(&farmer, "write", wrong[i][0]), wrong[i][1]);
        assert_int_equal(fakes.audit_count, i + 1);
        assert_ptr_equal(strstr(last_audit()->result, wrong[i][1]), last_audit()->result);
    }
    assert_int_equal(fakes.bus_requests, 0);
}

static void assert_refused(const struct rpc_caller *caller, const char *device, const char *message,
                           const char *hint)
{
    char params[CONFIG_NAME_SIZE * 2 + 64];
    (void)snprintf(params, sizeof params, "{\"device\":\"%s\",\"name\":\"x\",\"value\":1}", device);
    assert_string_equal(ask(caller, "write", params), "unknown");
    const json_t *error = json_object_get(last, "error");
    assert_string_equal(json_string_value(json_object_get(error, "message")), message);
    assert_string_equal(json_string_value(json_object_get(error, "hint")), hint);
}

static void a_device_that_is_not_there_is_named_and_who_lists_them(void **state)
{
    (void)state;
    char name[CONFIG_NAME_SIZE + 2] = "", message[CONFIG_NAME_SIZE + 32];
    assert_refused(&technician, "nobody", "there is no device \"nobody\"",
                   "`baiye devices` lists them");
    assert_refused(&farmer, "茶", "there is no device \"茶\"", "method devices lists them");
    memset(name, 'x', CONFIG_NAME_SIZE - 2);
    (void)snprintf(message, sizeof message, "there is no device \"%s\"", name);
    memcpy(name + CONFIG_NAME_SIZE - 2, "茶", sizeof "茶"); /* a third of it would fit */
    assert_refused(&farmer, name, message, "method devices lists them");
}

static void a_write_that_did_not_stick_is_reported(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"broken\",\"name\":\"period\",\"value\":60}"),
        "mismatch");
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"dead\",\"name\":\"period\",\"value\":60}"), "timeout");
    fakes.bus_result = BUS_BUSY;
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}"), "busy");
}

static void an_actuator_is_switched_back_when_its_time_is_over(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"valve\",\"value\":1,\"on_s\":2}"),
        "invalid"); /* longer than the profile allows */
    assert_int_equal(fakes.coils, 0);
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"valve\",\"value\":1}"), "");
    assert_int_equal(fakes.coils, 2);
    assert_string_equal(fakes.kept, "[{\"device\":\"plot-1\",\"name\":\"valve\",\"bus\":\"east\","
                                    "\"unit\":1}]");
    int64_t start_ms = loop_now_ms();
    while (fakes.coils != 0 && loop_now_ms() - start_ms < 5000)
        assert_true(loop_step(loop));
    assert_int_equal(fakes.coils, 0);
    while (strcmp(fakes.kept, "[]") != 0 && loop_now_ms() - start_ms < 5000)
        assert_true(loop_step(loop));
    assert_string_equal(fakes.kept, "[]");
}

static void left_on(const char *kept)
{
    struct rpc_parts parts = {.publish = fake_publish,
                              .alerts = fake_alerts,
                              .notifier = fake_notifier,
                              .buses = fake_buses};
    loop_drop_tasks(loop);
    rpc_close(rpc);
    strcpy(fakes.kept_key, "actuators");
    strcpy(fakes.kept, kept);
    fakes.coils = 2;
    rpc = rpc_open(loop, &fake_config, &parts);
    int64_t start_ms = loop_now_ms();
    while (strcmp(fakes.kept, "[]") != 0 && loop_now_ms() - start_ms < 5000)
        assert_true(loop_step(loop));
    assert_int_equal(fakes.coils, 0);
    assert_string_equal(fakes.kept, "[]");
}

static void an_actuator_left_on_by_a_killed_gateway_is_switched_off_at_start(void **state)
{
    (void)state;
    left_on("[{\"device\":\"plot-1\",\"name\":\"valve\"}]");
}

static void an_actuator_left_on_is_found_by_its_place_when_its_name_is_another(void **state)
{
    (void)state;
    left_on("[{\"device\":\"pump\",\"name\":\"valve\",\"bus\":\"east\",\"unit\":1}]");
}

/* Of a contact that opens when it is driven, 1 is off. */
static void an_actuator_whose_off_is_not_0_is_switched_back_to_it(void **state)
{
    (void)state;
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"gate\",\"value\":1}"), "");
    assert_string_equal(fakes.kept, "[]"); /* that was off */
    assert_string_equal(
        ask(&farmer, "write", "{\"device\":\"plot-1\",\"name\":\"gate\",\"value\":0}"), "");
    assert_int_equal(fakes.coils, 0);
    int64_t start_ms = loop_now_ms();
    while (fakes.coils == 0 && loop_now_ms() - start_ms < 5000)
        assert_true(loop_step(loop));
    assert_int_equal(fakes.coils, 4);
    while (strcmp(fakes.kept, "[]") != 0 && loop_now_ms() - start_ms < 5000)
        assert_true(loop_step(loop));
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

static void a_technician_reads_any_register(void **state)
{
    (void)state;
    fakes.registers[2] = 513;
    assert_string_equal(
        ask(&technician, "read", "{\"device\":\"plot-1\",\"register\":2,\"count\":3}"), "");
    const json_t *values = json_object_get(last, "values");
    assert_int_equal(json_array_size(values), 3);
    assert_int_equal(json_integer_value(json_array_get(values, 0)), 513);
    assert_string_equal(
        ask(&technician, "read", "{\"device\":\"plot-1\",\"register\":15,\"count\":3}"),
        "exception");
    const json_t *error = json_object_get(last, "error");
    assert_string_equal(json_string_value(json_object_get(error, "message")),
                        "the device refused: Modbus exception 2, illegal data address");
    assert_string_equal(
        ask(&technician, "read", "{\"device\":\"plot-1\",\"register\":0,\"count\":126}"),
        "invalid");
}

static void raw_passes_any_pdu(void **state)
{
    (void)state;
    fakes.registers[0] = 0xBEEF;
    assert_string_equal(
        ask(&technician, "raw", "{\"bus\":\"east\",\"unit\":1,\"pdu\":\"0300000001\"}"), "");
    assert_string_equal(json_string_value(json_object_get(last, "pdu")), "0302beef");
    static const char *const wrong[] = {"", "03000", "zz", "0x03"};
    char params[80];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(params, sizeof params, "{\"bus\":\"east\",\"unit\":1,\"pdu\":\"%s\"}", wrong[i]);
        assert_string_equal(ask(&technician, "raw", params), "invalid");
    }
    assert_string_equal(ask(&technician, "raw", "{\"bus\":\"west\",\"unit\":1,\"pdu\":\"03\"}"),
                        "unknown");
}

static void scan_reports_each_unit_and_what_it_found(void **state)
{
    (void)state;
    assert_string_equal(ask(&technician, "scan", "{\"bus\":\"east\",\"from\":1,\"to\":5}"), "");
    assert_int_equal(progress_count, 5);
    char *text = json_dumps(last, JSON_COMPACT);
    assert_string_equal(text, "{\"found\":[1,2]}");
    free(text);
}

/* Nobody here speaks Fast Modbus; with nodes: tests/integration/test_node_serials.py. */
static void nodes_are_asked_by_their_serial_numbers(void **state)
{
    (void)state;
    assert_string_equal(ask(&technician, "scan", "{\"bus\":\"east\",\"serials\":true}"), "");
    char *text = json_dumps(last, JSON_COMPACT);
    assert_string_equal(text, "{\"nodes\":[]}");
    free(text);
    assert_string_equal(
        ask(&technician, "address", "{\"bus\":\"east\",\"serial\":7,\"address\":1}"), "taken");
    assert_string_equal(
        ask(&technician, "address", "{\"bus\":\"east\",\"serial\":7,\"address\":9}"), "timeout");
    assert_string_equal(
        ask(&technician, "address", "{\"bus\":\"east\",\"serial\":7,\"address\":248}"), "invalid");
    assert_string_equal(
        ask(&technician, "address", "{\"bus\":\"east\",\"serial\":0,\"address\":9}"), "invalid");
}

static void a_forgotten_scan_stops(void **state)
{
    (void)state;
    json_t *params = json_loads("{\"bus\":\"east\"}", 0, NULL);
    struct rpc_call *call = rpc_call(rpc, &technician, "scan", params, "", answered, NULL);
    json_decref(params);
    assert_non_null(call);
    rpc_forget(call);
    assert_string_equal(ask(&farmer, "devices", "{}"), "");
    uint32_t before = fakes.bus_requests;
    for (int i = 0; i < 3; i++)
        assert_string_equal(ask(&farmer, "read", "{\"device\":\"plot-1\",\"name\":\"period\"}"),
                            "");
    assert_in_range(fakes.bus_requests - before, 3, 4);
    assert_int_equal(end_count, 4);
}

/* ---- By MQTT ---- */

static void by_mqtt(const char *method, const char *payload, const char *correlation)
{
    struct publish_request request = {.has_response = true,
                                      .response = "baiye/baiye-1/answer/li/phone",
                                      .payload = payload,
                                      .payload_size = strlen(payload)};
    memcpy(request.user, "li", 3);
    snprintf(request.method, sizeof request.method, "%s", method);
    request.correlation_size = (uint16_t)strlen(correlation);
    memcpy(request.correlation, correlation, strlen(correlation));
    uint32_t before = fakes.answers;
    rpc_mqtt(rpc, &request);
    int64_t start_ms = loop_now_ms();
    while (fakes.answers == before && loop_now_ms() - start_ms < 50)
        assert_true(loop_step(loop));
}

static void an_mqtt_request_is_answered_on_its_topic(void **state)
{
    (void)state;
    by_mqtt("time", "{}", "42");
    assert_string_equal(fakes.answer_topic, "baiye/baiye-1/answer/li/phone");
    assert_string_equal(fakes.correlation, "42");
    assert_non_null(strstr(fakes.answer, "\"ts\":1795293274123"));
    by_mqtt("time", "", "43");
    assert_int_equal(fakes.answers, 2);
    by_mqtt("time", "[1]", "44");
    assert_non_null(strstr(fakes.answer, "\"code\":\"invalid\""));
    by_mqtt("time", "{\"a\":", "45");
    assert_non_null(strstr(fakes.answer, "\"code\":\"invalid\""));
}

static void the_role_comes_from_the_users_file(void **state)
{
    (void)state;
    static const char pick[] =
        "{\"id\":\"u\",\"plot\":\"upper\",\"day\":\"2026-04-03\",\"kg\":1,\"pickers\":2}";
    char path[CONFIG_PATH_SIZE];
    by_mqtt("pick", pick, "1");
    assert_non_null(strstr(fakes.answer, "forbidden"));
    assert_true(users_path(fake_config.file, path, sizeof path));
    FILE *file = fopen(path, "w");
    fputs("wang technician\nli farmer\n", file);
    fclose(file);
    by_mqtt("pick", pick, "2");
    assert_string_equal(fakes.answer, "{\"ok\":true}");
    assert_string_equal(fakes.pick.user, "li");
    unlink(path);
}

static void a_second_delivery_is_not_done_twice(void **state)
{
    (void)state;
    static const char write[] = "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}";
    char path[CONFIG_PATH_SIZE];
    assert_true(users_path(fake_config.file, path, sizeof path));
    FILE *file = fopen(path, "w");
    fputs("li farmer\n", file);
    fclose(file);
    by_mqtt("write", write, "7");
    assert_int_equal(fakes.bus_requests, 1);
    by_mqtt("write", write, "7");
    assert_int_equal(fakes.bus_requests, 1);
    assert_int_equal(fakes.answers, 1);
    assert_string_equal(last_audit()->result, "duplicate: already taken");
    by_mqtt("write", write, "8");
    assert_int_equal(fakes.bus_requests, 2);
    unlink(path);
}

static void a_command_that_failed_is_tried_again_when_it_comes_again(void **state)
{
    (void)state;
    static const char write[] = "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}";
    char path[CONFIG_PATH_SIZE];
    assert_true(users_path(fake_config.file, path, sizeof path));
    FILE *file = fopen(path, "w");
    fputs("li farmer\n", file);
    fclose(file);
    fakes.bus_result = BUS_BUSY;
    by_mqtt("write", write, "7");
    assert_non_null(strstr(fakes.answer, "busy"));
    fakes.bus_result = BUS_OK;
    by_mqtt("write", write, "7");
    assert_int_equal(fakes.answers, 2);
    assert_int_equal(fakes.registers[3], 60);
    unlink(path);
}

static void another_command_under_the_same_identifier_is_no_duplicate(void **state)
{
    (void)state;
    char path[CONFIG_PATH_SIZE];
    assert_true(users_path(fake_config.file, path, sizeof path));
    FILE *file = fopen(path, "w");
    fputs("li farmer\n", file);
    fclose(file);
    by_mqtt("write", "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":60}", "1");
    by_mqtt("write", "{\"device\":\"plot-1\",\"name\":\"period\",\"value\":70}", "1");
    assert_int_equal(fakes.registers[3], 70);
    assert_int_equal(fakes.answers, 2);
    unlink(path);
}

static void retained_expired_and_misdirected_requests_are_not_obeyed(void **state)
{
    (void)state;
    struct publish_request request = {.retained = true, .payload = "{}", .payload_size = 2};
    memcpy(request.user, "li", 3);
    memcpy(request.method, "time", 5);
    rpc_mqtt(rpc, &request);
    assert_string_equal(last_audit()->result, "retained: never obeyed");
    request.retained = false;
    request.has_response = true;
    static const char *const topics[] = {"baiye/baiye-1/answer/wang/x", "baiye/baiye-1/dev/a/live",
                                         "baiye/baiye-1/answer/li/+", "$SYS/x", ""};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        snprintf(request.response, sizeof request.response, "%s", topics[i]);
        rpc_mqtt(rpc, &request);
        assert_int_equal(fakes.audit_count, i + 2);
    }
    assert_int_equal(fakes.answers, 0);
    by_mqtt("time", "{\"expires\":1795293274122}", "1");
    assert_non_null(strstr(fakes.answer, "\"code\":\"expired\""));
    by_mqtt("time", "{\"expires\":1795293274124}", "2");
    assert_non_null(strstr(fakes.answer, "\"ts\""));
    fakes.now.trust = TIME_UNTRUSTED; /* nobody knows whether it is late */
    by_mqtt("time", "{\"expires\":1}", "3");
    assert_non_null(strstr(fakes.answer, "\"ts\""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(a_pick_is_stored_with_who_said_it),
        TEST(a_write_is_one_request_of_the_bus_and_audited),
        TEST(a_write_outside_the_list_or_its_range_never_reaches_the_bus),
        TEST(a_device_that_is_not_there_is_named_and_who_lists_them),
        TEST(a_write_that_did_not_stick_is_reported),
        TEST(an_actuator_is_switched_back_when_its_time_is_over),
        TEST(an_actuator_left_on_by_a_killed_gateway_is_switched_off_at_start),
        TEST(an_actuator_left_on_is_found_by_its_place_when_its_name_is_another),
        TEST(an_actuator_whose_off_is_not_0_is_switched_back_to_it),
        TEST(roles_limit_what_may_be_done),
        TEST(refused_requests_cannot_fill_the_flash),
        TEST(a_technician_reads_any_register),
        TEST(raw_passes_any_pdu),
        TEST(scan_reports_each_unit_and_what_it_found),
        TEST(nodes_are_asked_by_their_serial_numbers),
        TEST(a_forgotten_scan_stops),
        TEST(an_mqtt_request_is_answered_on_its_topic),
        TEST(the_role_comes_from_the_users_file),
        TEST(a_second_delivery_is_not_done_twice),
        TEST(a_command_that_failed_is_tried_again_when_it_comes_again),
        TEST(another_command_under_the_same_identifier_is_no_duplicate),
        TEST(retained_expired_and_misdirected_requests_are_not_obeyed),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(fake_config.file, sizeof fake_config.file, "%s/baiye.yaml", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
