/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and calibrations of a node that refuses, falls silent or forgets at each request in
 * turn: what is in force is all of it or none, and the node is left locked. */
#include "gateway/daemon/rpc/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/node_map/node_map.h"
#include "tests/unit/rpc/fakes.h"

static struct profile_config profile = {.name = "baiye-node", .node = true};
static struct bus_config bus = {.name = "east"};
static struct device_config devices[] = {
    {.name = "plot-1", .unit = 1, .profile = &profile, .every_ms = 10000}};
static struct config config = {
    .site = "hill", .buses = &bus, .bus_count = 1, .devices = devices, .device_count = 1};
static struct loop *loop;
static struct rpc *rpc;
static json_t *last;
static bool ended;

/* A node as far as it matters here: written, and in force by commit or store. */
static struct {
    uint16_t written[0x800], stored[0x800];
    bool unlocked;
    unsigned requests, fail_at; /* the request of that number, from 1, ends in: */
    enum bus_result failure;
    bool forgets; /* says yes to a commit and does nothing */
} node;

static void take(uint16_t address, uint16_t value)
{
    bool commit = address == NODE_COMMIT && value == 1;
    bool store = address == NODE_CALIBRATION_COMMAND && value == 1;
    if (address == NODE_UNLOCK)
        node.unlocked = value == NODE_UNLOCK_KEY;
    else if ((commit || store) && !node.forgets)
        memcpy(node.stored, node.written, sizeof node.stored);
    else if (!commit && !store && (address == NODE_COMMIT || address == NODE_CALIBRATION_CHANNEL))
        memcpy(node.written, node.stored, sizeof node.stored);
    else if (!commit && !store)
        node.written[address] = value;
}

static void answer(const struct bus_request *request, struct bus_reply *reply)
{
    const uint8_t *pdu = request->pdu;
    uint16_t address = (uint16_t)(pdu[1] << 8 | pdu[2]), count = (uint16_t)(pdu[3] << 8 | pdu[4]);
    if (++node.requests == node.fail_at) {
        reply->result = node.failure;
        reply->exception = 3;
        return;
    }
    reply->pdu[0] = pdu[0];
    if (pdu[0] == 3) {
        reply->pdu[1] = (uint8_t)(2 * count);
        reply->pdu_size = (uint16_t)(2 + 2 * count);
        for (unsigned i = 0; i < count; i++) {
            uint16_t word = node.written[address + i];
            reply->pdu[2 + 2 * i] = (uint8_t)(word >> 8);
            reply->pdu[3 + 2 * i] = (uint8_t)word;
        }
        return;
    }
    reply->pdu_size = 5;
    for (unsigned i = 0; pdu[0] == 16 && i < count; i++)
        take((uint16_t)(address + i), (uint16_t)(pdu[6 + 2 * i] << 8 | pdu[7 + 2 * i]));
    if (pdu[0] == 6)
        take(address, count);
}

static void answered(void *context, bool progress, const json_t *body)
{
    (void)context;
    if (progress)
        return;
    json_decref(last);
    last = json_deep_copy(body);
    ended = true;
}

static int start(void **state)
{
    (void)state;
    struct rpc_parts parts = {.publish = fake_publish,
                              .alerts = fake_alerts,
                              .notifier = fake_notifier,
                              .buses = fake_buses};
    memset(&fakes, 0, sizeof fakes);
    memset(&node, 0, sizeof node);
    fakes.answer_request = answer;
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        node.stored[NODE_SETTING_PERIOD + i] = node_settings[i].factory;
    memcpy(node.written, node.stored, sizeof node.stored);
    loop = loop_open(false);
    rpc = rpc_open(loop, &config, &parts);
    return rpc != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    loop_end(loop);
    loop_drop_tasks(loop);
    rpc_close(rpc);
    loop_close(loop);
    json_decref(last);
    last = NULL;
    return 0;
}

/* The error's message, "" when the call went well. */
static const char *ask(const char *method, const char *params)
{
    static const struct rpc_caller technician = {"wang", "socket", -1, USER_TECHNICIAN};
    json_t *json = json_loads(params, 0, NULL);
    assert_non_null(json);
    ended = false;
    (void)rpc_call(rpc, &technician, method, json, "", answered, NULL);
    while (!ended)
        assert_true(loop_step(loop));
    json_decref(json);
    const json_t *error = json_object_get(last, "error");
    return error != NULL ? json_string_value(json_object_get(error, "message")) : "";
}

static const char two_settings[] = "{\"device\":\"plot-1\",\"values\":{\"tip\":0.25,\"stuck\":24}}";
static const char one_table[] = "{\"device\":\"plot-1\",\"metric\":\"soil_moisture\","
                                "\"points\":[[100,0],[900,45]],\"date\":20260930}";

