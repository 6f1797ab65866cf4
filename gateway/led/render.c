/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/render.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"
#include "gateway/led/value_tile.h"
#include "protocols/mqtt/alert_level.h"

#define TITLE_MIN_HEIGHT 48 /* lower screens have no room for a title */
#define MARGIN           1

struct font render_title_font(int height)
{
    if (height >= 320)
        return (struct font){FACE_TEXT16, 3};
    if (height >= 160)
        return (struct font){FACE_TEXT12, 2};
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
        body.y = font_height(render_title_font(height)) + 3;
        body.height = height - body.y;
    }
    return body;
}

bool render_trouble(const struct scene *scene, struct font font, int width, char *out, size_t size)
{
    const struct state *state = scene->state;
    bool offline = state->connected && state->gateway == GATEWAY_OFFLINE;
    if (state->connected && !offline)
        return false;
    char age[24];
    word_age(age, sizeof age,
             scene->now->mono_ms - (offline ? state->gateway_mono_ms : state->link_mono_ms),
             scene->language);
    const char *words =
        word_text(offline ? WORD_state_offline : WORD_down_network, scene->language);
    (void)snprintf(out, size, "%s %s", words, age);
    if (offline && font_width(scene->fonts, font, out) > width)
        (void)snprintf(out, size, "%s %s", word_text(WORD_mood_bad, scene->language), age);
    if (font_width(scene->fonts, font, out) > width)
        (void)snprintf(out, size, "%s",
                       word_text(offline ? WORD_mood_bad : WORD_down_network, scene->language));
    return true;
}

