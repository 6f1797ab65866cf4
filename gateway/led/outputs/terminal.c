/* SPDX-License-Identifier: Apache-2.0 */
/* A 24-bit colour terminal: one character cell is two pixels, the upper half block's ink above
 * its paper. Rows that did not change are not written again. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/led/output.h"

/* ESC[38;2;rrr;ggg;bbbm twice and the block: at most 41 bytes a cell. */
#define CELL_BYTES 44
#define ROW_EXTRA  32

struct terminal {
    int fd;
    bool drawn;
    struct canvas last;
    size_t capacity;
    char *row;
};

static void terminal_close(void *output);

static void *terminal_open(const struct output_config *config, int width, int height, char *error,
                           size_t error_size)
{
    (void)config;
    struct terminal *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->fd = STDOUT_FILENO;
        t->capacity = (size_t)width * CELL_BYTES + ROW_EXTRA;
        t->row = malloc(t->capacity);
        if (t->row != NULL && canvas_init(&t->last, width, height))
            return t;
        terminal_close(t);
    }
    (void)snprintf(error, error_size, "no memory");
    return NULL;
}

/* Writes all of it, as long as the terminal takes it without delay. */
static bool put_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (poll(&ready, 1, 200) != 1) {
            errno = EAGAIN;
            return false;
        }
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static const uint8_t *pixel_at(const struct canvas *picture, int x, int y)
{
    static const uint8_t black[3] = {0, 0, 0};
    return y < picture->height
               ? picture->pixels + 3 * ((size_t)y * (size_t)picture->width + (size_t)x)
               : black;
}

static size_t format_row(struct terminal *t, const struct canvas *picture, int y)
{
    const uint8_t *ink = NULL, *paper = NULL;
    size_t used = (size_t)snprintf(t->row, t->capacity, "\x1b[%d;1H", y / 2 + 1);
    for (int x = 0; x < picture->width; x++) {
        const uint8_t *upper = pixel_at(picture, x, y), *lower = pixel_at(picture, x, y + 1);
        if (ink == NULL || memcmp(ink, upper, 3) != 0)
            used += (size_t)snprintf(t->row + used, t->capacity - used, "\x1b[38;2;%d;%d;%dm",
                                     upper[0], upper[1], upper[2]);
        if (paper == NULL || memcmp(paper, lower, 3) != 0)
            used += (size_t)snprintf(t->row + used, t->capacity - used, "\x1b[48;2;%d;%d;%dm",
                                     lower[0], lower[1], lower[2]);
        ink = upper;
        paper = lower;
        used += (size_t)snprintf(t->row + used, t->capacity - used, "\u2580");
    }
    used += (size_t)snprintf(t->row + used, t->capacity - used, "\x1b[0m");
    return used;
}

static bool row_changed(const struct terminal *t, const struct canvas *picture, int y)
{
    size_t bytes = (size_t)picture->width * 3;
    size_t at = (size_t)y * bytes;
    size_t size = y + 1 < picture->height ? 2 * bytes : bytes;
    return !t->drawn || memcmp(t->last.pixels + at, picture->pixels + at, size) != 0;
}

static bool terminal_show(void *output, const struct canvas *picture)
{
    static const char begin[] = "\x1b[?25l\x1b[2J";
    struct terminal *t = output;
    if (!t->drawn && !put_all(t->fd, begin, sizeof begin - 1))
        return false;
    for (int y = 0; y < picture->height; y += 2) {
        if (row_changed(t, picture, y) && !put_all(t->fd, t->row, format_row(t, picture, y))) {
            t->drawn = false; /* half of it may be there: all of it next time */
            return false;
        }
    }
    memcpy(t->last.pixels, picture->pixels, canvas_size(picture));
    t->drawn = true;
    return true;
}

static void terminal_close(void *output)
{
    static const char end[] = "\x1b[0m\x1b[?25h\n";
    struct terminal *t = output;
    if (t->drawn)
        (void)put_all(t->fd, end, sizeof end - 1);
    canvas_free(&t->last);
    free(t->row);
    free(t);
}

const struct output_kind output_terminal = {
    .name = "terminal",
    .open = terminal_open,
    .show = terminal_show,
    .close = terminal_close,
};
