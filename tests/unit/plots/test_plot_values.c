/* SPDX-License-Identifier: Apache-2.0 */
/* What a plot shows of its devices: means by quantity, one unit, flags, derived metrics. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common/unit_convert.h"
#include "gateway/daemon/plots/plot_values.h"

#define NOW      INT64_C(1771000000000)
#define EVERY_MS 60000u

/* One device with one value, measured `age_ms` ago. */
static void add_aged(struct plot_values *plot, const struct plot_field *field, double value,
                     uint8_t flag, int64_t age_ms)
{
    struct reading reading = {.value_count = 1,
                              .time = {.ms = NOW - age_ms, .trust = TIME_TRUSTED},
                              .values = {{.value = value, .present = true, .flag = flag}}};
    plot_values_add(plot, field, 1, &reading, EVERY_MS, NOW);
}

static void add(struct plot_values *plot, const struct plot_field *field, double value)
{
    add_aged(plot, field, value, METRIC_GOOD, 0);
}

static double get(const struct plot_values *plot, const char *metric, enum metric_flag *flag)
{
    double value = (double)NAN;
    *flag = METRIC_GOOD;
    (void)plot_values_get(plot, metric, &value, flag);
    return value;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.6f is not %.6f +- %.6f", value, expected, tolerance);
}

static void assert_json(const struct plot_values *plot, const char *expected)
{
    char json[1024];
    struct json_out o = json_out_init(json, sizeof json - 1);
    plot_values_json(&o, plot);
    assert_false(o.failed);
    json[o.at] = '\0';
    assert_string_equal(json, expected);
}

static const struct plot_field celsius = {"air_temperature", "°C", "°C", 2};
static const struct plot_field fahrenheit = {"air_temperature", "°F", "°C", 1};
static const struct plot_field humidity = {"air_humidity", "%RH", "%RH", 1};
static const struct plot_field direction = {"wind_direction", "°", "°", 0};
static const struct plot_field rain = {"rainfall", "mm", "mm", 1};
static const struct plot_field heat = {"thermal_time", "°C d", "°C d", 0};

static void a_plot_shows_the_mean_of_its_devices(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add_aged(&plot, &celsius, 10, METRIC_GOOD, 2000);
    add(&plot, &celsius, 13);
    assert_json(&plot, "{\"ts\":1770999998000,\"every_s\":60,\"values\":{\"air_temperature\":11.5},"
                       "\"flags\":{}}");
}

static void the_mean_of_directions_is_a_direction(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &direction, 350);
    add(&plot, &direction, 20);
    assert_near(get(&plot, "wind_direction", &flag), 5, 1e-6);
}

static void a_direction_just_below_north_is_written_as_north(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add(&plot, &direction, 359.7);
    assert_json(&plot, "{\"ts\":1771000000000,\"every_s\":60,\"values\":{\"wind_direction\":0},"
                       "\"flags\":{}}");
}

static void opposite_directions_have_no_mean(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add(&plot, &direction, 90);
    add(&plot, &direction, 270);
    assert_json(&plot, "{\"ts\":1771000000000,\"every_s\":60,\"values\":{},\"flags\":{}}");
}

static void two_gauges_of_one_plot_do_not_double_its_rain(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &rain, 2);
    add(&plot, &rain, 2.4);
    assert_near(get(&plot, "rainfall", &flag), 2.2, 1e-9);
}

static void of_totals_the_newest_counts(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    enum metric_flag flag;
    add_aged(&plot, &heat, 100, METRIC_GOOD, 1000);
    add_aged(&plot, &heat, 90, METRIC_GOOD, 5000);
    assert_near(get(&plot, "thermal_time", &flag), 100, 0);
}

static void a_mean_is_of_one_unit(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &celsius, 10);
    add(&plot, &fahrenheit, 53.6); /* 12 °C */
    assert_near(get(&plot, "air_temperature", &flag), 11, 1e-9);
}

static void what_cannot_be_converted_is_left_out_of_the_mean(void **state)
{
    (void)state;
    static const struct plot_field raw = {"air_temperature", "counts", "°C", 0};
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &celsius, 10);
    add(&plot, &raw, 40000);
    assert_near(get(&plot, "air_temperature", &flag), 10, 0);
}

static void a_plot_in_fahrenheit_has_the_same_dew_point(void **state)
{
    (void)state;
    static const struct plot_field shown = {"air_temperature", "°F", "°F", 1};
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &shown, 68); /* 20 °C */
    add(&plot, &humidity, 60);
    plot_values_derive(&plot);
    assert_near(get(&plot, "vapour_pressure_deficit", &flag), 0.935, 0.002);
    assert_near(get(&plot, "dew_point", &flag), 12.0, 0.05);
}

