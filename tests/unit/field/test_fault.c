/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/modbus/crc16.h"
#include "tools/field/fault.h"
#include "tools/field/uart.h"

#define ROUNDS 20000

static uint8_t frame[9] = {1, 3, 4, 0x02, 0x92, 0xFF, 0x9B, 0, 0};

static int seal(void **state)
{
    (void)state;
    uint16_t crc = crc16_modbus(CRC16_INITIAL, frame, 7);
    frame[7] = (uint8_t)(crc & 0xff);
    frame[8] = (uint8_t)(crc >> 8);
    return 0;
}

static struct fault_plan draw(enum fault_kind kind, uint32_t ms, uint32_t max_ms, struct rng *rng,
                              struct fault_counts *counts)
{
    struct fault_set set = {.any = false};
    struct scene_fault fault = {.kind = kind, .probability = 1, .ms = ms, .max_ms = max_ms};
    struct fault_plan plan;
    fault_put(&set, &fault);
    fault_answer(&set, rng, frame, sizeof(frame), &plan, counts);
    return plan;
}

static void without_faults_the_answer_is_itself(void **state)
{
    struct fault_set set = {.any = false};
    struct fault_counts counts = {.undetectable = 0};
    struct rng rng = rng_named(1, "test");
    struct fault_plan plan;
    (void)state;
    fault_answer(&set, &rng, frame, sizeof(frame), &plan, &counts);
    assert_int_equal(plan.size, sizeof(frame));
    assert_memory_equal(plan.bytes, frame, sizeof(frame));
    assert_int_equal(plan.delay_ns, 0);
    assert_false(plan.duplicate || plan.foreign);
}

static void damage_is_never_believable(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_FLIP,    FAULT_DROP,     FAULT_INSERT,
                                            FAULT_DOUBLE,  FAULT_TRUNCATE, FAULT_STRAY,
                                            FAULT_RINGING, FAULT_SWAPPED,  FAULT_RATE};
    struct fault_counts counts = {.undetectable = 0};
    struct rng rng = rng_named(2, "test");
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct fault_plan plan = draw(kinds[i % 9], 0, 0, &rng, &counts);
        assert_true(plan.size <= 2 * sizeof(frame));
        assert_false(fault_believable(plan.bytes, plan.size, frame, sizeof(frame)));
    }
}

/* 0x55 is a square wave: one bit of each level in turn, start and stop included. */
static void what_is_heard_is_what_the_levels_say(void **state)
{
    static const uint8_t said[] = {0x55, 0x55, 0x0F};
    uint8_t heard[16];
    (void)state;
    assert_int_equal(uart_receive(said, 3, false, 1, heard, sizeof(heard)), 3);
    assert_memory_equal(heard, said, 3);
    /* Swapped: the stop bits are start bits, one bit earlier than they were, and 1010… is 0101…;
     * the receiver's first start bit is the first data bit. */
    assert_int_equal(uart_receive(said, 1, true, 1, heard, sizeof(heard)), 1);
    assert_int_equal(heard[0], 0x55);
    assert_int_equal(uart_receive((const uint8_t *)"\x0F", 1, true, 1, heard, sizeof(heard)), 1);
    assert_int_equal(heard[0], 0x78);
    /* Twice as fast: each level counts for two bits. */
    assert_int_equal(uart_receive((const uint8_t *)"\xFF", 1, false, 2, heard, sizeof(heard)), 1);
    assert_int_equal(heard[0], 0xFE);
    assert_int_equal(uart_receive(said, 3, false, 2, heard, 2), 2); /* no more than there is room */
}

