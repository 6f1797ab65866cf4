/* SPDX-License-Identifier: Apache-2.0 */
/* An alert's pictures, each whole in itself:
 *
 *   high screen                     low screen (64x32)
 *   [alarm  upper slope   03:05]    [frost upper]   what and where in one row, if there is room,
 *   [ Frost  Air temperature   ]    [  -1.4 °C  ]   else a picture of its own before the number
 *   [        -1.4 °C           ]
 *   [ what to do ]                  [what to do ]
 *
 * One that measures nothing has its sentence in the number's place, as large as it fits. */
#include "gateway/led/render.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/led/layout.h"
#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"
#include "protocols/mqtt/alert_level.h"

#define BANNER_MIN_HEIGHT 48
#define SINCE_MIN_HEIGHT  96
#define LINES_MAX         3
#define LINK_MS           60000

static const struct font small_font = {FACE_TEXT12, 1};

struct pictures {
    bool banner, number, words, todo; /* which there are */
    bool joined;                      /* low screen: what and where stand above the number */
    bool place_row;                   /* low screen: the place stands below each words' picture */
    struct rect body, words_rect;
    char label[STATE_LABEL_SIZE + STATE_PLACE_SIZE]; /* above the number */
    char trouble[64];                                /* why its words may be old */
    const char *place;
    const char *lines[LINES_MAX];
    struct color colors[LINES_MAX];
    int line_count;
    struct textbox words_box, todo_box;
};

static void add_line(struct pictures *p, const char *text, struct color color)
{
    if (text[0] == '\0' || p->line_count == LINES_MAX)
        return;
    p->lines[p->line_count] = text;
    p->colors[p->line_count++] = color;
}

static const char *what_text(const struct scene *scene, const struct state_alert *alert)
{
    const char *what = alert->what[scene->language];
    return what[0] != '\0' ? what : alert->id;
}

/* ---- The banner ---- */

static void level_text(const struct scene *scene, const struct state_alert *alert, char *out,
                       size_t size)
{
    (void)snprintf(out, size, "%s %s", word_level(alert_level_name(alert->level), scene->language),
                   state_alert_place(scene->state, alert, scene->language));
}

static int banner_room(const struct scene *scene, int width, struct font font)
{
    return width - 2 - font_width(scene->fonts, font, "00:00") - 7;
}

static void draw_banner(const struct scene *scene, struct canvas *canvas,
                        const struct state_alert *alert, struct color color)
{
    char text[STATE_PLACE_SIZE + 32], clock[8];
    struct font font = render_title_font(canvas->height);
    int height = font_height(font) + 2;
    struct color ink = alert->level == ALERT_ALARM ? theme_alarm_ink : theme_black;
    canvas_fill(canvas, (struct rect){0, 0, canvas->width, height}, color);
    time_text(clock, sizeof clock, scene->state, scene->now, false);
    int x = canvas->width - 2 - font_width(scene->fonts, font, clock);
    font_draw(scene->fonts, canvas, font, x, 1, ink, clock);
    level_text(scene, alert, text, sizeof text);
    text_line(scene->fonts, canvas, font, 2, 1, banner_room(scene, canvas->width, font), ink, text);
}

/* ---- What there is to show ---- */

static void plan_high(const struct scene *scene, const struct state_alert *alert, int width,
                      int height, struct pictures *p)
{
    char banner[STATE_PLACE_SIZE + 32];
    struct font font = render_title_font(height);
    int top = font_height(font) + 3;
    p->banner = true;
    p->body = p->words_rect = (struct rect){2, top, width - 4, height - top - 2};
    level_text(scene, alert, banner, sizeof banner);
    bool cut = font_width(scene->fonts, font, banner) > banner_room(scene, width, font);
    (void)snprintf(p->label, sizeof p->label, "%s  %s", alert->label[scene->language],
                   alert->quantity[scene->language]);
    if (!p->number)
        add_line(p, what_text(scene, alert), theme_text);
    else if (cut)
        add_line(p, alert->label[scene->language], theme_text);
    if (cut)
        add_line(p, p->place, theme_label);
}

