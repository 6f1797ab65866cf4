/* SPDX-License-Identifier: Apache-2.0 */
/* Two images in the flash: which one runs, and how a new one comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/update/update.h"
#include "protocols/image/image.h"
#include "protocols/image/window.h"
#include "protocols/modbus/rtu.h"
#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

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

/* ---- stacks ---- */

/* The loader's, whose size is fixed on the bench; the program's may grow with each release. */
enum { PAINT_BYTES = 4, LOADER_STACK_LEAST = 192, STACK_LEAST = 512 };
#define PAINT 0xA5C3A5C3u

/* The loader's: RAM as power-up left it, up to where it was written. */
static void loader_leaves_some_of_its_stack(void **state)
{
    (void)state;
    uint8_t before[LOADER_STACK_LEAST];
    board_flash_slot(&board, 1, "0.9.0", 1); /* two to verify */
    part_power(board.part, true);
    memcpy(before, board.part->ram, sizeof before);
    while (running_slot() < 0)
        line_run(line, line->now + TICKS_US);
    assert_memory_equal(before, board.part->ram, sizeof before);
}

/* The program's, which it painted; deepest while it verifies a new image. */
static void assert_stack_left(void)
{
    for (unsigned at = 0; at < STACK_LEAST; at += PAINT_BYTES) {
        uint32_t word;
        memcpy(&word, board.part->ram + at, sizeof word);
        assert_int_equal(word, PAINT);
    }
}

/* ---- an update by broadcast ---- */

enum { UNIT = 247 };

/* Until the node stands at `state` or is given up. True: it does. */
static bool drive(struct update *update, enum node_state state, unsigned patience)
{
    for (unsigned i = 0; i < patience; i++) {
        if (update->nodes[0].state == state || !bench_update(line, update))
            break;
        if (board.part->powered && running_slot() >= 0 &&
            line->now > board.part->reset_at + 2 * TICKS_S)
            assert_stack_left();
        if (!board.part->powered) { /* cut: the light is out for two seconds */
            run_s(2);
            part_power(board.part, true);
            run_s(2);
        }
    }
    return update->nodes[0].state == state;
}

/* 115,200 baud, so that the node's memory says so after the cut as well. */
static void to_115200(void)
{
    static const uint16_t code = 6;
    part_power(board.part, true);
    run_s(8);
    assert_true(bench_write(line, UNIT, NODE_BAUD, 1, &code));
    run_s(1);
    line->baud = 115200;
    uint16_t word;
    assert_true(bench_read(line, UNIT, NODE_BOOT, 1, &word));
    run_s(15); /* a sample, and the self-test */
}

static void update_with_cut(const uint8_t *image, size_t size, uint64_t cut)
{
    static struct update update;
    static const uint8_t units[] = {UNIT};
    const struct update_options options = {.others_listen = false};
    board.part->flash_operations = 0;
    board.part->flash_cut = cut;
    bool done = false;
    for (unsigned i = 0; i < 4 && !done; i++) {
        assert_true(update_start(&update, image, size, units, 1, options));
        done = drive(&update, NODE_DONE, 4000) || update.nodes[0].state == NODE_CURRENT;
    }
    uint16_t words[3];
    assert_true(done);
    assert_true(bench_read(line, UNIT, NODE_VERSION, 3, words));
    assert_int_equal(words[0], 2);
    assert_int_equal(running_slot(), 1);
    assert_string_equal(board.part->wrong, "");
}

/* The whole of it, without a cut and with one at many operations, each from the same beginning. */
static void update_by_broadcast_survives_cuts_of_the_power(void **state)
{
    (void)state;
    size_t file_size, size;
    uint8_t *file = bench_image("2.0.0", 1, &file_size);
    const uint8_t *image = image_file_slot(file, file_size, 1, &size);
    static uint8_t flash[FLASH_END], fram[FRAM_SIZE];
    assert_non_null(image);
    to_115200();
    memcpy(flash, board.part->flash, sizeof flash);
    memcpy(fram, board.fram_bytes, sizeof fram);
    update_with_cut(image, size, NEVER);
    uint64_t operations = board.part->flash_operations;
    assert_in_range(operations, 55 + 10000, 60000);
    const char *full = getenv("BAIYE_FULL");
    uint64_t cuts = full != NULL && strcmp(full, "1") == 0 ? 300 : 4;
    for (uint64_t i = 0; i < cuts; i++) {
        part_power(board.part, false);
        memcpy(board.part->flash, flash, sizeof flash);
        memcpy(board.fram_bytes, fram, sizeof fram);
        run_s(1);
        part_power(board.part, true);
        run_s(20);
        /* The first 60 erase and open, the last 30 mark: half of the cuts fall on these. */
        uint64_t at = i % 4 == 0   ? 1 + i / 4 % 60
                      : i % 4 == 1 ? operations - i / 4 % 30
                                   : 1 + i * operations / cuts;
        update_with_cut(image, size, at);
    }
    free(file);
}

/* It looks whether there is another image while it still has the request on its stack. */
static void going_back_leaves_some_of_the_stack(void **state)
{
    static struct update update;
    static const uint8_t units[] = {UNIT};
    static const uint8_t revert[] = {UNIT, 16, WINDOW_COMMAND >> 8, WINDOW_COMMAND & 0xFF, 0, 1,
                                     2,    0,  WINDOW_REVERT};
    const struct update_options options = {.others_listen = false};
    (void)state;
    size_t file_size, size;
    uint8_t frame[16], *file = bench_image("2.0.0", 1, &file_size);
    const uint8_t *image = image_file_slot(file, file_size, 1, &size);
    assert_non_null(image);
    to_115200();
    assert_true(update_start(&update, image, size, units, 1, options));
    assert_true(drive(&update, NODE_FIT, 4000));
    assert_int_equal(running_slot(), 1);
    size_t sent = rtu_build(revert[0], revert + 1, sizeof revert - 1, frame, sizeof frame);
    uint64_t end = line->now + 10 * TICKS_S;
    (void)line_send(line, line->now + TICKS_MS * 10, frame, sent);
    for (unsigned resets = board.part->resets; board.part->resets == resets && line->now < end;) {
        assert_stack_left();
        line_run(line, line->now + 100 * TICKS_US);
    }
    run_s(5);
    assert_int_equal(running_slot(), 0);
    assert_string_equal(board.part->wrong, "");
    free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loader_leaves_some_of_its_stack),
        TEST(update_by_broadcast_survives_cuts_of_the_power),
        TEST(going_back_leaves_some_of_the_stack),
        TEST(the_other_image_runs_after_eight_starts_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
