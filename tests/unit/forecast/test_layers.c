/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/layers.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ONE  LAYER_ONE
#define W    LAYER_WEIGHT_ONE
#define MOST LAYER_VALUE_MOST

/* |a - b| of two values: each of the first layer's outputs is the one way round. */
static const short apart[] = {W, -W, -W, W}, both[] = {W, W};
static const int none[] = {0, 0};

static int distance(int a, int b)
{
    const struct layer layers[] = {{2, 2, apart, none}, {2, 1, both, none}};
    const int values[] = {a, b};
    return layers_output(layers, 2, values);
}

static void only_what_is_above_0_goes_on(void **state)
{
    (void)state;
    assert_int_equal(distance(3 * ONE, 5 * ONE), 2 * LAYER_SUM_ONE);
    assert_int_equal(distance(5 * ONE, 3 * ONE), 2 * LAYER_SUM_ONE);
    assert_int_equal(distance(-7, 8), 15 * W);
    assert_int_equal(distance(7, 7), 0);
}

/* 3 x 1000 - 2 x 1 + 10 = 3008 of 4096: less than one, and what is left over is dropped. */
static void a_weight_is_a_share_and_an_offset_a_sum(void **state)
{
    (void)state;
    static const short weights[] = {1000, 1}, once[] = {W};
    static const int ten[] = {10}, more[] = {1100};
    const int values[] = {3, -2}, zero[] = {0};
    const struct layer one = {2, 1, weights, ten};
    const struct layer layers[] = {one, {1, 1, once, zero}},
                       again[] = {{2, 1, weights, more}, {1, 1, once, zero}};
    assert_int_equal(layers_output(&one, 1, values), 3008);
    assert_int_equal(layers_output(layers, 2, values), 0);
    assert_int_equal(layers_output(again, 2, values), W); /* 4098 of 4096 */
}

static void a_sum_below_0_may_be_the_end(void **state)
{
    (void)state;
    static const short weights[] = {-3};
    const int values[] = {5}, two[] = {2};
    const struct layer layer = {1, 1, weights, two};
    assert_int_equal(layers_output(&layer, 1, values), -13);
}

static void whatever_comes_is_limited(void **state)
{
    (void)state;
    static short weights[LAYER_INPUTS_MOST];
    static int values[LAYER_INPUTS_MOST];
    const int zero[] = {0};
    const struct layer layer = {LAYER_INPUTS_MOST, 1, weights, zero};
    static const short once[] = {1};
    const struct layer layers[] = {layer, {1, 1, once, zero}};
    for (int i = 0; i < LAYER_INPUTS_MOST; i++) {
        weights[i] = SHRT_MIN;
        values[i] = MOST;
    }
    assert_int_equal(layers_output(&layer, 1, values), INT_MIN);
    assert_int_equal(layers_output(layers, 2, values), 0);
    for (int i = 0; i < LAYER_INPUTS_MOST; i++)
        values[i] = -MOST;
    assert_int_equal(layers_output(&layer, 1, values), INT_MAX);
    assert_int_equal(layers_output(layers, 2, values), MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_above_0_goes_on),
        cmocka_unit_test(a_weight_is_a_share_and_an_offset_a_sum),
        cmocka_unit_test(a_sum_below_0_may_be_the_end),
        cmocka_unit_test(whatever_comes_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