static void plan_low(const struct scene *scene, const struct state_alert *alert, int width,
                     int height, struct pictures *p)
{
    int row = font_height(small_font);
    p->body = p->words_rect = (struct rect){2, 2, width - 4, height - 4};
    (void)snprintf(p->label, sizeof p->label, "%s %s", alert->label[scene->language], p->place);
    p->joined = p->number && font_width(scene->fonts, small_font, p->label) <= p->body.width;
    if (p->joined)
        return;
    const char *quantity = alert->quantity[scene->language];
    bool fits = font_width(scene->fonts, small_font, quantity) <= p->body.width;
    (void)snprintf(p->label, sizeof p->label, "%s",
                   fits && quantity[0] != '\0' ? quantity : alert->label[scene->language]);
    fits = font_width(scene->fonts, small_font, p->place) <= p->body.width;
    p->place_row = fits && p->place[0] != '\0' && p->body.height >= 2 * row;
    add_line(p, p->number ? alert->label[scene->language] : what_text(scene, alert), theme_text);
    if (p->place_row)
        p->words_rect.height -= row;
    else
        add_line(p, p->place, theme_label);
}

/* Nothing new can come: its number is not what is now. A connection that is made anew is given its
 * time. */
static bool is_old(const struct scene *scene)
{
    const struct state *state = scene->state;
    return state->connected ? state->gateway == GATEWAY_OFFLINE
                            : scene->now->mono_ms - state->link_mono_ms > LINK_MS;
}

static void plan(const struct scene *scene, const struct state_alert *alert, int width, int height,
                 struct pictures *p)
{
    const char *todo = alert->todo[scene->language];
    bool old = is_old(scene);
    *p = (struct pictures){.number = alert->measured && !old, .todo = todo[0] != '\0'};
    p->place = state_alert_place(scene->state, alert, scene->language);
    if (height >= BANNER_MIN_HEIGHT)
        plan_high(scene, alert, width, height, p);
    else
        plan_low(scene, alert, width, height, p);
    if (old &&
        render_trouble(scene, render_title_font(height), width - 4, p->trouble, sizeof p->trouble))
        add_line(p, p->trouble, theme_caution);
    p->words = p->line_count > 0;
    textbox_set(&p->words_box, scene->fonts, p->lines, p->line_count, p->words_rect.width,
                p->words_rect.height, p->words_rect.height);
    textbox_set(&p->todo_box, scene->fonts, &todo, 1, p->body.width, p->body.height,
                p->body.height);
}

static int words_screens(const struct pictures *p)
{
    return p->words ? p->words_box.screens : 0;
}

int render_alert_screens(const struct scene *scene, const struct state_alert *alert, int width,
                         int height)
{
    struct pictures p;
    plan(scene, alert, width, height, &p);
    return words_screens(&p) + p.number + (p.todo ? p.todo_box.screens : 0);
}

/* ---- The number ---- */

static struct font unit_font(struct font number)
{
    int height = font_height(number);
    if (height >= 72)
        return (struct font){FACE_TEXT16, 2};
    if (height >= 36)
        return (struct font){FACE_TEXT12, 2};
    return (struct font){height >= 24 ? FACE_TEXT16 : FACE_TEXT12, 1};
}

static int number_width(const struct scene *scene, const struct state_alert *alert,
                        struct font font)
{
    int unit =
        alert->unit[0] != '\0' ? 2 + font_width(scene->fonts, unit_font(font), alert->unit) : 0;
    return font_width(scene->fonts, font, alert->value) + unit;
}

/* The largest that fits; the smallest where none does. */
static struct font number_font(const struct scene *scene, const struct state_alert *alert,
                               struct rect rect)
{
    int height = 0;
    struct font best = font_ladder(0, &height), font = best;
    for (int step = 0; height > 0; font = font_ladder(++step, &height)) {
        if (height > 0 && height <= rect.height && number_width(scene, alert, font) <= rect.width)
            best = font;
    }
    return best;
}

static void draw_number(const struct scene *scene, struct canvas *canvas,
                        const struct state_alert *alert, struct rect rect)
{
    struct font font = number_font(scene, alert, rect), unit = unit_font(font);
    int spare = rect.width - number_width(scene, alert, font);
    int x = rect.x + (spare > 0 ? spare / 2 : 0);
    int y = rect.y + (rect.height - font_height(font)) / 2;
    struct color color = alert->level == ALERT_ALARM ? theme_beyond : theme_caution;
    x += font_draw(scene->fonts, canvas, font, x, y, color, alert->value) + 2;
    if (x + font_width(scene->fonts, unit, alert->unit) <= rect.x + rect.width)
        font_draw(scene->fonts, canvas, unit, x, y + font_height(font) - font_ascent(unit),
                  theme_text, alert->unit);
}

static void since_text(const struct scene *scene, const struct state_alert *alert, char *out,
                       size_t size)
{
    time_t local = (time_t)(alert->since_ms / 1000 + scene->now->utc_offset_s);
    struct tm tm = {0};
    out[0] = '\0';
    if (alert->since_ms > 0 && gmtime_r(&local, &tm) != NULL)
        (void)snprintf(out, size, "%s %02d:%02d", word_text(WORD_alert_since, scene->language),
                       tm.tm_hour, tm.tm_min);
}

