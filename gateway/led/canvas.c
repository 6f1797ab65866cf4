/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/canvas.h"

#include <stdlib.h>
#include <string.h>

bool canvas_init(struct canvas *canvas, int width, int height)
{
    *canvas = (struct canvas){.width = width, .height = height};
    canvas->pixels = calloc(1, canvas_size(canvas));
    return canvas->pixels != NULL;
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->pixels);
    canvas->pixels = NULL;
}

void canvas_clear(struct canvas *canvas)
{
    memset(canvas->pixels, 0, canvas_size(canvas));
}

void canvas_pixel(struct canvas *canvas, int x, int y, struct color color)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return;
    uint8_t *pixel = canvas->pixels + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x);
    pixel[0] = color.r;
    pixel[1] = color.g;
    pixel[2] = color.b;
}

void canvas_fill(struct canvas *canvas, struct rect rect, struct color color)
{
    for (int y = rect.y; y < rect.y + rect.height; y++) {
        for (int x = rect.x; x < rect.x + rect.width; x++)
            canvas_pixel(canvas, x, y, color);
    }
}

/* The mean colour of the source pixels [x0, x1) x [y0, y1), at least one of them. */
static struct color mean_color(const struct canvas *picture, int x0, int y0, int x1, int y1)
{
    unsigned long sum[3] = {0, 0, 0};
    unsigned long count = 0;
    x1 = x1 > x0 ? x1 : x0 + 1;
    y1 = y1 > y0 ? y1 : y0 + 1;
    for (int y = y0; y < y1 && y < picture->height; y++) {
        for (int x = x0; x < x1 && x < picture->width; x++, count++) {
            const uint8_t *p =
                picture->pixels + 3 * ((size_t)y * (size_t)picture->width + (size_t)x);
            for (int i = 0; i < 3; i++)
                sum[i] += p[i];
        }
    }
    if (count == 0)
        return (struct color){0, 0, 0};
    return (struct color){(uint8_t)(sum[0] / count), (uint8_t)(sum[1] / count),
                          (uint8_t)(sum[2] / count)};
}

static void fit(int *width, int *height, const struct rect *rect)
{
    int factor = rect->width / *width < rect->height / *height ? rect->width / *width
                                                               : rect->height / *height;
    if (factor >= 1) {
        *width *= factor;
        *height *= factor;
    } else if ((long)rect->width * *height < (long)rect->height * *width) {
        *height = (int)((long)*height * rect->width / *width);
        *width = rect->width;
    } else {
        *width = (int)((long)*width * rect->height / *height);
        *height = rect->height;
    }
    *width = *width > 0 ? *width : 1;
    *height = *height > 0 ? *height : 1;
}

void canvas_picture(struct canvas *canvas, struct rect rect, const struct canvas *picture)
{
    int width = picture->width;
    int height = picture->height;
    if (width <= 0 || height <= 0 || rect.width <= 0 || rect.height <= 0)
        return;
    fit(&width, &height, &rect);
    int left = rect.x + (rect.width - width) / 2;
    int top = rect.y + (rect.height - height) / 2;
    for (int y = 0; y < height; y++) {
        int y0 = (int)((long)y * picture->height / height);
        int y1 = (int)((long)(y + 1) * picture->height / height);
        for (int x = 0; x < width; x++) {
            int x0 = (int)((long)x * picture->width / width);
            int x1 = (int)((long)(x + 1) * picture->width / width);
            canvas_pixel(canvas, left + x, top + y, mean_color(picture, x0, y0, x1, y1));
        }
    }
}
