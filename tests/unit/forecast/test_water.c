/* SPDX-License-Identifier: Apache-2.0 */
/* How much water a plot lacks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/forecast/water.h"

static struct water judge(double moisture)
{
    struct water water;
    struct water_input input = {.moisture = moisture, .soil = WATER_LOAM, .root_m = 0.5};
    water_judge(&input, &water);
    return water;
}

/* Loam, 25 % to 12 %, half a metre: 65 mm in all, 26 mm are borne. */
static void levels_of_a_loam(void **state)
{
    (void)state;
    static const struct {
        double moisture, deficit_mm;
        enum water_level level;
    } cases[] = {
        {30, 0, WATER_NONE},        {25, 0, WATER_NONE},      {22.5, 12.5, WATER_NONE},
        {22.3, 13.5, WATER_LOW},    {19.9, 25.5, WATER_LOW},  {19.7, 26.5, WATER_MEDIUM},
        {17.3, 38.5, WATER_MEDIUM}, {17.1, 39.5, WATER_HIGH}, {12, 65, WATER_HIGH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct water water = judge(cases[i].moisture);
        assert_int_equal(water.level, cases[i].level);
        assert_float_equal(water.deficit_mm, cases[i].deficit_mm, 1e-9);
        assert_float_equal(water.available_mm, 65, 1e-9);
        assert_int_equal(water.irrigate, cases[i].level >= WATER_MEDIUM);
    }
    assert_string_equal(judge(19.6).why, "soil moisture 20 %, 27 mm short (about 18 m³ per mu)");
}

static void what_is_left_is_a_share(void **state)
{
    (void)state;
    assert_float_equal(judge(18.5).left, 0.5, 1e-9);
    assert_float_equal(judge(40).left, 1, 0);
    assert_float_equal(judge(3).left, 0, 0);
}

static void without_a_soil_or_a_probe_nothing_is_said(void **state)
{
    (void)state;
    struct water water = judge(NAN);
    assert_int_equal(water.level, WATER_UNKNOWN);
    assert_true(isnan(water.deficit_mm) && isnan(water.left));
    assert_false(water.irrigate);
    assert_non_null(strstr(water.why, "not enough soil moisture"));
    struct water_input input = {.moisture = 20, .root_m = 0.5};
    water_judge(&input, &water);
    assert_int_equal(water.level, WATER_UNKNOWN);
    assert_non_null(strstr(water.why, "soil:"));
    assert_null(water_level_name(water.level));
}

static void every_texture_holds_water(void **state)
{
    (void)state;
    for (int soil = WATER_SAND; soil <= WATER_CLAY; soil++) {
        double full = 0, dry = 0;
        assert_true(water_soil_limits((enum water_soil)soil, &full, &dry));
        assert_true(full > dry && dry > 0 && full < 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_of_a_loam),
        cmocka_unit_test(what_is_left_is_a_share),
        cmocka_unit_test(without_a_soil_or_a_probe_nothing_is_said),
        cmocka_unit_test(every_texture_holds_water),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
