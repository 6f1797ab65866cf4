/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/config/config_fixture.h"

static void a_bus_may_be_without_devices(void **state)
{
    (void)state;
    static const char *const none[] = {"    devices: []\n", "    devices: # to come\n"};
    for (unsigned i = 0; i < 2; i++) {
        char text[160];
        struct config_error error;
        (void)snprintf(text, sizeof text, "site: s\nbuses:\n  - name: east\n    port: /dev/x\n%s",
                       none[i]);
        struct config *c = config_text(text, &error);
        assert_non_null(c);
        assert_int_equal(c->buses[0].device_count, 0);
        config_free(c);
    }
}

static void reads_the_design_example(void **state)
{
    (void)state;
    struct config *c = config_good(
        "site: baiye-1\n"
        "location: { lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }\n"
        "store:  { path: readings.db, max_size: 512MB, commit_every: 1s }\n"
        "http:   { listen: 127.0.0.1:8080 }\n"
        "mqtt:\n"
        "  - { name: local, url: 'mqtt://127.0.0.1:1883', user: gateway, password_file: gw.pass }\n"
        "  - { name: cloud, url: 'mqtts://mqtt.example.org', ca_file: /ca.pem, batch: 10min,\n"
        "      budget: 30MB/month }\n"
        "plots:\n"
        "  - { name: upper, label: 上坡, area: 3mu, cultivar: baiye-1, standard: 1B1L,\n"
        "      soil: sandy-loam, root_depth: 60cm, last_year: 170jin, gate: 72.5, "
        "devices: [soil-7],\n"
        "      at: { lat: 26.5012, lon: -107.9034 } }\n"
        "buses:\n"
        "  - name: east\n"
        "    type: rtu\n"
        "    port: /dev/serial/by-id/usb-FTDI-if00\n"
        "    baud: 9600\n"
        "    parity: even\n"
        "    silence: 4ms\n"
        "    devices:\n"
        "      - { name: plot-1, profile: baiye-node, address: 1, every: 60s }\n"
        "      - { name: soil-7, profile: zts-3001-7in1, address: 7, every: 5min, baud: 4800 }\n"
        "  - { name: net, type: tcp, port: '[::1]:1502', devices: [\n"
        "      { name: tcp-250, profile: xy-md02, address: 250, every: 1ms }] }\n"
        "alerts: []\n");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/readings.db", config_folder);
    assert_string_equal(c->store_path, path);
    assert_int_equal(c->store_max_bytes, 512000000);
    assert_int_equal(c->commit_every_ms, 1000);
    assert_int_equal(c->broker_count, 2);
    assert_true(c->brokers[0].panel && !c->brokers[0].url.tls);
    assert_true(!c->brokers[1].panel && c->brokers[1].url.tls);
    assert_int_equal(c->brokers[1].url.port, 8883);
    assert_int_equal(c->brokers[1].batch_ms, 600000);
    assert_int_equal(c->brokers[1].budget_bytes_month, 30000000);
    assert_true(c->plots[0].area_m2 > 1999.9 && c->plots[0].area_m2 < 2000.1);
    assert_string_equal(c->plots[0].standard, "1B1L");
    assert_int_equal(c->plots[0].standard_kind, STANDARD_1B1L);
    assert_int_equal(c->plots[0].soil, SOIL_SANDY_LOAM);
    assert_float_equal(c->plots[0].root_m, 0.6, 1e-9);
    assert_float_equal(c->plots[0].last_year_kg, 85, 1e-9);
    assert_float_equal(c->plots[0].gate_cd, 72.5, 1e-9);
    assert_true(c->plots[0].placed);
    assert_float_equal(c->plots[0].latitude, 26.5012, 1e-9);
    assert_float_equal(c->plots[0].longitude, -107.9034, 1e-9);
    assert_int_equal(c->plots[0].devices[0], 1);
    assert_int_equal(c->buses[0].parity, 'E');
    assert_int_equal(c->buses[0].silence_us, 4000);
    const struct device_config *soil = config_device(c, "soil-7");
    assert_non_null(soil);
    assert_int_equal(soil->every_ms, 300000);
    assert_int_equal(soil->baud, 4800);
    assert_int_equal(soil->metric_count, 7);
    assert_string_equal(soil->metrics[1]->metric, "soil_temperature");
    assert_true(config_device(c, "plot-1")->profile->node);
    assert_string_equal(c->buses[1].port, "::1");
    assert_int_equal(c->buses[1].tcp_port, 1502);
    config_free(c);
}

