/* SPDX-License-Identifier: Apache-2.0 */
/* The sun over the garden: its height, its nights, its light. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/common/sun.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static void assert_near(double value, double expected, double tolerance)
{
    if (fabs(value - expected) > tolerance)
        fail_msg("%.3f is not %.3f +- %.3f", value, expected, tolerance);
}

/* Reference values: NOAA Solar Calculator's equations worked by hand for these moments; the
 * solstice noon heights are 90 - latitude +- obliquity. */
static void the_sun_stands_where_almanacs_say(void **state)
{
    (void)state;
    /* 2026-06-21 at local solar noon (equation of time -1.8 min) on the meridian of Greenwich. */
    assert_near(sun_elevation(1782043308000LL, 51.48, 0), 90 - 51.48 + 23.436, 0.1);
    /* 2026-12-21 at local solar noon (+1.9 min). */
    assert_near(sun_elevation(1797854286000LL, 26.5, 0), 90 - 26.5 - 23.436, 0.1);
    /* Equinox 2026-03-20 14:46 UTC: the sun stands over the equator where it is noon. */
    int64_t equinox = 1774017960000LL;
    double noon_longitude = (12 * 60 - (14 * 60 + 46) + 7.4) / 4;
    assert_near(sun_elevation(equinox, 0, noon_longitude), 90, 0.3);
    assert_near(sun_elevation(equinox, 0, noon_longitude + 180), -90, 0.3);
    assert_near(sun_elevation(equinox, 0, noon_longitude + 90), 0, 0.3);
}

static void assert_minute(int64_t at_ms, int64_t expected_ms)
{
    if (llabs(at_ms - expected_ms) > 2 * MINUTE_MS)
        fail_msg("%lld minutes off", (long long)(at_ms - expected_ms) / MINUTE_MS);
}

/* In Guizhou, 28 N 107.5 E, by the clock of UTC+8: NOAA's calculator. */
static void a_night_is_from_sunset_to_sunrise(void **state)
{
    (void)state;
    int64_t march_15_ms = INT64_C(1773504000000); /* 2026-03-15 00:00 */
    int64_t sunset_ms = 0, sunrise_ms = 0, again_ms = 0;
    assert_true(sun_night(march_15_ms, 28, 107.5, &sunset_ms, &sunrise_ms));
    assert_minute(sunrise_ms, march_15_ms + 6 * HOUR_MS + 59 * MINUTE_MS);
    int64_t morning_ms = sunrise_ms;
    assert_true(sunset_ms < march_15_ms - 5 * HOUR_MS && sunset_ms > march_15_ms - 6 * HOUR_MS);
    assert_true(sun_night(march_15_ms + 7 * HOUR_MS + 5 * MINUTE_MS, 28, 107.5, &again_ms,
                          &sunrise_ms)); /* by day it is the next one */
    assert_minute(again_ms, sunset_ms + 24 * HOUR_MS + MINUTE_MS);
    int64_t evening_ms = sunset_ms;
    for (int64_t at_ms = sunset_ms + 1; at_ms < sunset_ms + 11 * HOUR_MS; at_ms += 7111111) {
        int64_t same_ms = 0;
        assert_true(sun_night(at_ms, 28, 107.5, &evening_ms, &same_ms));
        assert_int_equal(evening_ms, sunset_ms);
        assert_int_equal(same_ms, morning_ms);
    }
    int64_t april_ms = march_15_ms + 17 * 24 * HOUR_MS;
    assert_true(sun_night(april_ms, 28, 107.5, &sunset_ms, &sunrise_ms));
    assert_minute(sunrise_ms, april_ms + 6 * HOUR_MS + 40 * MINUTE_MS);
}

/* Minutes are left out on the way: against a look at each, to where the sun hardly sets. */
static void no_minute_of_sunset_is_passed_over(void **state)
{
    (void)state;
    int64_t day_ms = INT64_C(1773504000000), sunset_ms = 0, sunrise_ms = 0;
    for (int latitude = -60; latitude <= 66; latitude += 21) {
        for (int d = 0; d < 360; d += 60) {
            int64_t at_ms = day_ms + d * 24 * HOUR_MS;
            if (!sun_night(at_ms, latitude, 107.5, &sunset_ms, &sunrise_ms))
                continue;
            int64_t set_ms = sunset_ms, minute_ms = sunset_ms;
            assert_true(sun_elevation(set_ms - MINUTE_MS, latitude, 107.5) > -0.833);
            while (sun_elevation(minute_ms, latitude, 107.5) <= -0.833)
                minute_ms += MINUTE_MS;
            assert_int_equal(minute_ms, sunrise_ms);
        }
    }
}

static void where_the_sun_stays_up_there_is_no_night(void **state)
{
    (void)state;
    int64_t june_ms = INT64_C(1782043308000), sunset_ms = 0, sunrise_ms = 0;
    assert_false(sun_night(june_ms, 75, 20, &sunset_ms, &sunrise_ms));
    assert_false(sun_night(june_ms, -75, 20, &sunset_ms, &sunrise_ms));
    assert_true(isnan(sun_elevation(june_ms, NAN, 107.9)));
    assert_false(sun_night(june_ms, NAN, NAN, &sunset_ms, &sunrise_ms));
}

static void a_clear_sky_is_brighter_the_higher_the_sun(void **state)
{
    (void)state;
    assert_float_equal(sun_clear_lux(90), 119649.5, 0.1);
    assert_float_equal(sun_clear_lux(30), 53646.9, 0.1);
    assert_float_equal(sun_clear_lux(-5), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sun_stands_where_almanacs_say),
        cmocka_unit_test(a_night_is_from_sunset_to_sunrise),
        cmocka_unit_test(no_minute_of_sunset_is_passed_over),
        cmocka_unit_test(where_the_sun_stays_up_there_is_no_night),
        cmocka_unit_test(a_clear_sky_is_brighter_the_higher_the_sun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
