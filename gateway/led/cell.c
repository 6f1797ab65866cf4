/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/cell.h"

#include <stdio.h>
#include <string.h>

#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"

struct parts { /* of one cell, as they read now */
    char number[32], unit[32], range[48];
    struct color number_color, unit_color;
    int arrow; /* -1, 0, 1 */
    int beyond;
};

static struct parts read_parts(const struct scene *scene, const struct page_value *item,
                               const struct layout *l)
{
    const struct state_slot *slot = &scene->state->slots[item->slot];
    struct led_value value = state_value(scene->state, item->slot, scene->now);
    struct parts p = {.number_color = theme_number, .unit_color = theme_unit};
    value_text(p.number, sizeof p.number, slot, &value);
    if (value.shown == SHOWN_GOOD || value.shown == SHOWN_MARKED) {
        if (l->unit)
            (void)snprintf(p.unit, sizeof p.unit, "%s", unit_text(slot, scene->language));
        p.arrow = item->trend ? value.trend : 0;
        p.beyond = value.beyond;
        if (value.beyond)
            p.number_color = theme_beyond;
        if (value.shown == SHOWN_MARKED) {
            (void)snprintf(p.range, sizeof p.range, "%s", word_flag(value.flag, scene->language));
            p.number_color = theme_caution;
        } else if (item->range && value.has_range) {
            char low[16], high[16];
            number_text(low, sizeof low, slot->metric, value.min);
            number_text(high, sizeof high, slot->metric, value.max);
            (void)snprintf(p.range, sizeof p.range, "%s~%s", low, high);
        }
        return p;
    }
    p.number_color = theme_stale;
    p.unit_color = theme_caution;
    if (value.shown == SHOWN_BAD)
        (void)snprintf(p.unit, sizeof p.unit, "%s", word_flag(value.flag, scene->language));
    else if (value.age_ms >= 0)
        word_age(p.unit, sizeof p.unit, value.age_ms, scene->language);
    return p;
}

/* A triangle: as many rows as half its width and one more. */
static void draw_arrow(struct canvas *canvas, int x, int y, int size, int direction)
{
    int rows = size / 2 + 1;
    struct color color = direction > 0 ? theme_rises : theme_falls;
    for (int row = 0; row < rows; row++) {
        int inset = direction > 0 ? rows - 1 - row : row;
        canvas_fill(canvas, (struct rect){x + inset, y + row, size - 2 * inset, 1}, color);
    }
}

/* The largest number face, at most the planned one, in which the text is no wider than `width`;
 * a number that fits in none is not shown at all. */
static struct font fit_number(const struct scene *scene, char *text, struct font planned, int width)
{
    int height = 0, step = 0;
    struct font best = font_ladder(0, &height);
    bool fits = false;
    while (height > 0 && height <= font_height(planned)) {
        struct font font = font_ladder(step, &height);
        if (height > 0 && height <= font_height(planned) &&
            font_width(scene->fonts, font, text) <= width) {
            best = font;
            fits = true;
        }
        step++;
    }
    if (!fits)
        (void)strcpy(text, "#");
    return best;
}

static void draw_label(const struct scene *scene, struct canvas *canvas, const struct layout *l,
                       int x, int y, int width, const char *label, int beyond)
{
    static const struct words marks[] = {{{"低", "low"}}, {{"", ""}}, {{"高", "high"}}};
    int used = text_line(scene->fonts, canvas, l->label, x, y, width, theme_label, label);
    const char *mark = marks[beyond + 1].in[scene->language];
    int mark_width = font_width(scene->fonts, l->label, mark);
    if (beyond && used + 3 + mark_width <= width)
        font_draw(scene->fonts, canvas, l->label, x + used + 3, y, theme_beyond, mark);
}

/* Number, unit and arrow with the number's left edge at x; gives the whole width. */
static int draw_number(const struct scene *scene, struct canvas *canvas, const struct layout *l,
                       const struct parts *p, struct font font, int x, int y)
{
    int height = font_height(font);
    int baseline = y + height;
    int width = font_width(scene->fonts, font, p->number);
    font_draw(scene->fonts, canvas, font, x, y, p->number_color, p->number);
    x += width + 2;
    int arrow = height >= 26 ? 9 : 5;
    bool above = height >= font_height(l->label) + arrow + 1;
    int unit = p->unit[0] ? font_draw(scene->fonts, canvas, l->label, x,
                                      baseline - font_ascent(l->label), p->unit_color, p->unit)
                          : 0;
    if (p->arrow && l->arrow) {
        int arrow_y = above ? y + 1 : baseline - arrow / 2 - height / 2;
        draw_arrow(canvas, x + (above || unit == 0 ? 0 : unit + 2), arrow_y, arrow, p->arrow);
    }
    return width;
}

static void draw_stacked(const struct scene *scene, struct canvas *canvas, struct rect box,
                         const struct layout *l, struct parts *p, const char *label)
{
    int unit = p->unit[0] ? font_width(scene->fonts, l->label, p->unit) + 2 : 0;
    struct font font = fit_number(scene, p->number, l->number, box.width - unit);
    int label_height = font_height(l->label);
    struct font small = {FACE_TEXT12, 1};
    int range_height = font_height(small) + 2;
    int spare = box.height - label_height - 1 - font_height(l->number);
    bool range = p->range[0] && spare >= range_height &&
                 font_width(scene->fonts, small, p->range) <= box.width;
    if (range)
        spare -= range_height;
    int top = box.y + (spare > 4 ? spare / 3 : spare / 2);
    draw_label(scene, canvas, l, box.x, top, box.width, label, p->beyond);
    int gap = 1 + (spare > 4 ? spare / 3 : 0);
    int number_y = top + label_height + gap + font_height(l->number) - font_height(font);
    draw_number(scene, canvas, l, p, font, box.x, number_y);
    if (range)
        font_draw(scene->fonts, canvas, small, box.x, number_y + font_height(font) + 2, theme_range,
                  p->range);
}

static void draw_inline(const struct scene *scene, struct canvas *canvas, struct rect box,
                        const struct layout *l, struct parts *p, const char *label)
{
    int unit = p->unit[0] ? font_width(scene->fonts, l->label, p->unit) : 0;
    int tail = unit > l->unit_width ? unit : l->unit_width;
    int room = box.width - (tail ? tail + 2 : 0);
    struct font font = fit_number(scene, p->number, l->number, room);
    int number = font_width(scene->fonts, font, p->number);
    int middle = box.y + box.height / 2;
    int number_y = middle - font_height(font) / 2;
    draw_label(scene, canvas, l, box.x, middle - font_height(l->label) / 2, room - number - 3,
               label, p->beyond);
    draw_number(scene, canvas, l, p, font, box.x + room - number, number_y);
}

void cell_draw(const struct scene *scene, struct canvas *canvas, struct rect box,
               const struct layout *layout, const struct page_value *item, const char *label)
{
    struct parts p = read_parts(scene, item, layout);
    if (layout->shape == CELL_STACKED)
        draw_stacked(scene, canvas, box, layout, &p, label);
    else
        draw_inline(scene, canvas, box, layout, &p, label);
}
