/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/field/weather.h"

#define DAY_S 86400.0

static const struct weather garden = {.seed = 1, .latitude = 26.5};

static double mean_temperature(double from_s, int hours)
{
    double sum = 0;
    for (int i = 0; i < hours; i++) {
        struct weather_now now;
        weather_at(&garden, from_s + i * 3600.0, 0, &now);
        sum += now.value[WEATHER_AIR_TEMPERATURE];
    }
    return sum / hours;
}

static void summers_are_warm_and_winters_cool(void **state)
{
    int64_t january, july;
    (void)state;
    assert_true(weather_time_parse("2026-01-10T00:00:00Z", &january));
    assert_true(weather_time_parse("2026-07-10T00:00:00Z", &july));
    double winter = mean_temperature((double)january, 24 * 20);
    double summer = mean_temperature((double)july, 24 * 20);
    assert_true(winter > 0 && winter < 12);
    assert_true(summer > 20 && summer < 30);
}

static void nights_are_dark_and_noons_bright(void **state)
{
    int64_t midnight;
    struct weather_now night, noon;
    (void)state;
    assert_true(weather_time_parse("2026-04-01T16:48:00Z", &midnight)); /* 108° E: 00:00 */
    weather_at(&garden, (double)midnight, 0, &night);
    weather_at(&garden, (double)midnight + DAY_S / 2, 0, &noon);
    assert_true(fabs(night.value[WEATHER_ILLUMINANCE] - (0)) <= 1e-9);
    assert_true(noon.value[WEATHER_ILLUMINANCE] > 10000);
}

static void every_hour_of_two_years_is_plausible(void **state)
{
    (void)state;
    for (int hour = 0; hour < 2 * 365 * 24; hour++) {
        struct weather_now now;
        weather_at(&garden, 1.77e9 + hour * 3600.0, (uint32_t)hour % 50, &now);
        assert_true(now.value[WEATHER_AIR_TEMPERATURE] > -15);
        assert_true(now.value[WEATHER_AIR_TEMPERATURE] < 42);
        assert_true(now.value[WEATHER_AIR_HUMIDITY] >= 5);
        assert_true(now.value[WEATHER_AIR_HUMIDITY] <= 100);
        assert_true(now.value[WEATHER_SOIL_MOISTURE] >= 1);
        assert_true(now.value[WEATHER_SOIL_MOISTURE] <= 60);
        assert_true(now.vapour_pressure > 0 && now.vapour_pressure < 10);
    }
}

static void weather_moves_slowly(void **state)
{
    struct weather_now before, after;
    (void)state;
    weather_at(&garden, 1.77e9, 0, &before);
    for (int second = 10; second < 86400; second += 10) {
        weather_at(&garden, 1.77e9 + second, 0, &after);
        assert_true(fabs(after.value[WEATHER_AIR_TEMPERATURE] -
                         (before.value[WEATHER_AIR_TEMPERATURE])) <= 0.1);
        before = after;
    }
}

static void load(const char *text, struct weather_series *series, bool good)
{
    char path[] = "/tmp/test_weather_XXXXXX", error[128] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(weather_series_load(series, path, error, sizeof(error)), good);
    assert_int_equal(unlink(path), 0);
    if (!good)
        assert_true(error[0] != '\0');
}

static void a_recorded_series_replaces_its_columns_and_repeats(void **state)
{
    struct weather recorded = garden;
    struct weather_now now;
    (void)state;
    load("time,air_humidity,air_temperature\n"
         "2026-04-01T00:00:00Z,90,10\n"
         "2026-04-01T01:00:00Z,80,12\n"
         "2026-04-01T02:00:00Z,70,11\n",
         &recorded.series, true);
    int64_t start;
    assert_true(weather_time_parse("2026-04-01T00:00:00Z", &start));
    struct weather_now spot;
    weather_at(&recorded, (double)start, 3, &spot);
    double offset = spot.value[WEATHER_AIR_TEMPERATURE] - 10;
    weather_at(&recorded, (double)start + 1800, 3, &now);
    assert_true(fabs(now.value[WEATHER_AIR_TEMPERATURE] - (11 + offset)) <= 1e-9);
    weather_at(&recorded, (double)start + 2 * 3600 + 1800, 3, &now);
    assert_true(fabs(now.value[WEATHER_AIR_TEMPERATURE] - (11 + offset)) <= 1e-9);
    weather_series_free(&recorded.series);
}

static void rain_adds_up_however_it_is_asked_for(void **state)
{
    struct weather recorded = garden;
    (void)state;
    double day = 86400, whole = weather_rain_mm(&garden, 0, 30 * day), parts = 0;
    assert_true(whole > 20 && whole < 1000);
    for (double t = 0; t < 30 * day; t += 997)
        parts += weather_rain_mm(&garden, t, fmin(t + 997, 30 * day));
    assert_true(fabs(whole - parts) < 1e-6);
    load("time,rainfall\n0,0\n3600,6\n7200,0\n", &recorded.series, true);
    assert_true(fabs(weather_rain_mm(&recorded, 0, 7200) - 6) < 1e-9);
    assert_true(fabs(weather_rain_mm(&recorded, 1800, 3600) - 2.25) < 1e-9);
    assert_true(weather_rain_mm(&recorded, 50, 50) == 0);
    weather_series_free(&recorded.series);
}

static void a_bad_series_is_refused_with_its_line(void **state)
{
    struct weather_series series;
    (void)state;
    load("when,air_humidity\n1,2\n2,3\n", &series, false);
    load("time,snow\n1,2\n2,3\n", &series, false);
    load("time,air_humidity\n2,3\n1,2\n", &series, false);
    load("time,air_humidity\n1,wet\n2,3\n", &series, false);
    load("time,air_humidity\n1,2\n", &series, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summers_are_warm_and_winters_cool),
        cmocka_unit_test(nights_are_dark_and_noons_bright),
        cmocka_unit_test(every_hour_of_two_years_is_plausible),
        cmocka_unit_test(weather_moves_slowly),
        cmocka_unit_test(a_recorded_series_replaces_its_columns_and_repeats),
        cmocka_unit_test(rain_adds_up_however_it_is_asked_for),
        cmocka_unit_test(a_bad_series_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