static void settings_are_in_force_and_the_node_is_locked_again(void **state)
{
    (void)state;
    node.written[NODE_SETTING_DELAY] = 77; /* left by somebody who never stored it */
    assert_string_equal(ask("set", two_settings), "");
    assert_int_equal(node.stored[NODE_SETTING_TIP], 25);
    assert_int_equal(node.stored[NODE_SETTING_STUCK], 24);
    assert_int_equal(node.stored[NODE_SETTING_DELAY], 0);
    assert_false(node.unlocked);
    assert_string_equal(fakes.audits[fakes.audit_count - 1].method, "set");
    assert_string_equal(fakes.audits[fakes.audit_count - 1].result, "ok");
}

static void a_refusal_names_its_register_and_nothing_is_changed(void **state)
{
    (void)state;
    node.fail_at = 5; /* two reads, unlock, forget, tip: written in the table's order */
    node.failure = BUS_EXCEPTION;
    assert_string_equal(
        ask("set", two_settings),
        "tip (register 0x0114): it refuses: Modbus exception 3, illegal data value; "
        "nothing was changed");
    assert_int_equal(node.stored[NODE_SETTING_STUCK], 12);
    assert_memory_equal(node.written, node.stored, sizeof node.stored);
    assert_false(node.unlocked);
}

/* Whichever request fails, and however. */
static void fail_at_each(const char *method, const char *params, uint16_t first, uint16_t count)
{
    static const enum bus_result failures[] = {BUS_EXCEPTION, BUS_TIMEOUT, BUS_MISMATCH};
    for (size_t k = 0; k < 3; k++) {
        for (unsigned at = 1;; at++) {
            (void)stop(NULL);
            (void)start(NULL);
            uint16_t before[32];
            memcpy(before, node.stored + first, count * sizeof *before);
            node.fail_at = at;
            node.failure = failures[k];
            const char *message = ask(method, params);
            bool changed = memcmp(before, node.stored + first, count * sizeof *before) != 0;
            bool says_none = strstr(message, "nothing was changed") != NULL;
            if (message[0] == '\0') {
                assert_true(changed);
                if (node.requests < at)
                    break; /* it came through before that request */
            } else {
                assert_false(changed && says_none);
                assert_true(changed == (strstr(message, "perhaps") != NULL) || !changed);
            }
            assert_true(!node.unlocked || at >= node.requests || message[0] == '\0');
            assert_memory_equal(node.written, node.stored, sizeof node.stored);
        }
    }
}

static void settings_survive_a_failure_at_each_request(void **state)
{
    (void)state;
    fail_at_each("set", two_settings, NODE_SETTING_PERIOD, SETTING_COUNT);
}

static void a_calibration_survives_a_failure_at_each_request(void **state)
{
    (void)state;
    fail_at_each("calibrate", one_table, NODE_CALIBRATION_DATE, 24);
}

static void what_reads_otherwise_afterwards_is_told(void **state)
{
    (void)state;
    node.forgets = true;
    assert_non_null(strstr(ask("calibrate", one_table), "reads otherwise"));
    assert_int_equal(node.stored[NODE_CALIBRATION_POINTS], 0);
}

static void a_table_that_makes_no_sense_never_reaches_the_bus(void **state)
{
    (void)state;
    static const char *const wrong[] = {"7",
                                        "[[1]]",
                                        "[[1,2],[1,3]]",
                                        "[[1,2],[3,3],[2,4]]",
                                        "[[1e300,2]]",
                                        "[[1,\"x\"]]",
                                        "[[1,1],[2,2],[3,3],[4,4],[5,5],[6,6]]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char params[200];
        (void)snprintf(params, sizeof params,
                       "{\"device\":\"plot-1\",\"metric\":\"soil_moisture\",\"points\":%s}",
                       wrong[i]);
        assert_non_null(strstr(ask("calibrate", params), "points:"));
    }
    assert_int_equal(node.requests, 0);
}

static void it_is_no_business_of_farmers_nor_of_brokers(void **state)
{
    (void)state;
    static const struct rpc_caller remote = {"wang", "local", 0, USER_TECHNICIAN};
    static const char *const methods[] = {"settings", "set", "calibration", "measure", "calibrate"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        json_t *params = json_loads(two_settings, 0, NULL);
        (void)rpc_call(rpc, &remote, methods[i], params, "", answered, NULL);
        json_decref(params);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(last, "error"), "code")),
            "unknown-method");
    }
    assert_int_equal(node.requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_are_in_force_and_the_node_is_locked_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_refusal_names_its_register_and_nothing_is_changed, start,
                                        stop),
        cmocka_unit_test_setup_teardown(settings_survive_a_failure_at_each_request, start, stop),
        cmocka_unit_test_setup_teardown(a_calibration_survives_a_failure_at_each_request, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_reads_otherwise_afterwards_is_told, start, stop),
        cmocka_unit_test_setup_teardown(a_table_that_makes_no_sense_never_reaches_the_bus, start,
                                        stop),
        cmocka_unit_test_setup_teardown(it_is_no_business_of_farmers_nor_of_brokers, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
