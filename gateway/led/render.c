/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/render.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "gateway/led/cell.h"
#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"

#define TITLE_MIN_HEIGHT 48 /* lower screens have no room for a title */
#define MARGIN           1

static struct font title_font(int height)
{
    if (height >= 240)
        return (struct font){FACE_TEXT16, 2};
    return (struct font){height >= 96 ? FACE_TEXT16 : FACE_TEXT12, 1};
}

static bool has_title(int height)
{
    return height >= TITLE_MIN_HEIGHT;
}

struct rect render_body(int width, int height)
{
    struct rect body = {MARGIN, 0, width - 2 * MARGIN, height - 1};
    if (has_title(height)) {
        body.y = font_height(title_font(height)) + 3;
        body.height = height - body.y;
    }
    return body;
}

/* What is wrong with the way the values come; NULL when nothing is. */
static const char *trouble(const struct scene *scene, char *out, size_t size)
{
    const struct state *state = scene->state;
    enum word word = WORD_WAITING;
    int64_t since = state->link_mono_ms;
    if (!state->connected) {
        word = WORD_NO_BROKER;
    } else if (state->gateway == GATEWAY_OFFLINE) {
        word = WORD_GATEWAY_OFFLINE;
        since = state->gateway_mono_ms;
    } else {
        return NULL;
    }
    char age[24];
    word_age(age, sizeof age, scene->now->mono_ms - since, scene->language);
    (void)snprintf(out, size, "%s %s", word_text(word, scene->language), age);
    return out;
}

static void page_title(const struct scene *scene, const struct page *page, char *out, size_t size)
{
    out[0] = '\0';
    const struct template *title = page->title.in[scene->language];
    if (title)
        template_write(title, scene->state, scene->language, scene->now, out, size);
    if (out[0] == '\0')
        utf8_copy(out, size, scene->state->farm);
}

/* One row at the bottom fills up with the seconds of the minute: a screen that lives moves. */
static void draw_seconds(const struct scene *scene, struct canvas *canvas)
{
    int64_t ms = state_clock_ms(scene->state, scene->now) % 60000;
    int lit = (int)(ms / 1000 + 1) * canvas->width / 60;
    canvas_fill(canvas, (struct rect){0, canvas->height - 1, lit, 1}, theme_line);
}

static void draw_title(const struct scene *scene, struct canvas *canvas, const char *title)
{
    char problem[64], clock[8], alerts[16] = "";
    struct font font = title_font(canvas->height);
    int line = font_height(font) + 1;
    time_text(clock, sizeof clock, scene->state, scene->now, true);
    int clock_width = font_width(scene->fonts, font, "00:00");
    int colon = font_width(scene->fonts, font, "00");
    int x = canvas->width - MARGIN - clock_width;
    /* Hours and minutes apart, so that they stand still while the colon blinks. */
    clock[2] == ':' ? (void)font_draw(scene->fonts, canvas, font, x, 0, theme_clock, clock)
                    : (void)0;
    if (clock[2] != ':') {
        font_draw_n(scene->fonts, canvas, font, x, 0, theme_clock, clock, 2);
        int minutes = font_width(scene->fonts, font, "00:") - colon;
        font_draw(scene->fonts, canvas, font, x + colon + minutes, 0, theme_clock, clock + 3);
    }
    int count = state_alert_count(scene->state, 1);
    int right = x - 3;
    if (count > 0) {
        (void)snprintf(alerts, sizeof alerts, "!%d", count);
        right -= font_width(scene->fonts, font, alerts);
        font_draw(scene->fonts, canvas, font, right, 0, theme_alarm, alerts);
        right -= 3;
    }
    const char *wrong = trouble(scene, problem, sizeof problem);
    text_line(scene->fonts, canvas, font, MARGIN, 0, right - MARGIN,
              wrong ? theme_caution : theme_title, wrong ? wrong : title);
    canvas_fill(canvas, (struct rect){0, line, canvas->width, 1}, theme_line);
}

