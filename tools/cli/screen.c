/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MOST  80
#define WIDTH_LEAST 40

unsigned screen_width(FILE *out)
{
    struct winsize size = {0};
    if (isatty(fileno(out)) == 0)
        return 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_col > WIDTH_MOST)
        return WIDTH_MOST;
    return size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col;
}

const char *screen_colour(FILE *out, enum screen_colour colour)
{
    /* Legible on black and on white: green and yellow are not. */
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[35m", "\033[31m", "\033[2m"};
    const char *never = getenv("NO_COLOR"), *term = getenv("TERM");
    if (isatty(fileno(out)) == 0 || (never != NULL && never[0] != '\0') ||
        (term != NULL && strcmp(term, "dumb") == 0))
        return "";
    return codes[colour];
}

/* Bytes of the character at `text`, its columns in `*columns`. */
static size_t step(const char *text, unsigned *columns)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) { /* cut in its middle */
            *columns = 1;
            return i;
        }
    }
    uint32_t code = first;
    if (size == 3)
        code = (first & 0x0Fu) << 12 | ((unsigned char)text[1] & 0x3Fu) << 6 |
               ((unsigned char)text[2] & 0x3Fu);
    bool wide =
        size == 4 ||
        (size == 3 && ((code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                       (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                       (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60)));
    *columns = wide ? 2 : 1;
    return size;
}

size_t screen_columns(const char *text)
{
    size_t all = 0;
    unsigned columns;
    while (*text != '\0') {
        text += step(text, &columns);
        all += columns;
    }
    return all;
}

/* Not at a line's beginning. */
static bool closes(const char *text)
{
    static const char *const marks[] = {"，", "。", "；", "：", "、", "）", "？", "！", "」", "”"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strncmp(text, marks[i], strlen(marks[i])) == 0)
            return true;
    }
    return false;
}

/* Bytes up to where a line may be broken next: a word, or one wide character with the marks that
 * must not be parted from it. */
static size_t piece(const char *text, size_t *columns)
{
    unsigned one;
    size_t size = step(text, &one);
    *columns = one;
    bool wide = one == 2;
    while (text[size] != '\0' && text[size] != ' ') {
        size_t next = step(text + size, &one);
        if (!closes(text + size) && (wide || one == 2))
            break;
        size += next;
        *columns += one;
    }
    return size;
}

void screen_wrap(FILE *out, unsigned width, unsigned at, unsigned indent, const char *text)
{
    bool fresh = true; /* nothing of the text is in this line yet */
    while (*text != '\0') {
        size_t blanks = strspn(text, " "), columns = 0;
        const char *word = text + blanks;
        if (*word == '\0')
            break;
        size_t size = piece(word, &columns);
        if (width > 0 && !fresh && at + blanks + columns > width) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            blanks = 0;
        }
        (void)fprintf(out, "%*s%.*s", (int)blanks, "", (int)size, word);
        at += (unsigned)(blanks + columns);
        text = word + size;
        fresh = false;
    }
    (void)fputc('\n', out);
}
