/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's side of our own nodes: which samples are missing, what is asked for them, and what
 * becomes of the answers. Their rain is in test_own_node_rain.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/bytes/bytes.h"
#include "protocols/node_log/node_log.h"
#include "protocols/node_map/node_map.h"
#include "tests/unit/bus/own_node_fixture.h"

static void the_same_sample_is_one_reading(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 9, 0);
    assert_true(own_see(&node, 1, 10, 5, 1000000));
    assert_int_equal(node.taken_ms, 1000000 - 500);
    assert_false(own_see(&node, 1, 10, 25, 1002000));
    assert_int_equal(node.taken_ms, 1000000 - 500); /* its time is fixed at first sight */
    assert_true(own_see(&node, 1, 11, 1, 1060000));
    assert_int_equal(own_next(&node, 1060000).job, OWN_NODE_IDLE);
}

/* The answer to an earlier poll, once more: neither a reading nor the place to go on from. */
static void an_older_sample_is_an_answer_that_came_twice(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 9, 0);
    assert_true(own_see(&node, 1, 10, 5, 1000000));
    assert_true(own_see(&node, 1, 11, 5, 1060000));
    assert_false(own_see(&node, 1, 10, 5, 1120000));
    assert_false(own_see(&node, 1, 10, 5, 1121000)); /* and again */
    assert_true(own_see(&node, 1, 12, 5, 1122000));
    assert_int_equal(node.taken_ms, 1122000 - 500);
    assert_int_equal(node.last.seq, 12);
    assert_false(own_see(&node, 1, 11, 5, 1180000));
    assert_true(own_see(&node, 1, 13, 5, 1182000));
}

/* Its memory was lost, and it has counted as many boots as before: two samples tell. */
static void a_node_that_counts_from_one_again_is_believed(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    assert_true(own_see(&node, 1, 500, 5, 1000000));
    node.hole_count = 0;
    assert_false(own_see(&node, 1, 3, 5, 1060000));
    assert_true(own_see(&node, 1, 4, 5, 1120000));
    assert_int_equal(own_next(&node, 1120000).seq, 3); /* the doubted one is fetched */
    assert_true(own_see(&node, 1, 5, 5, 1180000));
}

/* One frame that a checksum let through, or that somebody forged, and the node's log is empty. */
static void a_number_that_it_cannot_have_reached_is_refused(void **state)
{
    (void)state;
    static const struct own_node_place forged[] = {
        {7, 90100}, {7, 1130}, {8, 400}, {90, 1}, {6, 99}, {7, 3}, {1, 1000}, {7, 4000000000}};
    for (unsigned i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        for (unsigned restarted = 0; restarted < 2; restarted++) {
            struct own_node node;
            gap_count = 0;
            own_go_on(&node, NULL, 7, 1100, 0);
            if (!restarted)
                assert_true(own_see(&node, 7, 1101, 0, 1000000));
            else if (forged[i].boot == 7 && forged[i].seq == 1130) /* it may have been away */
                continue;
            else if (forged[i].boot == 8 || forged[i].boot == 90)
                continue;
            assert_false(own_see(&node, forged[i].boot, forged[i].seq, 0, 1030000));
            assert_int_equal(node.refused, 1);
            assert_int_equal(own_next(&node, 1030000).job, OWN_NODE_IDLE);
            uint32_t seq = restarted ? 1101 : 1102;
            assert_true(own_see(&node, 7, seq, 0, 1060000));
            assert_true(own_see(&node, 7, seq + 1, 0, 1120000));
            assert_int_equal(own_next(&node, 1120000).job, OWN_NODE_IDLE);
            assert_int_equal(gap_count, 0);
        }
    }
}

