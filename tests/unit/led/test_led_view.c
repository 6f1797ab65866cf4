/* SPDX-License-Identifier: Apache-2.0 */
/* The screen over time: turns of pages, alarms, freezes, any size, a day without growth. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/led/view.h"
#include "led_scene.h"

static struct led_scene s;
static struct view view;
static struct canvas canvas;

static int setup(void **unused)
{
    static const enum language languages[] = {LANGUAGE_ZH, LANGUAGE_EN};
    (void)unused;
    scene_open(&s);
    scene_live_day(&s);
    view_init(&view, &s.pages, languages, 2);
    return canvas_init(&canvas, 128, 64) ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    canvas_free(&canvas);
    scene_close(&s);
    return 0;
}

static void draw(void)
{
    struct scene scene = {.fonts = s.fonts, .state = &s.state, .now = &s.now, .wanted = 12};
    view_draw(&view, &scene, &canvas);
}

/* Draws it again on its own: is the canvas that page's picture at this moment? */
static bool shows_page(const char *name, int screen, enum language language)
{
    struct canvas expected;
    struct scene scene = {s.fonts, &s.state, language, &s.now, 12};
    assert_true(canvas_init(&expected, canvas.width, canvas.height));
    render_page(&scene, &expected, scene_page(&s, name), screen);
    bool same = memcmp(expected.pixels, canvas.pixels, canvas_size(&canvas)) == 0;
    canvas_free(&expected);
    return same;
}

static void each_picture_stays_for_its_dwell_time(void **unused)
{
    (void)unused;
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_ZH));
    scene_advance(&s, PAGE_DWELL_MS - 1);
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_ZH));
    scene_advance(&s, 1);
    draw();
    assert_true(shows_page("upper", 1, LANGUAGE_ZH));
    scene_advance(&s, PAGE_DWELL_MS);
    draw();
    assert_true(shows_page("lower", 0, LANGUAGE_ZH));
}

static void after_the_last_page_the_other_language_has_its_turn(void **unused)
{
    (void)unused;
    draw();
    for (int i = 0; i < 100 && view.languages[view.language] == LANGUAGE_ZH; i++) {
        scene_advance(&s, PAGE_DWELL_MS);
        draw();
    }
    assert_int_equal(view.page, 0);
    assert_true(shows_page("upper", 0, LANGUAGE_EN));
}

static void an_alarm_takes_over_at_once_and_gives_back(void **unused)
{
    (void)unused;
    draw();
    scene_send(&s, "alert/frost", "{\"what\":\"霜冻\",\"level\":\"alarm\",\"do\":\"覆盖\"}", true);
    draw();
    struct canvas expected;
    struct scene scene = {s.fonts, &s.state, LANGUAGE_ZH, &s.now, 12};
    assert_true(canvas_init(&expected, 128, 64));
    render_alert(&scene, &expected, state_alert(&s.state, 2, 0), 0);
    assert_memory_equal(expected.pixels, canvas.pixels, canvas_size(&canvas));
    scene_advance(&s, VIEW_ALERT_MS);
    draw();
    render_alert(&scene, &expected, state_alert(&s.state, 2, 0), 1);
    assert_memory_equal(expected.pixels, canvas.pixels, canvas_size(&canvas));
    canvas_free(&expected);
    state_message(&s.state, "alert/frost", "", 0, false, &s.now);
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_ZH));
}

static void a_watch_does_not_take_over_but_is_counted_in_the_title(void **unused)
{
    (void)unused;
    draw();
    struct canvas before = canvas;
    before.pixels = malloc(canvas_size(&canvas));
    assert_non_null(before.pixels);
    memcpy(before.pixels, canvas.pixels, canvas_size(&canvas));
    scene_send(&s, "alert/dry", "{\"what\":\"干\",\"level\":\"watch\"}", true);
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_ZH));
    assert_memory_not_equal(before.pixels, canvas.pixels, canvas_size(&canvas));
    canvas_free(&before);
}

