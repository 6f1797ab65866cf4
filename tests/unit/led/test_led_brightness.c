/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/brightness.h"

#define HOUR 3600000LL

static const struct brightness_config plain = {
    .day = 100, .night = 8, .power_limit = 100, .off_from = -1, .off_to = -1, .lux_full = 10000};

static struct light garden(int64_t utc_ms)
{
    return (struct light){.utc_ms = utc_ms,
                          .utc_offset_s = 8 * 3600,
                          .located = true,
                          .latitude = 26.5,
                          .longitude = 107.9,
                          .lux = -1};
}

static void night_is_dim_day_is_full_and_dusk_is_between(void **state)
{
    (void)state;
    int64_t midnight = 1775145600000LL; /* 2026-04-03 00:00 in Guizhou */
    struct light night = garden(midnight + HOUR), noon = garden(midnight + 13 * HOUR);
    assert_int_equal(brightness_level(&plain, &night), 20);
    assert_int_equal(brightness_level(&plain, &noon), 255);
    unsigned before = 20;
    for (int minute = 5 * 60; minute < 9 * 60; minute++) {
        struct light light = garden(midnight + minute * 60000LL);
        unsigned level = brightness_level(&plain, &light);
        assert_true(level >= before && level - before <= 6);
        before = level;
    }
    assert_int_equal(before, 255);
}

static void a_light_sensor_counts_more_than_the_sun(void **state)
{
    (void)state;
    struct light light = garden(1775145600000LL + 13 * HOUR);
    light.lux = 5;
    assert_int_equal(brightness_level(&plain, &light), 20);
    light.lux = 20000;
    assert_int_equal(brightness_level(&plain, &light), 255);
    light.lux = 300;
    assert_in_range(brightness_level(&plain, &light), 60, 200);
}

static void without_a_place_the_hours_decide(void **state)
{
    (void)state;
    struct light light = garden(1775145600000LL + 12 * HOUR);
    light.located = false;
    assert_int_equal(brightness_level(&plain, &light), 255);
    light.utc_ms += 8 * HOUR;
    assert_int_equal(brightness_level(&plain, &light), 20);
}

static void off_hours_are_dark_but_for_alerts(void **state)
{
    (void)state;
    struct brightness_config config = plain;
    config.off_from = 23 * 60;
    config.off_to = 5 * 60;
    int64_t midnight = 1775145600000LL;
    struct light light = garden(midnight + 2 * HOUR);
    assert_int_equal(brightness_level(&config, &light), 0);
    light.alert = true;
    assert_true(brightness_level(&config, &light) >= 20);
    light = garden(midnight + 23 * HOUR - 1);
    assert_true(brightness_level(&config, &light) > 0);
    light = garden(midnight + 5 * HOUR);
    assert_true(brightness_level(&config, &light) > 0);
}

static void an_alert_is_seen_even_when_night_means_dark(void **state)
{
    (void)state;
    struct brightness_config config = plain;
    config.night = 0;
    struct light light = garden(1775145600000LL);
    assert_int_equal(brightness_level(&config, &light), 0);
    light.alert = true;
    assert_int_equal(brightness_level(&config, &light), 20);
}

static unsigned average(const struct canvas *canvas)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < canvas_size(canvas); i++)
        sum += canvas->pixels[i];
    return (unsigned)(sum / canvas_size(canvas));
}

static void the_power_limit_holds_for_any_picture(void **state)
{
    (void)state;
    struct canvas picture, out;
    assert_true(canvas_init(&picture, 32, 16) && canvas_init(&out, 32, 16));
    memset(picture.pixels, 255, canvas_size(&picture));
    brightness_apply(&picture, 255, 100, &out);
    assert_int_equal(average(&out), 255);
    brightness_apply(&picture, 255, 30, &out);
    assert_in_range(average(&out), 74, 77);
    brightness_apply(&picture, 128, 100, &out);
    assert_int_equal(average(&out), 128);
    brightness_apply(&picture, 0, 100, &out);
    assert_int_equal(average(&out), 0);
    memset(picture.pixels, 0, canvas_size(&picture));
    memset(picture.pixels, 255, canvas_size(&picture) / 10);
    brightness_apply(&picture, 255, 30, &out); /* few lit pixels need no limit */
    assert_int_equal(out.pixels[0], 255);
    canvas_clear(&picture);
    brightness_apply(&picture, 255, 5, &out);
    assert_int_equal(average(&out), 0);
    canvas_free(&picture);
    canvas_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(night_is_dim_day_is_full_and_dusk_is_between),
        cmocka_unit_test(a_light_sensor_counts_more_than_the_sun),
        cmocka_unit_test(without_a_place_the_hours_decide),
        cmocka_unit_test(off_hours_are_dark_but_for_alerts),
        cmocka_unit_test(an_alert_is_seen_even_when_night_means_dark),
        cmocka_unit_test(the_power_limit_holds_for_any_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
