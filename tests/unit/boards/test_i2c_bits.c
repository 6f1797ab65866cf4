/* SPDX-License-Identifier: Apache-2.0 */
/* The bit-banged master against an FRAM that sees nothing but the edges of two wires. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boards/cortex-m3/i2c_bits.h"
#include "boards/cortex-m3/nv_fram.h"
#include "firmware/hal.h"

enum { FRAM = 0x50 };

static struct {
    bool scl, sda;  /* what the master lets go */
    bool holds_sda; /* what the part holds down */
    enum { IDLE, ADDRESS, POINTER, WRITING, READING, DEAF } state;
    unsigned clock; /* rising edges since the byte began */
    uint8_t byte;
    uint8_t pointer_bytes;
    uint16_t pointer;
    uint8_t memory[HAL_NV_SIZE];
    unsigned starts, stops;
    /* faults */
    bool absent, refuses;  /* no answer to the address; to data */
    unsigned stuck_clocks; /* in the middle of a byte of zeros: so many more to go */
    bool sda_shorted, scl_shorted;
    unsigned stretch, stretch_left; /* pauses the clock is held after each falling edge */
} part;

static unsigned pauses;

static bool scl_line(void)
{
    return part.scl && !part.scl_shorted && !part.stretch_left;
}

static bool sda_line(void)
{
    return part.sda && !part.holds_sda && !part.sda_shorted && !part.stuck_clocks;
}

/* A byte of ours has come in: is it acknowledged, and what follows. */
static bool accept_byte(void)
{
    switch (part.state) {
    case ADDRESS:
        if (part.byte >> 1 != FRAM || part.absent) {
            part.state = DEAF;
            return false;
        }
        part.state = part.byte & 1 ? READING : POINTER;
        part.pointer_bytes = 0;
        return true;
    case POINTER:
        part.pointer = (uint16_t)(part.pointer << 8 | part.byte);
        if (++part.pointer_bytes == 2)
            part.state = WRITING;
        return true;
    case WRITING:
        if (part.refuses)
            return false;
        part.memory[part.pointer++ % HAL_NV_SIZE] = part.byte;
        return true;
    default:
        return false;
    }
}

static bool acknowledged, answering;

static void clock_rises(void)
{
    if (part.stuck_clocks) {
        part.stuck_clocks--;
        return;
    }
    if (part.state == IDLE || part.state == DEAF)
        return;
    part.clock++;
    if (part.clock <= 8)
        part.byte = (uint8_t)(part.byte << 1 | sda_line());
    else if (answering && sda_line())
        part.state = DEAF; /* the master wants no more */
}

static void clock_falls(void)
{
    part.stretch_left = part.stretch;
    part.holds_sda = false;
    if (part.state == IDLE || part.state == DEAF)
        return;
    if (part.clock == 9) {
        part.clock = 0;
        answering = part.state == READING;
    }
    if (part.clock == 8 && !answering) {
        acknowledged = accept_byte();
        part.holds_sda = acknowledged;
        return;
    }
    if (answering && part.clock < 8)
        part.holds_sda = !(part.memory[part.pointer % HAL_NV_SIZE] >> (7 - part.clock) & 1);
    if (answering && part.clock == 8)
        part.pointer++;
}

void i2c_scl(enum i2c_wires wires, bool high)
{
    (void)wires;
    bool before = scl_line();
    part.scl = high;
    if (!before && scl_line())
        clock_rises();
    if (before && !scl_line())
        clock_falls();
}

void i2c_sda(enum i2c_wires wires, bool high)
{
    (void)wires;
    bool before = sda_line();
    part.sda = high;
    if (!scl_line() || before == sda_line())
        return;
    if (before) { /* START, also a repeated one */
        part.starts++;
        part.state = ADDRESS;
        part.clock = 0;
        answering = false;
    } else {
        part.stops++;
        part.state = IDLE;
        part.holds_sda = false;
    }
}

bool i2c_scl_is_high(enum i2c_wires wires)
{
    (void)wires;
    return scl_line();
}

bool i2c_sda_is_high(enum i2c_wires wires)
{
    (void)wires;
    return sda_line();
}

void i2c_pause(enum i2c_wires wires)
{
    (void)wires;
    pauses++;
    if (part.stretch_left && --part.stretch_left == 0 && scl_line())
        clock_rises();
}

static bool power_is_low;

bool nv_has_power(void)
{
    return !power_is_low;
}

static int setup(void **state)
{
    (void)state;
    memset(&part, 0, sizeof part);
    part.scl = part.sda = true;
    for (size_t i = 0; i < sizeof part.memory; i++)
        part.memory[i] = (uint8_t)(i * 7 + i / 256);
    pauses = 0;
    power_is_low = false;
    answering = false;
    return 0;
}

/* However it went, the wires are let go and every START has its STOP. */
static int teardown(void **state)
{
    (void)state;
    assert_true(part.scl && part.sda);
    assert_true(part.stops >= 1 || part.starts == 0);
    return 0;
}