static bool shows_alert(int level, int index, int screen, enum language language)
{
    struct canvas expected;
    struct scene scene = {s.fonts, &s.state, language, &s.now, 12};
    assert_true(canvas_init(&expected, canvas.width, canvas.height));
    render_alert(&scene, &expected, state_alert(&s.state, level, index), screen);
    bool same = memcmp(expected.pixels, canvas.pixels, canvas_size(&canvas)) == 0;
    canvas_free(&expected);
    return same;
}

static void draw_until_the_last_page_is_over(void)
{
    draw();
    for (int i = 0; i < 100 && !view.watching; i++) {
        scene_advance(&s, PAGE_DWELL_MS);
        draw();
    }
    assert_true(view.watching);
}

static void a_watch_has_its_turn_behind_the_last_page(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/dry", "{\"what\":\"干\",\"level\":\"watch\",\"do\":\"浇\"}", true);
    scene_send(&s, "alert/later", "{\"what\":\"知\",\"level\":\"info\"}", true);
    draw_until_the_last_page_is_over();
    assert_true(shows_alert(1, 0, 0, LANGUAGE_ZH));
    scene_advance(&s, VIEW_ALERT_MS);
    draw();
    assert_true(shows_alert(1, 0, 1, LANGUAGE_ZH));
    scene_advance(&s, VIEW_ALERT_MS);
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_EN)); /* the other language's round */
}

/* Each of forty has its turn, and the pages have theirs. */
static void many_watches_leave_time_for_the_pages(void **unused)
{
    (void)unused;
    bool seen[6] = {false};
    for (int i = 0; i < 6; i++) {
        char topic[32];
        (void)snprintf(topic, sizeof topic, "alert/dry-%d", i);
        scene_send(&s, topic, "{\"what\":\"干\",\"level\":\"watch\"}", true);
    }
    for (int round = 0; round < 2; round++) {
        draw_until_the_last_page_is_over();
        for (int k = 0; view.watching; k++) {
            assert_true(k < VIEW_WATCH_MOST);
            seen[view.watch] = true;
            scene_advance(&s, VIEW_ALERT_MS);
            draw();
        }
        assert_int_equal(view.page, 0);
    }
    for (int i = 0; i < 6; i++)
        assert_true(seen[i]);
}

static void a_watch_that_ends_in_its_turn_gives_the_screen_back(void **unused)
{
    (void)unused;
    scene_send(&s, "alert/dry", "{\"what\":\"干\",\"level\":\"watch\"}", true);
    draw_until_the_last_page_is_over();
    state_message(&s.state, "alert/dry", "", 0, false, &s.now);
    draw();
    assert_true(shows_page("upper", 0, LANGUAGE_EN));
    scene_send(&s, "alert/frost", "{\"what\":\"霜\",\"level\":\"alarm\"}", true);
    draw();
    assert_true(shows_alert(2, 0, 0, LANGUAGE_EN));
}

static void the_first_picture_after_a_freeze_is_true(void **unused)
{
    (void)unused;
    draw();
    scene_advance(&s, 3600000);
    draw();
    assert_int_equal(state_value(&s.state, 0, &s.now).shown, SHOWN_STALE);
    assert_true(shows_page("upper", 1, LANGUAGE_ZH)); /* one step on, not an hour's worth */
}