static void page_title(const struct scene *scene, const struct page *page, char *out, size_t size)
{
    out[0] = '\0';
    const struct template *title = page->title.in[scene->language];
    if (title != NULL)
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

/* Hours and minutes stand still while the colon blinks. */
static void draw_time(const struct scene *scene, struct canvas *canvas, struct font font, int x,
                      int y, const char *clock)
{
    int width = font_width(scene->fonts, font, "00:00");
    int right = font_width(scene->fonts, font, "00");
    font_draw_n(scene->fonts, canvas, font, x, y, theme_clock, clock, 2);
    font_draw(scene->fonts, canvas, font, x + width - right, y, theme_clock, clock + 3);
    if (clock[2] == ':') {
        int colon = font_width(scene->fonts, font, ":");
        int gap = (width - 2 * right - colon) / 2;
        font_draw(scene->fonts, canvas, font, x + right + gap, y, theme_clock, ":");
    }
}

static void draw_title(const struct scene *scene, struct canvas *canvas, const char *title)
{
    char problem[64], clock[8];
    struct font font = render_title_font(canvas->height);
    int line = font_height(font) + 1;
    time_text(clock, sizeof clock, scene->state, scene->now, true);
    int x = canvas->width - MARGIN - font_width(scene->fonts, font, "00:00");
    draw_time(scene, canvas, font, x, 0, clock);
    int count = state_alert_count(scene->state, 1);
    int right = x - 3;
    if (count > 0) {
        char alerts[16];
        (void)snprintf(alerts, sizeof alerts, "!%d", count);
        right -= font_width(scene->fonts, font, alerts);
        font_draw(scene->fonts, canvas, font, right, 0, theme_alarm, alerts);
        right -= 3;
    }
    bool wrong = render_trouble(scene, font, right - MARGIN, problem, sizeof problem);
    text_line(scene->fonts, canvas, font, MARGIN, 0, right - MARGIN,
              wrong ? theme_caution : theme_title, wrong ? problem : title);
    canvas_fill(canvas, (struct rect){0, line, canvas->width, 1}, theme_line);
}

static struct layout plan_values(const struct scene *scene, const struct page_value *values,
                                 int count, int width, int height)
{
    return layout_values(scene->fonts, values, count, scene->state, scene->language,
                         render_body(width, height), scene->wanted);
}

static struct layout plan(const struct scene *scene, const struct page *page, int width, int height)
{
    return plan_values(scene, page->values, page->value_count, width, height);
}

/* Without a title the label has to say whose value it is, and every other two seconds what is
 * wrong with the link. */
static struct value_tile_label write_label(const struct scene *scene, const struct page *page,
                                           const struct page_value *item, const struct rect *box,
                                           const struct layout *l, bool titled)
{
    struct value_tile_label label = {.color = theme_label};
    char title[TEMPLATE_TEXT_SIZE], both[TEMPLATE_TEXT_SIZE];
    const struct state_slot *slot = &scene->state->slots[item->slot];
    struct metric_words words;
    bool named = word_metric(slot->metric, &words);
    const struct template *own = item->label.in[scene->language];
    if (own != NULL)
        template_write(own, scene->state, scene->language, scene->now, label.text,
                       sizeof label.text);
    else
        (void)snprintf(label.text, sizeof label.text, "%s",
                       named ? words.label.in[scene->language] : slot->metric);
    if (titled)
        return label;
    page_title(scene, page, title, sizeof title);
    (void)snprintf(both, sizeof both, "%.200s %.200s", title, label.text);
    if (l->shape == CELL_STACKED && title[0] &&
        font_width(scene->fonts, l->label, both) <= box->width)
        memcpy(label.text, both, sizeof both);
    bool turn = state_clock_ms(scene->state, scene->now) / 2000 % 2 == 1;
    if (turn && render_trouble(scene, l->label, box->width, both, sizeof both)) {
        memcpy(label.text, both, sizeof both);
        label.color = theme_caution;
    }
    return label;
}

static void draw_values(const struct scene *scene, struct canvas *canvas, const struct page *page,
                        int screen)
{
    struct layout l = plan(scene, page, canvas->width, canvas->height);
    struct rect body = render_body(canvas->width, canvas->height);
    int first = screen * l.per_screen;
    if (l.per_screen == 1) /* alone, it may be larger than the page's widest number lets it */
        l = plan_values(scene, &page->values[first], 1, canvas->width, canvas->height);
    bool titled = has_title(canvas->height);
    for (int i = 0; i < l.per_screen; i++) {
        int index = first + i;
        if (index >= page->value_count)
            break;
        struct rect box = layout_cell(&l, body, i);
        const struct page_value *item = &page->values[index];
        struct value_tile_label label = write_label(scene, page, item, &box, &l, titled);
        value_tile_draw(scene, canvas, box, &l, item, &label);
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

static void draw_centered(const struct scene *scene, struct canvas *canvas, struct font font,
                          struct rect body, int y, struct color color, const char *text)
{
    int width = text_line(scene->fonts, NULL, font, 0, 0, body.width, color, text);
    text_line(scene->fonts, canvas, font, body.x + (body.width - width) / 2, y, body.width, color,
              text);
}

/* Date and weekday, with a space between them if there is room. */
static void date_line(const struct scene *scene, struct font font, int width, char *out,
                      size_t size)
{
    char date[32];
    const char *day = weekday_text(scene->state, scene->language, scene->now);
    date_text(date, sizeof date, scene->state, scene->language, scene->now);
    (void)snprintf(out, size, "%s %s", date, day);
    if (font_width(scene->fonts, font, out) > width)
        (void)snprintf(out, size, "%s%s", date, day);
    if (font_width(scene->fonts, font, out) > width)
        (void)snprintf(out, size, "%s", date);
}

static void draw_clock(const struct scene *scene, struct canvas *canvas, const struct page *page)
{
    char clock[8], line[TEMPLATE_TEXT_SIZE];
    struct rect body = {MARGIN, 0, canvas->width - 2 * MARGIN, canvas->height - 1};
    struct font small = clock_date_font(canvas->height);
    bool more = page->line_count > 0 && canvas->height >= TITLE_MIN_HEIGHT;
    int words = (more ? 2 : 1) * font_height(small);
    struct font font = clock_font(scene, &body, words + (more ? 6 : 3));
    int gap = (body.height - font_height(font) - words) / (more ? 4 : 3);
    int y = body.y + gap;
    if (more) {
        template_write(page->lines[0].in[scene->language], scene->state, scene->language,
                       scene->now, line, sizeof line);
        draw_centered(scene, canvas, small, body, y, theme_title, line);
        y += font_height(small) + gap;
    }
    int width = font_width(scene->fonts, font, "00:00");
    time_text(clock, sizeof clock, scene->state, scene->now, true);
    draw_time(scene, canvas, font, body.x + (body.width - width) / 2, y, clock);
    date_line(scene, small, body.width, line, sizeof line);
    draw_centered(scene, canvas, small, body, y + font_height(font) + gap, theme_text, line);
}

/* Side of the light field of a code with that many modules, centred in the screen's height; the
 * margin is 4 modules as the standard wants it, 2 where pixels are few. 0: does not fit. */
static int qr_module(int modules, int side, int *field)
{
    int module = side / (modules + 4);
    *field = module * (modules + 8) < side ? module * (modules + 8) : side;
    return module;
}

static int draw_qr(struct canvas *canvas, const char *url)
{
    QRcode *code = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_L);
    if (code == NULL)
        return 0;
    int side = canvas->height < canvas->width ? canvas->height : canvas->width;
    int field = 0;
    int module = qr_module(code->width, side, &field);
    int top = (canvas->height - field) / 2;
    int margin = (field - module * code->width) / 2;
    if (module > 0)
        canvas_fill(canvas, (struct rect){0, top, field, field}, theme_white);
    for (int i = 0; module > 0 && i < code->width * code->width; i++) {
        struct rect dot = {margin + i % code->width * module,
                           top + margin + i / code->width * module, module, module};
        if (code->data[i] & 1)
            canvas_fill(canvas, dot, theme_black);
    }
    QRcode_free(code);
    return module > 0 ? field : 0;
}

/* Where the text stands beside a picture or code that is `side` wide. */
static struct rect beside(int side, int width, int height)
{
    return (struct rect){side + 2, 0, width - side - 3, height - 1};
}

static int picture_side(const struct page *page, int width, int height)
{
    if (page->kind == PAGE_QR) {
        QRcode *code = QRcode_encodeString8bit(page->url, 0, QR_ECLEVEL_L);
        int field = 0;
        if (code != NULL && qr_module(code->width, height < width ? height : width, &field) == 0)
            field = 0;
        QRcode_free(code);
        return field;
    }
    return height < width / 2 ? height : width / 2;
}

static void draw_qr_page(const struct scene *scene, struct canvas *canvas, const struct page *page,
                         int screen)
{
    int side = draw_qr(canvas, page->url);
    struct rect right = beside(side, canvas->width, canvas->height);
    if (side == 0) { /* too long a text for so few pixels: spell it */
        struct textbox box;
        const char *line = page->url;
        textbox_set(&box, scene->fonts, &line, 1, right.width, right.height, 16);
        textbox_draw(&box, scene->fonts, canvas, right, screen % box.screens, &theme_text);
    } else if (right.width >= 24 && page->line_count > 0) {
        draw_text(scene, canvas, page, right, screen);
    }
}

static void draw_picture_page(const struct scene *scene, struct canvas *canvas,
                              const struct page *page, int screen)
{
    if (page->line_count == 0) {
        canvas_picture(canvas, (struct rect){0, 0, canvas->width, canvas->height}, &page->picture);
        return;
    }
    int side = picture_side(page, canvas->width, canvas->height);
    canvas_picture(canvas, (struct rect){0, 0, side, canvas->height - 1}, &page->picture);
    draw_text(scene, canvas, page, beside(side, canvas->width, canvas->height), screen);
}

static void draw_alert_list(const struct scene *scene, struct canvas *canvas, int screen)
{
    struct rect body = render_body(canvas->width, canvas->height);
    char texts[PAGE_LINES_MAX][STATE_PLACE_SIZE + STATE_TEXT_SIZE + 2];
    const char *lines[PAGE_LINES_MAX];
    struct color colors[PAGE_LINES_MAX];
    int count = state_alert_count(scene->state, 0);
    count = count > PAGE_LINES_MAX ? PAGE_LINES_MAX : count;
    for (int i = 0; i < count; i++) {
        const struct state_alert *alert = state_alert(scene->state, 0, i);
        const char *place = state_alert_place(scene->state, alert, scene->language);
        /* "No answer" of which of forty devices? */
        (void)snprintf(texts[i], sizeof texts[i], "%s%s%s", place, place[0] != '\0' ? " " : "",
                       alert->what[scene->language]);
        lines[i] = texts[i];
        colors[i] = alert->level == ALERT_ALARM   ? theme_beyond
                    : alert->level == ALERT_WATCH ? theme_caution
                                                  : theme_text;
    }
    if (count == 0) {
        lines[count] = word_text(WORD_alert_none, scene->language);
        colors[count++] = theme_title;
    }
    struct textbox box;
    textbox_set(&box, scene->fonts, lines, count, body.width, body.height, body.height / 2);
    textbox_draw(&box, scene->fonts, canvas, body, screen % box.screens, colors);
}

static int text_screens(const struct scene *scene, const struct page *page, struct rect rect)
{
    struct written out;
    struct textbox box;
    set_text(scene, page, rect, &out, &box);
    return box.screens;
}

int render_screens(const struct scene *scene, const struct page *page, int width, int height)
{
    if (page->kind == PAGE_VALUES)
        return plan(scene, page, width, height).screens;
    if (page->kind == PAGE_TEXT)
        return text_screens(scene, page, render_body(width, height));
    if (page->line_count == 0 || (page->kind != PAGE_QR && page->kind != PAGE_PICTURE))
        return 1;
    struct rect rect = beside(picture_side(page, width, height), width, height);
    return rect.width >= 24 ? text_screens(scene, page, rect) : 1;
}

void render_page(const struct scene *scene, struct canvas *canvas, const struct page *page,
                 int screen)
{
    canvas_clear(canvas);
    bool titled = page->kind == PAGE_VALUES || page->kind == PAGE_TEXT || page->kind == PAGE_ALERTS;
    if (titled && has_title(canvas->height)) {
        char title[TEMPLATE_TEXT_SIZE];
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
        draw_qr_page(scene, canvas, page, screen);
        break;
    case PAGE_PICTURE:
        draw_picture_page(scene, canvas, page, screen);
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
