/* SPDX-License-Identifier: Apache-2.0 */
/* A PNG file that is always whole: written beside itself, then renamed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/led/output.h"
#include "gateway/led/png_file.h"

struct png_output {
    char path[LED_PATH_SIZE], part[LED_PATH_SIZE + 8];
    size_t capacity;
    uint8_t *buffer;
};

static void *png_open(const struct output_config *config, int width, int height, char *error,
                      size_t error_size)
{
    struct canvas canvas = {.width = width, .height = height};
    struct png_output *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->capacity = png_size_max(&canvas);
        p->buffer = malloc(p->capacity);
    }
    if (p == NULL || p->buffer == NULL) {
        (void)snprintf(error, error_size, "no memory");
        free(p);
        return NULL;
    }
    (void)snprintf(p->path, sizeof p->path, "%s", config->path);
    (void)snprintf(p->part, sizeof p->part, "%s.part", config->path);
    return p;
}

static bool png_show(void *output, const struct canvas *picture)
{
    struct png_output *p = output;
    size_t size = png_write(picture, p->buffer, p->capacity);
    int fd = size > 0 ? open(p->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (fd < 0)
        return false;
    bool good = write(fd, p->buffer, size) == (ssize_t)size;
    good = close(fd) == 0 && good;
    return good && rename(p->part, p->path) == 0;
}

static void png_close(void *output)
{
    struct png_output *p = output;
    free(p->buffer);
    free(p);
}

const struct output_kind output_png = {
    .name = "png",
    .open = png_open,
    .show = png_show,
    .close = png_close,
};
