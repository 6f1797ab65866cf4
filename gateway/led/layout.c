/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/layout.h"

#include <stdio.h>
#include <string.h>

#define GAP 3 /* pixels between parts of a cell, and between cells */

static const struct font ladder[] = {
    {FACE_NUMBER9, 1},  {FACE_NUMBER10, 1}, {FACE_NUMBER13, 1}, {FACE_NUMBER9, 2},
    {FACE_NUMBER10, 2}, {FACE_NUMBER13, 2}, {FACE_NUMBER10, 3}, {FACE_NUMBER13, 3},
    {FACE_NUMBER13, 4}, {FACE_NUMBER13, 6}, {FACE_NUMBER13, 8},
};

#define LADDER_STEPS ((int)(sizeof ladder / sizeof ladder[0]))

struct font font_ladder(int step, int *height)
{
    bool there = step >= 0 && step < LADDER_STEPS;
    *height = there ? font_height(ladder[step]) : 0;
    return ladder[there ? step : 0];
}

struct font label_font(int number_height)
{
    if (number_height >= 52)
        return (struct font){FACE_TEXT16, 2};
    return (struct font){number_height >= 26 ? FACE_TEXT16 : FACE_TEXT12, 1};
}

void widest_number(char *out, size_t size, const struct state_slot *slot)
{
    const struct metric_info *info = metric_find(slot->metric);
    if (!info) {
        bool kilograms =
            strcmp(slot->metric, "pick_kg") == 0 || strcmp(slot->metric, "ready_kg") == 0;
        (void)snprintf(out, size, "%s", kilograms ? "88-88" : "88.8");
        return;
    }
    char low[16], high[16];
    number_text(low, sizeof low, slot->metric, info->min);
    number_text(high, sizeof high, slot->metric, info->max);
    (void)snprintf(out, size, "%s", strlen(low) > strlen(high) ? low : high);
}

struct need { /* of one cell, in one number font */
    int number, unit, label;
};

static struct need cell_need(struct font_set *fonts, const struct page_value *item,
                             const struct state *state, enum language language, struct font number)
{
    const struct state_slot *slot = &state->slots[item->slot];
    const struct metric_words *words = word_metric(slot->metric);
    struct font text = label_font(font_height(number));
    char widest[32];
    widest_number(widest, sizeof widest, slot);
    return (struct need){
        .number = font_width(fonts, number, widest),
        .unit = font_width(fonts, text, unit_text(slot, language)),
        .label = font_width(fonts, text, words ? words->label.in[language] : slot->metric),
    };
}

static int arrow_width(struct font number)
{
    return font_height(number) >= 26 ? 9 : 5;
}

/* Beside the unit, or above it where the number is tall enough. */
static int unit_width(const struct need *need, const struct layout *l)
{
    bool above = font_height(l->number) >= font_height(l->label) + arrow_width(l->number) + 1;
    int arrow = l->arrow ? arrow_width(l->number) : 0;
    int unit = l->unit ? need->unit : 0;
    if (above)
        return arrow > unit ? arrow : unit;
    return unit + (unit && arrow ? 2 : 0) + arrow;
}

static bool cells_fit(struct font_set *fonts, const struct page *page, const struct state *state,
                      enum language language, struct layout *l, int box_width, int box_height)
{
    int label_height = font_height(l->label), number_height = font_height(l->number);
    int stacked = label_height + 1 + number_height;
    int inlined = label_height > number_height ? label_height : number_height;
    if ((l->shape == CELL_STACKED ? stacked : inlined) > box_height)
        return false;
    int widest_label = 0, widest_number_px = 0;
    l->unit_width = 0;
    for (int i = 0; i < page->value_count; i++) {
        struct need need = cell_need(fonts, &page->values[i], state, language, l->number);
        int unit = unit_width(&need, l);
        if (l->shape == CELL_STACKED && need.number + (unit ? 2 + unit : 0) > box_width)
            return false;
        l->unit_width = unit > l->unit_width ? unit : l->unit_width;
        widest_label = need.label > widest_label ? need.label : widest_label;
        widest_number_px = need.number > widest_number_px ? need.number : widest_number_px;
    }
    if (l->shape == CELL_STACKED)
        return widest_label <= box_width;
    int all = widest_label + GAP + widest_number_px + (l->unit_width ? 2 + l->unit_width : 0);
    return all <= box_width;
}

static bool try_grid(struct font_set *fonts, const struct page *page, const struct state *state,
                     enum language language, int width, int height, struct layout *l)
{
    int box_width = (width - GAP * (l->columns - 1)) / l->columns;
    int box_height = (height - (l->rows - 1)) / l->rows;
    for (int step = LADDER_STEPS - 1; step >= 0; step--) {
        l->number = ladder[step];
        l->label = label_font(font_height(l->number));
        for (int shape = CELL_STACKED; shape <= CELL_INLINE; shape++) {
            l->shape = (enum cell_shape)shape;
            if (cells_fit(fonts, page, state, language, l, box_width, box_height))
                return true;
        }
    }
    return false;
}

static bool best_grid(struct font_set *fonts, const struct page *page, const struct state *state,
                      enum language language, int width, int height, int count, struct layout *best)
{
    int best_height = 0;
    for (int columns = 1; columns <= count; columns++) {
        struct layout l = *best;
        l.columns = columns;
        l.rows = (count + columns - 1) / columns;
        if (l.rows * columns - count >= columns)
            continue;
        if (try_grid(fonts, page, state, language, width, height, &l) &&
            font_height(l.number) > best_height) {
            best_height = font_height(l.number);
            *best = l;
        }
    }
    return best_height > 0;
}

struct layout layout_values(struct font_set *fonts, const struct page *page,
                            const struct state *state, enum language language, int width,
                            int height, int wanted)
{
    struct layout l = {.columns = 1, .rows = 1, .number = ladder[0], .label = {FACE_TEXT12, 1}};
    for (int detail = 2; detail >= 0; detail--) {
        for (int count = page->value_count; count >= 1; count--) {
            int screens = (page->value_count + count - 1) / count;
            int per_screen = (page->value_count + screens - 1) / screens;
            struct layout found = {.per_screen = per_screen, .screens = screens};
            found.unit = detail >= 1;
            found.arrow = detail >= 2;
            if (!best_grid(fonts, page, state, language, width, height, per_screen, &found))
                continue;
            l = found;
            if (font_height(found.number) >= wanted || count == 1)
                return found;
        }
        if (l.per_screen > 0)
            return l;
    }
    /* Narrower than any plan: one bare number a picture, drawn as small as there is. */
    l.per_screen = 1;
    l.screens = page->value_count;
    return l;
}
