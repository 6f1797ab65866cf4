/* SPDX-License-Identifier: Apache-2.0 */
/* The frost of the night: levels, the gate of the buds, the line to the morning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/tea/frost.h"
#include "tests/unit/tea/day_of_hours.h"

/* 2026-03-20 20:00 in Guizhou (UTC+8). */
#define EVENING_MS INT64_C(1774008000000)
#define MINUTE_MS  INT64_C(60000)
#define HOURS      6

/* Hours that begin at 17, 18, … 22 o'clock; now it is 23:00. */
static struct tea_hour hours[HOURS];

static struct frost_input at_eleven(void)
{
    hours_unknown(hours, HOURS);
    return (struct frost_input){
        .recent = {.first_ms = EVENING_MS - 3 * TEA_HOUR_MS, .count = HOURS, .hours = hours},
        .now_ms = EVENING_MS + 3 * TEA_HOUR_MS,
        .night_ms = EVENING_MS,
        .morning_ms = EVENING_MS + 10 * TEA_HOUR_MS,
        .thermal_time = 50,
        .season_day = 78,
    };
}

static void air(int i, float mean_c, float humidity)
{
    hours[i].air_c = mean_c;
    hours[i].air_min_c = mean_c - 0.25f;
    hours[i].humidity = humidity;
}

static void the_dew_point_is_magnus(void **state)
{
    (void)state;
    assert_float_equal(frost_dew_point_c(20, 50), 9.2696, 1e-3);
    assert_float_equal(frost_dew_point_c(8, 80), 4.7668, 1e-3);
    assert_float_equal(frost_dew_point_c(12, 100), 12, 1e-9);
    assert_true(isnan(frost_dew_point_c(20, 0)));
    assert_true(isnan(frost_dew_point_c(20, NAN)));
}

static void levels_begin_at_four_two_and_zero(void **state)
{
    (void)state;
    assert_int_equal(frost_level_of(4.01), FROST_NONE);
    assert_int_equal(frost_level_of(4.0), FROST_WATCH);
    assert_int_equal(frost_level_of(2.01), FROST_WATCH);
    assert_int_equal(frost_level_of(2.0), FROST_ALARM);
    assert_int_equal(frost_level_of(0.01), FROST_ALARM);
    assert_int_equal(frost_level_of(0.0), FROST_SEVERE);
    assert_int_equal(frost_level_of(NAN), FROST_UNKNOWN);
    assert_string_equal(frost_level_name(FROST_SEVERE), "severe");
    assert_null(frost_level_name(FROST_UNKNOWN));
}

static void a_falling_line_goes_on_to_six(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(3, 9.0f, 60);
    air(4, 8.25f, 60);
    air(5, 7.5f, 60); /* 22:30; 0.75 K an hour less for 7.5 hours is 1.875 */
    assert_float_equal(frost_morning_c(&input.recent, input.now_ms, input.morning_ms), 1.875, 1e-4);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_true(frost.reckoned);
    assert_float_equal(frost.min_c, 1.875, 1e-4);
    assert_int_equal(frost.at_ms, input.morning_ms);
    assert_string_equal(frost.why, "7.2 °C now, 1.9 °C reckoned for the morning");
}

static void the_dew_point_holds_it(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(3, 10.0f, 80);
    air(4, 9.0f, 80);
    air(5, 8.0f, 80); /* the line ends at 0.5 °C, the dew point is 4.77 °C */
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_float_equal(frost.min_c, 4.7668, 1e-3);
}

static void the_canopy_counts_where_it_is_colder(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    for (int i = 3; i < 6; i++) {
        air(i, 6, 90);
        hours[i].canopy_c = 3;
        hours[i].canopy_min_c = 1.5f;
    }
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_false(frost.reckoned);
    assert_float_equal(frost.min_c, 1.5, 1e-6);
    assert_int_equal(frost.at_ms, EVENING_MS + 2 * TEA_HOUR_MS);
}