/* A user's folder comes before the shipped one, and a wrong profile is named with its own file. */
static void reads_profiles_of_the_user_first(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"label: own\nfields:\n  - { metric: air_temperature, register: 0, scale: 0.5 }\n", NULL},
        {"label: own\nfields:\n  - { metric: air_temperature, register: 0, type: u24 }\n",
         "own.yaml:3: type: \"u24\" is unknown"},
        {"label: own\nfields:\n  - { register: 0 }\n", "own.yaml:3: a field has no metric"},
        {"label: own\nfields:\n  - { metric: t, register: 0, scale: 0 }\n", "scale is 0"},
        {"label: own\nfields:\n  - { metric: t, register: 0xFFFF, type: u32 }\n", "past register"},
        {"label: own\nfields:\n  - { metric: t, register: 0, min: 5, max: 5 }\n", "not below max"},
        {"label: own\nfields:\n  - { metric: t, register: 0, function: 2 }\n", "single bits"},
        {"label: own\nfields:\n  - { metric: t, register: 0, type: bits, bit: 9, bits: 8 }\n",
         "within one register"},
        {"label: own\nfields:\n  - { metric: t, register: 0 }\n  - { metric: t, register: 1 }\n",
         "stands twice"},
        {"label: own\nfields: []\n", "0 measured metrics"},
        {"label: own\nfields:\n  - { metric: t, register: 0 }\n"
         "writes:\n  - { name: w, register: 1, min: 2, max: 1 }\n",
         "above max"},
    };
    char path[128];
    (void)snprintf(path, sizeof path, "%s/own.yaml", config_folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        assert_true(fputs(cases[i].text, stream) >= 0);
        assert_int_equal(fclose(stream), 0);
        struct config_error error;
        struct config *c =
            config_text(HEAD "      - { name: a, profile: own, address: 1 }\n", &error);
        if ((c == NULL) != (cases[i].says != NULL) ||
            (c == NULL && !strstr(error.text, cases[i].says)))
            fail_msg("case %zu: \"%s\"", i, error.text);
        if (c != NULL) {
            assert_true(c->devices[0].metrics[0]->scale > 0.4);
            assert_string_equal(c->devices[0].metrics[0]->unit, "°C");
        }
        config_free(c);
    }
}

/* What is plausible is known in the metric's own unit: 66 °F is no error of an air thermometer. */
static void limits_go_with_the_unit(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        double min, max;
    } cases[] = {{"°C", -40, 60}, {"°F", -40, 140}, {"K", 233.15, 333.15}, {"Ré", -1e12, 1e12}};
    char path[128], text[128];
    (void)snprintf(path, sizeof path, "%s/own.yaml", config_folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        (void)snprintf(text, sizeof text,
                       "label: own\nfields:\n  - { metric: air_temperature, register: 0, "
                       "unit: \"%s\" }\n",
                       cases[i].unit);
        assert_true(fputs(text, stream) >= 0);
        assert_int_equal(fclose(stream), 0);
        struct config *c = config_good(HEAD "      - { name: a, profile: own, address: 1 }\n");
        assert_float_equal(c->devices[0].metrics[0]->min, cases[i].min, 1e-9);
        assert_float_equal(c->devices[0].metrics[0]->max, cases[i].max, 1e-9);
        config_free(c);
    }
}

/* Addresses that the standard reserves and devices have all the same. */
static void takes_reserved_addresses_that_devices_have(void **state)
{
    (void)state;
    struct config *c = config_good(HEAD "      - { name: a, profile: xy-md02, address: 248 }\n"
                                        "      - { name: b, profile: xy-md02, address: 255 }\n"
                                        "  - { name: net, type: tcp, port: 'h:502', devices: [\n"
                                        "      { name: t, profile: xy-md02, address: 0 }] }\n");
    assert_int_equal(config_device(c, "a")->unit, 248);
    assert_int_equal(config_device(c, "b")->unit, 255);
    assert_int_equal(config_device(c, "t")->unit, 0);
    config_free(c);
}

static void missing_file_is_an_error(void **state)
{
    (void)state;
    struct config_error error;
    assert_null(config_load("/nonexistent/x.yaml", NULL, &error));
    assert_non_null(strstr(error.text, "/nonexistent/x.yaml:1: can't read"));
    assert_null(config_load("/tmp", NULL, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bus_may_be_without_devices),
        cmocka_unit_test(reads_the_design_example),
        cmocka_unit_test(reads_profiles_of_the_user_first),
        cmocka_unit_test(limits_go_with_the_unit),
        cmocka_unit_test(takes_reserved_addresses_that_devices_have),
        cmocka_unit_test(missing_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, config_make_folder, config_remove_folder);
}
