/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmap fonts of the distribution (PCF, read by FreeType), drawn pixel by pixel: hanzi at 12 and
 * 16 px, numbers in bold faces, each at whole-number scales with smoothed corners. A character
 * that no font has is drawn as a box. Packages: xfonts-wqy, xfonts-base. One thread. */
#ifndef BAIYE_LED_FONT_H
#define BAIYE_LED_FONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/led/canvas.h"
#include "gateway/led/utf8.h"

enum font_face {
    FACE_TEXT12 = 0, /* any text; hanzi 12 px */
    FACE_TEXT16,     /* any text; hanzi 16 px */
    FACE_NUMBER9,    /* digits 9 px high, 6 wide, bold */
    FACE_NUMBER10,   /* 10 high, 7 wide, bold */
    FACE_NUMBER13,   /* 13 high, 10 wide, bold */
    FACE_COUNT
};

/* A face at a size; both by value, everywhere. */
struct font {
    enum font_face face;
    int scale; /* 1..FONT_SCALE_MAX */
};

#define FONT_SCALE_MAX 8

struct font_set;

#define FONT_DIRECTORY "/usr/share/fonts/X11/misc"

/* Opens the faces in `directory`. NULL and `error` (what is missing and which package has it). */
struct font_set *font_open(const char *directory, char *error, size_t error_size);
void font_close(struct font_set *set);

/* Height of a line: from the top of the tallest sign to the bottom of the deepest; for the number
 * faces, of a digit. */
int font_height(struct font font);
/* Rows of a line above its baseline. */
int font_ascent(struct font font);
/* Width in pixels of UTF-8 text, without the gap behind its last sign. Invalid bytes count as
 * boxes; control characters are skipped. */
int font_width(struct font_set *set, struct font font, const char *text);
/* As font_width(), of the first `size` bytes. */
int font_width_n(struct font_set *set, struct font font, const char *text, size_t size);
/* Draws with the line's top left corner at (x, y). Gives the width. */
int font_draw(struct font_set *set, struct canvas *canvas, struct font font, int x, int y,
              struct color color, const char *text);
int font_draw_n(struct font_set *set, struct canvas *canvas, struct font font, int x, int y,
                struct color color, const char *text, size_t size);

#endif