static void bytes_are_written_and_read_back(void **state)
{
    (void)state;
    static const uint8_t write[] = {0x12, 0x34, 0xDE, 0xAD, 0x00, 0xFF};
    static const uint8_t pointer[] = {0x12, 0x34};
    uint8_t read[4];
    assert_int_equal(hal_i2c_transfer(FRAM, write, sizeof write, NULL, 0), HAL_OK);
    assert_memory_equal(part.memory + 0x1234, write + 2, 4);
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, read, 4), HAL_OK);
    assert_memory_equal(read, write + 2, 4);
    assert_int_equal(part.starts, 3); /* the last transfer had a repeated one */
    assert_int_equal(part.stops, 2);
}

static void memory_is_moved_in_pieces_of_any_size(void **state)
{
    (void)state;
    uint8_t data[200], back[200];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31);
    for (size_t size = 0; size <= sizeof data; size += 40) {
        uint32_t offset = HAL_NV_SIZE - 200;
        assert_int_equal(hal_nv_write(offset, data, size), HAL_OK);
        assert_int_equal(hal_nv_read(offset, back, size), HAL_OK);
        assert_memory_equal(data, back, size);
    }
    assert_int_equal(hal_nv_write(HAL_NV_SIZE - 3, data, 4), HAL_RANGE);
    assert_int_equal(hal_nv_read(HAL_NV_SIZE + 1, back, 0), HAL_RANGE);
    assert_int_equal(hal_nv_read(UINT32_MAX, back, 2), HAL_RANGE);
}

static void memory_is_left_alone_while_the_supply_is_low(void **state)
{
    (void)state;
    uint8_t byte = 1;
    power_is_low = true;
    assert_int_equal(hal_nv_write(0, &byte, 1), HAL_FAULT);
    assert_int_equal(hal_nv_read(0, &byte, 1), HAL_FAULT);
    assert_int_equal(part.starts, 0);
}

static void nobody_at_the_address_is_a_nak(void **state)
{
    (void)state;
    uint8_t byte = 0;
    assert_int_equal(hal_i2c_transfer(0x44, &byte, 1, NULL, 0), HAL_NAK);
    assert_int_equal(hal_i2c_transfer(0x44, NULL, 0, &byte, 1), HAL_NAK);
    assert_int_equal(hal_i2c_transfer(FRAM, NULL, 0, NULL, 0), HAL_OK); /* is it there? */
    part.absent = true;
    assert_int_equal(hal_i2c_transfer(FRAM, NULL, 0, NULL, 0), HAL_NAK);
    assert_int_equal(hal_i2c_transfer(0x80, NULL, 0, NULL, 0), HAL_RANGE);
}

static void a_refused_byte_is_a_fault(void **state)
{
    (void)state;
    part.refuses = true;
    static const uint8_t write[] = {0, 0, 1};
    assert_int_equal(hal_i2c_transfer(FRAM, write, sizeof write, NULL, 0), HAL_FAULT);
}

static void a_part_that_lost_count_is_clocked_free(void **state)
{
    (void)state;
    static const uint8_t pointer[] = {0, 5};
    uint8_t read;
    for (unsigned clocks = 1; clocks <= 9; clocks++) {
        part.stuck_clocks = clocks;
        assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, &read, 1), HAL_OK);
        assert_int_equal(read, 35);
    }
    part.stuck_clocks = 1000;
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, &read, 1), HAL_STUCK);
    part.stuck_clocks = 0;
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, &read, 1), HAL_OK);
}

static void a_shorted_wire_is_stuck_within_the_bound(void **state)
{
    (void)state;
    uint8_t byte = 0;
    part.sda_shorted = true;
    assert_int_equal(hal_i2c_transfer(FRAM, &byte, 1, NULL, 0), HAL_STUCK);
    part.sda_shorted = false;
    part.scl_shorted = true;
    pauses = 0;
    assert_int_equal(hal_i2c_transfer(FRAM, &byte, 1, NULL, 0), HAL_STUCK);
    assert_int_equal(hal_nv_write(0, &byte, 1), HAL_STUCK);
    assert_in_range(pauses, 1, 2000); /* 10 ms at 5 us each */
}

static void a_slow_part_may_stretch_the_clock(void **state)
{
    (void)state;
    static const uint8_t pointer[] = {0, 5};
    uint8_t read[64];
    part.stretch = 3;
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, read, 2), HAL_OK);
    assert_int_equal(read[0], 35);
    assert_int_equal(read[1], 42);
    part.stretch = 100; /* at every bit of 66 bytes: 300 ms */
    pauses = 0;
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, read, 64), HAL_TIMEOUT);
    assert_in_range(pauses, 200, 2000);
    part.stretch = 100000; /* for ever */
    pauses = 0;
    assert_int_equal(hal_i2c_transfer(FRAM, pointer, 2, read, 2), HAL_TIMEOUT);
    assert_in_range(pauses, 200, 2000);
    part.stretch = part.stretch_left = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_are_written_and_read_back),
        TEST(memory_is_moved_in_pieces_of_any_size),
        TEST(memory_is_left_alone_while_the_supply_is_low),
        TEST(nobody_at_the_address_is_a_nak),
        TEST(a_refused_byte_is_a_fault),
        TEST(a_part_that_lost_count_is_clocked_free),
        TEST(a_shorted_wire_is_stuck_within_the_bound),
        TEST(a_slow_part_may_stretch_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
