/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/last_season.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAYS 20

static struct pick_day days[DAYS];

/* Every other day from the second to the tenth, 2 kg a picker, 5 °C d a day. */
static void make(void)
{
    for (int i = 0; i < DAYS; i++) {
        days[i] = PICK_DAY_UNKNOWN;
        days[i].growth_cd = 5;
        if (i >= 2 && i <= 10 && i % 2 == 0) {
            days[i].kg = 20;
            days[i].pickers = 10;
        }
    }
}

static void a_season_is_summed_up(void **state)
{
    (void)state;
    make();
    struct trend_last last = last_season(days, DAYS);
    assert_true(fabs(last.each_kg - 2) < 1e-9 && last.crew_most == 10 && last.gap_days == 2);
    assert_true(last.kg == 100 && fabs(last.middle_cd - 20) < 1e-9);
    assert_true(fabs(last.spread_cd - sqrt(200)) < 1e-9);
}

static void a_slip_of_the_finger_does_not_count(void **state)
{
    (void)state;
    make();
    days[6].kg = 200;
    struct trend_last last = last_season(days, DAYS);
    assert_true(fabs(last.each_kg - 2) < 1e-9 && last.kg == 80);
}

static double chances(const struct trend_last *last)
{
    double sum = 0;
    for (int i = 0; i < USUAL_HABITS; i++)
        sum += last->habits.chance[i];
    return sum;
}

static void what_the_farm_is_like_is_kept_where_crews_are_noted(void **state)
{
    (void)state;
    make();
    struct trend_last last = last_season(days, DAYS);
    assert_true(fabs(chances(&last) - 1) < 1e-9);
    for (int i = 0; i < DAYS; i++)
        days[i].pickers = NAN;
    last = last_season(days, DAYS);
    assert_true(chances(&last) == 0);
}

static void without_notes_nothing_is_known(void **state)
{
    (void)state;
    make();
    for (int i = 0; i < DAYS; i++)
        days[i].kg = NAN;
    struct trend_last last = last_season(days, DAYS);
    assert_true(isnan(last.each_kg) && isnan(last.kg) && isnan(last.middle_cd));
    make();
    for (int i = 0; i < DAYS; i++)
        days[i].pickers = days[i].growth_cd = NAN;
    last = last_season(days, DAYS);
    assert_true(isnan(last.each_kg) && last.kg == 100 && last.middle_cd == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_season_is_summed_up),
        cmocka_unit_test(a_slip_of_the_finger_does_not_count),
        cmocka_unit_test(what_the_farm_is_like_is_kept_where_crews_are_noted),
        cmocka_unit_test(without_notes_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