/* Its period was set shorter by hand, or its number did jump: the third sample in a row tells. */
static void a_node_that_goes_on_from_a_jump_is_believed(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 9, 0);
    assert_true(own_see(&node, 1, 10, 0, 1000000));
    assert_false(own_see(&node, 1, 500, 0, 1060000));
    assert_false(own_see(&node, 1, 500, 50, 1065000));
    assert_false(own_see(&node, 1, 501, 0, 1120000));
    assert_true(own_see(&node, 1, 502, 0, 1180000));
    assert_int_equal(own_next(&node, 1180000).seq, 11);
    own_give(&node, 0, 0, 0, 0, 0, 1180000); /* never taken: no gap */
    assert_int_equal(gap_count, 0);
    assert_int_equal(own_next(&node, 1180000).seq, 500);
    own_give(&node, 2, 1, 500, 1200, 0, 1180000);
    assert_int_equal(reading_count, 2);
    assert_true(own_see(&node, 1, 503, 0, 1240000));
}

/* Samples of the true line between them: they are forged however many there are. */
static void numbers_that_do_not_go_on_are_never_believed(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 9, 0);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(own_see(&node, 1, 10 + i, 0, 1000000 + 60000 * i));
        assert_false(own_see(&node, 1, 90000 + i, 0, 1030000 + 60000 * i));
        assert_false(own_see(&node, 3, 7 + i, 0, 1031000 + 60000 * i));
    }
    assert_int_equal(node.refused, 20);
    assert_int_equal(own_next(&node, 1600000).job, OWN_NODE_IDLE);
}

/* A node that was away for a day, whose clock is a percent fast. */
static void what_the_time_holds_is_believed_at_once(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 9, 0);
    assert_true(own_see(&node, 1, 10, 0, 1000000));
    assert_true(own_see(&node, 1, 10 + 1455, 0, 1000000 + 86400000));
    assert_int_equal(own_next(&node, 87400000).seq, 11);
    assert_true(own_see(&node, 2, 1440, 0, 1000000 + 2 * 86400000LL));
}

/* 30 ppm are 2.6 s a day; without a crystal a node is 14 minutes off by then. */
static void its_clock_is_set_again_each_day_and_each_hour_without_a_crystal(void **state)
{
    static const int64_t hour_ms = 3600000, start_ms = 5000000;
    (void)state;
    struct own_node node;
    struct transact_answer answer = {.result = BUS_OK};
    own_go_on(&node, NULL, 1, 9, 0);
    assert_true(own_see(&node, 1, 10, 0, start_ms));
    assert_int_equal(own_next(&node, start_ms + hour_ms - 1).job, OWN_NODE_IDLE);
    assert_int_equal(own_next(&node, start_ms + hour_ms).job,
                     OWN_NODE_SET_TIME); /* by whom, before? */
    own_node_done(&node, OWN_NODE_SET_TIME, &answer, start_ms + hour_ms, own_wall, &own_sink);
    assert_int_equal(own_next(&node, start_ms + 25 * hour_ms - 1).job, OWN_NODE_IDLE);
    const struct wall_ms doubtful = {own_wall.ms, TIME_UNTRUSTED};
    assert_false(own_node_wants_time(&node, start_ms + 25 * hour_ms, doubtful));
    assert_int_equal(own_next(&node, start_ms + 25 * hour_ms).job, OWN_NODE_SET_TIME);
    node.status |= NODE_STATUS_COARSE;
    own_node_time_sent(&node, start_ms + 25 * hour_ms);
    assert_true(own_node_wants_time(&node, start_ms + 26 * hour_ms, own_wall));
}

static void times_of_a_node_without_its_crystal_are_doubtful(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 4, 5, 0);
    assert_true(own_see(&node, 5, 1, 0, 600000));
    node.status |= NODE_STATUS_COARSE;
    own_give(&node, 1, 4, 6, 0, 1795290000, 600000);
    assert_int_equal(readings[0].time.ms, 1795290000000);
    assert_int_equal(readings[0].time.trust, TIME_UNTRUSTED);
}

/* Of the present boot it tells ages: that of hours may be minutes off, that of ten minutes is
 * not. */
