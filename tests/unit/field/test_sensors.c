/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/field/sensors.h"

static const struct scene scene = {.weather = {.speed = 1}};
static struct garden garden;
static struct sampler sampler;
static struct sensors sensors;
static char answer[SENSORS_TEXT_SIZE];

static int start(void **state)
{
    (void)state;
    memset(&sampler, 0, sizeof(sampler));
    garden.scene = &scene;
    garden.weather = (struct weather){.seed = 1, .latitude = 26.5};
    garden.weather_start_s = 1775000000;
    garden.started_ns = loop_now_ns();
    sensors_init(&sensors, &garden, 3, &sampler);
    return 0;
}

static size_t command(const char *text)
{
    size_t size = sensors_sdi12(&sensors, text, strlen(text), answer, sizeof(answer) - 1);
    answer[size] = '\0';
    return size;
}

static const char *transfer(const char *text)
{
    size_t size = sensors_i2c(&sensors, text, answer, sizeof(answer));
    assert_true(size > 0 && size < sizeof(answer));
    return answer;
}

static void the_soil_probe_answers_raw_counts_that_mean_the_ledgers_moisture(void **state)
{
    struct sdi12_number numbers[9];
    (void)state;
    assert_true(command("0M!") > 0);
    assert_int_equal(answer[4], '3');
    assert_int_equal(sensors_service(&sensors, answer, sizeof(answer)), 3);
    assert_memory_equal(answer, "0\r\n", 3);
    assert_true(command("0D0!") > 0);
    int got = sdi12_values_parse(answer, strlen(answer), '0', false, numbers, 9);
    assert_int_equal(got, 3);
    double raw = numbers[0].mantissa / pow(10, numbers[0].decimals);
    struct sampler_round *round = &sampler.rounds[0];
    assert_true(fabs((raw * 3.879e-4 - 0.6956) * 100 - round->value[SAMPLER_SOIL_MOISTURE]) < 1e-9);
    assert_int_equal(sampler.count, 1);
}

static void the_air_probe_is_at_address_one_and_nobody_at_two(void **state)
{
    (void)state;
    assert_true(command("1M!") > 0);
    assert_int_equal(answer[4], '4');
    assert_int_equal(command("2M!"), 0);
    assert_true(sampler.rounds[0].channels & (1u << SAMPLER_AIR_HUMIDITY));
}

static void the_thermometer_converts_when_configured(void **state)
{
    (void)state;
    assert_string_equal(transfer("48 w 0160"), "ok\n");
    assert_string_equal(transfer("48 w 01 r 1"), "ok 60\n");
    assert_int_equal(strncmp(transfer("48 w 00 r 2"), "ok ", 3), 0);
    int16_t counts = (int16_t)strtoul(answer + 3, NULL, 16);
    assert_int_equal(counts & 0xF, 0);
    assert_true(counts / 256.0 == sampler.rounds[0].value[SAMPLER_AIR_TEMPERATURE]);
    assert_string_equal(transfer("48 r 2"), answer);
}

static void other_addresses_and_nonsense_get_no_acknowledge(void **state)
{
    (void)state;
    assert_string_equal(transfer("50 w 0000 r 2"), "nak\n");
    assert_string_equal(transfer("hello"), "nak\n");
    assert_string_equal(transfer(""), "nak\n");
    assert_string_equal(transfer("48 w 00 r 200"), "nak\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_soil_probe_answers_raw_counts_that_mean_the_ledgers_moisture,
                               start),
        cmocka_unit_test_setup(the_air_probe_is_at_address_one_and_nobody_at_two, start),
        cmocka_unit_test_setup(the_thermometer_converts_when_configured, start),
        cmocka_unit_test_setup(other_addresses_and_nonsense_get_no_acknowledge, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
