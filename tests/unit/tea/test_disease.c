/* SPDX-License-Identifier: Apache-2.0 */
/* Wet hours at a temperature, and the sun: what they say of the three leaf diseases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/tea/disease.h"
#include "gateway/daemon/tea/sun.h"
#include "tests/unit/tea/day_of_hours.h"

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
        hours[i].lux =
            (float)(share * sun_clear_lux(sun_sine(middle_ms, input->latitude, input->longitude)));
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

static void the_sun_over_guizhou(void **state)
{
    (void)state;
    /* 21 June, noon by the sun (12:50 on the clock): 90 - 26.5 + 23.45 = 86.95 degrees. */
    assert_float_equal(sun_sine(INT64_C(1782017400000), 26.5, 107.9), 0.9986, 1e-3);
    /* The equator at an equinox, 06:00 by the sun: in the horizon. */
    assert_true(fabs(sun_sine(INT64_C(1774072800000), 0, 0)) < 0.05);
    assert_true(sun_sine(INT64_C(1774051200000), 26.5, 0) < -0.8); /* midnight */
    assert_float_equal(sun_clear_lux(1), 119649.5, 0.1);
    assert_float_equal(sun_clear_lux(0.5), 53646.9, 0.1);
    assert_float_equal(sun_clear_lux(-0.1), 0, 0);
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

static void an_unknown_hour_is_not_taken_for_a_wet_one(void **state)
{
    (void)state;
    struct disease_input input = dry_days(16);
    wet(20, 9);
    hours[24].humidity = NAN;
    struct disease star = judge(&input, DISEASE_WHITE_STAR);
    assert_float_equal(star.wet_h, 4, 0);
    assert_int_equal(star.level, DISEASE_LOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_of_magarey),
        cmocka_unit_test(the_sun_over_guizhou),
        cmocka_unit_test(a_wet_night_of_the_right_warmth_infects),
        cmocka_unit_test(a_leaf_sensor_is_believed_before_the_air),
        cmocka_unit_test(sunshine_keeps_blister_blight_down),
        cmocka_unit_test(rain_in_a_dull_week_is_a_risk_of_blister_blight),
        cmocka_unit_test(sunshine_is_not_guessed_from_half_of_the_days),
        cmocka_unit_test(with_hours_missing_nothing_is_said),
        cmocka_unit_test(an_unknown_hour_is_not_taken_for_a_wet_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
