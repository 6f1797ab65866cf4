/* SPDX-License-Identifier: Apache-2.0 */
/* What the publisher's process gives to the session and when, in virtual time: with batch_ms set
 * readings wait until nothing came for 300 ms, and no longer than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/publish/worker/publisher.h"
#include "gateway/daemon/publish/worker/sender.h"
#include "tests/unit/store/garden_config.h"

#define NOON   1795233600000
#define START  1000000
#define GATHER 300 /* a batch is complete when nothing came for so long */
#define STREAM 7u

/* ---- What is around send.c: the clock, the session, the wake of the main loop ---- */

static int64_t mono_ms;
static unsigned given;        /* messages to the session */
static unsigned called_after; /* so many looks find nothing, then there is something; 0: never */

struct clock_now __wrap_clock_now(void);
bool __wrap_session_publish(struct session *session, uint16_t slot, uint32_t generation,
                            const struct session_message *message);
bool __wrap_publisher_is_called(const struct publisher *p);

struct clock_now __wrap_clock_now(void)
{
    return (struct clock_now){.wall_ms = NOON, .mono_ms = mono_ms};
}

bool __wrap_session_publish(struct session *session, uint16_t slot, uint32_t generation,
                            const struct session_message *message)
{
    (void)session;
    (void)slot;
    (void)generation;
    assert_true(message->size > 0);
    given++;
    return true;
}

bool __wrap_publisher_is_called(const struct publisher *p)
{
    (void)p;
    return called_after > 0 && --called_after == 0;
}

/* ---- A publisher whose connection is up ---- */

struct bench {
    struct publisher p;
    struct stream_schema schema;
};

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct publisher *p = &bench->p;
    struct config *config = garden_config(1, 1, "");
    struct ipc_stream stream = {.type = IPC_STREAM, .stream = {.id = STREAM, .device = "plot-0"}};
    stream_schema_of_device(&config->devices[0], &bench->schema);
    garden_config_free(config);
    stream.schema = bench->schema;
    (void)snprintf(p->hello.site, sizeof p->hello.site, "garden");
    (void)snprintf(p->hello.uuid, sizeof p->hello.uuid, "gw");
    p->hello.broker.batch_ms = 60000;
    p->streams = streams_create();
    assert_true(streams_add(p->streams, &stream));
    p->sender = sender_create(p);
    assert_non_null(p->sender);
    p->sender->qos = 1;
    p->phase = PHASE_UP;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        lane_reset(&p->lanes[lane], 1);
    mono_ms = START;
    given = called_after = 0;
    *state = bench;
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        lane_reset(&bench->p.lanes[lane], 1);
    streams_destroy(bench->p.streams);
    free(bench->p.sender);
    free(bench);
    return 0;
}

/* A body of ten readings comes from the daemon. */
static void take_body(struct bench *bench, enum ipc_lane lane, uint64_t id)
{
    static uint8_t message[sizeof(struct ipc_body) + BODY_MAX];
    struct ipc_body head = {
        .type = IPC_BODY, .lane = (uint8_t)lane, .count = 10, .first_id = id, .original_id = id};
    struct body_base base = {.boot = 3, .wall_ms = NOON, .mono_ms = 1000};
    struct body body;
    memcpy(message, &head, sizeof head);
    body_begin(&body, message + sizeof head, BODY_MAX, &base);
    for (uint32_t i = 0; i < 10; i++) {
        struct reading reading = garden_reading(0, 3, (uint32_t)id + i, NOON + i);
        assert_true(body_reading(&body, STREAM, &bench->schema, &reading));
    }
    send_take_body(&bench->p, message, sizeof head + body.used);
}

/* Time goes by until the main loop looks again, 1 s at most. */
static void sleep_until_due(const struct publisher *p)
{
    int64_t due_ms = send_batch_due_ms(p);
    mono_ms = due_ms < mono_ms + 1000 ? due_ms : mono_ms + 1000;
}

/* ---- The tests ---- */

static void a_batch_goes_when_nothing_more_comes(void **state)
{
    static const enum ipc_lane lanes[] = {LANE_BACKLOG, LANE_AGAIN, LANE_MEANS};
    struct bench *bench = *state;
    for (unsigned i = 0; i < sizeof lanes / sizeof *lanes; i++) {
        int64_t last_ms = mono_ms + 100;
        given = 0;
        take_body(bench, lanes[i], 1);
        mono_ms = last_ms;
        take_body(bench, lanes[i], 11);
        send_all(&bench->p);
        assert_int_equal(given, 0);
        sleep_until_due(&bench->p);
        assert_int_equal(mono_ms - last_ms, GATHER);
        send_all(&bench->p);
        assert_int_equal(given, 1);
        assert_true(send_batch_due_ms(&bench->p) == INT64_MAX);
    }
}

/* The making of messages ends when there is news of the connection; what is made by then goes with
 * the next batch. */
static void what_is_made_already_waits_no_longer_than_its_batch(void **state)
{
    struct bench *bench = *state;
    struct publisher *p = &bench->p;
    take_body(bench, LANE_BACKLOG, 1);
    mono_ms += GATHER;
    send_all(p);
    take_body(bench, LANE_AGAIN, 1);
    mono_ms += GATHER;
    send_all(p);
    assert_int_equal(given, 2); /* under way: what is made next is gathered up to as many */
    take_body(bench, LANE_BACKLOG, 11);
    mono_ms += GATHER;
    called_after = 2;
    send_all(p);
    assert_int_equal(given, 2);
    assert_int_equal(p->sender->ready.count, 1);
    assert_false(lane_waits(&p->lanes[LANE_BACKLOG]));
    take_body(bench, LANE_MEANS, 1); /* and the daemon takes it back */
    send_unmake_lane(p, LANE_MEANS);
    lane_reset(&p->lanes[LANE_MEANS], 1);
    int64_t last_ms = mono_ms;
    send_all(p);
    assert_int_equal(given, 2);
    sleep_until_due(p);
    assert_int_equal(mono_ms - last_ms, GATHER);
    send_all(p);
    assert_int_equal(given, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_goes_when_nothing_more_comes, begin, end),
        cmocka_unit_test_setup_teardown(what_is_made_already_waits_no_longer_than_its_batch, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
