/* SPDX-License-Identifier: Apache-2.0 */
/* Golden pictures: each page, size and language, pixel for pixel. To keep new ones after looking
 * at them: BAIYE_GOLDEN_WRITE=1 build/bin/test_led_pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/png_file.h"
#include "gateway/led/render.h"
#include "led_scene.h"

static const struct {
    int width, height, wanted;
} sizes[] = {{64, 32, 16}, {128, 64, 12}, {192, 96, 19}, {320, 160, 32}};

static const char *const language_names[LANGUAGE_COUNT] = {"zh", "en"};

static void write_png(const char *path, const struct canvas *canvas)
{
    size_t size = png_size_max(canvas);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    size = png_write(canvas, bytes, size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

/* How many pixels differ from the golden picture; -1: there is none, or of another size. */
static int compare(const char *path, const struct canvas *canvas)
{
    struct canvas golden;
    const char *why = NULL;
    if (!png_read(path, 1024, &golden, &why))
        return -1;
    int different = -1;
    if (golden.width == canvas->width && golden.height == canvas->height) {
        different = 0;
        for (size_t i = 0; i < canvas_size(canvas); i += 3)
            different += memcmp(golden.pixels + i, canvas->pixels + i, 3) != 0;
    }
    canvas_free(&golden);
    return different;
}

static int failures;

static void check_picture(const struct canvas *canvas, const char *name)
{
    char golden[512], actual[256];
    (void)snprintf(golden, sizeof golden, LED_TEST_DIR "/golden/%dx%d-%s.png", canvas->width,
                   canvas->height, name);
    if (getenv("BAIYE_GOLDEN_WRITE")) {
        write_png(golden, canvas);
        return;
    }
    int different = compare(golden, canvas);
    if (different == 0)
        return;
    (void)snprintf(actual, sizeof actual, "led-%dx%d-%s.png", canvas->width, canvas->height, name);
    write_png(actual, canvas);
    print_error("%s: %d pixels differ; what was drawn is in %s\n", golden, different, actual);
    failures++;
}

typedef void draw_function(const struct scene *scene, struct canvas *canvas, const void *what,
                           const char *name);

static void draw_page(const struct scene *scene, struct canvas *canvas, const void *what,
                      const char *name)
{
    const struct page *page = what;
    int screens = render_screens(scene, page, canvas->width, canvas->height);
    for (int i = 0; i < screens; i++) {
        char numbered[80];
        (void)snprintf(numbered, sizeof numbered, "%s-%s-%d", language_names[scene->language], name,
                       i + 1);
        render_page(scene, canvas, page, i);
        check_picture(canvas, numbered);
    }
}

static void draw_alert(const struct scene *scene, struct canvas *canvas, const void *what,
                       const char *name)
{
    int screens = render_alert_screens(scene, what, canvas->width, canvas->height);
    for (int i = 0; i < screens; i++) {
        char numbered[80];
        (void)snprintf(numbered, sizeof numbered, "%s-%s-%d", language_names[scene->language], name,
                       i + 1);
        render_alert(scene, canvas, what, i);
        check_picture(canvas, numbered);
    }
}

static void check_all(struct led_scene *s, draw_function *draw, const void *what, const char *name)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct canvas canvas;
        assert_true(canvas_init(&canvas, sizes[i].width, sizes[i].height));
        for (int language = 0; language < LANGUAGE_COUNT; language++) {
            struct scene scene = {s->fonts, &s->state, (enum language)language, &s->now,
                                  sizes[i].wanted};
            draw(&scene, &canvas, what, name);
        }
        canvas_free(&canvas);
    }
    assert_int_equal(failures, 0);
}

static void page_pictures(struct led_scene *s, const char *page, const char *name)
{
    check_all(s, draw_page, scene_page(s, page), name);
}

static void every_page_of_an_ordinary_day(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    for (int i = 0; i < s.pages.count; i++)
        page_pictures(&s, s.pages.pages[i].name, s.pages.pages[i].name);
    scene_close(&s);
}

static void before_anything_came(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    state_link(&s.state, false, &s.now);
    scene_advance(&s, 42000);
    page_pictures(&s, "upper", "waiting");
    scene_close(&s);
}

static void old_values_are_dashes_with_their_age(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    scene_advance(&s, 12 * 60 * 1000);
    page_pictures(&s, "upper", "stale");
    scene_close(&s);
}

static void gateway_offline_is_said(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    state_message(&s.state, "gateway/status", "offline", 7, false, &s.now);
    scene_advance(&s, 3 * 60 * 1000 + 2000);
    page_pictures(&s, "upper", "offline");
    scene_close(&s);
}