static void the_longer_an_answer_the_more_it_rings(void **state)
{
    struct fault_counts counts = {.undetectable = 0};
    struct rng rng = rng_named(8, "test");
    struct fault_set set = {.any = false};
    struct scene_fault fault = {.kind = FAULT_RINGING, .probability = 0.01};
    struct fault_plan plan;
    uint8_t lengthy[125] = {1, 3, 120};
    uint64_t done[2];
    (void)state;
    fault_put(&set, &fault);
    for (int i = 0; i < 10000; i++)
        fault_answer(&set, &rng, frame, sizeof(frame), &plan, &counts);
    done[0] = counts.done[FAULT_RINGING];
    for (int i = 0; i < 10000; i++)
        fault_answer(&set, &rng, lengthy, sizeof(lengthy), &plan, &counts);
    done[1] = counts.done[FAULT_RINGING] - done[0];
    assert_in_range(done[0], 700, 1000);  /* 1 - 0.99^9: 8.6 % */
    assert_in_range(done[1], 6800, 7500); /* 1 - 0.99^125: 71.5 % */
}

static void a_valid_answer_with_other_content_is_believable(void **state)
{
    uint8_t other[11];
    (void)state;
    memcpy(other + 1, frame, sizeof(frame));
    other[0] = 0x55;
    other[4] ^= 1;
    uint16_t crc = crc16_modbus(CRC16_INITIAL, other + 1, 7);
    other[8] = (uint8_t)(crc & 0xff);
    other[9] = (uint8_t)(crc >> 8);
    other[10] = 0xAA;
    assert_true(fault_believable(other, sizeof(other), frame, sizeof(frame)));
    assert_false(fault_believable(frame, sizeof(frame), frame, sizeof(frame)));
}

static void stray_bytes_leave_the_answer_whole(void **state)
{
    struct fault_counts counts = {.undetectable = 0};
    struct rng rng = rng_named(3, "test");
    (void)state;
    struct fault_plan plan = draw(FAULT_STRAY, 0, 0, &rng, &counts);
    assert_in_range(plan.size, sizeof(frame) + 1, sizeof(frame) + 3);
    assert_int_equal(plan.bytes[0], 0);
    assert_memory_equal(plan.bytes + plan.size - sizeof(frame), frame, sizeof(frame));
}

static void late_is_within_its_limits(void **state)
{
    struct fault_counts counts = {.undetectable = 0};
    struct rng rng = rng_named(4, "test");
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct fault_plan plan = draw(FAULT_LATE, 5, 9, &rng, &counts);
        assert_in_range(plan.delay_ns, 5000000, 9000000);
        assert_memory_equal(plan.bytes, frame, sizeof(frame));
    }
    assert_int_equal(counts.done[FAULT_LATE], 1000);
}

static void foreign_answers_are_good_frames_of_another(void **state)
{
    struct rng rng = rng_named(5, "test");
    uint8_t foreign[sizeof(frame)];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        fault_foreign(&rng, frame, sizeof(frame), foreign);
        assert_int_not_equal(foreign[0], frame[0]);
        assert_int_equal(crc16_modbus(CRC16_INITIAL, foreign, sizeof(foreign)), 0);
    }
}

static void the_same_seed_draws_the_same_faults(void **state)
{
    struct fault_counts counts = {.undetectable = 0};
    struct rng a = rng_named(6, "test"), b = rng_named(6, "test"), c = rng_named(7, "test");
    bool other_differs = false;
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct fault_plan first = draw(FAULT_FLIP, 0, 0, &a, &counts);
        struct fault_plan second = draw(FAULT_FLIP, 0, 0, &b, &counts);
        struct fault_plan third = draw(FAULT_FLIP, 0, 0, &c, &counts);
        assert_memory_equal(first.bytes, second.bytes, sizeof(frame));
        other_differs = other_differs || memcmp(first.bytes, third.bytes, sizeof(frame)) != 0;
    }
    assert_true(other_differs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_the_answer_is_itself),
        cmocka_unit_test(damage_is_never_believable),
        cmocka_unit_test(what_is_heard_is_what_the_levels_say),
        cmocka_unit_test(the_longer_an_answer_the_more_it_rings),
        cmocka_unit_test(a_valid_answer_with_other_content_is_believable),
        cmocka_unit_test(stray_bytes_leave_the_answer_whole),
        cmocka_unit_test(late_is_within_its_limits),
        cmocka_unit_test(foreign_answers_are_good_frames_of_another),
        cmocka_unit_test(the_same_seed_draws_the_same_faults),
    };
    return cmocka_run_group_tests(tests, seal, NULL);
}