static struct layout plan(const struct scene *scene, const struct page *page, int width, int height)
{
    struct rect body = render_body(width, height);
    return layout_values(scene->fonts, page, scene->state, scene->language, body.width, body.height,
                         scene->wanted);
}

/* Without a title the label has to say whose value it is, and every other two seconds what is
 * wrong with the link. */
static void cell_label(const struct scene *scene, const struct page *page,
                       const struct page_value *item, const struct rect *box,
                       const struct layout *l, bool titled, char *out, size_t size)
{
    char title[TEMPLATE_TEXT_SIZE], both[TEMPLATE_TEXT_SIZE];
    const struct state_slot *slot = &scene->state->slots[item->slot];
    const struct metric_words *words = word_metric(slot->metric);
    const struct template *label = item->label.in[scene->language];
    (void)snprintf(out, size, "%s", words ? words->label.in[scene->language] : slot->metric);
    if (label)
        template_write(label, scene->state, scene->language, scene->now, out, size);
    if (titled || l->shape != CELL_STACKED)
        return;
    page_title(scene, page, title, sizeof title);
    int n = snprintf(both, sizeof both, "%.200s %.200s", title, out);
    if (n > 0 && (size_t)n < size && title[0] &&
        font_width(scene->fonts, l->label, both) <= box->width)
        memcpy(out, both, (size_t)n + 1);
    bool turn = state_clock_ms(scene->state, scene->now) / 2000 % 2 == 1;
    if (turn && trouble(scene, both, sizeof both))
        utf8_copy(out, size, both);
}

static void draw_values(const struct scene *scene, struct canvas *canvas, const struct page *page,
                        int screen)
{
    struct layout l = plan(scene, page, canvas->width, canvas->height);
    struct rect body = render_body(canvas->width, canvas->height);
    bool titled = has_title(canvas->height);
    int box_width = (body.width - 3 * (l.columns - 1)) / l.columns;
    int box_height = (body.height - (l.rows - 1)) / l.rows;
    for (int i = 0; i < l.per_screen; i++) {
        int index = screen * l.per_screen + i;
        if (index >= page->value_count)
            break;
        char label[TEMPLATE_TEXT_SIZE];
        struct rect box = {body.x + i % l.columns * (box_width + 3),
                           body.y + i / l.columns * (box_height + 1), box_width, box_height};
        const struct page_value *item = &page->values[index];
        cell_label(scene, page, item, &box, &l, titled, label, sizeof label);
        cell_draw(scene, canvas, box, &l, item, label);
    }
}

/* The lines of a page as they read now, at most PAGE_LINES_MAX. */
struct written {
    const char *lines[PAGE_LINES_MAX];
    struct color colors[PAGE_LINES_MAX];
    char text[PAGE_LINES_MAX][TEMPLATE_TEXT_SIZE];
};

static void write_lines(const struct scene *scene, const struct page *page, struct written *out)
{
    for (int i = 0; i < page->line_count; i++) {
        template_write(page->lines[i].in[scene->language], scene->state, scene->language,
                       scene->now, out->text[i], sizeof out->text[i]);
        out->lines[i] = out->text[i];
        out->colors[i] = i == 0 ? theme_text : theme_label;
    }
}

static void set_text(const struct scene *scene, const struct page *page, struct rect rect,
                     struct written *out, struct textbox *box)
{
    write_lines(scene, page, out);
    textbox_set(box, scene->fonts, out->lines, page->line_count, rect.width, rect.height,
                rect.height / 2);
}

static void draw_text(const struct scene *scene, struct canvas *canvas, const struct page *page,
                      struct rect rect, int screen)
{
    struct written out;
    struct textbox box;
    set_text(scene, page, rect, &out, &box);
    textbox_draw(&box, scene->fonts, canvas, rect, screen % box.screens, out.colors);
}

static struct font clock_font(const struct scene *scene, const struct rect *rect, int rest)
{
    int height = 0;
    struct font best = font_ladder(0, &height);
    for (int step = 0;; step++) {
        struct font font = font_ladder(step, &height);
        if (height == 0 || height + rest > rect->height ||
            font_width(scene->fonts, font, "00:00") > rect->width)
            return best;
        best = font;
    }
}

