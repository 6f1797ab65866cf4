/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/growth.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void all_hours(double hourly_c[GROWTH_HOURS], double value)
{
    for (int h = 0; h < GROWTH_HOURS; h++)
        hourly_c[h] = value;
}

/* Nights of 6 °C, days of 18 °C, with straight slopes. */
static void usual_day(double hourly_c[GROWTH_HOURS])
{
    for (int h = 0; h < GROWTH_HOURS; h++)
        hourly_c[h] = 6.0 + fabs(h - 3.0 - (h > 15 ? 24.0 : 0.0));
}

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        print_message("%.6f is not %.6f\n", value, expected);
    assert_true(fabs(value - expected) <= tolerance);
}

static void an_even_day_counts_what_lies_above_the_base(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    all_hours(hourly_c, 16.5);
    struct growth_day day = growth_day(hourly_c);
    near(day.degree_days, 6.5, 1e-12);
    near(day.mean_c, 16.5, 1e-12);
    assert_int_equal(day.missing_hours, 0);
}

static void cold_counts_nothing_and_heat_no_more_than_the_ceiling(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    all_hours(hourly_c, -5.0);
    near(growth_day(hourly_c).degree_days, 0.0, 0.0);
    all_hours(hourly_c, 38.0);
    near(growth_day(hourly_c).degree_days, 20.0, 1e-12);
}

static void a_warm_afternoon_of_a_cold_day_counts(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    all_hours(hourly_c, 4.0);
    for (int h = 12; h < 18; h++)
        hourly_c[h] = 14.0;
    struct growth_day day = growth_day(hourly_c);
    near(day.degree_days, 1.0, 1e-12);
    near(day.mean_c, 6.5, 1e-12);
}

static void a_short_gap_is_bridged_and_told(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    usual_day(hourly_c);
    struct growth_day whole = growth_day(hourly_c);
    for (int h = 7; h < 11; h++)
        hourly_c[h] = NAN; /* on a straight slope: the bridge is exact */
    struct growth_day day = growth_day(hourly_c);
    assert_int_equal(day.missing_hours, 4);
    near(day.degree_days, whole.degree_days, 1e-12);
    near(day.mean_c, whole.mean_c, 1e-12);
}

static void the_ends_of_a_day_are_bridged_by_the_nearest_hour(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    all_hours(hourly_c, 12.0);
    hourly_c[0] = hourly_c[1] = hourly_c[23] = NAN;
    struct growth_day day = growth_day(hourly_c);
    assert_int_equal(day.missing_hours, 3);
    near(day.degree_days, 2.0, 1e-12);
}

static void a_long_gap_makes_no_day(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    usual_day(hourly_c);
    for (int h = 9; h < 14; h++)
        hourly_c[h] = NAN;
    struct growth_day day = growth_day(hourly_c);
    assert_int_equal(day.missing_hours, 5);
    assert_true(isnan(day.degree_days) && isnan(day.mean_c));
}

static void many_short_gaps_make_no_day(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    usual_day(hourly_c);
    for (int h = 1; h < 15; h += 2)
        hourly_c[h] = NAN;
    assert_int_equal(growth_day(hourly_c).missing_hours, 7);
    assert_true(isnan(growth_day(hourly_c).degree_days));
    all_hours(hourly_c, NAN);
    assert_int_equal(growth_day(hourly_c).missing_hours, 24);
    assert_true(isnan(growth_day(hourly_c).mean_c));
}

static void what_is_no_air_temperature_is_missing(void **state)
{
    (void)state;
    double hourly_c[GROWTH_HOURS];
    all_hours(hourly_c, 12.0);
    hourly_c[3] = 327.67;
    hourly_c[9] = -273.0;
    hourly_c[15] = HUGE_VAL;
    struct growth_day day = growth_day(hourly_c);
    assert_int_equal(day.missing_hours, 3);
    near(day.degree_days, 2.0, 1e-12);
}

static void dry_air_slows_growth_above_its_limit(void **state)
{
    (void)state;
    near(growth_vpd_limit(0.5), 1.0, 0.0);
    near(growth_vpd_limit(2.3), 1.0, 0.0);
    near(growth_vpd_limit(2.5), 0.9, 1e-12);
    near(growth_vpd_limit(3.3), 0.5, 1e-12);
    near(growth_vpd_limit(9.0), 0.2, 0.0);
    near(growth_vpd_limit(NAN), 1.0, 0.0);
}

