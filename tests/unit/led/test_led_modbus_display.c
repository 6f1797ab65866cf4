/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric boards, and the answers of the gateway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/modbus_display.h"
#include "gateway/led/rpc_reply.h"
#include "led_scene.h"

static struct led_scene s;
static struct modbus_display board;
static char request[256];

static const struct board_config config = {
    .device = "board-1", .name = "line1", .value = "", .scale = 10, .none = -32768};

static int setup(void **unused)
{
    (void)unused;
    scene_open(&s);
    board = (struct modbus_display){.slot = state_slot(&s.state, "plot/upper/air_temperature")};
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    scene_close(&s);
    return 0;
}

static bool step(void)
{
    return modbus_display_step(&board, &config, &s.state, &s.now, request, sizeof request);
}

static void send_air(double value)
{
    char json[200];
    (void)snprintf(json, sizeof json,
                   "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":%g}}", value);
    scene_send(&s, "plot/upper/live", json, false);
}

static void it_is_written_when_its_number_changes(void **unused)
{
    (void)unused;
    send_air(18.21);
    assert_true(step());
    assert_string_equal(request, "{\"device\":\"board-1\",\"name\":\"line1\",\"value\":182,"
                                 "\"expires\":1775196310000}");
    assert_false(step()); /* waits for the answer */
    modbus_display_answered(&board, true, &s.now);
    scene_advance(&s, MODBUS_DISPLAY_STEP_MS);
    assert_false(step());
    send_air(18.24); /* the same number at its resolution */
    assert_false(step());
    send_air(18.4);
    assert_true(step());
    assert_int_equal(board.asked, 184);
}

static void what_is_old_is_written_as_none(void **unused)
{
    (void)unused;
    send_air(18.2);
    assert_true(step());
    modbus_display_answered(&board, true, &s.now);
    scene_advance(&s, 200000);
    assert_true(step());
    assert_int_equal(board.asked, -32768);
}

static void a_refusal_is_tried_again_but_not_at_once(void **unused)
{
    (void)unused;
    send_air(18.2);
    assert_true(step());
    modbus_display_answered(&board, false, &s.now);
    scene_advance(&s, MODBUS_DISPLAY_FAILED_MS - 1);
    assert_false(step());
    scene_advance(&s, 1);
    assert_true(step());
    scene_advance(&s, MODBUS_DISPLAY_ANSWER_MS); /* and when no answer comes at all */
    assert_true(step());
}

static void it_is_written_again_now_and_then_and_after_a_lost_link(void **unused)
{
    (void)unused;
    s.state.batch_ms = 3600000;
    send_air(18.2);
    assert_true(step());
    modbus_display_answered(&board, true, &s.now);
    scene_advance(&s, MODBUS_DISPLAY_AGAIN_MS - 1);
    assert_false(step());
    modbus_display_forget(&board);
    assert_true(step());
    modbus_display_answered(&board, true, &s.now);
    scene_advance(&s, MODBUS_DISPLAY_AGAIN_MS);
    assert_true(step());
}

static void a_number_too_large_for_any_register_is_none(void **unused)
{
    (void)unused;
    send_air(1e12);
    assert_int_equal(modbus_display_number(&board, &config, &s.state, &s.now), -32768);
}

static void answers_are_believed_only_when_they_make_sense(void **unused)
{
    (void)unused;
    int64_t ms = 0;
    double min = 0, max = 0;
#define TEXT(text) text, sizeof(text) - 1
    assert_true(rpc_reply_time(TEXT("{\"ts\":1775196300000,\"trusted\":true}"), &ms));
    assert_int_equal(ms, 1775196300000);
    assert_false(rpc_reply_time(TEXT("{\"ts\":7}"), &ms));
    assert_false(rpc_reply_time(TEXT("{\"error\":{\"code\":\"busy\"}}"), &ms));
    assert_false(rpc_reply_time(TEXT("["), &ms));
    assert_true(rpc_reply_day(TEXT("{\"min\":[3,null,1.5],\"max\":[9,12,null]}"), &min, &max));
    assert_float_equal(min, 1.5, 0);
    assert_float_equal(max, 12, 0);
    assert_false(rpc_reply_day(TEXT("{\"min\":[],\"max\":[]}"), &min, &max));
    assert_false(rpc_reply_day(TEXT("{\"min\":[5],\"max\":[4]}"), &min, &max));
    assert_false(rpc_reply_day(TEXT("{\"min\":[\"a\"],\"max\":{}}"), &min, &max));
    assert_true(rpc_reply_good(TEXT("{\"value\":182}")));
    assert_false(rpc_reply_good(TEXT("{\"error\":{}}")));
    assert_false(rpc_reply_good(TEXT("null")));
}

static void the_day_is_asked_for_from_local_midnight(void **unused)
{
    (void)unused;
    rpc_reply_day_request(&s.state, board.slot, &s.now, request, sizeof request);
    assert_string_equal(request, "{\"plot\":\"upper\",\"metric\":\"air_temperature\","
                                 "\"from\":1775145600000,\"to\":1775196300000,\"step\":\"hour\"}");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_written_when_its_number_changes),
        CASE(what_is_old_is_written_as_none),
        CASE(a_refusal_is_tried_again_but_not_at_once),
        CASE(it_is_written_again_now_and_then_and_after_a_lost_link),
        CASE(a_number_too_large_for_any_register_is_none),
        CASE(answers_are_believed_only_when_they_make_sense),
        CASE(the_day_is_asked_for_from_local_midnight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