static void an_age_that_was_counted_without_the_crystal_is_doubtful_when_it_is_long(void **state)
{
    static const struct {
        uint16_t status;
        uint32_t age_ds;
        enum time_trust trust;
    } ages[] = {{NODE_STATUS_COARSE, 90000, TIME_UNTRUSTED},
                {NODE_STATUS_COARSE, 6000, TIME_TRUSTED},
                {0, 90000, TIME_TRUSTED}};
    (void)state;
    for (unsigned i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        struct own_node node;
        const int64_t now_ms = 200000000;
        own_go_on(&node, NULL, 4, 5, 0);
        assert_true(own_see(&node, 4, 2000, 0, now_ms));
        node.status |= ages[i].status;
        reading_count = 0;
        own_give(&node, 1, 4, 6, ages[i].age_ds, 0, now_ms);
        assert_int_equal(reading_count, 1);
        assert_int_equal(readings[0].time.ms, own_wall.ms - (int64_t)ages[i].age_ds * 100);
        assert_int_equal(readings[0].time.trust, ages[i].trust);
    }
}

/* "Nothing is left" in one damaged frame: what is still in the log is fetched all the same. */
static void the_log_must_say_twice_what_it_lost(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 10, 0);
    assert_true(own_see(&node, 1, 14, 0, 0));
    own_give_once(&node, 0, 0, 0, 0, 0, 0);
    assert_int_equal(gap_count, 0);
    assert_int_equal(own_next(&node, 0).seq, 11);
    own_give_once(&node, 1, 1, 13, 600, 0, 0); /* and another one */
    assert_int_equal(gap_count + reading_count, 0);
    own_give_once(&node, 3, 1, 11, 1800, 0, 0);
    assert_int_equal(reading_count, 3);
    assert_int_equal(gap_count, 0);
    assert_int_equal(own_next(&node, 0).job, OWN_NODE_IDLE);
}

static void the_next_poll_follows_the_next_sample(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    assert_true(own_see(&node, 1, 10, 300, 1000000)); /* taken 30 s ago, every 60 s */
    int64_t due = own_node_due_ms(&node, 1000000);
    assert_in_range(due, 1030100, 1032000);
    assert_in_range(own_node_due_ms(&node, 1040000), 1040001, 1041000); /* it is overdue */
}

static void a_node_without_a_sample_is_asked_again_soon(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    assert_false(own_see(&node, 1, 0, DECODE_AGE_NONE, 1000));
    assert_in_range(own_node_due_ms(&node, 1000), 1001, 2000);
}

static void a_hole_is_fetched_from_the_log(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    (void)own_see(&node, 1, 1, 0, 0);
    assert_true(own_see(&node, 1, 5, 0, 240000));
    struct asked asked = own_next(&node, 240000);
    assert_int_equal(asked.job, OWN_NODE_FETCH);
    assert_int_equal(asked.boot, 1);
    assert_int_equal(asked.seq, 2);
    assert_int_equal(asked.words, 15 + 3 * 10); /* no more than is missing */
    own_give(&node, 3, 1, 2, 1800, 0, 240000);
    assert_int_equal(reading_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(readings[i].late);
        assert_int_equal(readings[i].device, 3);
        assert_int_equal(readings[i].seq, 2 + i);
        assert_int_equal(readings[i].taken.ms, 240000 - 180000 + 60000 * (int)i);
        assert_int_equal(readings[i].time.ms, own_wall.ms - 180000 + 60000 * (int)i);
        assert_true(readings[i].values[0].present);
        assert_true(readings[i].values[0].value > -5.001 && readings[i].values[0].value < -4.97);
        /* what rained in between is in the increment of the live reading after it */
        assert_false(readings[i].values[1].present);
    }
    assert_int_equal(own_next(&node, 240000).job, OWN_NODE_IDLE);
    assert_int_equal(gap_count, 0);
}

static void a_long_hole_is_fetched_in_windows(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 1, 10, 980);
    assert_true(own_see(&node, 1, 31, 0, 0));
    assert_int_equal(own_next(&node, 0).seq, 11);
    own_give(&node, 11, 1, 11, 12000, 0, 0);
    assert_int_equal(own_next(&node, 0).seq, 22);
    own_give(&node, 9, 1, 22, 5400, 0, 0);
    assert_int_equal(own_next(&node, 0).job, OWN_NODE_IDLE);
    assert_int_equal(reading_count, 20);
    assert_int_equal(readings[0].seq, 11);
    assert_int_equal(readings[19].seq, 30);
    /* The gateway was away: no live reading counted the rain, so the records do. */
    for (unsigned i = 0; i < 10; i++) {
        assert_true(readings[i].values[1].present);
        assert_true(readings[i].values[1].value > 0.19 && readings[i].values[1].value < 0.21);
    }
}