static struct font clock_date_font(int height)
{
    return (struct font){height >= 96 ? FACE_TEXT16 : FACE_TEXT12, height >= 160 ? 2 : 1};
}

static void draw_clock(const struct scene *scene, struct canvas *canvas, const struct page *page)
{
    char clock[8], date[32], line[TEMPLATE_TEXT_SIZE];
    struct rect body = {MARGIN, 0, canvas->width - 2 * MARGIN, canvas->height - 1};
    struct font small = clock_date_font(canvas->height);
    int rest = font_height(small) + 3;
    bool more = page->line_count > 0 && canvas->height >= TITLE_MIN_HEIGHT;
    struct font font = clock_font(scene, &body, more ? 2 * rest : rest);
    int spare = body.height - font_height(font) - (more ? 2 : 1) * font_height(small);
    int gap = spare / (more ? 4 : 3);
    int y = body.y + gap;
    if (more) {
        template_write(page->lines[0].in[scene->language], scene->state, scene->language,
                       scene->now, line, sizeof line);
        int width = text_line(scene->fonts, NULL, small, 0, 0, body.width, theme_title, line);
        text_line(scene->fonts, canvas, small, body.x + (body.width - width) / 2, y, body.width,
                  theme_title, line);
        y += font_height(small) + gap;
    }
    int width = font_width(scene->fonts, font, "00:00");
    int x = body.x + (body.width - width) / 2;
    time_text(clock, sizeof clock, scene->state, scene->now, true);
    font_draw_n(scene->fonts, canvas, font, x, y, theme_clock, clock, 2);
    if (clock[2] == ':')
        font_draw(scene->fonts, canvas, font,
                  x + font_width(scene->fonts, font, "00:") - font_width(scene->fonts, font, ":"),
                  y, theme_clock, ":");
    font_draw(scene->fonts, canvas, font, x + width - font_width(scene->fonts, font, "00"), y,
              theme_clock, clock + 3);
    y += font_height(font) + gap;
    date_text(date, sizeof date, scene->state, scene->language, scene->now);
    (void)snprintf(line, sizeof line, "%s %s", date,
                   weekday_text(scene->state, scene->language, scene->now));
    width = text_line(scene->fonts, NULL, small, 0, 0, body.width, theme_text, line);
    text_line(scene->fonts, canvas, small, body.x + (body.width - width) / 2, y, body.width,
              theme_text, line);
}

/* Dark modules on a light field with at least two modules around, as cameras need it. */
static int draw_qr(struct canvas *canvas, const char *url)
{
    QRcode *code = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_L);
    if (!code)
        return 0;
    int side = canvas->height < canvas->width ? canvas->height : canvas->width;
    int module = side / (code->width + 4);
    int field = module * code->width + (side - module * code->width) / 2 * 2;
    if (module > 0) {
        canvas_fill(canvas, (struct rect){0, 0, field, field}, theme_white);
        int margin = (field - module * code->width) / 2;
        for (int i = 0; i < code->width * code->width; i++) {
            struct rect dot = {margin + i % code->width * module, margin + i / code->width * module,
                               module, module};
            if (code->data[i] & 1)
                canvas_fill(canvas, dot, theme_black);
        }
    }
    QRcode_free(code);
    return module > 0 ? field : 0;
}

static void draw_qr_page(const struct scene *scene, struct canvas *canvas, const struct page *page)
{
    int side = draw_qr(canvas, page->url);
    struct rect right = {side + 2, 0, canvas->width - side - 3, canvas->height - 1};
    if (side == 0) { /* too long a text for so few pixels: spell it */
        struct textbox box;
        const char *line = page->url;
        textbox_set(&box, scene->fonts, &line, 1, right.width, right.height, 16);
        textbox_draw(&box, scene->fonts, canvas, right, 0, &theme_text);
    } else if (right.width >= 24 && page->line_count > 0) {
        draw_text(scene, canvas, page, right, 0);
    }
}

