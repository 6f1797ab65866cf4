/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/usual.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct usual_habits anybody;
static struct usual_pick picks[USUAL_PICKS_MOST];

/* 2 kg a picker; every fifth day half of it, and on every third day `rain_ln` less. */
static void make(unsigned count, double market_ln, double rain_ln)
{
    for (unsigned i = 0; i < count; i++) {
        double rain = i % 3 == 0;
        picks[i] =
            (struct usual_pick){i, log(2) + rain * rain_ln + (i % 5 == 0 ? market_ln : 0), rain};
    }
}

static void a_market_is_expected_on_its_day_and_leaves_the_level_alone(void **state)
{
    (void)state;
    make(25, -0.6, -0.25);
    struct usual market = usual_look(picks, 25, 25, &anybody, NULL);
    struct usual other = usual_look(picks, 25, 26, &anybody, NULL);
    assert_true(market.market_ln < -0.5 && other.market_ln > -0.05);
    assert_true(fabs(market.each_ln - log(2)) < 0.1);
    assert_true(fabs(market.each_ln - other.each_ln) < 1e-9);
    make(25, 0, -0.25);
    struct usual none = usual_look(picks, 25, 25, &anybody, NULL);
    assert_true(none.market_ln > -0.05);
}

static void what_rain_takes_is_learned_and_remembered(void **state)
{
    (void)state;
    struct usual_habits learned, forgotten;
    make(25, 0, -0.5);
    struct usual wet = usual_look(picks, 25, 25, &anybody, &learned);
    make(25, 0, 0);
    struct usual dry = usual_look(picks, 25, 25, &anybody, &forgotten);
    assert_true(wet.rain_ln < -0.4 && dry.rain_ln > -0.15);
    struct usual next = usual_look(picks, 1, 1, &learned, NULL);
    struct usual new = usual_look(picks, 1, 1, &anybody, NULL);
    assert_true(next.rain_ln < new.rain_ln - 0.05);
}

static void habits_add_up_to_one(void **state)
{
    (void)state;
    double sum = 0;
    struct usual_habits learned;
    make(8, 0, 0);
    (void)usual_look(picks, 8, 9, &anybody, &learned);
    for (int i = 0; i < USUAL_HABITS; i++)
        sum += learned.chance[i];
    assert_true(fabs(sum - 1) < 1e-9);
}

/* The most picks that are remembered, each of them absurd. */
static void whatever_is_noted_it_is_a_number(void **state)
{
    (void)state;
    for (unsigned i = 0; i < USUAL_PICKS_MOST; i++)
        picks[i] = (struct usual_pick){i * 7, i % 2 ? 20 : -20, i % 3 / 2.0};
    for (unsigned count = 1; count <= USUAL_PICKS_MOST; count++) {
        struct usual usual = usual_look(picks, count, 10000, &anybody, NULL);
        assert_true(isfinite(usual.each_ln) && usual.market_ln <= 0 && usual.rain_ln < 0);
        assert_true(usual.noise_ln > 0 && usual.speed_ln > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_market_is_expected_on_its_day_and_leaves_the_level_alone),
        cmocka_unit_test(what_rain_takes_is_learned_and_remembered),
        cmocka_unit_test(habits_add_up_to_one),
        cmocka_unit_test(whatever_is_noted_it_is_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
