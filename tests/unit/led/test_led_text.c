/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/textbox.h"
#include "led_scene.h"

static struct led_scene s;

static int setup(void **unused)
{
    (void)unused;
    scene_open(&s);
    scene_live_day(&s);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    scene_close(&s);
    return 0;
}

static void expect(const char *source, enum language language, const char *expected)
{
    char error[300] = "", out[TEMPLATE_TEXT_SIZE];
    struct template *template = template_compile(source, &s.state, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(template);
    template_write(template, &s.state, language, &s.now, out, sizeof out);
    template_free(template);
    assert_string_equal(out, expected);
}

static void templates_write_what_is_known(void **unused)
{
    (void)unused;
    expect("{plot/upper/air_temperature}{plot/upper/air_temperature:unit}", LANGUAGE_ZH, "18.2°C");
    expect("{plot/upper/air_temperature:trend}", LANGUAGE_EN, "↑");
    expect("{plot/upper/air_temperature:min}~{plot/upper/air_temperature:max}", LANGUAGE_ZH,
           "9.3~21.7");
    expect("{plot/upper/soil_moisture:min}", LANGUAGE_ZH, "--");
    expect("{plot/upper/air_temperature:label}", LANGUAGE_ZH, "气温");
    expect("{plot/upper/air_temperature:age}", LANGUAGE_EN, "0s");
    expect("{label:plot/upper} {label:plot/nobody}", LANGUAGE_ZH, "上坡 nobody");
    expect("{farm} {time} {date} {weekday}", LANGUAGE_ZH, "白叶茶园 15:05 4月3日 周五");
    expect("{date} {weekday}", LANGUAGE_EN, "3 Apr Fri");
    expect("{forecast/upper/pick_jin} {forecast/upper/pickers}", LANGUAGE_EN, "12-24 4");
    expect("{forecast/upper/pick_jin}{forecast/upper/pick_jin:unit}", LANGUAGE_ZH, "12-24斤");
    expect("{forecast/upper/pick_jin:unit} {forecast/upper/ready_kg:unit}", LANGUAGE_EN, "jin kg");
    expect("{forecast/upper/pick_kg:unit}", LANGUAGE_ZH, "公斤");
    expect("{frost} {frost/min_c}", LANGUAGE_ZH, "留意 2.1");
    expect("{disease}", LANGUAGE_ZH, "茶饼病 中");
    expect("{alerts}", LANGUAGE_EN, "No alerts");
    expect("{{x} 100%", LANGUAGE_EN, "{x} 100%");
    expect("", LANGUAGE_EN, "");
}

/* As the site's description names it: a farm's own profile may give another than the table. */
static void a_value_has_the_sites_unit(void **unused)
{
    (void)unused;
    expect("{plot/upper/air_temperature:unit}", LANGUAGE_ZH, "°C");
    expect("{plot/upper/own_metric:unit}", LANGUAGE_ZH, ""); /* in no table */
    scene_send(&s, "site",
               "{\"metrics\":{\"air_temperature\":{\"unit\":\"°F\"},"
               "\"own_metric\":{\"unit\":\"g/h\"},\"air_humidity\":{\"unit\":\"%RH\"}}}",
               true);
    expect("{plot/upper/air_temperature:unit}", LANGUAGE_ZH, "°F");
    expect("{plot/upper/air_humidity:unit}", LANGUAGE_ZH, "%");
    expect("{plot/upper/own_metric:unit}", LANGUAGE_ZH, "g/h");
    expect("{frost/min_c:unit}", LANGUAGE_ZH, "°C"); /* the forecast has its own */
    scene_send(&s, "site", "{\"metrics\":{}}", true);
    expect("{plot/upper/air_temperature:unit}", LANGUAGE_ZH, "°C");
}

static void old_values_are_dashes_in_text_too(void **unused)
{
    (void)unused;
    scene_advance(&s, 12 * 60000);
    expect("{plot/upper/air_temperature}{plot/upper/air_temperature:trend}", LANGUAGE_ZH, "--");
    expect("{plot/upper/air_temperature:age}", LANGUAGE_ZH, "12分");
    scene_advance(&s, 30 * 3600000LL);
    expect("{frost} {disease} {forecast/upper/pick_kg}", LANGUAGE_ZH, "-- -- --");
}

static void wrong_templates_are_refused_with_a_reason(void **unused)
{
    (void)unused;
    static const char many[] = "{time}{time}{time}{time}{time}{time}{time}{time}{time}{time}{time}"
                               "{time}{time}{time}{time}{time}{time}{time}{time}{time}{time}{time}"
                               "{time}{time}{time}";
    static const char *const wrong[] = {
        "{plot/upper",   "{nothing}", "{plot/upper/air_temperature:colour}",
        "{label:upper}", "{}",        many,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char error[300] = "";
        assert_null(template_compile(wrong[i], &s.state, error, sizeof error));
        assert_true(strlen(error) > 10);
    }
}

static void numbers_have_the_metrics_decimals(void **unused)
{
    (void)unused;
    static const struct {
        const char *metric;
        double value;
        const char *text;
    } cases[] = {
        {"air_temperature", 18.249, "18.2"},
        {"air_temperature", -0.04, "0.0"},
        {"air_humidity", 99.6, "100"},
        {"soil_conductivity", 1480, "1480"},
        {"vapour_pressure_deficit", 1.005, "1.00"},
        {"rainfall", 1234.5, "1234"},
        {"unheard_of", 3, "3"},
        {"unheard_of", 3.25, "3.2"},
        {"illuminance", 1e9, "1.0e+09"},
        {"air_temperature", -1e300, "-1.0e+300"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        number_text(text, sizeof text, cases[i].metric, cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

static void ages_are_short(void **unused)
{
    (void)unused;
    static const struct {
        int64_t ms;
        const char *zh, *en;
    } cases[] = {
        {-5, "0秒", "0s"},
        {59999, "59秒", "59s"},
        {60000, "1分", "1min"},
        {3599999, "59分", "59min"},
        {3600000, "1时", "1h"},
        {172800000, "2天", "2d"},
        {86400000LL * 5000, ">999天", ">999d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[24];
        word_age(text, sizeof text, cases[i].ms, LANGUAGE_ZH);
        assert_string_equal(text, cases[i].zh);
        word_age(text, sizeof text, cases[i].ms, LANGUAGE_EN);
        assert_string_equal(text, cases[i].en);
    }
}

static void utf8_of_strangers(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        uint32_t code;
        size_t size;
    } cases[] = {
        {"A", 'A', 1},           {"茶", 0x8336, 3},           {"\xF0\x9F\x8D\x83", 0x1F343, 4},
        {"\xC0\x80", 0xFFFD, 2}, {"\xED\xA0\x80", 0xFFFD, 3}, {"\xF8", 0xFFFD, 1},
        {"\x80", 0xFFFD, 1},     {"\xE8\x8C", 0xFFFD, 1},     {"\xF4\x90\x80\x80", 0xFFFD, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t at = 0;
        assert_int_equal(utf8_next(cases[i].text, strlen(cases[i].text), &at), cases[i].code);
        assert_int_equal(at, cases[i].size);
    }
}

static void copies_end_at_whole_characters(void **unused)
{
    (void)unused;
    char out[10];
    utf8_copy(out, sizeof out, "茶园茶");
    assert_string_equal(out, "茶园茶");
    utf8_copy(out, sizeof out, "茶园茶园");
    assert_string_equal(out, "茶园…");
    utf8_copy(out, sizeof out, "a\nb\x7F");
    assert_string_equal(out, "a b ");
    utf8_copy(out, 2, "茶");
    assert_string_equal(out, "");
    utf8_copy(out, 1, "a");
    assert_string_equal(out, "");
}

static void a_missing_glyph_is_a_box(void **unused)
{
    (void)unused;
    struct canvas canvas;
    struct font font = {FACE_TEXT12, 1};
    assert_true(canvas_init(&canvas, 32, 16));
    int width =
        font_draw(s.fonts, &canvas, font, 0, 0, (struct color){255, 0, 0}, "\xF0\x9F\x8D\x83");
    assert_true(width >= 6);
    assert_int_equal(canvas.pixels[3 * 1], 255);          /* the corner */
    assert_int_equal(canvas.pixels[3 * (3 * 32 + 3)], 0); /* hollow */
    canvas_free(&canvas);
}

static struct textbox set(const char *text, int width, int height)
{
    struct textbox box;
    textbox_set(&box, s.fonts, &text, 1, width, height, height / 2);
    return box;
}

static void text_wraps_between_words_and_hanzi(void **unused)
{
    (void)unused;
    struct textbox box = set("Cover the bushes", 62, 31);
    assert_int_equal(box.row_count, 2);
    assert_memory_equal(box.rows[1].text, "bushes", 6);
    box = set("日落前覆盖，茶蓬", 60, 31);
    assert_int_equal(box.row_count, 2);
    assert_int_equal(box.rows[0].size, 12); /* the comma is not alone at the next row's start */
}

static void what_does_not_fit_goes_to_a_further_picture(void **unused)
{
    (void)unused;
    struct textbox box = set("one two three four five six seven eight nine ten", 62, 31);
    assert_true(box.screens >= 2);
    assert_int_equal(box.rows_per_screen, 2);
}

static void a_number_is_never_cut(void **unused)
{
    (void)unused;
    struct textbox box = set("1234567890123", 30, 31);
    assert_int_equal(box.row_count, 0);
    box = set("wideword", 30, 31);
    assert_true(box.row_count >= 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(templates_write_what_is_known),
        CASE(a_value_has_the_sites_unit),
        CASE(old_values_are_dashes_in_text_too),
        CASE(wrong_templates_are_refused_with_a_reason),
        CASE(numbers_have_the_metrics_decimals),
        CASE(ages_are_short),
        CASE(utf8_of_strangers),
        CASE(copies_end_at_whole_characters),
        CASE(a_missing_glyph_is_a_box),
        CASE(text_wraps_between_words_and_hanzi),
        CASE(what_does_not_fit_goes_to_a_further_picture),
        CASE(a_number_is_never_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