static void one_sound_device_makes_the_value_sound(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    enum metric_flag flag;
    add_aged(&plot, &celsius, 10, METRIC_UNCALIBRATED, 0);
    (void)get(&plot, "air_temperature", &flag);
    assert_int_equal(flag, METRIC_UNCALIBRATED);
    add(&plot, &celsius, 12);
    assert_near(get(&plot, "air_temperature", &flag), 11, 0);
    assert_int_equal(flag, METRIC_GOOD);
}

static void a_value_that_is_not_believed_is_a_flag_and_no_value(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add_aged(&plot, &celsius, 85, METRIC_RANGE, 0);
    add(&plot, &humidity, 60);
    assert_json(&plot, "{\"ts\":1771000000000,\"every_s\":60,\"values\":{\"air_humidity\":60},"
                       "\"flags\":{\"air_temperature\":\"range\"}}");
}

static void a_silent_devices_metric_is_stale(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add_aged(&plot, &celsius, 10, METRIC_GOOD, 10 * EVERY_MS);
    add(&plot, &humidity, 60);
    assert_json(&plot, "{\"ts\":1771000000000,\"every_s\":60,\"values\":{\"air_humidity\":60},"
                       "\"flags\":{\"air_temperature\":\"stale\"}}");
}

static void a_sensor_that_is_not_fitted_is_no_news(void **state)
{
    (void)state;
    struct plot_values plot = {0};
    add_aged(&plot, &celsius, 0, METRIC_ABSENT, 0);
    add(&plot, &humidity, 60);
    assert_json(&plot, "{\"ts\":1771000000000,\"every_s\":60,\"values\":{\"air_humidity\":60},"
                       "\"flags\":{}}");
}

static void a_time_that_is_not_trusted_is_told_of_values_and_what_follows(void **state)
{
    (void)state;
    const struct plot_field fields[] = {celsius, humidity};
    struct plot_values plot = {0};
    struct reading reading = {
        .value_count = 2,
        .time = {.ms = NOW, .trust = TIME_UNTRUSTED},
        .values = {{.value = 20, .present = true}, {.value = 60, .present = true}}};
    enum metric_flag flag;
    plot_values_add(&plot, fields, 2, &reading, EVERY_MS, NOW);
    plot_values_derive(&plot);
    assert_near(get(&plot, "dew_point", &flag), 12.0, 0.05);
    assert_int_equal(flag, METRIC_CLOCK);
}

static void a_measured_dew_point_is_not_overwritten(void **state)
{
    (void)state;
    static const struct plot_field dew = {"dew_point", "°C", "°C", 1};
    struct plot_values plot = {0};
    enum metric_flag flag;
    add(&plot, &celsius, 20);
    add(&plot, &humidity, 60);
    add(&plot, &dew, 11);
    plot_values_derive(&plot);
    assert_near(get(&plot, "dew_point", &flag), 11, 0);
}

static void more_metrics_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    static char names[PLOT_METRICS + 2][8];
    struct plot_values plot = {0};
    for (unsigned i = 0; i < PLOT_METRICS + 2; i++) {
        struct plot_field field = {names[i], "", "", 0};
        names[i][0] = (char)('a' + i / 26);
        names[i][1] = (char)('a' + i % 26);
        add(&plot, &field, i);
    }
    assert_int_equal(plot.count, PLOT_METRICS);
}

static void units_convert_both_ways(void **state)
{
    (void)state;
    double value = -40;
    assert_true(unit_convert("°C", "°F", &value));
    assert_near(value, -40, 1e-9);
    value = 1.2;
    assert_true(unit_convert("mS/cm", "µS/cm", &value));
    assert_near(value, 1200, 1e-9);
    assert_true(unit_convert("furlong", "furlong", &value));
    assert_false(unit_convert("°C", "lx", &value));
    assert_false(unit_convert("furlong", "m", &value));
    assert_near(value, 1200, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plot_shows_the_mean_of_its_devices),
        cmocka_unit_test(the_mean_of_directions_is_a_direction),
        cmocka_unit_test(a_direction_just_below_north_is_written_as_north),
        cmocka_unit_test(opposite_directions_have_no_mean),
        cmocka_unit_test(two_gauges_of_one_plot_do_not_double_its_rain),
        cmocka_unit_test(of_totals_the_newest_counts),
        cmocka_unit_test(a_mean_is_of_one_unit),
        cmocka_unit_test(what_cannot_be_converted_is_left_out_of_the_mean),
        cmocka_unit_test(a_plot_in_fahrenheit_has_the_same_dew_point),
        cmocka_unit_test(one_sound_device_makes_the_value_sound),
        cmocka_unit_test(a_value_that_is_not_believed_is_a_flag_and_no_value),
        cmocka_unit_test(a_silent_devices_metric_is_stale),
        cmocka_unit_test(a_sensor_that_is_not_fitted_is_no_news),
        cmocka_unit_test(a_time_that_is_not_trusted_is_told_of_values_and_what_follows),
        cmocka_unit_test(a_measured_dew_point_is_not_overwritten),
        cmocka_unit_test(more_metrics_than_there_is_room_for_are_left_out),
        cmocka_unit_test(units_convert_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
