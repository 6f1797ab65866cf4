/* SPDX-License-Identifier: Apache-2.0 */
/* Rain of our own nodes over restarts of node and gateway, amid a backfill and without one: counted
 * once, and never made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bus/own_node_fixture.h"

/* Rain that fell before the restart is in the log only: what the live reading counts began at 0. */
static void rain_before_a_restart_is_counted_from_the_log(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {.boot = 6, .last = {0, 980}, .known = {false, true}};
    own_node_init(&node, &own_device, NULL, &live);
    (void)own_see(&node, 6, 1, 0, 0);
    assert_true(own_see(&node, 7, 3, 0, 600000));
    live = (struct decode_counters){.boot = 7, .last = {0, 40}, .known = {false, true}};
    (void)own_next(&node, 600000);
    own_give(&node, 2, 6, 2, 0, 1795290000, 600000); /* 10.00 and 10.20 mm */
    assert_true(readings[0].values[1].present && readings[1].values[1].present);
    assert_true(readings[0].values[1].value > 0.19 && readings[0].values[1].value < 0.21);
    assert_true(readings[1].values[1].value > 0.19 && readings[1].values[1].value < 0.21);
    own_give(&node, 2, 7, 1, 1200, 0, 600000);
    assert_false(readings[2].values[1].present);
    assert_false(readings[3].values[1].present);
}

/* What the device does with a live counter, in hundredths. */
static double tell(struct decode_counters *live, struct own_node *node, uint32_t boot, uint32_t seq,
                   uint32_t raw)
{
    struct decode_counters counters = *live;
    bool fresh = own_see(node, boot, seq, 0, seq * 60000);
    decode_counters_boot(&counters, boot);
    struct reading_value value =
        decode_counter(&own_fields[1], raw, METRIC_GOOD, &counters.last[1], &counters.known[1]);
    struct reading_value values[2] = {{0}, value};
    if (fresh)
        own_node_counters(node, &counters, values);
    value = values[1];
    if (fresh)
        *live = counters;
    return fresh && value.present ? value.value : 0;
}

static double told_late(void)
{
    double sum = 0;
    for (unsigned i = 0; i < reading_count; i++)
        sum += readings[i].values[1].present ? readings[i].values[1].value : 0;
    return sum;
}

static void assert_mm(double mm, double expected)
{
    assert_true(mm > expected - 0.001 && mm < expected + 0.001);
}

/* The gateway restarts while it rains: 10 is stored, 11 and 12 are missed, 13 is the first seen. */
static void a_restart_of_the_gateway_loses_no_rain(void **state)
{
    (void)state;
    for (unsigned live_meanwhile = 0; live_meanwhile < 2; live_meanwhile++) {
        struct own_node node;
        struct decode_counters live = {0};
        reading_count = 0;
        own_go_on(&node, &live, 1, 10, 980);
        double sum = tell(&live, &node, 1, 13, 1100);
        assert_mm(sum, 0);
        if (live_meanwhile) /* before the log was asked */
            sum += tell(&live, &node, 1, 14, 1150);
        assert_int_equal(own_next(&node, 840000).seq, 11);
        own_give(&node, 2, 1, 11, 1800, 0, 840000); /* 10.00 and 10.20 mm */
        assert_int_equal(reading_count, 2);
        assert_mm(told_late(), 0.4); /* when it fell */
        sum += tell(&live, &node, 1, 15, 1170);
        assert_mm(sum + told_late(), 1.9);
        assert_mm(tell(&live, &node, 1, 16, 1170), 0); /* told once */
    }
}

/* The log has lost what it should tell: it is told all the same, only not when it fell. */
static void rain_that_the_log_has_lost_is_told_at_the_end(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 1, 10, 1000);
    assert_mm(tell(&live, &node, 1, 13, 1100), 0);
    own_give(&node, 0, 0, 0, 0, 0, 840000);
    assert_int_equal(gap_count, 1);
    assert_mm(tell(&live, &node, 1, 14, 1110), 1.1);
}

