/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/textbox.h"

#include <string.h>

static const struct font sizes[] = {
    {FACE_TEXT16, 4}, {FACE_TEXT16, 3}, {FACE_TEXT16, 2},
    {FACE_TEXT12, 2}, {FACE_TEXT16, 1}, {FACE_TEXT12, 1},
};

#define SIZE_COUNT ((int)(sizeof sizes / sizeof sizes[0]))

static bool is_wide(uint32_t code)
{
    return code >= 0x2E80;
}

/* Must not begin a row. */
static bool closes(uint32_t code)
{
    return code == 0x3001 || code == 0x3002 || code == 0xFF0C || code == 0xFF01 || code == 0xFF1A ||
           code == 0xFF1B || code == 0xFF1F || code == 0xFF09 || code == '%';
}

struct row_end {
    size_t end, next; /* the row is [0, end), the following one starts at next */
    bool broken;      /* one word was wider than the box */
};

static struct row_end find_row_end(struct font_set *fonts, struct font font, const char *text,
                                   size_t size, int width)
{
    struct row_end found = {0, 0, false};
    size_t at = 0, last = 0;
    uint32_t before = 0;
    for (uint32_t code; (code = utf8_next(text, size, &at)) != 0; last = at, before = code) {
        bool may_break = code == ' ' || ((is_wide(code) || is_wide(before)) && !closes(code));
        if (may_break && last > 0)
            found = (struct row_end){last, code == ' ' ? at : last, false};
        if (font_width_n(fonts, font, text, at) <= width)
            continue;
        if (found.end > 0)
            return found;
        size_t cut = last > 0 ? last : at;
        return (struct row_end){cut, cut, true};
    }
    return (struct row_end){size, size, false};
}

static bool has_digit(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] >= '0' && text[i] <= '9')
            return true;
    }
    return false;
}

/* False when a word had to be broken, or there are too many rows. */
static bool wrap(struct textbox *box, struct font_set *fonts, const char *const *lines, int count,
                 int width)
{
    bool whole = true;
    box->row_count = 0;
    for (int i = 0; i < count; i++) {
        const char *text = lines[i];
        for (size_t left = strlen(text); left > 0;) {
            if (box->row_count == TEXTBOX_ROWS_MAX)
                return false;
            struct row_end row = find_row_end(fonts, box->font, text, left, width);
            if (row.broken && has_digit(text, row.end)) { /* fewer lines, but no cut number */
                whole = false;
                break;
            }
            box->rows[box->row_count++] = (struct textbox_row){text, row.end, i};
            whole = whole && !row.broken;
            text += row.next;
            left -= row.next;
        }
    }
    return whole;
}

static int row_height(struct font font)
{
    return font_height(font) + (font_height(font) > 16 ? 2 : 1);
}

/* Tries one size; true when all of it fits into one picture with no word broken. */
static bool try_size(struct textbox *box, struct font_set *fonts, const char *const *lines,
                     int count, int width, int height)
{
    bool whole = wrap(box, fonts, lines, count, width);
    box->rows_per_screen = (height + 1) / row_height(box->font);
    box->rows_per_screen = box->rows_per_screen > 0 ? box->rows_per_screen : 1;
    box->screens = (box->row_count + box->rows_per_screen - 1) / box->rows_per_screen;
    box->screens = box->screens > 0 ? box->screens : 1;
    return whole && box->screens == 1;
}

/* The largest size that fits; but lines that stay whole at a size not much smaller look better
 * than wrapped ones. */
void textbox_set(struct textbox *box, struct font_set *fonts, const char *const *lines, int count,
                 int width, int height, int largest)
{
    int fits = SIZE_COUNT - 1;
    for (int i = SIZE_COUNT - 1; i >= 0; i--) {
        box->font = sizes[i];
        if (font_height(box->font) > largest && i < SIZE_COUNT - 1)
            break;
        if (try_size(box, fonts, lines, count, width, height))
            fits = i;
    }
    int unwrapped = fits;
    for (; unwrapped < SIZE_COUNT; unwrapped++) {
        box->font = sizes[unwrapped];
        if (try_size(box, fonts, lines, count, width, height) && box->row_count <= count)
            break;
    }
    bool better =
        unwrapped < SIZE_COUNT && font_height(sizes[unwrapped]) * 2 > font_height(sizes[fits]);
    box->font = sizes[better ? unwrapped : fits];
    (void)try_size(box, fonts, lines, count, width, height);
}

void textbox_draw(const struct textbox *box, struct font_set *fonts, struct canvas *canvas,
                  struct rect rect, int screen, const struct color *colors)
{
    int first = screen * box->rows_per_screen;
    int count = box->row_count - first;
    count = count > box->rows_per_screen ? box->rows_per_screen : count;
    int step = row_height(box->font);
    int used = count * step - (step - font_height(box->font));
    int spare = rect.height - used;
    int extra = count > 1 && spare > 0 ? spare / (count + 1) : 0;
    extra = extra > step / 3 ? step / 3 : extra;
    int y = rect.y + (spare - extra * (count - 1)) / 2;
    for (int i = 0; i < count; i++, y += step + extra) {
        const struct textbox_row *row = &box->rows[first + i];
        int width = font_width_n(fonts, box->font, row->text, row->size);
        int x = rect.x + (width < rect.width ? (rect.width - width) / 2 : 0);
        font_draw_n(fonts, canvas, box->font, x, y, colors[row->line], row->text, row->size);
    }
}

int text_line(struct font_set *fonts, struct canvas *canvas, struct font font, int x, int y,
              int width, struct color color, const char *text)
{
    static const char ellipsis[] = "…";
    int whole = font_width(fonts, font, text);
    if (whole <= width) {
        if (canvas != NULL)
            font_draw(fonts, canvas, font, x, y, color, text);
        return whole;
    }
    int mark = font_width(fonts, font, ellipsis);
    size_t size = strlen(text), at = 0, fits = 0;
    while (utf8_next(text, size, &at) != 0 &&
           font_width_n(fonts, font, text, at) + 1 + mark <= width)
        fits = at;
    if (fits == 0)
        return 0;
    int used = font_width_n(fonts, font, text, fits) + 1;
    if (canvas != NULL) {
        font_draw_n(fonts, canvas, font, x, y, color, text, fits);
        font_draw(fonts, canvas, font, x + used, y, color, ellipsis);
    }
    return used + mark;
}