static void an_alarm_fills_the_screen(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    scene_send(&s, "alert/frost",
               "{\"what\":{\"zh\":\"今夜霜冻 2.1°C\",\"en\":\"Frost tonight 2.1°C\"},"
               "\"where\":\"上坡\",\"since\":@,\"level\":\"alarm\","
               "\"do\":{\"zh\":\"日落前覆盖茶蓬\",\"en\":\"Cover the bushes before sunset\"}}",
               true);
    check_all(&s, draw_alert, state_alert(&s.state, 2, 0), "alarm");
    page_pictures(&s, "alerts", "alarmlist");
    page_pictures(&s, "upper", "alarmed");
    scene_close(&s);
}

static void send_measured_frost(struct led_scene *s, const char *more)
{
    char message[1024];
    (void)snprintf(message, sizeof message,
                   "{\"id\":\"frost-garden\",\"rule\":\"frost\",\"level\":\"alarm\","
                   "\"where\":\"garden\",\"since\":@,"
                   "\"what\":\"Frost: air temperature -1.4 °C, below 2 °C\","
                   "\"place\":\"上坡, 下坡\",\"todo\":\"Start fans or sprinklers now\","
                   "\"label\":\"Frost\",\"quantity\":\"air temperature\","
                   "\"zh\":{\"what\":\"霜冻：气温 -1.4 °C，低于 2 °C\",\"place\":\"上坡、下坡\","
                   "\"todo\":\"马上开风机或喷灌\",\"label\":\"霜冻\",\"quantity\":\"气温\"},"
                   "\"value\":-1.4,\"extreme\":-1.9,\"unit\":\"°C\",\"decimals\":1%s}",
                   more);
    scene_send(s, "alert/frost-garden", message, true);
}

/* As the gateway sends it: the value in large digits, with what it measures and where. */
static void a_measured_alert_shows_its_value_largest(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    send_measured_frost(&s, "");
    check_all(&s, draw_alert, state_alert(&s.state, 2, 0), "measured");
    scene_send(&s, "alert/dry-lower",
               "{\"id\":\"dry-lower\",\"rule\":\"dry\",\"level\":\"watch\",\"where\":\"lower\","
               "\"since\":@,\"what\":\"Dry soil: soil moisture 17.2 %, below 20 %\","
               "\"place\":\"下坡\",\"todo\":\"Water the lower slope tonight\","
               "\"label\":\"Dry soil\",\"quantity\":\"soil moisture\","
               "\"zh\":{\"what\":\"干旱：土壤水分 17.2 %，低于 20 %\",\"place\":\"下坡\","
               "\"todo\":\"今晚浇下坡\",\"label\":\"干旱\",\"quantity\":\"土壤水分\"},"
               "\"value\":17.2,\"extreme\":17.2,\"unit\":\"%\",\"decimals\":1}",
               true);
    check_all(&s, draw_alert, state_alert(&s.state, 1, 1), "watch");
    scene_send(&s, "alert/silent-soil-3",
               "{\"id\":\"silent-soil-3\",\"level\":\"watch\",\"where\":\"soil-3\",\"since\":@,"
               "\"what\":\"no answer, no new data\",\"place\":\"下坡 · 土壤三号\","
               "\"todo\":\"check its power and its wires\",\"zh\":{\"what\":"
               "\"没有应答，没有新数据\",\"place\":\"下坡 · 土壤三号\",\"todo\":"
               "\"检查它的供电和接线\"}}",
               true);
    for (int i = 0; i < 3; i++) {
        if (strcmp(state_alert(&s.state, 1, i)->id, "silent-soil-3") == 0)
            check_all(&s, draw_alert, state_alert(&s.state, 1, i), "silent");
    }
    scene_close(&s);
}

/* What is not measured any more, or can not come, is not in large digits as if it were now. */
static void an_alarm_whose_value_is_old_is_told_in_words(void **unused)
{
    (void)unused;
    struct led_scene s;
    scene_open(&s);
    scene_live_day(&s);
    send_measured_frost(&s, ",\"stale\":true");
    assert_false(state_alert(&s.state, 2, 0)->measured);
    send_measured_frost(&s, "");
    assert_true(state_alert(&s.state, 2, 0)->measured);
    state_message(&s.state, "gateway/status", "offline", 7, false, &s.now);
    scene_advance(&s, 3 * 60 * 1000 + 2000);
    check_all(&s, draw_alert, state_alert(&s.state, 2, 0), "measuredoff");
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_of_an_ordinary_day),
        cmocka_unit_test(before_anything_came),
        cmocka_unit_test(old_values_are_dashes_with_their_age),
        cmocka_unit_test(gateway_offline_is_said),
        cmocka_unit_test(an_alarm_fills_the_screen),
        cmocka_unit_test(a_measured_alert_shows_its_value_largest),
        cmocka_unit_test(an_alarm_whose_value_is_old_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