static void no_more_is_asked_for_than_there_is_time(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 10, 0);
    assert_true(own_see(&node, 1, 31, 0, 0));
    assert_int_equal(own_next_within(&node, 0, 3).words, 15 + 3 * 10);
    own_give(&node, 3, 1, 11, 12000, 0, 0);
    struct asked asked = own_next_within(&node, 0, 99); /* a window has no more */
    assert_int_equal(asked.seq, 14);
    assert_int_equal(asked.words, 15 + 11 * 10);
}

static void what_the_log_lost_is_a_gap(void **state)
{
    (void)state;
    struct own_node node;
    own_go_on(&node, NULL, 1, 10, 0);
    assert_true(own_see(&node, 1, 31, 0, 0));
    (void)own_next(&node, 0);
    own_give(&node, 2, 1, 29, 1200, 0, 0); /* the ring has overwritten 11..28 */
    assert_int_equal(gap_count, 1);
    assert_int_equal(gaps[0].first_seq, 11);
    assert_int_equal(gaps[0].last_seq, 28);
    assert_int_equal(gaps[0].why, GAP_NODE_LOG);
    assert_int_equal(reading_count, 2);
    assert_int_equal(own_next(&node, 0).job, OWN_NODE_IDLE);
}

static void an_empty_log_ends_the_search(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    (void)own_see(&node, 1, 1, 0, 0);
    (void)own_see(&node, 1, 4, 0, 0);
    (void)own_next(&node, 0);
    own_give(&node, 0, 1, 0, 0, 0, 0);
    assert_int_equal(gap_count, 1);
    assert_int_equal(gaps[0].first_seq, 2);
    assert_int_equal(gaps[0].last_seq, 3);
    assert_int_equal(own_next(&node, 0).job, OWN_NODE_IDLE);
}

/* The node was switched off and on: what is left of the boot before comes first. */
static void a_hole_over_a_restart_is_walked(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    (void)own_see(&node, 6, 1, 0, 0);
    assert_true(own_see(&node, 7, 3, 0, 600000));
    struct asked asked = own_next(&node, 600000);
    assert_int_equal(asked.boot, 6);
    assert_int_equal(asked.seq, 2);
    own_give(&node, 4, 6, 2, 0, 1795290000, 600000); /* the node knew the time then */
    assert_int_equal(readings[0].time.ms, 1795290000000);
    assert_int_equal(readings[3].time.ms, 1795290180000);
    assert_int_equal(readings[3].time.trust, TIME_TRUSTED);
    asked = own_next(&node, 600000);
    assert_int_equal(asked.boot, 6);
    assert_int_equal(asked.seq, 6);
    own_give(&node, 2, 7, 1, 1200, 0, 600000);
    assert_int_equal(reading_count, 6);
    assert_int_equal(readings[5].boot, 7);
    assert_int_equal(readings[5].seq, 2);
    assert_int_equal(gap_count, 0);
    assert_int_equal(own_next(&node, 600000).job, OWN_NODE_IDLE);
}

static void a_failed_fetch_waits_and_goes_on(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    (void)own_see(&node, 1, 1, 0, 0);
    (void)own_see(&node, 1, 3, 0, 0);
    struct transact_answer failed = {.result = BUS_TIMEOUT};
    own_node_done(&node, OWN_NODE_FETCH, &failed, 0, own_wall, &own_sink);
    assert_int_equal(own_next(&node, 1000).job, OWN_NODE_IDLE);
    assert_int_equal(own_next(&node, 5001).job, OWN_NODE_FETCH);
}

