/* SPDX-License-Identifier: Apache-2.0 */
/* The model itself: exceptions at every place of a program, on programs of a few instructions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/silicon/part.h"

enum { START = 0x100, HANDLER = 0x200, NMI_HANDLER = 0x240, PAGE_END = 0x1000 };

static struct part *part;

/* Puts half-words into the flash. */
static void place(uint32_t offset, const uint16_t *code, size_t size)
{
    memcpy(part->flash + offset, code, size);
}

static void vector(unsigned exception, uint32_t value)
{
    memcpy(part->flash + 4 * exception, &value, sizeof value);
}

static uint32_t reg(int id)
{
    uint32_t value = 0;
    assert_int_equal(uc_reg_read(part->uc, id, &value), UC_ERR_OK);
    return value;
}

/* Starts the system timer with a period of 51 cycles, then goes to PAGE_END - 8. Its handler counts
 * in R7, which no exception saves. */
static int set_up(void **state)
{
    static const uint16_t start[] = {
        0x4803, /* ldr  r0, =0xE000E010 */
        0x2132, /* movs r1, #50 */
        0x6041, /* str  r1, [r0, #4] */
        0x2107, /* movs r1, #7 */
        0x6001, /* str  r1, [r0] */
        0x4A02, /* ldr  r2, =PAGE_END - 8 */
        0x4710, /* bx   r2 */
        0xBF00, /* nop */
        0xE010, 0xE000, PAGE_END - 8 + 1, 0x0800,
    };
    static const uint16_t handler[] = {0x3701 /* adds r7, #1 */, 0x4770 /* bx lr */};
    (void)state;
    part = part_new();
    vector(0, RAM_AT + RAM_SIZE);
    vector(1, FLASH_AT + START + 1);
    vector(2, FLASH_AT + NMI_HANDLER + 1);
    vector(15, FLASH_AT + HANDLER + 1);
    place(START, start, sizeof start);
    place(HANDLER, handler, sizeof handler);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    part_free(part);
    return 0;
}

/* The emulator ends a block where a page ends, which may be within an IT block: an exception comes
 * in there as well, and what it interrupted goes on under its condition. */
static void an_exception_comes_in_within_an_it_block(void **state)
{
    static const uint16_t code[] = {
        0x42A4,         /* again: cmp r4, r4 */
        0xBF0A,         /* itet eq */
        0x3501,         /* addeq r5, #1 */
        0xF108, 0x0801, /* addne r8, r8, #1, over the end of the page */
        0x3601,         /* addeq r6, #1 */
        0xE7F8,         /* b again */
    };
    (void)state;
    place(PAGE_END - 8, code, sizeof code);
    part_power(part, true);
    part_run(part, part->now + 10 * TICKS_MS);
    assert_string_equal(part->wrong, "");
    assert_int_equal(part->resets, 1);
    assert_in_range(reg(UC_ARM_REG_R7), 1400, 1600); /* 8 MHz / 51 */
    assert_int_equal(reg(UC_ARM_REG_R8), 0);
    assert_in_range(reg(UC_ARM_REG_R5) - reg(UC_ARM_REG_R6), 0, 1);
    assert_in_range(reg(UC_ARM_REG_R6), 1000, 8000);
}

/* A block costs its instructions, however many. */
static void a_block_of_256_instructions_takes_time(void **state)
{
    static uint16_t code[256];
    (void)state;
    for (unsigned i = 0; i < 255; i++)
        code[i] = 0xBF00;                          /* nop */
    code[255] = 0xE6FF;                            /* b to the first */
    static const uint16_t go[] = {0xF000, 0xB802}; /* b.w over the end of the page */
    place(PAGE_END - 8, go, sizeof go);
    place(PAGE_END, code, sizeof code);
    part_power(part, true);
    part->due[EVENT_SYSTICK] = NEVER;
    part_run(part, part->now + 10 * TICKS_MS);
    assert_in_range(part->instructions, 20000, 41000);
}

/* The clock security's comes into a handler, and both return. */
static void the_nmi_comes_into_a_handler(void **state)
{
    static const uint16_t nmi[] = {
        0x4B02, /* ldr  r3, =0x40021008 */
        0x4C02, /* ldr  r4, =1 << 23 */
        0x601C, /* str  r4, [r3]: the flag is taken back */
        0x3601, /* adds r6, #1 */
        0x4770, /* bx lr */
        0xBF00, 0x1008, 0x4002, 0x0000, 0x0080,
    };
    static const uint16_t again[] = {0x3501 /* adds r5, #1 */, 0xE7FD /* b again */};
    (void)state;
    place(NMI_HANDLER, nmi, sizeof nmi);
    place(PAGE_END - 8, again, sizeof again);
    part_power(part, true);
    for (unsigned i = 0; i < 200; i++) {
        while (!part->handling)
            part_run(part, part->now + 1);
        part->nmi_pending = true;
        part_look(part);
        part_run(part, part->now + 100 * TICKS_US);
    }
    assert_string_equal(part->wrong, "");
    assert_int_equal(part->resets, 1);
    assert_int_equal(reg(UC_ARM_REG_R6), 200);
    assert_in_range(reg(UC_ARM_REG_R7), 2000, 4000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exception_comes_in_within_an_it_block),
        TEST(a_block_of_256_instructions_takes_time),
        TEST(the_nmi_comes_into_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
