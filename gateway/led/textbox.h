/* SPDX-License-Identifier: Apache-2.0 */
/* Text in a box: wrapped between words and between hanzi, at the largest size at which all of it
 * fits; what does not fit at the smallest size goes to a further picture. A number is never
 * broken. Pure. */
#ifndef BAIYE_LED_TEXTBOX_H
#define BAIYE_LED_TEXTBOX_H

#include "gateway/led/canvas.h"
#include "gateway/led/font.h"

#define TEXTBOX_ROWS_MAX 64

struct textbox_row {
    const char *text; /* into the lines given */
    size_t size;
    int line; /* which of the lines given */
};

struct textbox {
    struct font font;
    int row_count, rows_per_screen, screens;
    struct textbox_row rows[TEXTBOX_ROWS_MAX];
};

/* Sets the lines in a box; they must outlive it. `largest`: height in pixels that the text need
 * not exceed. */
void textbox_set(struct textbox *box, struct font_set *fonts, const char *const *lines, int count,
                 int width, int height, int largest);
/* Draws one screen of it, centred; `colors` one for each line given. */
void textbox_draw(const struct textbox *box, struct font_set *fonts, struct canvas *canvas,
                  struct rect rect, int screen, const struct color *colors);

/* One line within `width`: as it is, or cut with an ellipsis. Draws at (x, y) when there is a
 * canvas; gives the width. */
int text_line(struct font_set *fonts, struct canvas *canvas, struct font font, int x, int y,
              int width, struct color color, const char *text);

#endif
