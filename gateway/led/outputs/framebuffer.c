/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux framebuffer: a display, or the /dev/fb of a HUB75 driver. A plain file is treated as
 * one whose format the configuration gives. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gateway/led/output.h"

struct framebuffer {
    int fd;
    int x, y;
    enum pixel_format format;
    size_t stride; /* bytes a line */
    uint8_t *line; /* one line of the picture in the device's format */
    size_t line_size;
};

static size_t pixel_bytes(enum pixel_format format)
{
    return format == PIXEL_RGB565 ? 2 : format == PIXEL_XRGB8888 ? 4 : 3;
}

static bool ask_device(struct framebuffer *f, int width, int height, char *error, size_t error_size)
{
    struct fb_var_screeninfo screen;
    struct fb_fix_screeninfo fixed;
    memset(&screen, 0, sizeof screen);
    memset(&fixed, 0, sizeof fixed);
    if (ioctl(f->fd, FBIOGET_VSCREENINFO, &screen) != 0 ||
        ioctl(f->fd, FBIOGET_FSCREENINFO, &fixed) != 0)
        return true; /* a plain file */
    if (f->x + width > (int)screen.xres || f->y + height > (int)screen.yres) {
        (void)snprintf(error, error_size, "the picture does not fit into %ux%u pixels", screen.xres,
                       screen.yres);
        return false;
    }
    if (screen.bits_per_pixel == 16)
        f->format = PIXEL_RGB565;
    else if (screen.bits_per_pixel == 32)
        f->format = PIXEL_XRGB8888;
    else if (screen.bits_per_pixel == 24)
        f->format = screen.red.offset == 0 ? PIXEL_RGB888 : PIXEL_BGR888;
    else {
        (void)snprintf(error, error_size, "%u bits a pixel are not supported; 16, 24 or 32 are",
                       screen.bits_per_pixel);
        return false;
    }
    f->stride = fixed.line_length;
    return true;
}

static void framebuffer_close(void *output)
{
    struct framebuffer *f = output;
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->line);
    free(f);
}

static void *framebuffer_open(const struct output_config *config, int width, int height,
                              char *error, size_t error_size)
{
    struct framebuffer *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)snprintf(error, error_size, "no memory");
        return NULL;
    }
    f->fd = open(config->path, O_WRONLY | O_CLOEXEC);
    f->x = config->x;
    f->y = config->y;
    f->format = config->format;
    f->stride = (size_t)config->stride;
    if (f->fd < 0) {
        (void)snprintf(error, error_size, "cannot open %s: %s", config->path, strerror(errno));
    } else if (ask_device(f, width, height, error, error_size)) {
        f->line_size = (size_t)width * pixel_bytes(f->format);
        f->stride = f->stride ? f->stride : f->line_size;
        f->line = malloc(f->line_size);
        if (f->line != NULL)
            return f;
        (void)snprintf(error, error_size, "no memory");
    }
    framebuffer_close(f);
    return NULL;
}

static void convert(const struct framebuffer *f, const uint8_t *rgb, int width)
{
    uint8_t *out = f->line;
    for (int x = 0; x < width; x++, rgb += 3) {
        switch (f->format) {
        case PIXEL_RGB888:
            memcpy(out, rgb, 3);
            out += 3;
            break;
        case PIXEL_BGR888:
        case PIXEL_XRGB8888:
            out[0] = rgb[2];
            out[1] = rgb[1];
            out[2] = rgb[0];
            if (f->format == PIXEL_XRGB8888)
                out[3] = 0;
            out += pixel_bytes(f->format);
            break;
        case PIXEL_RGB565: {
            unsigned word = (rgb[0] >> 3u) * 2048u + (rgb[1] >> 2u) * 32u + (rgb[2] >> 3u);
            out[0] = (uint8_t)word;
            out[1] = (uint8_t)(word >> 8);
            out += 2;
            break;
        }
        }
    }
}

static bool framebuffer_show(void *output, const struct canvas *picture)
{
    struct framebuffer *f = output;
    size_t left = (size_t)f->x * pixel_bytes(f->format);
    for (int y = 0; y < picture->height; y++) {
        convert(f, picture->pixels + (size_t)y * (size_t)picture->width * 3, picture->width);
        off_t at = (off_t)(f->stride * (size_t)(f->y + y) + left);
        if (pwrite(f->fd, f->line, f->line_size, at) != (ssize_t)f->line_size)
            return false;
    }
    return true;
}

const struct output_kind output_framebuffer = {
    .name = "framebuffer",
    .dims = true,
    .open = framebuffer_open,
    .show = framebuffer_show,
    .close = framebuffer_close,
};