/* Since when, at the bottom of a screen that has room for it; the rest of the room. */
static struct rect draw_since(const struct scene *scene, struct canvas *canvas,
                              const struct state_alert *alert, struct rect rect)
{
    char since[64];
    struct font font = {canvas->height >= 160 ? FACE_TEXT16 : FACE_TEXT12, 1};
    if (canvas->height < SINCE_MIN_HEIGHT)
        return rect;
    since_text(scene, alert, since, sizeof since);
    rect.height -= font_height(font);
    int x = rect.x + (rect.width - font_width(scene->fonts, font, since)) / 2;
    font_draw(scene->fonts, canvas, font, x, rect.y + rect.height, theme_clock, since);
    return rect;
}

static void draw_high_number(const struct scene *scene, struct canvas *canvas,
                             const struct state_alert *alert, const struct pictures *p)
{
    struct textbox box;
    const char *line = p->label;
    struct rect rect = draw_since(scene, canvas, alert, p->body);
    struct rect head = {rect.x, rect.y, rect.width, rect.height * 2 / 5};
    textbox_set(&box, scene->fonts, &line, 1, head.width, head.height, head.height);
    if (box.screens > 1) { /* the number goes first */
        head.height = font_height(small_font);
        text_line(scene->fonts, canvas, small_font, head.x, head.y, head.width, theme_text, line);
    } else {
        textbox_draw(&box, scene->fonts, canvas, head, 0, &theme_text);
    }
    rect.y += head.height;
    rect.height -= head.height;
    draw_number(scene, canvas, alert, rect);
}

static void draw_low_number(const struct scene *scene, struct canvas *canvas,
                            const struct state_alert *alert, const struct pictures *p)
{
    const char *line = p->label;
    int row = font_height(small_font);
    struct rect rect = p->body;
    if (rect.height >= 2 * row) {
        int spare = rect.width -
                    text_line(scene->fonts, NULL, small_font, 0, 0, rect.width, theme_text, line);
        text_line(scene->fonts, canvas, small_font, rect.x + (spare > 0 ? spare / 2 : 0), rect.y,
                  rect.width, theme_text, line);
        rect.y += row;
        rect.height -= row;
    }
    draw_number(scene, canvas, alert, rect);
}

/* ---- Drawing ---- */

static void draw_frame(struct canvas *canvas, struct color color)
{
    int width = canvas->width, height = canvas->height;
    canvas_fill(canvas, (struct rect){0, 0, width, 1}, color);
    canvas_fill(canvas, (struct rect){0, height - 1, width, 1}, color);
    canvas_fill(canvas, (struct rect){0, 0, 1, height}, color);
    canvas_fill(canvas, (struct rect){width - 1, 0, 1, height}, color);
}

static void draw_words(const struct scene *scene, struct canvas *canvas, const struct pictures *p,
                       int screen)
{
    textbox_draw(&p->words_box, scene->fonts, canvas, p->words_rect, screen, p->colors);
    if (!p->place_row)
        return;
    int x = p->body.x + (p->body.width - font_width(scene->fonts, small_font, p->place)) / 2;
    font_draw(scene->fonts, canvas, small_font, x, p->words_rect.y + p->words_rect.height,
              theme_label, p->place);
}

void render_alert(const struct scene *scene, struct canvas *canvas, const struct state_alert *alert,
                  int screen)
{
    struct pictures p;
    struct color color = alert->level == ALERT_ALARM ? theme_alarm : theme_caution;
    plan(scene, alert, canvas->width, canvas->height, &p);
    canvas_clear(canvas);
    draw_frame(canvas, color);
    if (p.banner)
        draw_banner(scene, canvas, alert, color);
    /* A low screen says what it is before it says how much. */
    int number = p.number ? (p.banner ? 0 : words_screens(&p)) : -1;
    if (screen == number) {
        if (p.banner)
            draw_high_number(scene, canvas, alert, &p);
        else
            draw_low_number(scene, canvas, alert, &p);
        return;
    }
    screen -= number >= 0 && screen > number;
    if (screen < words_screens(&p))
        draw_words(scene, canvas, &p, screen);
    else if (p.todo)
        textbox_draw(&p.todo_box, scene->fonts, canvas, p.body,
                     (screen - words_screens(&p)) % p.todo_box.screens, &theme_caution);
}
