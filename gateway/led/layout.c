/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/layout.h"

#include <stdio.h>
#include <string.h>

#define GAP 3 /* pixels between the parts of a cell */

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

/* Digits stand out when they are at least half as high again as the words beside them. */
/* What goes with a number of that height. */
static struct font label_font(int number_height)
{
    static const struct {
        int from;
        struct font font;
    } sizes[] = {{72, {FACE_TEXT16, 3}},
                 {48, {FACE_TEXT16, 2}},
                 {36, {FACE_TEXT12, 2}},
                 {24, {FACE_TEXT16, 1}}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (number_height >= sizes[i].from)
            return sizes[i].font;
    }
    return (struct font){FACE_TEXT12, 1};
}

const char *layout_unit(const struct layout *layout, const struct state_slot *slot,
                        enum language language)
{
    if (!layout->unit)
        return "";
    return layout->short_unit ? unit_short(slot, language) : unit_text(slot, language);
}

/* The widest number that a slot is expected to show. */
static void widest_number(char *out, size_t size, const struct state_slot *slot)
{
    const struct metric_info *info = metric_find(slot->metric);
    if (info == NULL) {
        bool weight =
            strncmp(slot->metric, "pick_", 5) == 0 || strncmp(slot->metric, "ready_", 6) == 0;
        (void)snprintf(out, size, "%s", weight ? "88-88" : "88.8");
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

/* What is to be laid out, and where. */
struct task {
    struct font_set *fonts;
    const struct page_value *values;
    int count;
    const struct state *state;
    enum language language;
    struct rect body;
};

static struct need cell_need(const struct task *task, int index, const struct layout *l)
{
    const struct state_slot *slot = &task->state->slots[task->values[index].slot];
    struct metric_words words;
    bool named = word_metric(slot->metric, &words);
    const char *label = named ? words.label.in[task->language] : slot->metric;
    char widest[32];
    widest_number(widest, sizeof widest, slot);
    return (struct need){
        .number = font_width(task->fonts, l->number, widest),
        .unit = font_width(task->fonts, l->label, layout_unit(l, slot, task->language)),
        .label = font_width(task->fonts, l->label, label),
    };
}

struct rect layout_cell(const struct layout *layout, struct rect body, int index)
{
    int gap = body.width / 32 > GAP ? body.width / 32 : GAP;
    int width = (body.width - gap * (layout->columns - 1)) / layout->columns;
    int height = (body.height - (layout->rows - 1)) / layout->rows;
    return (struct rect){body.x + index % layout->columns * (width + gap),
                         body.y + index / layout->columns * (height + 1), width, height};
}

int arrow_size(struct font number)
{
    int height = font_height(number);
    return height >= 39 ? 13 : height >= 26 ? 9 : 5;
}

bool arrow_above(const struct layout *l)
{
    return font_height(l->number) >= font_height(l->label) + arrow_size(l->number) + 1;
}

/* The arrow stands beside the unit, or above it where the number is tall enough. */
static int unit_width(const struct need *need, const struct layout *l)
{
    int arrow = l->arrow ? arrow_size(l->number) : 0;
    if (arrow_above(l))
        return arrow > need->unit ? arrow : need->unit;
    return need->unit + (need->unit && arrow ? 2 : 0) + arrow;
}

static bool cells_fit(const struct task *task, struct layout *l, int box_width, int box_height)
{
    int label_height = font_height(l->label), number_height = font_height(l->number);
    int stacked = label_height + 1 + number_height;
    int inlined = label_height > number_height ? label_height : number_height;
    if ((l->shape == CELL_STACKED ? stacked : inlined) > box_height)
        return false;
    int widest_label = 0, widest_digits = 0;
    l->unit_width = 0;
    for (int i = 0; i < task->count; i++) {
        struct need need = cell_need(task, i, l);
        int unit = unit_width(&need, l);
        if (l->shape == CELL_STACKED && need.number + (unit ? 2 + unit : 0) > box_width)
            return false;
        l->unit_width = unit > l->unit_width ? unit : l->unit_width;
        widest_label = need.label > widest_label ? need.label : widest_label;
        widest_digits = need.number > widest_digits ? need.number : widest_digits;
    }
    if (l->shape == CELL_STACKED)
        return widest_label <= box_width;
    int all = widest_label + GAP + widest_digits + (l->unit_width ? 2 + l->unit_width : 0);
    return all <= box_width;
}

/* One column reads best as lines of a table, several as blocks. */
static bool try_grid(const struct task *task, struct layout *l)
{
    struct rect box = layout_cell(l, task->body, 0);
    for (int step = LADDER_STEPS - 1; step >= 0; step--) {
        l->number = ladder[step];
        l->label = label_font(font_height(l->number));
        for (int i = 0; i < 2; i++) {
            l->shape = (l->columns == 1) == (i == 0) ? CELL_INLINE : CELL_STACKED;
            if (cells_fit(task, l, box.width, box.height))
                return true;
        }
    }
    return false;
}

static bool best_grid(const struct task *task, int count, struct layout *best)
{
    int best_height = 0;
    for (int columns = 1; columns <= count; columns++) {
        struct layout l = *best;
        l.columns = columns;
        l.rows = (count + columns - 1) / columns;
        if (l.rows * columns - count >= columns)
            continue;
        if (try_grid(task, &l) && font_height(l.number) > best_height) {
            best_height = font_height(l.number);
            *best = l;
        }
    }
    return best_height > 0;
}

/* The most values a picture at which digits are as high as wanted; with what room there is for
 * units and arrows. False: not with that much detail; `best` is then the largest found. */
static bool try_counts(const struct task *task, const struct layout *detail, int wanted,
                       struct layout *best)
{
    for (int count = task->count; count >= 1; count--) {
        struct layout found = *detail;
        found.screens = (task->count + count - 1) / count;
        found.per_screen = (task->count + found.screens - 1) / found.screens;
        if (!best_grid(task, found.per_screen, &found))
            continue;
        if (best->per_screen == 0 || font_height(found.number) > font_height(best->number))
            *best = found;
        if (font_height(found.number) >= wanted) {
            *best = found;
            return true;
        }
    }
    return false;
}

struct layout layout_values(struct font_set *fonts, const struct page_value *values, int count,
                            const struct state *state, enum language language, struct rect body,
                            int wanted)
{
    static const struct layout details[] = {
        {.unit = true, .arrow = true},
        {.unit = true, .short_unit = true, .arrow = true},
        {.unit = true, .short_unit = true},
        {.unit = false},
    };
    struct task task = {fonts, values, count, state, language, body};
    struct layout best = {.per_screen = 0, .number = ladder[0]};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        if (try_counts(&task, &details[i], wanted, &best))
            return best;
    }
    if (best.per_screen == 0) /* narrower than any plan: bare numbers, one a picture */
        best = (struct layout){.per_screen = 1,
                               .screens = count,
                               .columns = 1,
                               .rows = 1,
                               .number = ladder[0],
                               .label = label_font(0)};
    return best;
}
