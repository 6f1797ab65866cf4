/* SPDX-License-Identifier: Apache-2.0 */
/* The FRAM: late, dead, on a low supply, and beside sensors that pull their wires down. */
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

static void run_s(unsigned s)
{
    line_run(line, line->now + s * TICKS_S);
}

static uint16_t word(uint8_t unit, uint16_t address)
{
    uint16_t value = 0;
    assert_true(bench_read(line, unit, address, 1, &value));
    return value;
}

/* A node that was in the field for a while, at address 7. */
static int set_up(void **state)
{
    static const uint16_t address = 7;
    (void)state;
    line = bench_line(&board, 1);
    board_flash(&board, 1, "1.0.0", 1);
    part_power(board.part, true);
    run_s(8);
    assert_true(bench_write(line, 247, NODE_ADDRESS, 1, &address));
    run_s(1);
    uint16_t value;
    assert_false(bench_read(line, 7, NODE_BOOT, 1, &value)); /* is it another's? */
    (void)word(7, NODE_BOOT);                                /* spoken to again: it stays */
    run_s(30);
    assert_int_equal(word(7, NODE_BOOT), 1);
    part_power(board.part, false);
    run_s(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_end(line, &board);
    return 0;
}

static void assert_silent(uint8_t unit)
{
    uint16_t value;
    assert_false(bench_read(line, unit, NODE_BOOT, 1, &value));
}

/* The sensors' rail is off most of the time, and a cable may be cut. */
static void memory_works_beside_sensors_without_power(void **state)
{
    (void)state;
    board.air.shorted = true;
    part_power(board.part, true);
    run_s(40);
    assert_int_equal(word(7, NODE_BOOT), 2);
    assert_true(word(7, NODE_SEQ + 1) >= 2);
    assert_int_equal(word(7, NODE_NV_ERRORS), 0);
    assert_int_equal(word(7, 10), 0x8000); /* the air is not known; everything else is */
    assert_int_equal(word(7, NODE_STATUS) & (NODE_STATUS_DEFAULTS | NODE_STATUS_NV), 0);
}

static void memory_that_is_late_is_waited_for(void **state)
{
    static const uint64_t late[] = {200 * TICKS_MS, TICKS_S, 5 * TICKS_S, 40 * TICKS_S};
    uint8_t settings[256];
    (void)state;
    memcpy(settings, board.fram_bytes, sizeof settings);
    for (unsigned i = 0; i < sizeof late / sizeof *late; i++) {
        board.fram.silent_until = line->now + late[i];
        part_power(board.part, true);
        run_s(6);
        if (late[i] > 6 * TICKS_S) {
            assert_silent(247);
            assert_silent(7);
        }
        line_run(line, board.fram.silent_until + 8 * TICKS_S);
        assert_silent(247);
        assert_int_equal(word(7, NODE_BOOT), 2 + i);
        assert_true(word(7, NODE_SEQ + 1) >= 1);
        assert_memory_equal(settings, board.fram_bytes, sizeof settings);
        part_power(board.part, false);
        run_s(1);
    }
}

static void node_with_a_dead_memory_answers_to_its_serial_number_alone(void **state)
{
    static const uint8_t by_serial[] = {0xFD, 0x46, 0x08, 0, 0, 0, 1, 4, 0, NODE_STATUS, 0, 1};
    uint8_t answer[264];
    (void)state;
    board.fram.silent_until = NEVER;
    part_power(board.part, true);
    run_s(30);
    assert_silent(247);
    assert_silent(7);
    assert_silent(0xFF);
    assert_int_equal(bench_ask(line, by_serial, sizeof by_serial, answer), 11);
    assert_true(answer[10] & NODE_STATUS_NV);
    assert_int_equal(board.part->resets_by[RESET_WATCHDOG], 0);
}

/* Below 2.9 V nothing is written; on a slow ramp nothing is taken for blank. */
static void memory_is_left_alone_on_a_low_supply(void **state)
{
    (void)state;
    uint64_t writes = board.fram.writes;
    for (uint32_t mv = 2050; mv <= 3300; mv += 50) {
        board.part->supply_mv = mv;
        if (mv == 2050)
            part_power(board.part, true);
        line_run(line, line->now + 400 * TICKS_MS);
        if (mv < 2900)
            assert_int_equal(board.fram.writes, writes);
    }
    run_s(20);
    assert_int_equal(word(7, NODE_BOOT), 2);
    board.part->supply_mv = 2850;
    writes = board.fram.writes;
    run_s(60);
    assert_int_equal(board.fram.writes, writes);
    board.part->supply_mv = 3300;
    run_s(15);
    assert_true(board.fram.writes > writes);
    assert_int_equal(word(7, NODE_BOOT), 2);
}

/* The supply goes to `mv` at so many millivolts a step of 5 ms; the part itself runs from 2 V
 * on. */
static void ramp(uint32_t mv, uint32_t step)
{
    uint32_t *now = &board.part->supply_mv;
    while (*now != mv) {
        uint32_t left = *now < mv ? mv - *now : *now - mv, by = left < step ? left : step;
        *now = *now < mv ? *now + by : *now - by;
        if (*now < 2000 && board.part->powered)
            part_power(board.part, false);
        if (*now >= 2000 && !board.part->powered)
            part_power(board.part, true);
        line_run(line, line->now + 5 * TICKS_MS);
    }
}

/* Down to nothing, or only so far that the memory fails, fast and slow, at any moment of a
 * sample. */
static void brown_outs_cost_no_setting_and_no_boot_number(void **state)
{
    static const uint32_t lowest[] = {0, 1990, 2400, 2750, 0, 2050, 1900, 2890};
    static const uint32_t steps[] = {1000, 10, 3, 50, 5, 200, 1, 20};
    (void)state;
    unsigned boot = 1;
    board.part->supply_mv = 0;
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        boot += i == 0 || lowest[i - 1] < 2000;
        ramp(3300, steps[i]);
        run_s(12);
        assert_int_equal(word(7, NODE_BOOT), boot);
        assert_int_equal(word(7, NODE_STATUS) & NODE_STATUS_DEFAULTS, 0);
        assert_silent(247);
        line_run(line, line->now + i * 1237 * TICKS_MS);
        ramp(lowest[i], steps[i]);
        line_run(line, line->now + 300 * TICKS_MS);
    }
    assert_string_equal(board.part->wrong, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_works_beside_sensors_without_power, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_late_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(node_with_a_dead_memory_answers_to_its_serial_number_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(brown_outs_cost_no_setting_and_no_boot_number, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(memory_is_left_alone_on_a_low_supply, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
