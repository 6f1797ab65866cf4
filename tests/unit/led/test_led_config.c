/* SPDX-License-Identifier: Apache-2.0 */
/* Every mistake in a file is told with its line; what --check says is the arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/led/check.h"
#include "led_scene.h"

static char path[] = "/tmp/baiye-led-test-XXXXXX";

static int setup(void **unused)
{
    (void)unused;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    int rc = unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    return rc;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

#define GOOD "site: baiye-1\npages: pages.yaml\nmqtt: { user: led, password_file: p }\n"

static void a_small_file_is_enough(void **unused)
{
    (void)unused;
    static struct led_config config;
    struct config_error error;
    write_file(GOOD);
    assert_true(led_config_load(&config, path, &error));
    assert_int_equal(config.width, 128);
    assert_string_equal(config.mqtt.host, "127.0.0.1");
    assert_int_equal(config.mqtt.port, 1883);
    assert_string_equal(config.pages, "/tmp/pages.yaml"); /* beside the file */
}

static void all_keys_are_read(void **unused)
{
    (void)unused;
    static struct led_config config;
    struct config_error error;
    write_file(
        "site: a\nfarm: 茶园\nlanguage: [en, zh]\ntimezone: Asia/Shanghai\n"
        "location: { lat: 26.5, lon: -107.9 }\npages: /p.yaml\nfonts: /f\n"
        "mqtt: { url: \"mqtts://[::1]:8884\", user: u, password_file: /p, ca_file: /c,"
        " cert_file: /d, key_file: /k, batch: 10min, preview: false }\n"
        "screen: { width: 64, height: 32, pitch: 5, distance: 20 }\n"
        "brightness: { day: 90, night: 3, power_limit: 40, lux: dev/m/illuminance,"
        " lux_full: 5000, off: { from: \"23:00\", to: \"05:30\" } }\n"
        "outputs:\n  - { type: ddp, to: 10.0.0.9 }\n"
        "  - { type: framebuffer, device: /dev/fb1, x: 2, y: 3, format: rgb565, stride: 256 }\n"
        "  - { type: png, file: out.png }\n  - { type: terminal }\n");
    assert_true(led_config_load(&config, path, &error));
    assert_int_equal(config.language_count, 2);
    assert_int_equal(config.languages[0], LANGUAGE_EN);
    assert_string_equal(config.mqtt.host, "::1");
    assert_int_equal(config.mqtt.port, 8884);
    assert_true(config.mqtt.tls);
    assert_int_equal(config.mqtt.batch_ms, 600000);
    assert_int_equal(config.brightness.off_to, 330);
    assert_int_equal(config.output_count, 4);
    assert_int_equal(config.outputs[0].port, 4048);
    assert_int_equal(config.outputs[1].format, PIXEL_RGB565);
    assert_string_equal(config.outputs[2].path, "/tmp/out.png");
}

static void mistakes_are_told_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int line;
        const char *part;
    } cases[] = {
        {GOOD "colour: red\n", 4, "unknown key \"colour\""},
        {GOOD "screen:\n  width: 128\n  hight: 64\n", 6, "unknown key \"hight\""},
        {GOOD "screen: { width: 12 }\n", 4, "outside 32..1024"},
        {GOOD "screen: { width: 64.5 }\n", 4, "not a whole number"},
        {GOOD "language: fr\n", 4, "zh, en"},
        {GOOD "brightness: { off: { from: \"25:00\", to: \"05:00\" } }\n", 4, "time of day"},
        {GOOD "brightness: { off: { from: \"23:00\" } }\n", 4, "off has no to"},
        {GOOD "outputs:\n  - { type: ddp }\n", 5, "needs to"},
        {GOOD "outputs:\n  - { type: hologram }\n", 5, "one of ddp"},
        {GOOD "outputs:\n  - { type: ddp, to: \"h:99999\" }\n", 5, "HOST:PORT"},
        {GOOD "outputs:\n  - { type: terminal, to: h }\n", 5, "to is for ddp"},
        {GOOD "boards:\n  - { device: b, value: plot/a/soil_ph }\n", 5, "a board has no name"},
        {GOOD "location: { lat: 26 }\n", 4, "location has no lon"},
        {GOOD "site: twice\n", 4, "twice"},
        {"site: Baiye\npages: p\nmqtt: { user: a, password_file: b }\n", 1, "site"},
        {"site: a\nmqtt: { user: a, password_file: b }\n", 1, "the file has no pages"},
        {"site: a\npages: p\nmqtt: { url: \"http://x\", user: a }\n", 3, "mqtt://"},
        {"site: a\npages: p\nmqtt: { url: \"mqtts://x\", user: a }\n", 3, "ca_file"},
        {"site: a\npages: p\nmqtt: {}\n", 3, "user"},
        {"site: [\n", 1, "not YAML"},
        {"", 1, "empty"},
        {"- a\n", 1, "key: value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct led_config config;
        struct config_error error;
        char place[300];
        write_file(cases[i].text);
        assert_false(led_config_load(&config, path, &error));
        (void)snprintf(place, sizeof place, "%s:%d: ", path, cases[i].line);
        if (strncmp(error.text, place, strlen(place)) != 0 || !strstr(error.text, cases[i].part))
            fail_msg("case %zu: %s", i, error.text);
    }
}

