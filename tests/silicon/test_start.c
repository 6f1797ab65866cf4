/* SPDX-License-Identifier: Apache-2.0 */
/* From a blank chip to the first answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

static struct line *line;
static struct board board;

static int set_up(void **state)
{
    (void)state;
    line = calloc(1, sizeof *line);
    if (!line)
        return -1;
    line->baud = 9600;
    line->parity = 'N';
    board_init(&board, 0x00C0FFEE);
    line_add(line, board.part);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    board_free(&board);
    free(line);
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
    assert_string_equal(board.part->wrong, "");
    assert_int_equal(board.part->faults, 0);
    assert_int_equal(board.part->resets, 1);
    assert_int_equal(line->drive_missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blank_chip_is_flashed_and_answers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
