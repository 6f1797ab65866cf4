/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that no checksum finds: each has its right CRC, and is what its kind says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/modbus/crc16.h"
#include "tools/field/wrong.h"

#define ROUNDS 2000

static struct fault_counts counts;
static struct rng rng;
static uint8_t said[FRAME_SIZE];

static size_t seal(uint8_t *frame, size_t size)
{
    uint16_t crc = crc16_modbus(CRC16_INITIAL, frame, size);
    frame[size] = (uint8_t)(crc & 0xff);
    frame[size + 1] = (uint8_t)(crc >> 8);
    return size + 2;
}

static int begin(void **state)
{
    (void)state;
    rng = rng_named(3, "wrong");
    counts = (struct fault_counts){.undetectable = 0};
    return 0;
}

static struct fault_set always(enum fault_kind kind, uint32_t ms)
{
    struct fault_set set = {.any = false};
    struct scene_fault fault = {.kind = kind, .probability = 1, .ms = ms, .max_ms = ms};
    fault_put(&set, &fault);
    return set;
}

/* The n-th answer of unit 1: two registers. */
static size_t say(const struct fault_set *set, struct wrong *wrong, unsigned n, int64_t now_ms)
{
    uint8_t frame[FRAME_SIZE] = {1, 3, 4, 0, (uint8_t)n, 0, (uint8_t)(n + 1)};
    return wrong_answer(set, wrong, &rng, frame, seal(frame, 7), now_ms * 1000000, said, &counts);
}

static void without_faults_nothing_is_wrong_and_nothing_is_drawn(void **state)
{
    struct fault_set none = {.any = false}, dead = always(FAULT_DEAD, 0);
    struct wrong wrong = {.size = 0};
    struct rng before = rng;
    (void)state;
    assert_int_equal(say(&none, &wrong, 9, 0), 9);
    assert_int_equal(say(&dead, &wrong, 9, 0), 9);
    assert_true(said[4] == 9 && said[6] == 10);
    assert_memory_equal(&rng, &before, sizeof rng);
}

static void what_is_refused_is_an_exception(void **state)
{
    struct fault_set set = always(FAULT_REFUSE, 0);
    struct wrong wrong = {.size = 0};
    unsigned codes = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(say(&set, &wrong, i, 0), 5);
        assert_true(said[0] == 1 && said[1] == 0x83);
        assert_int_equal(crc16_modbus(CRC16_INITIAL, said, 5), 0);
        codes |= 1u << said[2];
    }
    assert_int_equal(codes, 1u << 1 | 1u << 2 | 1u << 4 | 1u << 6);
}

static void another_size_is_never_the_one_asked_for(void **state)
{
    struct fault_set set = always(FAULT_SIZE, 0);
    struct wrong wrong = {.size = 0};
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = say(&set, &wrong, i, 0);
        assert_true(size != 9 && size == 5u + said[2] && said[2] >= 2 && said[2] % 2 == 0);
        assert_int_equal(crc16_modbus(CRC16_INITIAL, said, size), 0);
    }
}

static void a_glitch_is_0_in_the_last_register_alone(void **state)
{
    struct fault_set set = always(FAULT_GLITCH, 0);
    struct wrong wrong = {.size = 0};
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(say(&set, &wrong, 7, 0), 9);
        assert_true(said[4] == 7 && said[5] == 0 &&
                    said[6] == (i == 1 || i == 10 || i == 19 ? 0 : 8));
        assert_int_equal(crc16_modbus(CRC16_INITIAL, said, 9), 0);
    }
}

static void what_was_refused_in_between_makes_no_second_glitch_of_a_counter(void **state)
{
    static const enum fault_kind between[] = {FAULT_REFUSE, FAULT_SIZE};
    (void)state;
    for (unsigned i = 0; i < sizeof between / sizeof between[0]; i++) {
        struct fault_set glitches = always(FAULT_GLITCH, 0), other = always(between[i], 0);
        struct wrong wrong = {.size = 0};
        (void)say(&glitches, &wrong, 7, 0);
        (void)say(&glitches, &wrong, 7, 0);
        assert_int_equal(said[6], 0);
        (void)say(&other, &wrong, 7, 0);
        (void)say(&glitches, &wrong, 7, 0);
        assert_int_equal(said[6], 8);
    }
}

static void what_hangs_repeats_its_last_answer_for_a_while(void **state)
{
    struct fault_set set = always(FAULT_FROZEN, 500);
    struct wrong wrong = {.size = 0};
    (void)state;
    (void)say(&set, &wrong, 1, 0);
    assert_int_equal(said[4], 1); /* there is nothing to repeat yet */
    for (int64_t now_ms = 100; now_ms < 600; now_ms += 100) {
        assert_int_equal(say(&set, &wrong, 2, now_ms), 9);
        assert_int_equal(said[4], 1);
    }
    assert_int_equal(counts.done[FAULT_FROZEN], 1);
    set.of[FAULT_FROZEN].probability = 0;
    (void)say(&set, &wrong, 3, 700);
    assert_int_equal(said[4], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_faults_nothing_is_wrong_and_nothing_is_drawn, begin),
        cmocka_unit_test_setup(what_is_refused_is_an_exception, begin),
        cmocka_unit_test_setup(another_size_is_never_the_one_asked_for, begin),
        cmocka_unit_test_setup(a_glitch_is_0_in_the_last_register_alone, begin),
        cmocka_unit_test_setup(what_was_refused_in_between_makes_no_second_glitch_of_a_counter,
                               begin),
        cmocka_unit_test_setup(what_hangs_repeats_its_last_answer_for_a_while, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
