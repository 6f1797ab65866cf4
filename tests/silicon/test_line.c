/* SPDX-License-Identifier: Apache-2.0 */
/* One node and many on the line: rates, noise, arbitration, counters that end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/modbus/rtu.h"
#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

enum { MANY = 32, SR_NOISE = 4 };

static struct line *line;
static struct board board[MANY];
static unsigned boards;

static int set_up(void **state)
{
    (void)state;
    line = calloc(1, sizeof *line);
    boards = 0;
    if (line == NULL)
        return -1;
    line->baud = 9600;
    line->parity = 'N';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (boards > 0)
        board_free(&board[--boards]);
    free(line);
    return 0;
}

static void run_s(unsigned s)
{
    line_run(line, line->now + s * TICKS_S);
}

static struct board *add(uint32_t serial)
{
    struct board *b = &board[boards++];
    board_init(b, serial);
    board_flash(b, serial, "1.0.0", 1);
    line_add(line, b->part);
    return b;
}

static void set_word(uint8_t unit, uint16_t address, uint16_t value)
{
    assert_true(bench_write(line, unit, address, 1, &value));
}

static uint16_t word(uint8_t unit, uint16_t address)
{
    uint16_t value = 0;
    assert_true(bench_read(line, unit, address, 1, &value));
    return value;
}

/* One node alone, with the line's settings that the others then get with its memory. */
static void start_first(uint32_t serial, uint16_t baud_code)
{
    add(serial);
    part_power(board[0].part, true);
    run_s(8);
    if (baud_code != NODE_BAUD_FACTORY) {
        set_word(247, NODE_BAUD, baud_code);
        run_s(1);
        line->baud = node_baud(baud_code);
        (void)word(247, NODE_BOOT);
    }
}

/* ---- arbitration ---- */

static uint32_t serial_of(unsigned i)
{
    return (i * 0x9E3779B1u) >> 4 | 1;
}

static void scan_finds_all(unsigned count, uint16_t baud_code)
{
    uint32_t last = 0;
    start_first(serial_of(0), baud_code);
    for (unsigned i = 1; i < count; i++) {
        struct board *b = add(serial_of(i));
        memcpy(b->fram_bytes, board[0].fram_bytes, FRAM_SIZE);
        b->part->now = line->now;
        part_power(b->part, true);
    }
    run_s(9);
    for (unsigned found = 0;; found++) {
        uint8_t answer[264];
        int got = bench_scan(line, found == 0, answer);
        if (got == 3 && answer[2] == 4) {
            assert_int_equal(found, count);
            break;
        }
        assert_int_equal(got, 8);
        assert_int_equal(answer[2], 3);
        uint32_t serial = (uint32_t)answer[3] << 24 | (uint32_t)answer[4] << 16 |
                          (uint32_t)answer[5] << 8 | answer[6];
        assert_true(serial > last); /* lowest first */
        last = serial;
    }
    for (unsigned i = 0; i < count; i++)
        assert_string_equal(board[i].part->wrong, "");
}

static void two_are_found_by_serial_number(void **state)
{
    (void)state;
    scan_finds_all(2, NODE_BAUD_FACTORY);
}

static void two_are_found_at_115200_baud(void **state)
{
    (void)state;
    scan_finds_all(2, 6);
}

static void eight_are_found_at_38400_baud(void **state)
{
    (void)state;
    scan_finds_all(8, 4);
}

static void thirty_two_are_found(void **state)
{
    (void)state;
    scan_finds_all(32, NODE_BAUD_FACTORY);
}

/* ---- errors ---- */

/* The receiver's noise flag on a byte that is right all the same. */
static void noise_alone_spoils_no_frame(void **state)
{
    (void)state;
    start_first(1, NODE_BAUD_FACTORY);
    for (unsigned i = 0; i < 5; i++) {
        board[0].part->noise = SR_NOISE;
        (void)word(247, NODE_BOOT);
    }
    assert_int_equal(word(247, NODE_LINE_ERRORS), 0);
}

