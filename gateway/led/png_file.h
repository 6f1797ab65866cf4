/* SPDX-License-Identifier: Apache-2.0 */
/* PNG pictures to and from canvases. One thread. */
#ifndef BAIYE_LED_PNG_FILE_H
#define BAIYE_LED_PNG_FILE_H

#include "gateway/led/canvas.h"

/* Reads a file (transparency on black) of at most side_max pixels a side. False and `*why`;
 * canvas_free() takes the picture back. */
bool png_read(const char *path, int side_max, struct canvas *picture, const char **why);
/* Writes into `buffer`; the size, 0 when it does not fit. Same pixels, same bytes. */
size_t png_write(const struct canvas *canvas, uint8_t *buffer, size_t size);
/* Bytes that png_write() can need at most. */
size_t png_size_max(const struct canvas *canvas);

#endif