/* libyaml's time grows with the square of the depth: it is not handed such a file. */
static void a_file_of_brackets_is_refused(void **unused)
{
    (void)unused;
    static char text[100001];
    static struct led_config config;
    struct config_error error;
    memset(text, '[', sizeof text - 1);
    write_file(text);
    assert_false(led_config_load(&config, path, &error));
    assert_non_null(strstr(error.text, "levels of brackets"));
}

static void pages_mistakes_are_told_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int line;
        const char *part;
    } cases[] = {
        {"pages:\n  - { name: a, clock: true, qr: x }\n", 2, "one of values"},
        {"pages:\n  - { name: a }\n", 2, "one of values"},
        {"pages:\n  - { clock: true }\n", 2, "a page has no name"},
        {"pages: []\n", 1, "1 to 24"},
        {"page: []\n", 1, "did you mean \"pages\""},
        {"pages:\n  - name: a\n    values:\n      - plot/upper\n", 4, "unknown value"},
        {"pages:\n  - name: a\n    values:\n      - { value: plot/u/soil_ph, max: 3 }\n", 4,
         "unknown key \"max\""},
        {"pages:\n  - name: a\n    text:\n      - ok\n      - \"{wether}\"\n", 5, "unknown field"},
        {"pages:\n  - name: a\n    title: { zh: x }\n    clock: true\n", 3, "both languages"},
        {"pages:\n  - { name: a, clock: true, dwell: 8 }\n", 2, "not a duration"},
        {"pages:\n  - { name: a, clock: true, dwell: 1s }\n", 2, "outside 2000..600000"},
        {"pages:\n  - { name: a, picture: nothing.png }\n", 2, "not a readable PNG"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct pages pages;
        static struct state state;
        struct config_error error;
        char place[300];
        state_init(&state);
        write_file(cases[i].text);
        assert_false(pages_load(&pages, path, &state, &error));
        pages_free(&pages);
        (void)snprintf(place, sizeof place, "%s:%d: ", path, cases[i].line);
        if (strncmp(error.text, place, strlen(place)) != 0 || !strstr(error.text, cases[i].part))
            fail_msg("case %zu: %s", i, error.text);
    }
}

static void distances_are_the_published_rules(void **unused)
{
    (void)unused;
    assert_float_equal(reading_distance_m(160, false, false), 57.1, 0.1); /* 16 px of P10 */
    assert_float_equal(reading_distance_m(160, false, true), 94.1, 0.1);
    assert_float_equal(reading_distance_m(120, false, false), 42.9, 0.1);
    assert_float_equal(reading_distance_m(160, true, false), 38.1, 0.1);
}

static void check_names_each_page_and_refuses_the_unreadable(void **unused)
{
    (void)unused;
    static struct led_config config;
    struct led_scene scene;
    char *text = NULL;
    size_t size = 0;
    struct config_error error;
    write_file(GOOD "screen: { width: 128, height: 64, pitch: 10 }\n");
    assert_true(led_config_load(&config, path, &error));
    scene_open(&scene);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(check_print(out, &config, &scene.pages, &scene.state, scene.fonts));
    config.distance_m = 500;
    assert_false(check_print(out, &config, &scene.pages, &scene.state, scene.fonts));
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "screen 128x64, pitch 10 mm: 1.28 m x 0.64 m"));
    assert_non_null(strstr(text, "page upper: 2 pictures of 8 s"));
    assert_non_null(strstr(text, "numbers   20 px =  200 mm: comfortable to 71 m, limit 118 m"));
    assert_non_null(strstr(text, "NOT readable from 500 m"));
    free(text);
    scene_close(&scene);
}

static void outputs_of_the_command_line(void **unused)
{
    (void)unused;
    static struct led_config config;
    assert_true(led_config_output(&config, "terminal"));
    assert_true(led_config_output(&config, "png:/tmp/x.png"));
    assert_string_equal(config.outputs[0].path, "/tmp/x.png");
    assert_true(led_config_output(&config, "ddp:127.0.0.1:5000"));
    assert_int_equal(config.outputs[0].port, 5000);
    assert_int_equal(config.output_count, 1);
    assert_false(led_config_output(&config, "ddp:"));
    assert_false(led_config_output(&config, "png:"));
    assert_false(led_config_output(&config, "hologram"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_small_file_is_enough),
        CASE(all_keys_are_read),
        CASE(mistakes_are_told_with_their_line),
        CASE(a_file_of_brackets_is_refused),
        CASE(pages_mistakes_are_told_with_their_line),
        CASE(distances_are_the_published_rules),
        CASE(check_names_each_page_and_refuses_the_unreadable),
        CASE(outputs_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
