/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/chance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_bits(double a, double b)
{
    assert_true((isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0);
}

static void the_generator_gives_the_published_numbers(void **state)
{
    (void)state;
    struct chance chance = chance_begin(0);
    assert_true(chance_bits(&chance) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(chance_bits(&chance) == UINT64_C(0x6E789E6AA1B965F4));
    assert_true(chance_bits(&chance) == UINT64_C(0x06C45D188009454F));
}

static void exp_and_log_are_as_near_as_a_libm(void **state)
{
    (void)state;
    for (int i = -2000; i <= 2000; i++) {
        double x = i * 0.0371;
        assert_true(fabs(chance_exp(x) / exp(x) - 1.0) < 1e-15);
        double y = exp(x);
        assert_true(fabs(chance_log(y) - log(y)) <= 1e-15 * fmax(1.0, fabs(x)));
    }
    assert_true(chance_exp(0.0) == 1.0 && chance_log(1.0) == 0.0);
}

static void exp_and_log_stay_finite_at_the_ends(void **state)
{
    (void)state;
    assert_true(isfinite(chance_exp(1e9)) && chance_exp(-1e9) > 0.0);
    assert_true(isfinite(chance_log(0.0)) && isfinite(chance_log(-5.0)));
    assert_true(isfinite(chance_log(HUGE_VAL)));
    assert_true(isnan(chance_exp(NAN)) && isnan(chance_log(NAN)));
}

static void normal_numbers_have_the_shape_of_the_bell(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    struct chance chance = chance_begin(1);
    double sum = 0.0;
    double squares = 0.0;
    int outer = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = chance_normal(&chance);
        sum += x;
        squares += x * x;
        outer += fabs(x) > 1.959964;
    }
    assert_true(fabs(sum / DRAWS) < 0.02);
    assert_true(fabs(squares / DRAWS - 1.0) < 0.03);
    assert_in_range(outer, DRAWS * 0.045, DRAWS * 0.055);
}

/* Bits, not decimals: this is what makes a forecast the same on a phone's server and on a gateway
 * of another make. */
static void the_same_seed_gives_the_same_bits_on_every_machine(void **state)
{
    (void)state;
    struct chance chance = chance_begin(42);
    double sum = 0.0;
    for (int i = 0; i < 1000; i++)
        sum += chance_exp(0.5 * chance_normal(&chance));
    assert_true(sum == 0x1.16f901e4024fap+10);
}

/* The rest and the ends of each round: several are computed at once. */
static void of_each_it_is_the_same_to_the_bit(void **state)
{
    (void)state;
    double exps[1003], logs[1003];
    struct chance chance = chance_begin(7);
    for (int i = 0; i < 1003; i++) {
        exps[i] = 800 * (2 * chance_uniform(&chance) - 1) * chance_uniform(&chance);
        logs[i] = chance_exp(exps[i]) - 1e-3;
    }
    exps[0] = logs[0] = NAN;
    exps[1] = logs[1] = HUGE_VAL;
    exps[2] = logs[2] = -HUGE_VAL;
    exps[3] = logs[3] = 0;
    for (size_t count = 0; count <= 1003; count += count < 9 ? 1 : 331) {
        double some[1003];
        memcpy(some, exps, sizeof some);
        chance_exp_each(some, count);
        for (size_t i = 0; i < 1003; i++)
            assert_bits(some[i], i < count ? chance_exp(exps[i]) : exps[i]);
        memcpy(some, logs, sizeof some);
        chance_log_each(some, count);
        for (size_t i = 0; i < 1003; i++)
            assert_bits(some[i], i < count ? chance_log(logs[i]) : logs[i]);
    }
}

/* Of those that a forecast was published with. */
static void exp_and_log_give_the_bits_that_they_always_gave(void **state)
{
    (void)state;
    uint64_t hash = UINT64_C(14695981039346656037);
    struct chance chance = chance_begin(11);
    for (int i = 0; i < 100000; i++) {
        double x = 720 * (2 * chance_uniform(&chance) - 1);
        double y = chance_exp(i % 2 != 0 ? x : x / 100), z = chance_log(y);
        uint64_t bits[2];
        memcpy(&bits[0], &y, sizeof y);
        memcpy(&bits[1], &z, sizeof z);
        hash = ((hash ^ bits[0]) * UINT64_C(1099511628211) ^ bits[1]) * UINT64_C(1099511628211);
    }
    assert_true(hash == UINT64_C(0x06b00347751c8966));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_gives_the_published_numbers),
        cmocka_unit_test(exp_and_log_are_as_near_as_a_libm),
        cmocka_unit_test(exp_and_log_stay_finite_at_the_ends),
        cmocka_unit_test(normal_numbers_have_the_shape_of_the_bell),
        cmocka_unit_test(the_same_seed_gives_the_same_bits_on_every_machine),
        cmocka_unit_test(of_each_it_is_the_same_to_the_bit),
        cmocka_unit_test(exp_and_log_give_the_bits_that_they_always_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