/* Also the narrowest and oddest: nothing is drawn outside, nothing loops or crashes. */
static void any_size_can_be_drawn(void **unused)
{
    (void)unused;
    static const int sizes[][2] = {{32, 16},  {32, 128}, {48, 24},  {64, 16},  {96, 48}, {100, 33},
                                   {128, 32}, {160, 80}, {256, 64}, {500, 47}, {64, 512}};
    scene_send(&s, "alert/x", "{\"what\":\"W1234567890 长长长长长长长长\",\"level\":\"watch\"}",
               true);
    scene_send(&s, "alert/frost-garden",
               "{\"what\":\"x\",\"level\":\"alarm\",\"place\":\"A long place of many words\","
               "\"label\":\"Frost\",\"quantity\":\"air temperature\",\"todo\":\"light fires\","
               "\"zh\":{\"what\":\"霜\",\"label\":\"霜冻\",\"quantity\":\"气温\",\"todo\":\"\"},"
               "\"value\":-123456.7,\"unit\":\"W/m²\"}",
               true);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct canvas odd;
        assert_true(canvas_init(&odd, sizes[i][0], sizes[i][1]));
        for (int p = 0; p < s.pages.count; p++) {
            for (int language = 0; language < LANGUAGE_COUNT; language++) {
                struct scene scene = {s.fonts, &s.state, (enum language)language, &s.now, 10};
                int screens = render_screens(&scene, &s.pages.pages[p], odd.width, odd.height);
                assert_in_range(screens, 1, 40);
                for (int k = 0; k < screens; k++)
                    render_page(&scene, &odd, &s.pages.pages[p], k);
                for (int a = 0; a < 2; a++) {
                    const struct state_alert *alert = state_alert(&s.state, 0, a);
                    screens = render_alert_screens(&scene, alert, odd.width, odd.height);
                    assert_in_range(screens, 1, 200);
                    for (int k = 0; k < screens; k++)
                        render_alert(&scene, &odd, alert, k);
                }
            }
        }
        canvas_free(&odd);
    }
}

static int count_values_shown(const struct scene *scene, const struct page *page, int width,
                              int height)
{
    struct layout l = layout_values(scene->fonts, page->values, page->value_count, scene->state,
                                    scene->language, render_body(width, height), scene->wanted);
    return l.per_screen * l.screens;
}

static void no_value_is_left_out_at_any_size(void **unused)
{
    (void)unused;
    struct scene scene = {s.fonts, &s.state, LANGUAGE_EN, &s.now, 12};
    for (int width = 32; width <= 400; width += 23) {
        for (int height = 16; height <= 200; height += 17) {
            const struct page *page = scene_page(&s, "lower");
            assert_true(count_values_shown(&scene, page, width, height) >= page->value_count);
        }
    }
}

/* malloc's own count is blind under AddressSanitizer, which has one of its own. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_in_use(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    return mallinfo2().uordblks;
}

/* A value every minute for 24 hours, a picture every ten minutes, alarms coming and going: the heap
 * ends as large as it was. */
static void a_day_passes_without_growth(void **unused)
{
    (void)unused;
    draw();
    for (int i = 0; i < 40; i++) { /* every page once, so that caches are warm */
        scene_advance(&s, PAGE_DWELL_MS);
        draw();
    }
    size_t before = heap_in_use();
    assert_true(before > 0);
    for (int tick = 0; tick < 8640; tick++) {
        scene_advance(&s, 10000);
        if (tick % 6 == 0) {
            char json[200];
            (void)snprintf(json, sizeof json,
                           "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":%d.%d}}",
                           tick % 30, tick % 10);
            scene_send(&s, "plot/upper/live", json, false);
        }
        if (tick % 100 == 0)
            scene_send(&s, "alert/x", tick % 200 ? "{\"what\":\"x\",\"level\":\"alarm\"}" : "",
                       true);
        if (tick % 60 == 0)
            draw();
    }
    assert_true(heap_in_use() <= before + 4096);
}

static void a_thousand_messages_a_second_are_taken(void **unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        scene_advance(&s, 1);
        scene_send(&s, "plot/upper/live",
                   "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":18.5}}", false);
    }
    draw();
    assert_float_equal(state_value(&s.state, 0, &s.now).value, 18.5, 0.001);
    assert_int_equal(s.state.rejected, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_picture_stays_for_its_dwell_time),
        CASE(after_the_last_page_the_other_language_has_its_turn),
        CASE(an_alarm_takes_over_at_once_and_gives_back),
        CASE(a_watch_does_not_take_over_but_is_counted_in_the_title),
        CASE(a_watch_has_its_turn_behind_the_last_page),
        CASE(many_watches_leave_time_for_the_pages),
        CASE(a_watch_that_ends_in_its_turn_gives_the_screen_back),
        CASE(the_first_picture_after_a_freeze_is_true),
        CASE(any_size_can_be_drawn),
        CASE(no_value_is_left_out_at_any_size),
        CASE(a_day_passes_without_growth),
        CASE(a_thousand_messages_a_second_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