/* So short that no sample was missed, or not even a new one taken. */
static void a_short_restart_of_the_gateway_loses_no_rain(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 1, 10, 1000);
    double sum = tell(&live, &node, 1, 11, 1060);
    assert_int_equal(own_next(&node, 660000).job, OWN_NODE_IDLE); /* nothing is missing */
    sum += tell(&live, &node, 1, 12, 1080);
    assert_mm(sum, 0.8);
    own_go_on(&node, &live, 1, 12, 1080);
    assert_mm(tell(&live, &node, 1, 12, 1080), 0);
    assert_mm(tell(&live, &node, 1, 13, 1130), 0.5);
    assert_mm(tell(&live, &node, 1, 14, 1130), 0);
}

/* The bus fails: 11 to 15 are missed, 16 counts what fell meanwhile; 11 and 12 are fetched, then
 * the gateway is started anew. */
static void a_restart_amid_a_backfill_tells_rain_once(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 1, 9, 970);
    double sum = tell(&live, &node, 1, 10, 1000);
    sum += tell(&live, &node, 1, 16, 1160);
    own_give(&node, 2, 1, 11, 3000, 0, 960000);
    assert_mm(sum, 1.9);
    assert_mm(told_late(), 0);
    struct reading_stored before = {
        .boot = 1, .seq = 12, .boot_count = 1, .boots = {{1, true, {9.7 + sum}}}};
    own_node_init(&node, &own_device, &before, &live);
    sum += tell(&live, &node, 1, 17, 1170);
    assert_int_equal(own_next(&node, 1020000).seq, 13);
    own_give(&node, 4, 1, 13, 2400, 0, 1020000); /* 16, too: the store has it */
    assert_int_equal(own_next(&node, 1020000).job, OWN_NODE_IDLE);
    assert_int_equal(reading_count, 6);
    assert_mm(sum + told_late(), 2.0);
    assert_mm(tell(&live, &node, 1, 18, 1170), 0);
}

/* The gateway was away, and is started anew once more before the log has told all. */
static void a_second_restart_amid_a_backfill_tells_rain_once(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 1, 10, 980);
    double sum = tell(&live, &node, 1, 16, 1160);
    own_give(&node, 2, 1, 11, 3000, 0, 960000); /* 10.00 and 10.20 mm */
    sum += tell(&live, &node, 1, 17, 1170);
    assert_mm(sum, 0.1);
    assert_mm(told_late(), 0.4);
    struct reading_stored before = {
        .boot = 1, .seq = 12, .boot_count = 1, .boots = {{1, true, {10.3}}}};
    own_node_init(&node, &own_device, &before, &live);
    sum += tell(&live, &node, 1, 18, 1180);
    own_give(&node, 5, 1, 13, 2400, 0, 1080000);
    assert_mm(sum + told_late(), 2.0);
    assert_mm(tell(&live, &node, 1, 19, 1180), 0);
}

/* The same after boots of the node that are over: the log tells their rain, but only what no
 * reading told yet. */
static void a_restart_amid_a_backfill_of_older_boots_tells_rain_once(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    struct reading_stored before = {
        .boot = 6, .seq = 11, .boot_count = 2, .boots = {{7, true, {10.20}}, {6, true, {9.80}}}};
    own_node_init(&node, &own_device, &before, &live);
    double sum = tell(&live, &node, 8, 2, 10); /* and another one */
    assert_mm(sum, 0.1);
    assert_int_equal(own_next(&node, 120000).seq, 12);
    own_give(&node, 2, 6, 12, 0, 1795290000, 120000); /* 10.00 and 10.20 mm */
    assert_mm(told_late(), 0.4);
    own_give(&node, 3, 7, 1, 0, 1795291000, 120000); /* 10.00, 10.20 and 10.40 mm */
    assert_mm(told_late(), 0.6);
    own_give(&node, 1, 8, 1, 600, 0, 120000);
    assert_mm(told_late(), 0.6);
    assert_mm(tell(&live, &node, 8, 3, 30), 0.2);
    assert_int_equal(reading_count, 6);
}

/* The same with three boots, of the middle one only what a live reading told: that was all of
 * it. */
