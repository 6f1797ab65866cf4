/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/chance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_gives_the_published_numbers),
        cmocka_unit_test(exp_and_log_are_as_near_as_a_libm),
        cmocka_unit_test(exp_and_log_stay_finite_at_the_ends),
        cmocka_unit_test(normal_numbers_have_the_shape_of_the_bell),
        cmocka_unit_test(the_same_seed_gives_the_same_bits_on_every_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
