/* SPDX-License-Identifier: Apache-2.0 */
/* The frost of the night: levels, the gate of the buds, the line to the morning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common/moist_air.h"
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

/* The fall that is still to come, by hand from the header's formula: 5.25 h since sunset at the
 * middle of the newest hour, wherever the hours lie. */
static double by_hand(double now_c, double sunset_c, double dew_c, double since, double left)
{
    double drop = sunset_c - now_c, root = sqrt(left);
    return now_c +
           root * (0.533 - 0.0248 * now_c - 0.0570 * (now_c - dew_c) - 0.156 * drop / sqrt(since)) -
           0.198 * left;
}

static double morning_c(const struct frost_input *input)
{
    return frost_night(input).min_c;
}

/* Air of 12 °C at sunset (19:30) that falls to 6 °C by 22:30; it is 23:00, the sun rises at
 * 7:45. */
static void evening_of(float humidity)
{
    air(1, 13, humidity);
    air(2, 12, humidity); /* 19:30, the middle of it */
    air(3, 9.5f, humidity);
    air(4, 7.5f, humidity);
    air(5, 6, humidity);
}

static void the_fall_to_come_follows_the_evening(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    evening_of(60);
    double dew_c = moist_air_dew_point_c(6, 60), expected = by_hand(6, 12, dew_c, 3, 9.25);
    assert_near_c(morning_c(&input), expected);
    assert_true(expected > -1 && expected < 3);
    frost_judge(&input, &frost);
    assert_true(frost.expected);
    assert_float_equal(frost.min_c, expected, 1e-4);
    assert_int_equal(frost.at_ms, input.sunrise_ms);
    assert_true(frost.range_c[0] < frost.min_c && frost.min_c < frost.range_c[1]);
    assert_non_null(strstr(frost.why, "5.8 °C now"));
    assert_non_null(strstr(frost.why, "2 °C or less by"));
}

static void damp_air_falls_less_than_dry_air(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    evening_of(95);
    double damp_c = morning_c(&input);
    evening_of(40);
    assert_true(morning_c(&input) < damp_c - 1);
}

/* The plot's own error counts for as much of the night as is left. */
static void a_hollow_learns_from_its_nights(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    evening_of(60);
    double plain_c = morning_c(&input);
    input.bias_k = 1.5;
    assert_near_c(morning_c(&input), plain_c - 1.5);
    double errors_k[FROST_NIGHTS + 10];
    for (int i = 0; i < FROST_NIGHTS + 10; i++)
        errors_k[i] = i < 10 ? 50 : 2; /* the older ones are forgotten */
    assert_near_c(frost_bias_k(errors_k, FROST_NIGHTS + 10), 2.0 * 20 / 25);
    errors_k[12] = NAN;
    assert_near_c(frost_bias_k(errors_k + 11, 3), 2.0 * 2 / 7);
    assert_near_c(frost_bias_k(errors_k, 0), 0);
}

static void an_alarm_is_given_by_its_chance(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    evening_of(60);
    struct frost_night night = frost_night(&input);
    assert_near_c(frost_chance(&night, night.min_c), 0.5);
    assert_near_c(frost_chance(&night, night.min_c - 1.2816 * night.sd_k), 0.1);
    input.bias_k = night.min_c - 3.0; /* 3 °C are computed; sd is about 1.8 K: 2 °C by 29 % */
    double chance = frost_chance(&(struct frost_night){3.0, night.sd_k}, FROST_ALARM_C);
    input.alarm_chance = chance - 0.01;
    frost_judge(&input, &frost);
    assert_near_c(frost.min_c, 3.0);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_near_c(frost.chance_alarm, chance);
    input.alarm_chance = chance + 0.01;
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_WATCH);
}

static void a_wind_that_comes_widens_the_range(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    evening_of(60);
    double calm_k = frost_night(&input).sd_k;
    air(4, 5, 60);
    assert_true(frost_night(&input).sd_k > 1.2 * calm_k);
}