static void a_boot_amid_a_backfill_is_not_told_anew(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    struct reading_stored before = {
        .boot = 6,
        .seq = 11,
        .boot_count = 3,
        .boots = {{8, true, {0.10}}, {7, true, {10.20}}, {6, true, {9.80}}}};
    own_node_init(&node, &own_device, &before, &live);
    double sum = tell(&live, &node, 8, 3, 30);
    assert_mm(sum, 0.2);
    own_give(&node, 2, 6, 12, 0, 1795290000, 180000); /* 10.00 and 10.20 mm */
    assert_mm(told_late(), 0.4);
    own_give(&node, 3, 7, 1, 0, 1795291000, 180000); /* 10.00, 10.20 and 10.40 mm */
    assert_mm(told_late(), 0.6);
    own_give(&node, 2, 8, 1, 1200, 0, 180000);
    assert_mm(told_late(), 0.6);
    assert_int_equal(own_next(&node, 180000).job, OWN_NODE_IDLE);
}

/* Two restarts of the node, the second before the log was asked for what the first one left. */
static void rain_between_two_holes_is_counted_from_the_log(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    own_go_on(&node, &live, 6, 9, 970);
    double sum = tell(&live, &node, 6, 10, 980);
    sum += tell(&live, &node, 7, 2, 990); /* the first hole: 6, 11.. to 7, 1 */
    sum += tell(&live, &node, 8, 2, 40);  /* the second one: 7, 3.. to 8, 1 */
    assert_mm(sum, 0.1 + 9.9 + 0.4);
    own_give(&node, 1, 6, 11, 0, 1795290000, 120000); /* 10.00 mm */
    assert_mm(told_late(), 0.2);
    own_give(&node, 1, 7, 1, 0, 1795290000, 120000); /* in what the live reading told */
    assert_mm(told_late(), 0.2);
    own_give(&node, 2, 7, 3, 0, 1795290000, 120000); /* 10.00 and 10.20 mm */
    assert_mm(told_late(), 0.2 + 0.3);
    own_give(&node, 1, 8, 1, 600, 0, 120000);
    assert_mm(told_late(), 0.2 + 0.3);
    assert_int_equal(own_next(&node, 120000).job, OWN_NODE_IDLE);
}

/* Node and gateway lose their power together: its counter begins at 0. */
static void a_restart_of_both_loses_no_rain(void **state)
{
    (void)state;
    for (uint32_t first = 1; first < 3; first++) {
        struct own_node node;
        struct decode_counters live = {0};
        reading_count = 0;
        own_go_on(&node, &live, 6, 10, 980);
        double sum = tell(&live, &node, 7, first, first == 1 ? 30 : 1080);
        own_give(&node, 2, 6, 11, 0, 1795290000, 600000); /* 10.00 and 10.20 mm */
        own_give(&node, 1, 7, 1, 600, 0, 600000);
        sum += tell(&live, &node, 7, first + 1, first == 1 ? 50 : 1100);
        assert_mm(sum + told_late(), 0.4 + (first == 1 ? 0.5 : 11.0));
    }
}

/* A file of an older version does not know what was told; nothing is made up for it. */
static void rain_whose_beginning_is_not_known_is_not_made_up(void **state)
{
    (void)state;
    struct own_node node;
    struct decode_counters live = {0};
    struct reading_stored before = {.boot = 1, .seq = 10, .boot_count = 1, .boots = {{.boot = 1}}};
    own_node_init(&node, &own_device, &before, &live);
    double sum = tell(&live, &node, 1, 13, 1100);
    own_give(&node, 1, 1, 12, 600, 0, 780000); /* 10.00 mm */
    assert_int_equal(gap_count, 1);
    assert_int_equal(gaps[0].first_seq, 11);
    sum += tell(&live, &node, 1, 14, 1120);
    assert_mm(told_late(), 0);
    assert_mm(sum, 0.2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, own_reset)
    const struct CMUnitTest tests[] = {
        TEST(rain_before_a_restart_is_counted_from_the_log),
        TEST(a_restart_of_the_gateway_loses_no_rain),
        TEST(rain_that_the_log_has_lost_is_told_at_the_end),
        TEST(a_short_restart_of_the_gateway_loses_no_rain),
        TEST(a_restart_amid_a_backfill_tells_rain_once),
        TEST(a_second_restart_amid_a_backfill_tells_rain_once),
        TEST(a_restart_amid_a_backfill_of_older_boots_tells_rain_once),
        TEST(a_boot_amid_a_backfill_is_not_told_anew),
        TEST(rain_between_two_holes_is_counted_from_the_log),
        TEST(a_restart_of_both_loses_no_rain),
        TEST(rain_whose_beginning_is_not_known_is_not_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
