/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/field/sampler.h"

#define S 1000000000ll

struct told {
    uint32_t boot, seq;
    double value;
    bool doubtful;
};

static struct told told[64];
static size_t told_count;
static struct sampler sampler;

static void note(void *context, uint32_t boot, uint32_t seq, const struct sampler_round *round)
{
    (void)context;
    told[told_count++] =
        (struct told){boot, seq, round->value[SAMPLER_AIR_TEMPERATURE], round->doubtful};
}

static int start(void **state)
{
    (void)state;
    memset(&sampler, 0, sizeof(sampler));
    sampler.emit = note;
    told_count = 0;
    return 0;
}

static void round_at(int64_t at_ns, double value)
{
    sampler_asks(&sampler, SAMPLER_I2C, at_ns);
    sampler_asks(&sampler, SAMPLER_SOIL, at_ns + S / 100);
    sampler_asks(&sampler, SAMPLER_AIR, at_ns + S / 3);
    sampler_gives(&sampler, SAMPLER_AIR_TEMPERATURE, value);
}

static void assert_told(size_t place, uint32_t boot, uint32_t seq, double value)
{
    assert_true(place < told_count);
    assert_int_equal(told[place].boot, boot);
    assert_int_equal(told[place].seq, seq);
    assert_true(told[place].value == value);
}

static void a_snapshot_names_its_round_and_those_before(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        round_at(i * 10 * S, i);
    assert_true(sampler_seen(&sampler, 7, 3, 20 * S));
    assert_int_equal(told_count, 3);
    assert_told(0, 7, 1, 0);
    assert_told(2, 7, 3, 2);
}

static void samples_that_nobody_polled_are_counted_through(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        round_at(i * 10 * S, i);
    assert_true(sampler_seen(&sampler, 7, 1, 0));
    assert_true(sampler_seen(&sampler, 7, 6, 50 * S));
    assert_int_equal(told_count, 6);
    assert_told(4, 7, 5, 4);
    assert_int_equal(sampler.samples, 2);
}

static void the_same_sample_polled_again_is_told_once(void **state)
{
    (void)state;
    round_at(0, 1);
    assert_true(sampler_seen(&sampler, 1, 1, 0));
    assert_true(sampler_seen(&sampler, 1, 1, S / 10));
    assert_int_equal(told_count, 1);
    assert_int_equal(sampler.samples, 1);
}

static void after_a_restart_the_last_rounds_belong_to_the_boot_before(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) /* boot 1: 1, 2, 3 */
        round_at(i * 10 * S, i);
    assert_true(sampler_seen(&sampler, 1, 1, 0));
    for (int i = 3; i < 5; i++) /* boot 2: 1, 2 */
        round_at(i * 10 * S, i);
    assert_true(sampler_seen(&sampler, 2, 2, 40 * S));
    assert_int_equal(told_count, 5);
    assert_told(1, 1, 2, 1);
    assert_told(2, 1, 3, 2);
    assert_told(3, 2, 1, 3);
    assert_told(4, 2, 2, 4);
}

/* It has asked its sensors, and may or may not have written what they said. */
static void a_round_that_nobody_saw_before_the_power_went_is_doubtful(void **state)
{
    (void)state;
    round_at(0, 1);
    assert_true(sampler_seen(&sampler, 7, 1, 0));
    round_at(10 * S, 2);
    round_at(20 * S, 3);
    sampler_cut(&sampler);
    round_at(20 * S + S / 2, 4);
    assert_true(sampler_seen(&sampler, 8, 1, 20 * S + S / 2));
    assert_int_equal(told_count, 4);
    assert_told(1, 7, 2, 2);
    assert_false(told[1].doubtful);
    assert_told(2, 7, 3, 3);
    assert_true(told[2].doubtful);
    assert_told(3, 8, 1, 4);
    assert_false(told[3].doubtful);
}

static void a_sample_that_was_seen_outlives_the_power(void **state)
{
    (void)state;
    round_at(0, 1);
    assert_true(sampler_seen(&sampler, 7, 1, 0));
    sampler_cut(&sampler);
    round_at(10 * S, 2);
    assert_true(sampler_seen(&sampler, 8, 1, 10 * S));
    assert_int_equal(told_count, 2);
    assert_false(told[0].doubtful);
    assert_told(1, 8, 1, 2);
}

static void a_repeated_command_is_no_new_round(void **state)
{
    (void)state;
    sampler_asks(&sampler, SAMPLER_SOIL, 0);
    sampler_asks(&sampler, SAMPLER_SOIL, S / 10);
    assert_int_equal(sampler.count, 1);
    sampler_asks(&sampler, SAMPLER_SOIL, S);
    assert_int_equal(sampler.count, 2);
}

static void age_in_tenths_still_finds_the_round(void **state)
{
    (void)state;
    round_at(0, 0);
    round_at(S, 1);
    assert_true(sampler_seen(&sampler, 1, 2, S - S / 10));
    assert_told(1, 1, 2, 1);
}

static void a_sample_without_a_round_is_refused(void **state)
{
    (void)state;
    assert_false(sampler_seen(&sampler, 1, 1, 0));
    round_at(10 * S, 0);
    assert_false(sampler_seen(&sampler, 1, 1, 0));
    assert_int_equal(told_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_snapshot_names_its_round_and_those_before, start),
        cmocka_unit_test_setup(samples_that_nobody_polled_are_counted_through, start),
        cmocka_unit_test_setup(the_same_sample_polled_again_is_told_once, start),
        cmocka_unit_test_setup(after_a_restart_the_last_rounds_belong_to_the_boot_before, start),
        cmocka_unit_test_setup(a_round_that_nobody_saw_before_the_power_went_is_doubtful, start),
        cmocka_unit_test_setup(a_sample_that_was_seen_outlives_the_power, start),
        cmocka_unit_test_setup(a_repeated_command_is_no_new_round, start),
        cmocka_unit_test_setup(age_in_tenths_still_finds_the_round, start),
        cmocka_unit_test_setup(a_sample_without_a_round_is_refused, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