/* Two on the line, and the second is given the first's address by mistake. */
static void address_of_another_is_given_back(void **state)
{
    (void)state;
    start_first(1, NODE_BAUD_FACTORY);
    set_word(247, NODE_ADDRESS, 12);
    run_s(1);
    uint16_t value;
    assert_false(bench_read(line, 12, NODE_BOOT, 1, &value)); /* it listens first */
    (void)word(12, NODE_BOOT);
    struct board *b = add(2);
    b->part->now = line->now;
    part_power(b->part, true);
    run_s(8);
    set_word(247, NODE_ADDRESS, 12);
    run_s(1);
    for (unsigned i = 0; i < 5; i++) {
        (void)word(12, NODE_BOOT); /* never garbled */
        run_s(1);
    }
    assert_int_equal(word(247, NODE_DUPLICATES), 1);
}

/* ---- long runs ---- */

static void poll_for(unsigned seconds, uint16_t baud_code)
{
    uint16_t words[22];
    start_first(1, baud_code);
    uint64_t end = line->now + seconds * TICKS_S;
    uint32_t last = 0, polls = 0;
    for (; line->now < end; polls++) {
        assert_true(bench_read(line, 247, 0, 22, words));
        uint32_t seq = (uint32_t)words[NODE_SEQ] << 16 | words[NODE_SEQ + 1];
        assert_true(seq >= last && seq <= last + 1);
        last = seq;
        assert_int_equal(words[NODE_BOOT], 1);
        line_run(line, line->now + 700 * TICKS_MS);
    }
    assert_true(last >= seconds / 10 - 1);
    assert_int_equal(word(247, NODE_SAMPLES_LATE), 0);
    assert_true(bench_read(line, 247, NODE_LINE_COUNTS, 8, words));
    assert_int_equal(words[1], 0); /* CRC errors */
    assert_int_equal(words[7], 0); /* overruns */
    assert_int_equal(board[0].part->resets, 1);
    assert_int_equal(line->drive_missing, 0);
    assert_string_equal(board[0].part->wrong, "");
}

static unsigned an_hour(void)
{
    const char *full = getenv("BAIYE_FULL");
    return full != NULL && strcmp(full, "1") == 0 ? 3600 : 300;
}

static void polling_at_1200_baud(void **state)
{
    (void)state;
    poll_for(an_hour(), 7);
}

static void polling_at_9600_baud(void **state)
{
    (void)state;
    poll_for(an_hour(), NODE_BAUD_FACTORY);
}

static void polling_at_115200_baud(void **state)
{
    (void)state;
    poll_for(an_hour(), 6);
}

static void set_u32(struct part *p, const char *file, const char *name, uint32_t value)
{
    memcpy(p->ram + (bench_symbol("baiye-node-0.elf", file, name) - RAM_AT), &value, sizeof value);
}

static uint32_t get_u32(const struct part *p, const char *file, const char *name)
{
    uint32_t value;
    memcpy(&value, p->ram + (bench_symbol("baiye-node-0.elf", file, name) - RAM_AT), sizeof value);
    return value;
}

/* Four gigabytes heard: the wraps of the receive buffer are set just below. */
static void receive_counter_passes_2_to_the_32(void **state)
{
    (void)state;
    start_first(1, NODE_BAUD_FACTORY);
    struct part *p = board[0].part;
    uint32_t wraps = (uint32_t)((UINT64_C(1) << 32) / 512) - 1,
             before = get_u32(p, "bus.c", "wraps");
    set_u32(p, "bus.c", "read_at", get_u32(p, "bus.c", "read_at") + (wraps - before) * 512);
    set_u32(p, "bus.c", "wraps", wraps);
    for (uint16_t i = 0; i < 300; i++) {
        set_word(247, NODE_CALIBRATION_CHANNEL, i % 10);
        assert_int_equal(word(247, NODE_CALIBRATION_CHANNEL), i % 10);
    }
    assert_true(get_u32(p, "bus.c", "wraps") > (UINT64_C(1) << 32) / 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_are_found_by_serial_number), TEST(two_are_found_at_115200_baud),
        TEST(eight_are_found_at_38400_baud),  TEST(thirty_two_are_found),
        TEST(noise_alone_spoils_no_frame),    TEST(address_of_another_is_given_back),
        TEST(polling_at_1200_baud),           TEST(polling_at_9600_baud),
        TEST(polling_at_115200_baud),         TEST(receive_counter_passes_2_to_the_32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
