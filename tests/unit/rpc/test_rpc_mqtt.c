/* SPDX-License-Identifier: Apache-2.0 */
/* A call that comes by MQTT: who it is from, and when it is not obeyed or done twice. */
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

#include "gateway/daemon/rpc/call.h"
#include "tests/unit/rpc/rpc_bench.h"

static void by_mqtt(const char *method, const char *payload, const char *correlation)
{
    struct publish_request request = {.has_response = true,
                                      .response = "baiye/baiye-1/answer/li/phone",
                                      .payload = payload,
                                      .payload_size = strlen(payload)};
    memcpy(request.user, "li", 3);
    (void)snprintf(request.method, sizeof request.method, "%s", method);
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
        (void)snprintf(request.response, sizeof request.response, "%s", topics[i]);
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

static bool say(const char *what, const struct rpc_method *method)
{
    print_error("%s: %s\n", what, method->name);
    return true;
}

/* Who writes another program against it has nothing else to read. */
static void the_schema_describes_each_method_that_a_broker_carries(void **state)
{
    (void)state;
    bool bad = false;
    json_error_t error;
    json_t *schema = json_load_file(SCHEMA, 0, &error);
    assert_non_null(schema);
    for (size_t room = 0; rpc_rooms[room] != NULL; room++) {
        for (const struct rpc_method *method = rpc_rooms[room]->list; method->name != NULL;
             method++) {
            const json_t *known = json_object_get(json_object_get(schema, "$defs"), method->name);
            const char *said = json_string_value(json_object_get(known, "description"));
            if (!method->socket_only && (said == NULL || said[0] == '\0'))
                bad = say("no description", method);
            if (method->socket_only && known != NULL)
                bad = say("no broker carries it", method);
        }
    }
    json_decref(schema);
    assert_false(bad);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_mqtt_request_is_answered_on_its_topic),
        TEST(the_role_comes_from_the_users_file),
        TEST(a_second_delivery_is_not_done_twice),
        TEST(a_command_that_failed_is_tried_again_when_it_comes_again),
        TEST(another_command_under_the_same_identifier_is_no_duplicate),
        TEST(retained_expired_and_misdirected_requests_are_not_obeyed),
        cmocka_unit_test(the_schema_describes_each_method_that_a_broker_carries),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(fake_config.file, sizeof fake_config.file, "%s/baiye.yaml", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
