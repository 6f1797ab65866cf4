/* SPDX-License-Identifier: Apache-2.0 */
/* What the methods make of a line: writes, actuators, any register, scans. */
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
        (void)snprintf(params, sizeof params, "{\"bus\":\"east\",\"unit\":1,\"pdu\":\"%s\"}",
                       wrong[i]);
        assert_string_equal(ask(&technician, "raw", params), "invalid");
    }
    assert_string_equal(ask(&technician, "raw", "{\"bus\":\"west\",\"unit\":1,\"pdu\":\"03\"}"),
                        "unknown");
}

static enum bus_result poll_ends[4];
static uint32_t poll_at;

/* What a line loses is an end like any other. */
static void answer_poll(const struct bus_request *request, struct bus_reply *reply)
{
    assert_true(request->background); /* the gateway's own polls go first */
    assert_int_equal(request->retries, 0);
    assert_int_equal(request->pdu_size, 5);
    reply->result = poll_ends[poll_at++ % 4];
    reply->turnaround_us = 1000 + poll_at;
}

static void polls_are_tried_once_each_and_counted_by_how_they_ended(void **state)
{
    static const char params[] = "{\"device\":\"plot-1\",\"register\":2,\"count\":3,"
                                 "\"function\":4,\"polls\":8}";
    static const enum bus_result ends[4] = {BUS_OK, BUS_TIMEOUT, BUS_EXCEPTION, BUS_GARBLED};
    (void)state;
    memcpy(poll_ends, ends, sizeof ends);
    poll_at = 0;
    fakes.answer_request = answer_poll;
    uint32_t before = fakes.bus_requests;
    assert_string_equal(ask(&technician, "poll", params), "");
    assert_int_equal(fakes.bus_requests - before, 8);
    char *text = json_dumps(last, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"garbled\":2,\"good\":2,\"polls\":8,\"refused\":2,"
                              "\"timeouts\":2,\"turnarounds_us\":[1001,1003,1005,1007]}");
    free(text);
    poll_ends[2] = BUS_PAUSED; /* nobody's fault: it is no error of the device */
    assert_string_equal(ask(&technician, "poll", params), "paused");
    fakes.answer_request = NULL;
    assert_string_equal(ask(&farmer, "poll", params), "unknown-method");
    assert_string_equal(ask(&technician, "poll",
                            "{\"device\":\"plot-1\",\"register\":2,\"count\":3,"
                            "\"function\":6,\"polls\":8}"),
                        "invalid");
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

static uint32_t scan_timeouts_ms[6], scan_retries[6];

static void note_patience(const struct bus_request *request, struct bus_reply *reply)
{
    reply->result = BUS_TIMEOUT;
    scan_timeouts_ms[request->unit % 6] = request->timeout_ms;
    scan_retries[request->unit % 6] = request->retries;
}

/* A device that needs longer than what is given to an address where nobody is expected was not
 * found, nor was one whose first answer the line had damaged. */
static void scan_gives_a_device_its_own_time_and_a_second_try(void **state)
{
    (void)state;
    fakes.answer_request = note_patience;
    assert_string_equal(ask(&technician, "scan", "{\"bus\":\"east\",\"from\":1,\"to\":5}"), "");
    assert_int_equal(scan_timeouts_ms[1], 0); /* the bus's own */
    assert_int_equal(scan_retries[1], 1);
    assert_in_range(scan_timeouts_ms[5], 1, 1000);
    assert_int_equal(scan_retries[5], 0);
}

static void raw_reads_are_tried_again_and_nothing_else_is(void **state)
{
    (void)state;
    fakes.answer_request = note_patience;
    for (unsigned function = 1; function <= 6; function++) {
        char params[96];
        (void)snprintf(params, sizeof params,
                       "{\"bus\":\"east\",\"unit\":5,\"pdu\":\"%02x00000001\"}", function);
        assert_string_equal(ask(&technician, "raw", params), "timeout");
        assert_int_equal(scan_retries[5], function <= 4);
    }
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_one_request_of_the_bus_and_audited),
        TEST(a_write_outside_the_list_or_its_range_never_reaches_the_bus),
        TEST(a_device_that_is_not_there_is_named_and_who_lists_them),
        TEST(a_write_that_did_not_stick_is_reported),
        TEST(an_actuator_is_switched_back_when_its_time_is_over),
        TEST(an_actuator_left_on_by_a_killed_gateway_is_switched_off_at_start),
        TEST(an_actuator_left_on_is_found_by_its_place_when_its_name_is_another),
        TEST(an_actuator_whose_off_is_not_0_is_switched_back_to_it),
        TEST(a_technician_reads_any_register),
        TEST(raw_passes_any_pdu),
        TEST(polls_are_tried_once_each_and_counted_by_how_they_ended),
        TEST(scan_reports_each_unit_and_what_it_found),
        TEST(scan_gives_a_device_its_own_time_and_a_second_try),
        TEST(raw_reads_are_tried_again_and_nothing_else_is),
        TEST(nodes_are_asked_by_their_serial_numbers),
        TEST(a_forgotten_scan_stops),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(fake_config.file, sizeof fake_config.file, "%s/baiye.yaml", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
