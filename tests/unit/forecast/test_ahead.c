/* SPDX-License-Identifier: Apache-2.0 */
/* The weather ahead: what the file may look like, what is wrong with it, what is read off it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/forecast/ahead_file.h"

#define FIRST_MS INT64_C(1806192000000) /* 2027-03-28 00:00 UTC */

static struct ahead ahead;
static char why[160];

static void assert_three_hours(void)
{
    assert_int_equal(ahead.first_ms, FIRST_MS);
    assert_int_equal(ahead.count, 3);
    assert_float_equal(ahead.air_c[0], 4.5, 1e-6);
    assert_true(isnan(ahead.air_c[1]));
    assert_float_equal(ahead.air_c[2], -1.25, 1e-6);
    assert_float_equal(ahead.rain_mm[0], 0, 1e-6);
    assert_float_equal(ahead.rain_mm[2], 1.5, 1e-6);
    assert_float_equal(ahead.rain_chance[2], 0.8, 1e-6);
}

static void open_meteos_json_is_read_in_its_own_zone(void **state)
{
    (void)state;
    static const char json[] =
        "{\"latitude\":26.5,\"utc_offset_seconds\":28800,\"hourly_units\":{},\"hourly\":{"
        "\"time\":[\"2027-03-28T08:00\",\"2027-03-28T09:00\",\"2027-03-28T10:00\"],"
        "\"temperature_2m\":[4.5,null,-1.25],\"precipitation\":[0,0,1.5],"
        "\"precipitation_probability\":[10,20,80]}}";
    assert_true(ahead_parse(json, &ahead, why, sizeof why));
    assert_three_hours();
    static const char seconds[] = "{\"hourly\":{\"time\":[1806192000],\"temperature_2m\":[3]}}";
    assert_true(ahead_parse(seconds, &ahead, why, sizeof why));
    assert_int_equal(ahead.first_ms, FIRST_MS);
    assert_true(isnan(ahead.rain_mm[0]) && isnan(ahead.rain_chance[0]));
}

static void csv_of_any_script_is_read(void **state)
{
    (void)state;
    static const char csv[] = "rain_chance,time,model,air_temperature,rainfall\r\n"
                              "10,2027-03-28T00:00,x,4.5,0\r\n"
                              "20,2027-03-28 01:00:00,x,,0\r\n"
                              "80,2027-03-28T02:00Z,x,-1.25,1.5\r\n\r\n";
    assert_true(ahead_parse(csv, &ahead, why, sizeof why));
    assert_three_hours();
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "line 1 names no columns"},
        {"time,air_temperature\n", "it holds no hour"},
        {"time,air_temperature\n2027-03-28T00:00,3\nsoon,4\n", "line 3: no time"},
        {"{\"hourly\":", "line 1 is no JSON"},
        {"{\"hourly\":{\"time\":[]}}", "no hourly.time and hourly.temperature_2m"},
        {"{\"hourly\":{\"time\":[true],\"temperature_2m\":[1]}}", "hourly.time[0] is no time"},
        {"{\"error\":true,\"reason\":\"limit exceeded\"}", "no hourly.time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(ahead_parse(cases[i][0], &ahead, why, sizeof why));
        if (strstr(why, cases[i][1]) == NULL)
            fail_msg("case %zu: %s", i, why);
        assert_int_equal(ahead.count, 0);
    }
}

static void what_cannot_be_weather_is_not_known(void **state)
{
    (void)state;
    static const char csv[] = "time,air_temperature,rainfall,rain_chance\n"
                              "2027-03-28T00:00,999,-3,180\n"
                              "2020-01-01T00:00,5,0,0\n"
                              "2099-01-01T00:00,5,0,0\n";
    assert_true(ahead_parse(csv, &ahead, why, sizeof why));
    assert_int_equal(ahead.count, 1);
    assert_true(isnan(ahead.air_c[0]) && isnan(ahead.rain_mm[0]) && isnan(ahead.rain_chance[0]));
}