static void a_canopy_that_drops_out_bends_no_line(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    evening_of(60);
    double air_c = morning_c(&input);
    for (int i = 2; i < 6; i++)
        hours[i].canopy_c = hours[i].air_c - 3;
    assert_true(morning_c(&input) < air_c - 2.5);
    hours[5].canopy_c = NAN; /* three degrees warmer at once, if the two were mixed */
    assert_near_c(morning_c(&input), air_c);
}

/* The error that is learned is that of three hours after sunset. */
static void a_night_that_is_over_tells_its_error(void **state)
{
    (void)state;
    static struct tea_hour night[18]; /* from 17:00 */
    struct frost_input input = at_eleven();
    evening_of(60);
    hours_unknown(night, 18);
    memcpy(night, hours, sizeof hours); /* 17:00 to 22:00 */
    for (int i = 6; i < 18; i++)
        night[i].air_c = i == 14 ? 1.25f : 4;
    input.recent = (struct tea_hours){EVENING_MS - 3 * TEA_HOUR_MS, 18, night};
    struct frost_input evening = input;
    evening.now_ms = input.sunset_ms + 3 * TEA_HOUR_MS; /* 22:30: the hour is half over */
    double expected = morning_c(&evening) - 1.25;
    assert_near_c(frost_error_k(&input), expected);
    night[10].air_c = night[11].air_c = night[12].air_c = NAN;
    assert_true(isnan(frost_error_k(&input)));
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
    input.bias_k = -10; /* no colder morning */
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_ALARM);
    assert_false(frost.expected);
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
    assert_true(isnan(morning_c(&input)));
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_UNKNOWN);
    assert_true(isnan(frost.min_c));
    assert_non_null(strstr(frost.why, "too little"));
    air(5, 3, NAN);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_WATCH);
    assert_string_equal(frost.why, "2.8 °C measured");
}

static void without_the_sunset_there_is_no_fall(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    air(5, 6, 60);
    assert_true(isnan(morning_c(&input)));
    air(3, 9, 60); /* an hour after it is near enough */
    assert_true(isfinite(morning_c(&input)));
}

static void a_night_that_warms_gets_no_colder(void **state)
{
    (void)state;
    struct frost_input input = at_eleven();
    struct frost frost;
    for (int i = 1; i < 6; i++)
        air(i, (float)(2 + 2 * i), 100);
    input.bias_k = -4;
    assert_near_c(morning_c(&input), 12);
    frost_judge(&input, &frost);
    assert_int_equal(frost.level, FROST_NONE);
    assert_string_equal(frost.why, "11.8 °C measured; no colder computed for the morning");
}

static void by_day_and_at_dusk_nothing_is_expected(void **state)
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
    evening_of(60);
    double before_c = morning_c(&input);
    air(5, -20.0f, 60);
    assert_near_c(morning_c(&input), before_c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_begin_at_four_two_and_zero),
        cmocka_unit_test(the_fall_to_come_follows_the_evening),
        cmocka_unit_test(damp_air_falls_less_than_dry_air),
        cmocka_unit_test(a_hollow_learns_from_its_nights),
        cmocka_unit_test(an_alarm_is_given_by_its_chance),
        cmocka_unit_test(a_wind_that_comes_widens_the_range),
        cmocka_unit_test(a_night_that_is_over_tells_its_error),
        cmocka_unit_test(a_canopy_that_drops_out_bends_no_line),
        cmocka_unit_test(the_canopy_counts_where_it_is_colder),
        cmocka_unit_test(sleeping_buds_take_no_harm),
        cmocka_unit_test(without_thermal_time_the_calendar_decides),
        cmocka_unit_test(in_summer_no_thermometer_is_needed),
        cmocka_unit_test(old_hours_are_not_now),
        cmocka_unit_test(without_humidity_the_night_is_not_known),
        cmocka_unit_test(without_the_sunset_there_is_no_fall),
        cmocka_unit_test(a_night_that_warms_gets_no_colder),
        cmocka_unit_test(by_day_and_at_dusk_nothing_is_expected),
        cmocka_unit_test(where_the_garden_lies_must_be_known),
        cmocka_unit_test(an_hour_that_has_just_begun_bends_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