static void sleeping_buds_take_no_harm(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    for (int i = 3; i < 6; i++)
        air(i, -3, 90);
    input.thermal_time = 33.4;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_non_null(strstr(frost.why, "sleep"));
    input.thermal_time = 33.5;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_SEVERE);
    input.thermal_time = 2000;
    input.season_day = 151; /* in summer no buds of spring are left */
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_string_equal(frost.why, "no sprouting buds at this time of the year");
}

static void without_thermal_time_the_calendar_decides(void **state)
{
    (void)state;
    static const struct {
        int day;
        enum frost_level level;
    } cases[] = {{30, FROST_NONE}, {31, FROST_SEVERE}, {150, FROST_SEVERE}, {151, FROST_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frost_input input = at_eleven();
        struct frost frost;
        air(5, -3, 90);
        input.thermal_time = NAN;
        input.season_day = cases[i].day;
        frost_judge(&input, &frost);
        assert_int_equal(frost.level, cases[i].level);
    }
}

static void in_summer_no_thermometer_is_needed(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    hours_unknown(hours, HOURS);
    input.season_day = 150;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_UNKNOWN);
    input.season_day = 151;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_true(isnan(frost.min_c));
}

static void old_hours_are_not_now(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(2, -3, 90); /* began at 19:00, four hours ago */
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_UNKNOWN);
    assert_true(isnan(frost.min_c));
    assert_int_equal(frost.at_ms, 0);
    assert_non_null(strstr(frost.why, "no air temperature"));
}

static void without_humidity_only_what_is_measured_is_told(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(3, 9, NAN);
    air(4, 8, NAN);
    air(5, 7, NAN);
    assert_true(isnan(frost_morning_c(&input.recent, input.now_ms, input.morning_ms)));
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_false(frost.reckoned);
    assert_non_null(strstr(frost.why, "too little"));
}

static void two_hours_make_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    air(4, 8, 60);
    air(5, 7, 60);
    assert_true(isnan(frost_morning_c(&input.recent, input.now_ms, input.morning_ms)));
}

static void a_night_that_warms_gets_no_colder(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    air(3, 5, 60);
    air(4, 6, 60);
    air(5, 7, 60);
    assert_float_equal(frost_morning_c(&input.recent, input.now_ms, input.morning_ms), 7, 1e-6);
}

static void by_day_nothing_is_reckoned(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(3, 16, 60);
    air(4, 14, 60);
    air(5, 12, 60);
    input.night_ms += 24 * TEA_HOUR_MS; /* as if the next night were the one of tomorrow */
    input.morning_ms += 24 * TEA_HOUR_MS;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_true(isnan(frost.min_c));
    assert_int_equal(frost.at_ms, 0);
    assert_non_null(strstr(frost.why, "from 20:00"));
}

static void an_hour_that_has_just_begun_bends_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    input.now_ms -= 50 * MINUTE_MS; /* 22:10 */
    air(2, 9.0f, 60);
    air(3, 8.25f, 60);
    air(4, 7.5f, 60);
    air(5, -20.0f, 60);
    assert_float_equal(frost_morning_c(&input.recent, input.now_ms, input.morning_ms),
                       7.5 - 0.75 * 8.5, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dew_point_is_magnus),
        cmocka_unit_test(levels_begin_at_four_two_and_zero),
        cmocka_unit_test(a_falling_line_goes_on_to_six),
        cmocka_unit_test(the_dew_point_holds_it),
        cmocka_unit_test(the_canopy_counts_where_it_is_colder),
        cmocka_unit_test(sleeping_buds_take_no_harm),
        cmocka_unit_test(without_thermal_time_the_calendar_decides),
        cmocka_unit_test(in_summer_no_thermometer_is_needed),
        cmocka_unit_test(old_hours_are_not_now),
        cmocka_unit_test(without_humidity_only_what_is_measured_is_told),
        cmocka_unit_test(two_hours_make_no_line),
        cmocka_unit_test(a_night_that_warms_gets_no_colder),
        cmocka_unit_test(by_day_nothing_is_reckoned),
        cmocka_unit_test(an_hour_that_has_just_begun_bends_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