static void an_old_file_is_not_used(void **state)
{
    (void)state;
    char path[] = "/tmp/baiye-ahead-XXXXXX";
    static const char csv[] = "time,air_temperature\n2027-03-28T00:00,3\n";
    int fd = mkstemp(path);
    struct stat status;
    assert_true(fd >= 0 && write(fd, csv, sizeof csv - 1) == (ssize_t)sizeof csv - 1);
    assert_int_equal(fstat(fd, &status), 0);
    (void)close(fd);
    int64_t made_ms = (int64_t)status.st_mtim.tv_sec * 1000;
    assert_true(ahead_file_read(path, made_ms + TEA_HOUR_MS, &ahead, why, sizeof why));
    assert_int_equal(ahead.made_ms, made_ms);
    assert_false(ahead_file_read(path, made_ms + 25 * TEA_HOUR_MS, &ahead, why, sizeof why));
    assert_true(ahead.made_ms == 0 && ahead.count == 0);
    assert_non_null(strstr(why, "more than a day ago"));
    assert_false(ahead_file_read(path, made_ms - TEA_HOUR_MS, &ahead, why, sizeof why));
    (void)unlink(path);
    assert_false(ahead_file_read(path, made_ms, &ahead, why, sizeof why));
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(ahead_file_read(path, made_ms, &ahead, why, sizeof why)); /* waits for nobody */
    (void)unlink(path);
}

static void a_day_needs_most_of_its_hours(void **state)
{
    (void)state;
    int64_t at_ms = 0, to_ms = FIRST_MS + TEA_DAY_MS;
    ahead = (struct ahead){.made_ms = 1, .first_ms = FIRST_MS, .count = 24};
    for (int i = 0; i < 24; i++) {
        ahead.air_c[i] = (float)(i == 5 ? -2 : 6);
        ahead.rain_mm[i] = i == 3 ? 4 : 0;
        ahead.rain_chance[i] = NAN;
    }
    assert_true(fabs(ahead_mean_c(&ahead, FIRST_MS, to_ms) - (23 * 6 - 2) / 24.0) < 1e-6);
    assert_float_equal(ahead_rain_mm(&ahead, FIRST_MS, to_ms), 4, 1e-6);
    assert_true(ahead_rain_chance(&ahead, FIRST_MS, to_ms) > 0.8);
    assert_true(ahead_rain_chance(&ahead, FIRST_MS + 4 * TEA_HOUR_MS, to_ms) < 0.2);
    assert_float_equal(ahead_least_c(&ahead, FIRST_MS, to_ms, &at_ms), -2, 1e-6);
    assert_int_equal(at_ms, FIRST_MS + 5 * TEA_HOUR_MS);
    for (int i = 0; i < 24; i++)
        ahead.rain_chance[i] = i == 7 ? 0.6f : 0.1f;
    assert_float_equal(ahead_rain_chance(&ahead, FIRST_MS, to_ms), 0.6, 1e-6);
    for (int i = 8; i < 16; i++)
        ahead.air_c[i] = NAN;
    assert_true(isnan(ahead_mean_c(&ahead, FIRST_MS, to_ms)));
    assert_true(isnan(ahead_least_c(&ahead, FIRST_MS, to_ms, &at_ms)));
    assert_true(isnan(ahead_rain_mm(&ahead, to_ms, to_ms + TEA_DAY_MS)));
}

static void rain_that_comes_soon_is_of_most_of_the_hours_and_of_a_fresh_forecast(void **state)
{
    (void)state;
    int64_t now_ms = FIRST_MS + 5 * TEA_HOUR_MS / 2, to_ms = now_ms + 12 * TEA_HOUR_MS;
    ahead = (struct ahead){.made_ms = FIRST_MS, .first_ms = FIRST_MS, .count = 24};
    for (int i = 0; i < 24; i++)
        ahead.rain_mm[i] = 0.5f;
    assert_float_equal(ahead_rain_soon_mm(&ahead, now_ms, to_ms), 6.5, 1e-6); /* hours 2 to 14 */
    for (int i = 4; i < 7; i++)
        ahead.rain_mm[i] = NAN;
    assert_float_equal(ahead_rain_soon_mm(&ahead, now_ms, to_ms), 5, 1e-6);
    ahead.rain_mm[7] = NAN;
    assert_true(isnan(ahead_rain_soon_mm(&ahead, now_ms, to_ms)));
    ahead.rain_mm[7] = 0;
    ahead.made_ms = now_ms - AHEAD_OLD_MS - 1;
    assert_true(isnan(ahead_rain_soon_mm(&ahead, now_ms, to_ms)));
    ahead.made_ms = 0;
    assert_true(isnan(ahead_rain_soon_mm(&ahead, now_ms, to_ms)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_meteos_json_is_read_in_its_own_zone),
        cmocka_unit_test(csv_of_any_script_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(what_cannot_be_weather_is_not_known),
        cmocka_unit_test(an_old_file_is_not_used),
        cmocka_unit_test(a_day_needs_most_of_its_hours),
        cmocka_unit_test(rain_that_comes_soon_is_of_most_of_the_hours_and_of_a_fresh_forecast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