static void draw_picture_page(const struct scene *scene, struct canvas *canvas,
                              const struct page *page)
{
    struct rect all = {0, 0, canvas->width, canvas->height};
    if (page->line_count == 0) {
        canvas_picture(canvas, all, &page->picture);
        return;
    }
    int side = canvas->height < canvas->width / 2 ? canvas->height : canvas->width / 2;
    canvas_picture(canvas, (struct rect){0, 0, side, canvas->height - 1}, &page->picture);
    draw_text(scene, canvas, page,
              (struct rect){side + 2, 0, canvas->width - side - 3, canvas->height - 1}, 0);
}

static void draw_alert_list(const struct scene *scene, struct canvas *canvas, int screen)
{
    struct rect body = render_body(canvas->width, canvas->height);
    const char *lines[PAGE_LINES_MAX];
    struct color colors[PAGE_LINES_MAX];
    int count = state_alert_count(scene->state, 0);
    count = count > PAGE_LINES_MAX ? PAGE_LINES_MAX : count;
    for (int i = 0; i < count; i++) {
        const struct state_alert *alert = state_alert(scene->state, 0, i);
        lines[i] = alert->what[scene->language];
        colors[i] = alert->level == 2   ? theme_beyond
                    : alert->level == 1 ? theme_caution
                                        : theme_text;
    }
    if (count == 0) {
        lines[count] = word_text(WORD_NO_ALERTS, scene->language);
        colors[count++] = theme_title;
    }
    struct textbox box;
    textbox_set(&box, scene->fonts, lines, count, body.width, body.height, body.height / 2);
    textbox_draw(&box, scene->fonts, canvas, body, screen % box.screens, colors);
}

static int text_screens(const struct scene *scene, const struct page *page, int width, int height)
{
    struct written out;
    struct textbox box;
    set_text(scene, page, render_body(width, height), &out, &box);
    return box.screens;
}

int render_screens(const struct scene *scene, const struct page *page, int width, int height)
{
    if (page->kind == PAGE_VALUES)
        return plan(scene, page, width, height).screens;
    return page->kind == PAGE_TEXT ? text_screens(scene, page, width, height) : 1;
}

void render_page(const struct scene *scene, struct canvas *canvas, const struct page *page,
                 int screen)
{
    char title[TEMPLATE_TEXT_SIZE];
    canvas_clear(canvas);
    bool titled = page->kind == PAGE_VALUES || page->kind == PAGE_TEXT || page->kind == PAGE_ALERTS;
    if (titled && has_title(canvas->height)) {
        page_title(scene, page, title, sizeof title);
        draw_title(scene, canvas, title);
    }
    switch (page->kind) {
    case PAGE_VALUES:
        draw_values(scene, canvas, page, screen);
        break;
    case PAGE_TEXT:
        draw_text(scene, canvas, page, render_body(canvas->width, canvas->height), screen);
        break;
    case PAGE_CLOCK:
        draw_clock(scene, canvas, page);
        break;
    case PAGE_QR:
        draw_qr_page(scene, canvas, page);
        break;
    case PAGE_PICTURE:
        draw_picture_page(scene, canvas, page);
        break;
    case PAGE_ALERTS:
        draw_alert_list(scene, canvas, screen);
        break;
    }
    if (page->kind != PAGE_QR && (!titled || !has_title(canvas->height)))
        draw_seconds(scene, canvas);
}

void render_heights(const struct scene *scene, const struct page *page, int width, int height,
                    int *digits, int *hanzi)
{
    struct rect body = render_body(width, height);
    *digits = *hanzi = 0;
    if (page->kind == PAGE_VALUES) {
        struct layout l = plan(scene, page, width, height);
        *digits = font_height(l.number);
        *hanzi = font_height(l.label);
    } else if (page->kind == PAGE_TEXT) {
        struct written out;
        struct textbox box;
        set_text(scene, page, body, &out, &box);
        *hanzi = font_height(box.font);
    } else if (page->kind == PAGE_CLOCK) {
        *digits = font_height(clock_font(scene, &body, font_height(clock_date_font(height)) + 3));
        *hanzi = font_height(clock_date_font(height));
    }
}
