/* SPDX-License-Identifier: Apache-2.0 */
/* Wet hours at a temperature, and the sun: what they say of the three leaf diseases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common/sun.h"
#include "gateway/forecast/disease.h"
#include "tests/unit/forecast/day_of_hours.h"

/* 2026-04-10 00:00 in Guizhou (UTC+8). */
#define MIDNIGHT_MS INT64_C(1775750400000)

static struct tea_hour hours[DISEASE_HOURS];

/* Five dry days of that temperature, without a light meter. */
static struct disease_input dry_days(float temp_c)
{
    hours_unknown(hours, DISEASE_HOURS);
    for (size_t i = 0; i < DISEASE_HOURS; i++) {
        hours[i].air_c = temp_c;
        hours[i].humidity = 70;
    }
    return (struct disease_input){
        .recent = {.first_ms = MIDNIGHT_MS, .count = DISEASE_HOURS, .hours = hours},
        .latitude = 26.5,
        .longitude = 107.9,
    };
}

static void wet(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        hours[i].humidity = 95;
}

/* All hours of light: that share of a clear sky's. */
static void light(const struct disease_input *input, double share)
{
    for (size_t i = 0; i < DISEASE_HOURS; i++) {
        int64_t middle_ms = MIDNIGHT_MS + (int64_t)i * TEA_HOUR_MS + TEA_HOUR_MS / 2;
        hours[i].lux = (float)(share * sun_clear_lux(sun_elevation(middle_ms, input->latitude,
                                                                   input->longitude)));
    }
}

static struct disease judge(const struct disease_input *input, enum disease_kind kind)
{
    struct disease diseases[DISEASE_COUNT];
    disease_judge(input, diseases);
    return diseases[kind];
}

static void the_model_of_magarey(void **state)
{
    (void)state;
    assert_float_equal(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 17.5), 8, 1e-9);
    assert_float_equal(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 16), 8.1747, 1e-3);
    assert_float_equal(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 10), 14.9269, 1e-3);
    assert_float_equal(disease_wet_needed_h(DISEASE_WHITE_STAR, 16), 5.625, 1e-9);
    assert_float_equal(disease_wet_needed_h(DISEASE_ANTHRACNOSE, 22), 8.6003, 1e-3);
    assert_float_equal(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 5.2), 48, 1e-9);
    assert_true(isinf(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 5)));
    assert_true(isinf(disease_wet_needed_h(DISEASE_BLISTER_BLIGHT, 27)));
    assert_true(isinf(disease_wet_needed_h(DISEASE_WHITE_STAR, NAN)));
}

static void a_wet_night_of_the_right_warmth_infects(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_LOW);
    wet(20, 5);
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_LOW);
    wet(20, 6);
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_MEDIUM);
    wet(50, 6);
    struct disease star = judge(&input, DISEASE_WHITE_STAR);
    assert_int_equal(star.level, DISEASE_HIGH);
    assert_float_equal(star.wet_h, 6, 0);
    assert_float_equal(star.temp_c, 16, 1e-6);
    assert_string_equal(star.why, "6 h wet at 16 °C, 6 h infect");
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_LOW);
    assert_int_equal(judge(&input, DISEASE_ANTHRACNOSE).level, DISEASE_LOW);
}

static void a_leaf_sensor_is_believed_before_the_air(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    wet(20, 12);
    for (size_t i = 0; i < DISEASE_HOURS; i++)
        hours[i].leaf_wetness = 10;
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_LOW);
    for (size_t i = 70; i < 76; i++)
        hours[i].leaf_wetness = 50;
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_MEDIUM);
}

static void sunshine_keeps_blister_blight_down(void **state)
{
    (void)state;
    struct disease_input input = dry_days(17.5f);
    wet(20, 9);
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_MEDIUM);
    light(&input, 0.1);
    assert_float_equal(disease_sunshine_h(&input), 0, 0);
    struct disease blight = judge(&input, DISEASE_BLISTER_BLIGHT);
    assert_int_equal(blight.level, DISEASE_HIGH);
    assert_string_equal(blight.why, "9 h wet at 18 °C, 8 h infect; 0.0 h of sun a day");
    light(&input, 0.9);
    assert_true(disease_sunshine_h(&input) > 10 && disease_sunshine_h(&input) < 13);
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_MEDIUM);
}

