/* SPDX-License-Identifier: Apache-2.0 */
/* Crystals that start late, never, or stop, and what the line hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

enum { TICKS_72_MHZ = 8, TICKS_64_MHZ = 9 };

static struct line *line;
static struct board board;

static int set_up(void **state)
{
    (void)state;
    line = bench_line(&board, 1);
    board_flash(&board, 1, "1.0.0", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_end(line, &board);
    return 0;
}

static void assert_answers(void)
{
    uint16_t words[2];
    assert_true(bench_read(line, 247, NODE_SERIAL, 2, words));
    assert_string_equal(board.part->wrong, "");
}

/* The loader takes the internal oscillator, the program some 0.5 s later what is there by then. */
static void late_crystal_gives_the_rate_that_the_node_believes(void **state)
{
    static const struct {
        uint64_t takes;
        unsigned ticks;
    } crystals[] = {
        {500 * TICKS_US, TICKS_72_MHZ}, {9 * TICKS_MS, TICKS_72_MHZ},
        {20 * TICKS_MS, TICKS_72_MHZ},  {50 * TICKS_MS, TICKS_72_MHZ},
        {300 * TICKS_MS, TICKS_72_MHZ}, {3 * TICKS_S, TICKS_64_MHZ},
        {NEVER, TICKS_64_MHZ},
    };
    (void)state;
    for (size_t i = 0; i < sizeof crystals / sizeof *crystals; i++) {
        board.part->crystal_takes = crystals[i].takes;
        part_power(board.part, true);
        line_run(line, line->now + 8 * TICKS_S);
        assert_int_equal(board.part->ticks_a_cycle, crystals[i].ticks);
        assert_answers();
        part_reset(board.part, RESET_SOFTWARE); /* and once more with a crystal that may swing */
        line_run(line, line->now + 3 * TICKS_S);
        assert_answers();
        part_power(board.part, false);
        line_run(line, line->now + TICKS_S);
    }
}

static void node_goes_on_without_the_crystal_that_failed(void **state)
{
    static const uint64_t fails[] = {5 * TICKS_MS, 100 * TICKS_MS, 1500 * TICKS_MS, 8 * TICKS_S,
                                     9 * TICKS_S + 12345};
    (void)state;
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++) {
        part_power(board.part, true);
        board.part->crystal_fails = line->now + fails[i];
        line_run(line, line->now + 20 * TICKS_S);
        assert_int_equal(board.part->ticks_a_cycle, TICKS_64_MHZ);
        assert_answers();
        assert_true(board.part->resets_by[RESET_WATCHDOG] == 0);
        part_power(board.part, false);
        board.part->crystal_fails = NEVER;
        line_run(line, line->now + TICKS_S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(late_crystal_gives_the_rate_that_the_node_believes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(node_goes_on_without_the_crystal_that_failed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
