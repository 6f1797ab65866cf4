/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/nets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct trend trend;

static void feed(double each_kg, double pickers, double rain)
{
    struct trend_pick pick = {.kg = each_kg * pickers,
                              .rain = rain,
                              .pickers = pickers,
                              .booked = pickers,
                              .model_each_kg = NAN,
                              .first_each_kg = NAN};
    trend_pick(&trend, &pick);
    trend_day(&trend, 5, rain);
}

static struct trend_tomorrow tomorrow(double pickers)
{
    return (struct trend_tomorrow){.pickers = pickers,
                                   .booked = true,
                                   .rain_chance = 0.33,
                                   .growth_cd = 5,
                                   .season_kg = NAN,
                                   .model_kg = NAN,
                                   .ready_kg = NAN,
                                   .share_ready = NAN};
}

static void look(double pickers, double course[COURSE_FEATURES])
{
    double x[TREND_FEATURES], first_ln;
    struct trend_tomorrow next = tomorrow(pickers);
    double base = trend_features(&trend, &next, x, &first_ln);
    course_features(&trend, &next, base, first_ln, course);
}

static void nothing_known_but_one_pick_gives_numbers(void **state)
{
    (void)state;
    double course[COURSE_FEATURES], kg[3];
    struct trend_tomorrow next = tomorrow(8);
    trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    feed(2, 8, 0.33);
    look(8, course);
    for (int i = 0; i < COURSE_FEATURES; i++)
        assert_true(isfinite(course[i]));
    nets_predict(&trend, &next, kg);
    assert_true(kg[0] > 0 && kg[0] < kg[1] && kg[1] < kg[2] && kg[2] < 200);
}

/* A season of more picks than are remembered, each by an absurd crew: bounded, and finite. */
static void a_long_season_forgets_its_first_picks(void **state)
{
    (void)state;
    double course[COURSE_FEATURES], kg[3];
    struct trend_tomorrow next = tomorrow(5000);
    trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    for (int d = 0; d < 3 * TREND_PICKS; d++)
        feed(d % 2 ? 1e-3 : 20, d % 3 ? 1 : 5000, d % 2);
    assert_int_equal(trend.past_count, TREND_PICKS);
    assert_int_equal(trend.past[TREND_PICKS - 1].day, 3 * TREND_PICKS - 1);
    look(5000, course);
    for (int i = 0; i < COURSE_FEATURES; i++)
        assert_true(fabs(course[i]) < 20);
    nets_predict(&trend, &next, kg);
    assert_true(isfinite(kg[2]) && kg[0] >= 0 && kg[0] < kg[2]);
}

/* Every fifth day half of them are at the market. */
static void a_markets_day_is_seen_to_come(void **state)
{
    (void)state;
    double before[COURSE_FEATURES], market[COURSE_FEATURES];
    trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    for (int d = 0; d < 20; d++)
        feed(d % 5 == 0 ? 1 : 2, 8, 0.33);
    look(8, market);
    feed(1, 8, 0.33);
    look(8, before);
    assert_true(market[26] < -0.5);
    assert_true(before[26] > 0);
}

/* Who books ten and five come. */
static void who_does_not_come_is_counted(void **state)
{
    (void)state;
    double course[COURSE_FEATURES];
    struct trend_pick pick = {10, 0.33, 5, 10, NAN, NAN};
    trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    feed(2, 5, 0.33);
    look(5, course);
    assert_true(course[7] == 0);
    trend_pick(&trend, &pick);
    trend_day(&trend, 5, 0.33);
    look(5, course);
    assert_true(course[7] < -0.5);
    assert_true(course[4] < -0.5); /* against the most that were booked */
}

/* What the first rule overstates again and again is seen as its miss. */
static void a_rules_own_miss_is_remembered(void **state)
{
    (void)state;
    double course[COURSE_FEATURES];
    struct trend_pick pick = {10, 0.33, 5, 5, 4, 4}; /* 2 kg a picker, 4 were said */
    trend = trend_begin(NAN, &TREND_LAST_UNKNOWN);
    for (int d = 0; d < 6; d++) {
        trend_pick(&trend, &pick);
        trend_day(&trend, 5, 0.33);
    }
    look(5, course);
    assert_true(fabs(course[8] + log(2)) < 1e-9 && fabs(course[10] + log(2)) < 1e-9);
    assert_true(course[9] < -0.4 && course[11] < -0.4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_but_one_pick_gives_numbers),
        cmocka_unit_test(a_long_season_forgets_its_first_picks),
        cmocka_unit_test(a_markets_day_is_seen_to_come),
        cmocka_unit_test(who_does_not_come_is_counted),
        cmocka_unit_test(a_rules_own_miss_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