static void dry_soil_slows_growth_below_its_limit(void **state)
{
    (void)state;
    near(growth_water_limit(0.6), 1.0, 0.0);
    near(growth_water_limit(0.4), 1.0, 0.0);
    near(growth_water_limit(0.2), 0.5, 1e-12);
    near(growth_water_limit(0.0), GROWTH_WATER_LEAST, 0.0);
    near(growth_water_limit(-0.1), GROWTH_WATER_LEAST, 0.0);
    near(growth_water_limit(NAN), 1.0, 0.0);
}

static void limits_take_no_more_of_a_season_than_is_uncertain(void **state)
{
    (void)state;
    double taken_cd = 0.0, season_cd = 0.0;
    for (int d = 0; d < 60; d++)
        season_cd += growth_limits_take(&taken_cd, 8.0, 0.0);
    near(season_cd, 60 * 8.0 - GROWTH_LIMITS_MOST_CD, 1e-9);
    near(growth_limits_take(&taken_cd, 8.0, 12.0), 8.0, 0.0);
    assert_true(isnan(growth_limits_take(&taken_cd, NAN, NAN)));
    near(taken_cd, GROWTH_LIMITS_MOST_CD, 1e-9);
}

static void the_scarcest_thing_limits_growth(void **state)
{
    (void)state;
    near(growth_limited(8.0, 0.9, 0.5), 4.0, 1e-12);
    near(growth_limited(8.0, NAN, 0.5), 4.0, 1e-12);
    near(growth_limited(8.0, NAN, NAN), 8.0, 0.0);
    near(growth_limited(8.0, 3.0, 2.0), 8.0, 0.0);
    near(growth_limited(8.0, -1.0, 1.0), 0.0, 0.0);
    assert_true(isnan(growth_limited(NAN, 1.0, 1.0)));
}

static void add(struct growth_passing *passing, int days, double mean_c)
{
    while (days-- > 0)
        growth_passing_add(passing, mean_c);
}

static void ten_degrees_are_passed_after_five_running_means_in_a_row(void **state)
{
    (void)state;
    struct growth_passing passing = {.passed = false};
    add(&passing, 8, 10.0);
    assert_false(passing.passed);
    add(&passing, 1, 10.0);
    assert_true(passing.passed && !passing.from_cold);
}

static void a_warm_spell_in_winter_passes_nothing(void **state)
{
    (void)state;
    struct growth_passing passing = {.passed = false};
    add(&passing, 20, 5.0);
    add(&passing, 6, 13.0); /* running means 6.6, 8.2, 9.8, 11.4, 13, 13 */
    add(&passing, 1, -2.0); /* 10.0 */
    assert_int_equal(passing.run, 4);
    add(&passing, 1, 9.0); /* 9.2 */
    assert_int_equal(passing.run, 0);
    assert_true(passing.from_cold && !passing.passed);
}

static void what_is_passed_stays_passed(void **state)
{
    (void)state;
    struct growth_passing passing = {.passed = false};
    add(&passing, 12, 12.0);
    add(&passing, 10, 3.0);
    assert_true(passing.passed);
}

static void an_unknown_day_neither_passes_nor_breaks(void **state)
{
    (void)state;
    struct growth_passing passing = {.passed = false};
    add(&passing, 8, 12.0);
    add(&passing, 30, NAN);
    assert_false(passing.passed);
    add(&passing, 1, 12.0);
    assert_true(passing.passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_day_counts_what_lies_above_the_base),
        cmocka_unit_test(cold_counts_nothing_and_heat_no_more_than_the_ceiling),
        cmocka_unit_test(a_warm_afternoon_of_a_cold_day_counts),
        cmocka_unit_test(a_short_gap_is_bridged_and_told),
        cmocka_unit_test(the_ends_of_a_day_are_bridged_by_the_nearest_hour),
        cmocka_unit_test(a_long_gap_makes_no_day),
        cmocka_unit_test(many_short_gaps_make_no_day),
        cmocka_unit_test(what_is_no_air_temperature_is_missing),
        cmocka_unit_test(dry_air_slows_growth_above_its_limit),
        cmocka_unit_test(dry_soil_slows_growth_below_its_limit),
        cmocka_unit_test(limits_take_no_more_of_a_season_than_is_uncertain),
        cmocka_unit_test(the_scarcest_thing_limits_growth),
        cmocka_unit_test(ten_degrees_are_passed_after_five_running_means_in_a_row),
        cmocka_unit_test(a_warm_spell_in_winter_passes_nothing),
        cmocka_unit_test(what_is_passed_stays_passed),
        cmocka_unit_test(an_unknown_day_neither_passes_nor_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
