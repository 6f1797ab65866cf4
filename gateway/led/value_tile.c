/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/value_tile.h"

#include <stdio.h>
#include <string.h>

#include "gateway/led/textbox.h"
#include "gateway/led/theme.h"

struct parts { /* of one cell, as they read now */
    char number[32], unit[32], range[48];
    struct color number_color, unit_color;
    int arrow; /* -1, 0, 1 */
    int beyond;
    bool good; /* the number is one */
};

static struct parts read_parts(const struct scene *scene, const struct page_value *item,
                               const struct layout *l)
{
    const struct state_slot *slot = &scene->state->slots[item->slot];
    struct led_value value = state_value(scene->state, item->slot, scene->now);
    struct parts p = {.number_color = theme_number, .unit_color = theme_unit};
    value_text(p.number, sizeof p.number, slot, &value);
    if (value.shown == SHOWN_GOOD || value.shown == SHOWN_MARKED) {
        (void)snprintf(p.unit, sizeof p.unit, "%s", layout_unit(l, slot, scene->language));
        p.good = true;
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
    else if (value.shown == SHOWN_WAITING)
        (void)snprintf(p.unit, sizeof p.unit, "%s", word_text(WORD_mood_wait, scene->language));
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
        memcpy(text, "#", 2);
    return best;
}

/* The label, and whether the value is too high or too low; gives the width used. */
static int draw_label(const struct scene *scene, struct canvas *canvas, const struct layout *l,
                      int x, int y, int width, const struct value_tile_label *label, int beyond)
{
    int gap = font_height(l->label) / 4 + 1;
    int used = text_line(scene->fonts, canvas, l->label, x, y, width, label->color, label->text);
    const char *mark = word_text(beyond < 0 ? WORD_band_low : WORD_band_high, scene->language);
    int mark_width = font_width(scene->fonts, l->label, mark);
    if (!beyond || used + gap + mark_width > width)
        return used;
    font_draw(scene->fonts, canvas, l->label, x + used + gap, y, theme_beyond, mark);
    return used + gap + mark_width;
}

/* A degree sign alone hangs at the top of the number, and the arrow stands below it. */
static void draw_unit(const struct scene *scene, struct canvas *canvas, const struct layout *l,
                      const struct parts *p, struct rect number)
{
    bool degree = strcmp(p->unit, "°") == 0;
    int baseline = number.y + number.height;
    int x = number.x + number.width + 2;
    int unit_y = degree ? number.y - 2 * l->label.scale : baseline - font_ascent(l->label);
    int unit = p->unit[0]
                   ? font_draw(scene->fonts, canvas, l->label, x, unit_y, p->unit_color, p->unit)
                   : 0;
    if (!p->arrow || !l->arrow)
        return;
    int arrow = arrow_size(l->number);
    if (!arrow_above(l))
        draw_arrow(canvas, x + (unit ? unit + 2 : 0), baseline - arrow / 2 - number.height / 2,
                   arrow, p->arrow);
    else
        draw_arrow(canvas, x, degree ? baseline - arrow / 2 - 1 : number.y + 1, arrow, p->arrow);
}

static void draw_number(const struct scene *scene, struct canvas *canvas, const struct layout *l,
                        const struct parts *p, struct font font, int x, int y)
{
    int width = font_draw(scene->fonts, canvas, font, x, y, p->number_color, p->number);
    draw_unit(scene, canvas, l, p, (struct rect){x, y, width, font_height(font)});
}

/* The day's range at the end of the label's line, or below the number where there is room. */
static void draw_range(const struct scene *scene, struct canvas *canvas, struct rect box,
                       const struct layout *l, const struct parts *p, int label_used, int label_y,
                       int below_y)
{
    struct font small = {font_height(l->label) >= 24 ? FACE_TEXT16 : FACE_TEXT12, 1};
    int width = font_width(scene->fonts, small, p->range);
    int baseline = label_y + font_ascent(l->label);
    if (p->range[0] == '\0')
        return;
    if (label_used + 6 + width <= box.width)
        font_draw(scene->fonts, canvas, small, box.x + box.width - width,
                  baseline - font_ascent(small), theme_range, p->range);
    else if (below_y + font_height(small) <= box.y + box.height && width <= box.width)
        font_draw(scene->fonts, canvas, small, box.x, below_y, theme_range, p->range);
}

/* The plan is made for the widest number; beside a shorter one there may be room for more. */
static void use_room(const struct scene *scene, const struct layout *l, int width,
                     const struct page_value *item, struct parts *p, bool *arrow)
{
    const struct state_slot *slot = &scene->state->slots[item->slot];
    int room = width - font_width(scene->fonts, l->number, p->number) - 2;
    const char *unit = unit_text(slot, scene->language);
    if (font_width(scene->fonts, l->label, unit) > room)
        unit = unit_short(slot, scene->language);
    if (font_width(scene->fonts, l->label, unit) > room)
        unit = "";
    (void)snprintf(p->unit, sizeof p->unit, "%s", unit);
    int used = arrow_above(l) ? 0 : font_width(scene->fonts, l->label, unit) + 2;
    *arrow = used + arrow_size(l->number) <= room;
}

static void draw_stacked(const struct scene *scene, struct canvas *canvas, struct rect box,
                         const struct layout *plan, const struct page_value *item, struct parts *p,
                         const struct value_tile_label *label)
{
    struct layout wide = *plan;
    const struct layout *l = &wide;
    if (p->good && (!l->unit || l->short_unit || !l->arrow))
        use_room(scene, l, box.width, item, p, &wide.arrow);
    int unit = p->unit[0] ? font_width(scene->fonts, l->label, p->unit) + 2 : 0;
    struct font font = fit_number(scene, p->number, l->number, box.width - unit);
    int label_height = font_height(l->label);
    int spare = box.height - label_height - 1 - font_height(l->number);
    int top = box.y + spare / 3;
    int used = draw_label(scene, canvas, l, box.x, top, box.width, label, p->beyond);
    int number_y = top + label_height + 1 + spare / 3 + font_height(l->number) - font_height(font);
    draw_number(scene, canvas, l, p, font, box.x, number_y);
    draw_range(scene, canvas, box, l, p, used, top, number_y + font_height(font) + 2);
}

static void draw_inline(const struct scene *scene, struct canvas *canvas, struct rect box,
                        const struct layout *l, struct parts *p,
                        const struct value_tile_label *label)
{
    struct font small = {font_height(l->label) >= 24 ? FACE_TEXT16 : FACE_TEXT12, 1};
    int unit = p->unit[0] ? font_width(scene->fonts, l->label, p->unit) : 0;
    int tail = unit > l->unit_width ? unit : l->unit_width;
    int room = box.width - (tail ? tail + 2 : 0);
    struct font font = fit_number(scene, p->number, l->number, room);
    int number = font_width(scene->fonts, font, p->number);
    int middle = box.y + box.height / 2;
    int left = room - number - 3;
    bool range = p->range[0] && font_height(l->label) + font_height(small) <= box.height &&
                 font_width(scene->fonts, small, p->range) <= left;
    int label_y = middle - (font_height(l->label) + (range ? font_height(small) : 0)) / 2;
    draw_label(scene, canvas, l, box.x, label_y, left, label, p->beyond);
    if (range)
        font_draw(scene->fonts, canvas, small, box.x, label_y + font_height(l->label), theme_range,
                  p->range);
    draw_number(scene, canvas, l, p, font, box.x + room - number, middle - font_height(font) / 2);
}

void value_tile_draw(const struct scene *scene, struct canvas *canvas, struct rect box,
                     const struct layout *layout, const struct page_value *item,
                     const struct value_tile_label *label)
{
    struct parts p = read_parts(scene, item, layout);
    if (layout->shape == CELL_STACKED)
        draw_stacked(scene, canvas, box, layout, item, &p, label);
    else
        draw_inline(scene, canvas, box, layout, &p, label);
}
