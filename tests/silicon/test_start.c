/* SPDX-License-Identifier: Apache-2.0 */
/* From a blank chip to the first answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

static struct line *line;
static struct board board;

static int set_up(void **state)
{
    (void)state;
    line = bench_line(&board, 0x00C0FFEE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_end(line, &board);
    return 0;
}

static void a_blank_chip_is_flashed_and_answers(void **state)
{
    (void)state;
    uint16_t words[22];
    board_flash(&board, 0x01020304, "1.2.3", 1);
    part_power(board.part, true);
    line_run(line, 8 * TICKS_S); /* the loader, then five seconds at 19,200 8E1 */
    assert_true(bench_read(line, 247, NODE_SERIAL, 2, words));
    assert_int_equal((uint32_t)words[0] << 16 | words[1], 0x01020304);
    assert_true(bench_read(line, 247, NODE_VERSION, 3, words));
    assert_int_equal(words[0], 1);
    assert_int_equal(words[1], 2);
    assert_int_equal(words[2], 3);
    line_run(line, 20 * TICKS_S);
    assert_true(bench_read(line, 247, 0, 22, words));
    assert_int_equal(words[10], 2000); /* air */
    assert_int_equal(words[11], 5000);
    assert_int_equal((uint32_t)words[15] << 16 | words[16], 2226); /* light */
    assert_int_equal(words[21], 2025);                             /* canopy, by 1-Wire */
    assert_string_equal(board.part->wrong, "");
    assert_int_equal(board.part->faults, 0);
    assert_int_equal(board.part->resets, 1);
    assert_int_equal(line->drive_missing, 0);
}

static void assert_held_low(const struct part *p)
{
    for (unsigned i = 0; i < PINS_WATCHED; i++) {
        assert_true(p->low_at[i] != NEVER);
        assert_true(p->low_at[i] - p->reset_at < TICKS_MS);
    }
}

/* DE, the driver of the SDI-12 wire, both rails: nothing floats for longer than a reset takes. */
static void nothing_drives_a_line_while_the_loader_works(void **state)
{
    (void)state;
    board_flash(&board, 1, "1.0.0", 1);
    part_power(board.part, true);
    line_run(line, line->now + 5 * TICKS_MS);
    assert_held_low(board.part);
    line_run(line, 8 * TICKS_S);
    part_reset(board.part, RESET_PIN);
    line_run(line, line->now + 5 * TICKS_MS);
    assert_held_low(board.part);
    assert_int_equal(board.part->let_go, 0); /* not for a moment when the program takes over */
}

static void nothing_drives_a_line_without_a_program(void **state)
{
    (void)state;
    board_flash(&board, 1, "1.0.0", 1);
    memset(board.part->flash + SLOT_AT, 0xFF, SLOT_SIZE);
    part_power(board.part, true);
    line_run(line, 60 * TICKS_S); /* the watchdog bites meanwhile */
    assert_held_low(board.part);
    assert_true(board.part->resets_by[RESET_WATCHDOG] > 3);
}

static uint16_t reset_cause(void)
{
    uint16_t word = 0xFFFF;
    assert_true(bench_read(line, 247, NODE_RESET_CAUSE, 1, &word));
    return word;
}

/* The black box is in RAM that the loader leaves alone, so a warm start is known for one: the node
 * answers on its own line at once. */
static void black_box_outlives_the_loader(void **state)
{
    (void)state;
    uint16_t fault[6];
    board_flash(&board, 1, "1.0.0", 1);
    part_power(board.part, true);
    line_run(line, 8 * TICKS_S);
    assert_int_equal(reset_cause(), 1);
    part_crash(board.part, 0xF0000000);
    line_run(line, line->now + 2 * TICKS_S);
    assert_int_equal(reset_cause(), 5);
    assert_true(bench_read(line, 247, NODE_FAULT, 6, fault));
    assert_int_equal((uint32_t)fault[0] << 16 | fault[1], 0xF0000000);
    part_reset(board.part, RESET_WATCHDOG);
    line_run(line, line->now + 2 * TICKS_S);
    assert_int_equal(reset_cause(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blank_chip_is_flashed_and_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_drives_a_line_while_the_loader_works, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_drives_a_line_without_a_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(black_box_outlives_the_loader, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
