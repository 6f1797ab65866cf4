/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/png_file.h"

#include <png.h>
#include <string.h>

bool png_read(const char *path, int side_max, struct canvas *picture, const char **why)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    picture->pixels = NULL;
    if (!png_image_begin_read_from_file(&image, path)) {
        *why = "not a readable PNG file";
        return false;
    }
    bool good = image.width <= (unsigned)side_max && image.height <= (unsigned)side_max;
    *why = good ? "no memory" : "larger than 1024 pixels a side";
    if (good)
        good = canvas_init(picture, (int)image.width, (int)image.height);
    if (good) {
        image.format = PNG_FORMAT_RGB;
        png_color black = {0, 0, 0};
        good = png_image_finish_read(&image, &black, picture->pixels, 0, NULL) != 0;
        *why = "damaged PNG file";
    }
    png_image_free(&image);
    if (!good)
        canvas_free(picture);
    return good;
}

size_t png_size_max(const struct canvas *canvas)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (unsigned)canvas->width,
                       .height = (unsigned)canvas->height,
                       .format = PNG_FORMAT_RGB};
    return PNG_IMAGE_PNG_SIZE_MAX(image);
}

size_t png_write(const struct canvas *canvas, uint8_t *buffer, size_t size)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (unsigned)canvas->width,
                       .height = (unsigned)canvas->height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t bytes = size;
    bool good = png_image_write_to_memory(&image, buffer, &bytes, 0, canvas->pixels, 0, NULL) != 0;
    png_image_free(&image);
    return good ? bytes : 0;
}