static void sets_the_period_it_should_have(void **state)
{
    (void)state;
    struct own_node node;
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t size;
    uint16_t answer_size;
    static const uint8_t expected[3][5] = {{6, 0x01, 0x00, 0x42, 0x41},  /* unlock */
                                           {6, 0x01, 0x10, 0x00, 0x3C},  /* 60 s */
                                           {6, 0x01, 0x01, 0x00, 0x01}}; /* commit */
    struct transact_answer good = {.result = BUS_OK}, bad = {.result = BUS_EXCEPTION};
    struct decoded decoded = {.believed = true, .boot = 1, .seq = 1, .status = NODE_STATUS_TIME};
    own_node_init(&node, &own_device, NULL, NULL);
    node.last.boot = 1;
    node.identified = true;
    (void)own_node_snapshot(&node, &decoded, 10, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(own_node_next(&node, 0, own_wall, 11, pdu, &size, &answer_size),
                         OWN_NODE_SET_PERIOD);
        assert_int_equal(size, 5);
        assert_memory_equal(pdu, expected[i], 5);
        own_node_done(&node, OWN_NODE_SET_PERIOD, &good, 0, own_wall, &own_sink);
    }
    assert_int_equal(own_node_next(&node, 0, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_IDLE);
    (void)own_node_snapshot(&node, &decoded, 10, 61000); /* it did not take */
    assert_int_equal(own_node_next(&node, 61000, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_SET_PERIOD);
    own_node_done(&node, OWN_NODE_SET_PERIOD, &bad, 61000, own_wall, &own_sink);
    assert_int_equal(own_node_next(&node, 62000, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_IDLE);
}

static void sets_the_clock_of_a_node_that_has_none(void **state)
{
    (void)state;
    struct own_node node;
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t size;
    uint16_t answer_size;
    struct decoded decoded = {.believed = true, .boot = 1, .seq = 1};
    own_node_init(&node, &own_device, NULL, NULL);
    node.last.boot = 1;
    node.identified = true;
    (void)own_node_snapshot(&node, &decoded, 60, 0);
    struct wall_ms doubtful = {1, TIME_UNTRUSTED};
    assert_int_equal(own_node_next(&node, 0, doubtful, 11, pdu, &size, &answer_size),
                     OWN_NODE_IDLE);
    assert_int_equal(own_node_next(&node, 0, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_SET_TIME);
    static const uint8_t expected[] = {16,   0x05, 0x00, 0x00, 0x03, 6,
                                       0x6B, 0x02, 0x00, 0x5A, 0x00, 0x7B};
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(pdu, expected, sizeof expected);
}

static void reads_the_firmware_once_in_each_boot(void **state)
{
    (void)state;
    struct own_node node;
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t size;
    uint16_t answer_size;
    static const uint8_t version[] = {4, 10, 0, 0, 0x12, 0x67, 0, 1, 0, 2, 0, 13};
    struct transact_answer answer = {.result = BUS_OK, .pdu = version, .pdu_size = sizeof version};
    own_node_init(&node, &own_device, NULL, NULL);
    (void)own_see(&node, 1, 1, 0, 0);
    assert_int_equal(own_node_next(&node, 0, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_IDENTIFY);
    assert_memory_equal(pdu, "\x04\x00\xC0\x00\x05", 5);
    assert_int_equal(answer_size, 15);
    own_node_done(&node, OWN_NODE_IDENTIFY, &answer, 0, own_wall, &own_sink);
    assert_string_equal(node.firmware, "1.2.13");
    assert_int_equal(own_node_next(&node, 0, own_wall, 11, pdu, &size, &answer_size),
                     OWN_NODE_IDLE);
    (void)own_see(&node, 2, 1, 0, 60000);
    assert_false(node.identified);
}

static uint32_t board_base;
static bool board_here;

static bool say_board(void *context, uint16_t index, uint32_t serial, struct reading_board *board)
{
    (void)context;
    assert_int_equal(index, 3);
    assert_int_equal(serial, 0x1267);
    *board = (struct reading_board){.boot_base = board_base, .owner = board_here ? -1 : 1};
    return board_here;
}

static const struct reading_sink boards_sink = {
    .reading = own_take_reading, .gap = own_take_gap, .board = say_board};

static void identify(struct own_node *node, enum bus_result result, int64_t now_ms)
{
    static const uint8_t identity[] = {4, 10, 0, 0, 0x12, 0x67, 0, 1, 0, 2, 0, 13};
    struct transact_answer answer = {
        .result = result, .pdu = identity, .pdu_size = sizeof identity};
    own_node_done(node, OWN_NODE_IDENTIFY, &answer, now_ms, own_wall, &boards_sink);
}

static void no_sample_counts_before_the_board_is_known(void **state)
{
    (void)state;
    struct reading_stored before = {.boot = 7, .seq = 100, .whole = true};
    struct own_node node;
    own_node_init(&node, &own_device, &before, NULL);
    node.asks_serial = true;
    board_base = 65536;
    board_here = true;
    assert_false(own_see(&node, 1, 5, 0, 0));
    assert_true(own_node_unknown(&node));
    identify(&node, BUS_OK, 0);
    assert_int_equal(node.boot_base, 65536);
    assert_true(
        own_see(&node, 65536 + 1, 5, 0, 0)); /* as decoded, behind the boots of the one before */
    struct asked asked = own_next(&node, 0);
    assert_int_equal(asked.job, OWN_NODE_FETCH);
    assert_int_equal(asked.boot, 1); /* its own count, to itself */
    assert_int_equal(asked.seq, 1);
    own_give_once(&node, 4, 1, 1, 240, 0, 0);
    assert_int_equal(reading_count, 4);
    assert_int_equal(readings[0].boot, 65536 + 1);
}

static void a_misplaced_board_gives_nothing_until_it_is_gone(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    node.asks_serial = true;
    board_base = 0;
    board_here = false;
    assert_false(own_see(&node, 1, 5, 0, 0));
    identify(&node, BUS_OK, 0);
    assert_true(node.misplaced);
    assert_false(own_see(&node, 1, 6, 0, 60000));
    board_here = true;
    identify(&node, BUS_OK, 61000);
    assert_false(node.misplaced);
    assert_true(own_see(&node, 1, 6, 0, 61000));
}

static void a_board_that_does_not_know_its_number_is_taken(void **state)
{
    (void)state;
    struct own_node node;
    own_node_init(&node, &own_device, NULL, NULL);
    node.asks_serial = true;
    for (int i = 0; i < 3; i++) {
        assert_false(own_see(&node, 1, 5, 0, i * 1000));
        identify(&node, BUS_EXCEPTION, i * 1000);
    }
    assert_true(own_see(&node, 1, 5, 0, 3000));
    assert_false(own_see(&node, 2, 1, 0, 63000)); /* and is asked again after a restart */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, own_reset)
    const struct CMUnitTest tests[] = {
        TEST(the_same_sample_is_one_reading),
        TEST(an_older_sample_is_an_answer_that_came_twice),
        TEST(a_node_that_counts_from_one_again_is_believed),
        TEST(a_number_that_it_cannot_have_reached_is_refused),
        TEST(a_node_that_goes_on_from_a_jump_is_believed),
        TEST(numbers_that_do_not_go_on_are_never_believed),
        TEST(what_the_time_holds_is_believed_at_once),
        TEST(its_clock_is_set_again_each_day_and_each_hour_without_a_crystal),
        TEST(times_of_a_node_without_its_crystal_are_doubtful),
        TEST(an_age_that_was_counted_without_the_crystal_is_doubtful_when_it_is_long),
        TEST(the_log_must_say_twice_what_it_lost),
        TEST(the_next_poll_follows_the_next_sample),
        TEST(a_node_without_a_sample_is_asked_again_soon),
        TEST(a_hole_is_fetched_from_the_log),
        TEST(a_long_hole_is_fetched_in_windows),
        TEST(no_more_is_asked_for_than_there_is_time),
        TEST(what_the_log_lost_is_a_gap),
        TEST(an_empty_log_ends_the_search),
        TEST(a_hole_over_a_restart_is_walked),
        TEST(a_failed_fetch_waits_and_goes_on),
        TEST(sets_the_period_it_should_have),
        TEST(sets_the_clock_of_a_node_that_has_none),
        TEST(reads_the_firmware_once_in_each_boot),
        TEST(no_sample_counts_before_the_board_is_known),
        TEST(a_misplaced_board_gives_nothing_until_it_is_gone),
        TEST(a_board_that_does_not_know_its_number_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
