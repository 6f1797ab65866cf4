/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows: PostgreSQL's array literals, and statements made at the start. An allocation
 * that fails sticks in `failed`. Pure. */
#ifndef BAIYE_COUNTY_TEXT_H
#define BAIYE_COUNTY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {   /* all zero: empty */
    char *data; /* malloc'ed; text_free() */
    size_t used, room;
    bool failed;
};

void text_begin(struct text *text); /* empties it */
void text_put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

#endif
