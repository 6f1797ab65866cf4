/* SPDX-License-Identifier: Apache-2.0 */
/* The frost of the night: levels, the gate of the buds, the line to the morning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/forecast/frost.h"
#include "tests/unit/forecast/day_of_hours.h"

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
        .sunset_ms = EVENING_MS - TEA_HOUR_MS / 2,
        .sunrise_ms = EVENING_MS - TEA_HOUR_MS / 2 + 49 * TEA_HOUR_MS / 4, /* root: 3.5 */
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

/* From hour `first` on: what `fall` times the root of the hours since sunset leaves of 10 °C. */
static void cooling(int first, double fall, float humidity)
{
    for (int i = first; i < HOURS; i++)
        air(i, (float)(10 - fall * sqrt(i - 2)), humidity);
}

static void assert_near_c(double celsius, double expected)
{
    if (!(fabs(celsius - expected) < 1e-4))
        fail_msg("%.5f is not %.5f", celsius, expected);
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

static void cooling_slackens_until_sunrise(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    cooling(3, 2.4, 60);
    assert_near_c(frost_morning_c(&input), 1.6);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_true(frost.reckoned);
    assert_float_equal(frost.min_c, 1.6, 1e-5);
    assert_int_equal(frost.at_ms, input.sunrise_ms);
    assert_string_equal(frost.why, "5.6 °C now, 1.6 °C reckoned for the morning");
}

static void the_dew_point_slows_it(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    cooling(3, 3, 95); /* to -0.5 °C; the dew point is 4.07 °C */
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_float_equal(frost.min_c, frost_dew_point_c(hours[5].air_c, 95) - 4, 1e-6);
}

static void a_canopy_that_drops_out_bends_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    cooling(3, 2.4, 60);
    for (int i = 3; i < 6; i++)
        hours[i].canopy_c = hours[i].air_c - 3;
    assert_near_c(frost_morning_c(&input), -1.4);
    hours[5].canopy_c = NAN; /* three degrees warmer at once, if the two were mixed */
    assert_near_c(frost_morning_c(&input), 1.6);
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
    assert_non_null(strstr(frost.why, "hardly out"));
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

/* Nobody is told that no frost comes by who cannot know. */
static void without_humidity_the_night_is_not_known(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    cooling(3, 1, NAN);
    assert_true(isnan(frost_morning_c(&input)));
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_UNKNOWN);
    assert_true(isnan(frost.min_c));
    assert_non_null(strstr(frost.why, "too little"));
    air(5, 3, NAN);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_WATCH);
    assert_string_equal(frost.why, "2.8 °C measured");
}

static void one_hour_makes_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    cooling(5, 1, 60);
    assert_true(isnan(frost_morning_c(&input)));
    cooling(4, 1, 60);
    assert_near_c(frost_morning_c(&input), 6.5);
}

static void the_sun_of_the_evening_is_no_part_of_the_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    cooling(3, 1, 60);
    air(1, 30, 60); /* 18:30, before sunset */
    assert_near_c(frost_morning_c(&input), 6.5);
}

static void a_night_that_warms_gets_no_colder(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    air(3, 5, 60);
    air(4, 6, 60);
    air(5, 7, 60);
    assert_float_equal(frost_morning_c(&input), 7, 1e-6);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_string_equal(frost.why, "6.8 °C measured; no colder reckoned for the morning");
}

static void by_day_and_at_dusk_nothing_is_reckoned(void **state)
{
    (void)state;
    struct frost_input input = at_eleven(), day = input;
    struct frost frost;
    air(2, 16, 60);
    air(3, 14, 60);
    air(4, 12, 60);
    air(5, 10, 60);
    day.sunset_ms += 24 * TEA_HOUR_MS;
    day.sunrise_ms += 24 * TEA_HOUR_MS;
    frost_judge(&day, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_true(isnan(frost.min_c));
    assert_int_equal(frost.at_ms, 0);
    assert_non_null(strstr(frost.why, "from two hours after sunset"));
    input.now_ms = input.sunset_ms + TEA_HOUR_MS;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_non_null(strstr(frost.why, "from two hours after sunset"));
}

static void where_the_garden_lies_must_be_known(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    cooling(3, 2.4, 60);
    input.sunset_ms = input.sunrise_ms = 0;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_true(isnan(frost.min_c));
    assert_non_null(strstr(frost.why, "location"));
}

static void an_hour_that_has_just_begun_bends_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    input.now_ms -= 50 * MINUTE_MS; /* 22:10 */
    cooling(2, 1, 60);
    air(5, -20.0f, 60);
    assert_near_c(frost_morning_c(&input), 6.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dew_point_is_magnus),
        cmocka_unit_test(levels_begin_at_four_two_and_zero),
        cmocka_unit_test(cooling_slackens_until_sunrise),
        cmocka_unit_test(the_dew_point_slows_it),
        cmocka_unit_test(a_canopy_that_drops_out_bends_no_line),
        cmocka_unit_test(the_canopy_counts_where_it_is_colder),
        cmocka_unit_test(sleeping_buds_take_no_harm),
        cmocka_unit_test(without_thermal_time_the_calendar_decides),
        cmocka_unit_test(in_summer_no_thermometer_is_needed),
        cmocka_unit_test(old_hours_are_not_now),
        cmocka_unit_test(without_humidity_the_night_is_not_known),
        cmocka_unit_test(one_hour_makes_no_line),
        cmocka_unit_test(the_sun_of_the_evening_is_no_part_of_the_line),
        cmocka_unit_test(a_night_that_warms_gets_no_colder),
        cmocka_unit_test(by_day_and_at_dusk_nothing_is_reckoned),
        cmocka_unit_test(where_the_garden_lies_must_be_known),
        cmocka_unit_test(an_hour_that_has_just_begun_bends_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
