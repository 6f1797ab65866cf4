/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/render.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"

#define BANNER_MIN_HEIGHT 48
#define LINES_MAX         3

struct alert_box {
    struct textbox what, todo;
    char since[64];
    const char *lines[LINES_MAX];
    struct color colors[LINES_MAX];
    int line_count;
    struct rect rect;
};

static void since_text(const struct scene *scene, const struct state_alert *alert, char *out,
                       size_t size)
{
    time_t local = (time_t)(alert->since_ms / 1000 + scene->now->utc_offset_s);
    struct tm tm = {0};
    out[0] = '\0';
    if (alert->since_ms > 0 && gmtime_r(&local, &tm))
        (void)snprintf(out, size, "%s %02d:%02d", word_text(WORD_SINCE, scene->language),
                       tm.tm_hour, tm.tm_min);
}

static void add_line(struct alert_box *box, const char *text, struct color color)
{
    if (text[0] == '\0')
        return;
    box->lines[box->line_count] = text;
    box->colors[box->line_count++] = color;
}

static void set_alert(const struct scene *scene, const struct state_alert *alert, int width,
                      int height, struct alert_box *box)
{
    bool banner = height >= BANNER_MIN_HEIGHT;
    int top = banner ? font_height(render_title_font(height)) + 3 : 1;
    box->rect = (struct rect){2, top, width - 4, height - top - 2};
    box->line_count = 0;
    since_text(scene, alert, box->since, sizeof box->since);
    add_line(box, alert->what[scene->language][0] ? alert->what[scene->language] : alert->id,
             theme_text);
    if (!banner)
        add_line(box, state_alert_place(scene->state, alert, scene->language), theme_label);
    add_line(box, box->since, theme_clock);
    textbox_set(&box->what, scene->fonts, box->lines, box->line_count, box->rect.width,
                box->rect.height, box->rect.height / 2);
    const char *todo = alert->todo[scene->language];
    textbox_set(&box->todo, scene->fonts, &todo, 1, box->rect.width, box->rect.height,
                box->rect.height / 2);
}

int render_alert_screens(const struct scene *scene, const struct state_alert *alert, int width,
                         int height)
{
    struct alert_box box;
    set_alert(scene, alert, width, height, &box);
    return box.what.screens + (alert->todo[scene->language][0] ? box.todo.screens : 0);
}

static void draw_frame(struct canvas *canvas, struct color color)
{
    int width = canvas->width, height = canvas->height;
    canvas_fill(canvas, (struct rect){0, 0, width, 1}, color);
    canvas_fill(canvas, (struct rect){0, height - 1, width, 1}, color);
    canvas_fill(canvas, (struct rect){0, 0, 1, height}, color);
    canvas_fill(canvas, (struct rect){width - 1, 0, 1, height}, color);
}

static void draw_banner(const struct scene *scene, struct canvas *canvas,
                        const struct state_alert *alert, struct color color)
{
    static const char *const levels[] = {"info", "watch", "alarm"};
    char text[STATE_LABEL_SIZE + 32], clock[8];
    struct font font = render_title_font(canvas->height);
    int height = font_height(font) + 2;
    struct color ink = alert->level == 2 ? theme_alarm_ink : theme_black;
    canvas_fill(canvas, (struct rect){0, 0, canvas->width, height}, color);
    time_text(clock, sizeof clock, scene->state, scene->now, false);
    int x = canvas->width - 2 - font_width(scene->fonts, font, clock);
    font_draw(scene->fonts, canvas, font, x, 1, ink, clock);
    (void)snprintf(text, sizeof text, "%s %s",
                   word_level(levels[alert->level % 3], scene->language),
                   state_alert_place(scene->state, alert, scene->language));
    text_line(scene->fonts, canvas, font, 2, 1, x - 5, ink, text);
}

void render_alert(const struct scene *scene, struct canvas *canvas, const struct state_alert *alert,
                  int screen)
{
    struct alert_box box;
    struct color color = alert->level == 2 ? theme_alarm : theme_caution;
    set_alert(scene, alert, canvas->width, canvas->height, &box);
    canvas_clear(canvas);
    draw_frame(canvas, color);
    if (canvas->height >= BANNER_MIN_HEIGHT)
        draw_banner(scene, canvas, alert, color);
    if (screen < box.what.screens) {
        textbox_draw(&box.what, scene->fonts, canvas, box.rect, screen, box.colors);
        return;
    }
    textbox_draw(&box.todo, scene->fonts, canvas, box.rect,
                 (screen - box.what.screens) % box.todo.screens, &theme_caution);
}
