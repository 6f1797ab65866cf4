/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/nets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OWN (TREND_FEATURES + COURSE_FEATURES)

static const struct trend_tomorrow unknown = {8, true, 0.33, 5, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static void feed(struct trend *trend, double each_kg, double pickers, double said_kg, double rain)
{
    struct trend_pick pick = {each_kg * pickers, rain, pickers, pickers, said_kg, said_kg};
    trend_pick(trend, &pick);
    trend_day(trend, 5, rain);
}

static void before_the_first_pick_the_first_rule_speaks(void **state)
{
    (void)state;
    double x[NETS_FEATURES], kg[3], alone_kg[3];
    struct trend trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    struct nets_base ln = nets_features(&trend, &unknown, x);
    assert_true(ln.base == ln.middle && x[OWN] == 0);
    nets_predict(&trend, &unknown, kg);
    trend_predict_first(&trend, &unknown, alone_kg);
    for (int i = 0; i < 3; i++)
        assert_true(kg[i] == alone_kg[i]);
}

static void whatever_is_noted_the_features_are_small_numbers(void **state)
{
    (void)state;
    static const double kgs[] = {0, 1e-300, 1e-3, 1, 1e5, NAN};
    double x[NETS_FEATURES], kg[3];
    for (int i = 0; i < 6 * 6; i++) {
        double a = kgs[i / 6], b = kgs[i % 6];
        struct trend_last last = {a, b, a, b, b, a, {{i % 2 ? a : b, 1}}};
        struct trend trend = trend_begin(a, &last);
        struct trend_tomorrow next = {i % 2 ? 1 : 5000, i % 2, 1, 20, a, b, a, b, a, b, a};
        for (int d = 0; d < 40; d++) {
            feed(&trend, d % 2 ? 1e-3 : 20, d % 3 ? 1 : 5000, d % 5 ? a : b, d % 2);
            nets_features(&trend, &next, x);
            for (int f = 0; f < NETS_FEATURES; f++)
                assert_true(fabs(x[f]) < 32); /* the table's thousandths have 16 bits */
            nets_predict(&trend, &next, kg);
            assert_true(kg[0] >= 0 && kg[0] <= kg[1] && kg[1] <= kg[2] && isfinite(kg[2]));
        }
    }
}

/* Every fifth day half of it is at the market. */
static void a_market_is_expected_on_its_day_only(void **state)
{
    (void)state;
    double market[NETS_FEATURES], day_after[NETS_FEATURES];
    struct trend trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    for (int d = 0; d < 20; d++)
        feed(&trend, d % 5 == 0 ? 1 : 2, 8, 2, 0.33);
    nets_features(&trend, &unknown, market);
    feed(&trend, 1, 8, 2, 0.33);
    nets_features(&trend, &unknown, day_after);
    assert_true(market[OWN + 4] < -0.3);
    assert_true(day_after[OWN + 4] > 0);
}

static void what_rain_takes_is_learned_from_the_farms_own_picks(void **state)
{
    (void)state;
    double harmed[NETS_FEATURES], not [NETS_FEATURES];
    struct trend wet = trend_begin(NAN, &TREND_LAST_UNKNOWN), dry = wet;
    for (int d = 0; d < 24; d++) {
        feed(&wet, d % 2 ? 1 : 2, 8, 2, d % 2);
        feed(&dry, 2, 8, 2, d % 2);
    }
    nets_features(&wet, &unknown, harmed);
    nets_features(&dry, &unknown, not );
    assert_true(harmed[OWN + 2] < -0.4);
    assert_true(not [OWN + 2] > -0.2);
}

static void rain_that_is_forecast_moves_the_pick_down(void **state)
{
    (void)state;
    double dry_kg[3], wet_kg[3];
    struct trend_tomorrow next = unknown;
    struct trend trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    for (int d = 0; d < 12; d++)
        feed(&trend, d % 3 ? 2 : 1.5, 8, 1.8, d % 3 == 0);
    next.rain_chance = 0.14;
    nets_predict(&trend, &next, dry_kg);
    next.rain_chance = 0.86;
    nets_predict(&trend, &next, wet_kg);
    assert_true(wet_kg[1] < dry_kg[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_pick_the_first_rule_speaks),
        cmocka_unit_test(whatever_is_noted_the_features_are_small_numbers),
        cmocka_unit_test(a_market_is_expected_on_its_day_only),
        cmocka_unit_test(what_rain_takes_is_learned_from_the_farms_own_picks),
        cmocka_unit_test(rain_that_is_forecast_moves_the_pick_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
