/* SPDX-License-Identifier: Apache-2.0 */
/* Two images in the flash: which one runs, and how a new one comes in. */
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

static int set_up(void **state)
{
    (void)state;
    line = calloc(1, sizeof *line);
    if (!line)
        return -1;
    line->baud = 9600;
    line->parity = 'N';
    board_init(&board, 1);
    line_add(line, board.part);
    board_flash(&board, 1, "1.0.0", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    board_free(&board);
    free(line);
    return 0;
}

static void run_s(unsigned s)
{
    line_run(line, line->now + s * TICKS_S);
}

/* By the vector table in use; -1: the loader. */
static int running_slot(void)
{
    uint32_t at = board.part->vtor - FLASH_AT;
    return at < SLOT_AT ? -1 : at >= SLOT_AT + SLOT_SIZE;
}

/* The newer image crashes soon after each start. */
static void the_other_image_runs_after_eight_starts_in_vain(void **state)
{
    uint16_t words[3];
    (void)state;
    board_flash_slot(&board, 1, "0.9.0", 1);
    part_power(board.part, true);
    unsigned crashes = 0;
    for (; crashes < 20; crashes++) {
        run_s(20);
        if (running_slot() != 0)
            break;
        part_crash(board.part, 0xF0000000);
    }
    assert_int_equal(crashes, 8);
    assert_int_equal(running_slot(), 1);
    assert_true(bench_read(line, 247, NODE_VERSION, 3, words));
    assert_int_equal(words[1], 9);
    run_s(11 * 60); /* and is well */
    part_reset(board.part, RESET_PIN);
    run_s(3);
    assert_int_equal(running_slot(), 0);
    part_power(board.part, false);
    run_s(1);
    part_power(board.part, true); /* RAM holds anything: nothing is known against either */
    run_s(3);
    assert_int_equal(running_slot(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_other_image_runs_after_eight_starts_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
