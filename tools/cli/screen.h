/* SPDX-License-Identifier: Apache-2.0 */
/* How the commands look: colours, and lines that fit. On a terminal text is wrapped at
 * its width (80 columns at most), and coloured unless NO_COLOR is set or TERM is "dumb"; into a
 * file or another program it goes as it is. */
#ifndef BAIYE_CLI_SCREEN_H
#define BAIYE_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum screen_colour { SCREEN_PLAIN, SCREEN_GOOD, SCREEN_WARN, SCREEN_BAD, SCREEN_DIM };

/* Columns that a line may have; 0: it is not shown on a terminal, and nothing is wrapped. */
unsigned screen_width(FILE *out);
/* What switches to a colour, "" where there are none. SCREEN_PLAIN switches back. */
const char *screen_colour(FILE *out, enum screen_colour colour);
/* Columns of a text: two for each Chinese character. Pure. */
size_t screen_columns(const char *text);
/* Prints a text and a line feed. It begins in column `at`, is broken between words (Chinese:
 * anywhere but before a full stop or comma) before `width` columns (0: never), and what follows
 * begins in column `indent`. Pure but for `out`. */
void screen_wrap(FILE *out, unsigned width, unsigned at, unsigned indent, const char *text);

#endif