static void rain_in_a_dull_week_is_a_risk_of_blister_blight(void **state)
{
    (void)state;
    struct disease_input input = dry_days(17.5f);
    wet(20, 4);
    light(&input, 0.1);
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_MEDIUM); /* no gauge */
    for (size_t i = 0; i < DISEASE_HOURS; i++)
        hours[i].rain_mm = 0;
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_LOW);
    hours[22].rain_mm = 2;
    hours[23].rain_mm = 0.5f;
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_MEDIUM);
    light(&input, 0.9);
    assert_int_equal(judge(&input, DISEASE_BLISTER_BLIGHT).level, DISEASE_LOW);
}

static void sunshine_is_not_guessed_from_half_of_the_days(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    light(&input, 0.9);
    for (size_t i = 0; i < DISEASE_HOURS / 2; i++)
        hours[i].lux = NAN;
    assert_true(isnan(disease_sunshine_h(&input)));
}

static void with_hours_missing_nothing_is_said(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    for (size_t i = 0; i < DISEASE_HOURS - DISEASE_KNOWN_MIN; i++)
        hours[i].humidity = NAN;
    assert_int_equal(judge(&input, DISEASE_WHITE_STAR).level, DISEASE_LOW);
    hours[60].air_c = NAN;
    struct disease star = judge(&input, DISEASE_WHITE_STAR);
    assert_int_equal(star.level, DISEASE_UNKNOWN);
    assert_null(disease_level_name(star.level));
    assert_string_equal(star.why, "wetness and temperature are known for 95 of 120 hours");
}

static void two_dry_hours_end_no_wet_spell(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    wet(20, 5);
    wet(27, 4);
    struct disease star = judge(&input, DISEASE_WHITE_STAR);
    assert_float_equal(star.wet_h, 9, 0);
    assert_int_equal(star.level, DISEASE_MEDIUM);
    hours[27].humidity = 89; /* the third one does */
    assert_float_equal(judge(&input, DISEASE_WHITE_STAR).wet_h, 5, 0);
}

static void an_unknown_hour_is_not_taken_for_a_wet_one(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    wet(20, 9);
    for (size_t i = 23; i < 26; i++)
        hours[i].humidity = NAN;
    struct disease star = judge(&input, DISEASE_WHITE_STAR);
    assert_float_equal(star.wet_h, 3, 0);
    assert_int_equal(star.level, DISEASE_LOW);
}

static void rain_wets_leaves_in_any_air(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    for (size_t i = 20; i < 26; i++)
        hours[i].rain_mm = 0.2f;
    assert_float_equal(judge(&input, DISEASE_WHITE_STAR).wet_h, 6, 0);
}

static void sunshine_wants_a_place(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    light(&input, 0.9);
    input.latitude = input.longitude = NAN;
    assert_true(isnan(disease_sunshine_h(&input)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_of_magarey),
        cmocka_unit_test(a_wet_night_of_the_right_warmth_infects),
        cmocka_unit_test(a_leaf_sensor_is_believed_before_the_air),
        cmocka_unit_test(sunshine_keeps_blister_blight_down),
        cmocka_unit_test(rain_in_a_dull_week_is_a_risk_of_blister_blight),
        cmocka_unit_test(sunshine_is_not_guessed_from_half_of_the_days),
        cmocka_unit_test(with_hours_missing_nothing_is_said),
        cmocka_unit_test(two_dry_hours_end_no_wet_spell),
        cmocka_unit_test(an_unknown_hour_is_not_taken_for_a_wet_one),
        cmocka_unit_test(rain_wets_leaves_in_any_air),
        cmocka_unit_test(sunshine_wants_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
