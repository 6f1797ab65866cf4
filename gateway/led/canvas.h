/* SPDX-License-Identifier: Apache-2.0 */
/* The picture: RGB pixels in memory, and the few shapes drawn on it. Everything is clipped at the
 * edges. Pure; one thread. */
#ifndef BAIYE_LED_CANVAS_H
#define BAIYE_LED_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANVAS_WIDTH_MIN  32
#define CANVAS_HEIGHT_MIN 16
#define CANVAS_SIDE_MAX   1024

struct color {
    uint8_t r, g, b;
};

struct canvas {
    int width, height;
    uint8_t *pixels; /* rows from the top, 3 bytes a pixel: R, G, B; owned by the caller */
};

struct rect {
    int x, y, width, height;
};

static inline size_t canvas_size(const struct canvas *canvas)
{
    return (size_t)canvas->width * (size_t)canvas->height * 3;
}

/* Allocates the pixels, black; false when there is no memory. canvas_free() takes them back. */
bool canvas_init(struct canvas *canvas, int width, int height);
void canvas_free(struct canvas *canvas);

void canvas_clear(struct canvas *canvas);
void canvas_pixel(struct canvas *canvas, int x, int y, struct color color);
void canvas_fill(struct canvas *canvas, struct rect rect, struct color color);
/* Copies `picture` into `rect`, shrunk or enlarged with its proportions kept, centred. Shrinking
 * averages; enlarging goes by whole factors only, so that pixels stay crisp. */
void canvas_picture(struct canvas *canvas, struct rect rect, const struct canvas *picture);

#endif
