/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/publish/worker/lane.h"
#include "tests/unit/store/garden_config.h"

#define NOON 1795233600000

struct bench {
    struct streams *streams;
    struct lane lane;
    struct stream_schema schema;
};

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct config *config = garden_config(1, 1, "");
    struct ipc_stream stream = {.type = IPC_STREAM, .stream = {.id = 7, .device = "plot-0"}};
    stream_schema_of_device(&config->devices[0], &bench->schema);
    garden_config_free(config);
    stream.schema = bench->schema;
    bench->streams = streams_create();
    assert_true(streams_add(bench->streams, &stream));
    lane_reset(&bench->lane, 1);
    *state = bench;
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;
    lane_reset(&bench->lane, 1);
    streams_destroy(bench->streams);
    free(bench);
    return 0;
}

/* A body of `count` readings of stream `stream` whose first record has the number `id`. */
static void add_body(struct bench *bench, uint64_t id, uint16_t count, uint32_t stream)
{
    uint8_t data[BODY_MAX];
    struct body_base base = {.boot = 3, .wall_ms = NOON, .mono_ms = 1000};
    struct body body;
    body_begin(&body, data, sizeof data, &base);
    for (uint16_t i = 0; i < count; i++) {
        struct reading reading = garden_reading(0, 3, (uint32_t)id + i, NOON + i);
        assert_true(body_reading(&body, stream, &bench->schema, &reading));
    }
    struct ipc_body head = {.type = IPC_BODY, .count = count, .first_id = id};
    assert_true(lane_add(&bench->lane, &head, data, body.used));
}

static bool encode(struct bench *bench, size_t size, struct lane_message *message)
{
    char json[65536];
    return lane_encode(&bench->lane, bench->streams, "gw", json, size, message);
}

static void messages_cover_every_record_once(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    uint64_t next = 1;
    add_body(bench, 1, 50, 7);
    add_body(bench, 51, 50, 7);
    while (encode(bench, 1000, &message)) {
        assert_int_equal(message.first_id, next);
        assert_true(message.size <= 1000);
        next = message.end_id;
    }
    assert_int_equal(next, 101);
    assert_false(lane_waits(&bench->lane));
}

static void a_failed_message_is_made_again_from_its_place(void **state)
{
    struct bench *bench = *state;
    struct lane_message first, second, again;
    add_body(bench, 1, 50, 7);
    assert_true(encode(bench, 1000, &first));
    assert_true(encode(bench, 1000, &second));
    lane_rewind(&bench->lane, first.first_id);
    lane_settle(&bench->lane, second.first_id);
    assert_int_equal(bench->lane.watermark, 1);
    assert_true(encode(bench, 1000, &again));
    assert_int_equal(again.first_id, first.first_id);
    assert_int_equal(again.end_id, first.end_id);
}

static void bodies_go_when_everything_before_is_delivered(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    add_body(bench, 1, 10, 7);
    add_body(bench, 11, 10, 7);
    while (encode(bench, 60000, &message)) {
    }
    lane_settle(&bench->lane, 5); /* a message that begins at 5 is still in flight */
    assert_int_equal(bench->lane.watermark, 5);
    assert_non_null(bench->lane.first);
    lane_settle(&bench->lane, UINT64_MAX);
    assert_int_equal(bench->lane.watermark, 21);
    assert_null(bench->lane.first);
}

static void what_the_store_has_dropped_is_stepped_over(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    add_body(bench, 101, 10, 7);
    assert_true(encode(bench, 60000, &message));
    assert_int_equal(message.first_id, 101);
    assert_int_equal(message.end_id, 111);
    assert_int_equal(message.records, 10);
}

static void a_body_that_is_begun_in_its_middle(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    lane_reset(&bench->lane, 6);
    add_body(bench, 1, 10, 7);
    assert_true(encode(bench, 60000, &message));
    assert_int_equal(message.first_id, 6);
    assert_int_equal(message.records, 5);
}

static void records_of_an_unknown_stream_are_counted_not_sent(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    add_body(bench, 1, 4, 99);
    assert_false(encode(bench, 60000, &message));
    assert_int_equal(bench->lane.unknown, 4);
    assert_int_equal(bench->lane.next, 5);
}

static void a_record_that_was_given_up_is_left_out(void **state)
{
    struct bench *bench = *state;
    struct lane_message message;
    add_body(bench, 1, 4, 7);
    bench->lane.skip_id = 2;
    assert_true(encode(bench, 60000, &message));
    assert_int_equal(message.records, 3);
    assert_int_equal(message.end_id, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_cover_every_record_once, begin, end),
        cmocka_unit_test_setup_teardown(a_failed_message_is_made_again_from_its_place, begin, end),
        cmocka_unit_test_setup_teardown(bodies_go_when_everything_before_is_delivered, begin, end),
        cmocka_unit_test_setup_teardown(what_the_store_has_dropped_is_stepped_over, begin, end),
        cmocka_unit_test_setup_teardown(a_body_that_is_begun_in_its_middle, begin, end),
        cmocka_unit_test_setup_teardown(records_of_an_unknown_stream_are_counted_not_sent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_record_that_was_given_up_is_left_out, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
