/* SPDX-License-Identifier: Apache-2.0 */
/* Where counters of milliseconds end, and weeks without an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

static struct line *line;
static struct board board;

static void run_s(uint64_t s)
{
    line_run(line, line->now + s * TICKS_S);
}

static int set_up(void **state)
{
    (void)state;
    line = bench_line(&board, 1);
    board_flash(&board, 1, "1.0.0", 1);
    part_power(board.part, true);
    run_s(20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_end(line, &board);
    return 0;
}

static uint32_t u32(uint16_t address)
{
    uint16_t words[2] = {0};
    assert_true(bench_read(line, 247, address, 2, words));
    return (uint32_t)words[0] << 16 | words[1];
}

/* The program's count of seconds, as if so many had passed. */
static void set_uptime(uint32_t seconds)
{
    uint32_t at = bench_symbol("baiye-node-0.elf", "time.c", "wraps") - RAM_AT;
    memcpy(board.part->ram + at, &seconds, sizeof seconds);
}

/* Half a minute before, a minute over it; the node is asked all the time. */
static void pass(uint64_t milliseconds)
{
    uint32_t begin = (uint32_t)(milliseconds / 1000) - 30;
    set_uptime(begin);
    run_s(1);
    uint32_t seq = u32(NODE_SEQ);
    uint64_t from = line->now;
    for (unsigned i = 0; i < 60; i++) {
        uint32_t wanted = begin + 1 + (uint32_t)((line->now - from) / TICKS_S);
        uint32_t uptime = u32(NODE_UPTIME);
        assert_in_range(uptime, wanted, wanted + 2);
        run_s(1);
    }
    assert_in_range(u32(NODE_SEQ), seq + 5, seq + 7);
    assert_int_equal(board.part->resets, 1);
    assert_string_equal(board.part->wrong, "");
}

static void milliseconds_pass_2_to_the_31(void **state)
{
    (void)state;
    pass(UINT64_C(1) << 31);
}

static void milliseconds_pass_2_to_the_32(void **state)
{
    (void)state;
    pass(UINT64_C(1) << 32); /* 49.7 days */
}

static void microseconds_pass_2_to_the_32(void **state)
{
    (void)state;
    pass((UINT64_C(1) << 32) / 1000);
}

/* A sample an hour, a poll a day: 50 days in a full run, two else. */
static void weeks_go_by(void **state)
{
    static const uint16_t unlock = NODE_UNLOCK_KEY, hour = 3600, store = 1;
    const char *full = getenv("BAIYE_FULL");
    unsigned days = full != NULL && strcmp(full, "1") == 0 ? 50 : 2;
    (void)state;
    assert_true(bench_write(line, 247, NODE_UNLOCK, 1, &unlock));
    assert_true(bench_write(line, 247, NODE_SETTING_PERIOD, 1, &hour));
    assert_true(bench_write(line, 247, NODE_COMMIT, 1, &store));
    uint32_t seq = u32(NODE_SEQ), uptime = u32(NODE_UPTIME);
    for (unsigned day = 1; day <= days; day++) {
        run_s(86400);
        assert_in_range(u32(NODE_SEQ), seq + 24 * day - 1, seq + 24 * day + 1);
        assert_in_range(u32(NODE_UPTIME), uptime + 86400 * day, uptime + 86400 * day + day + 2);
    }
    assert_int_equal(u32(NODE_LIFETIME), 24 * days);
    assert_int_equal(board.part->resets, 1);
    assert_string_equal(board.part->wrong, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(milliseconds_pass_2_to_the_31),
        TEST(milliseconds_pass_2_to_the_32),
        TEST(microseconds_pass_2_to_the_32),
        TEST(weeks_go_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
