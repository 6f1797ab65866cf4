/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows: PostgreSQL's array literals, and statements made at the start. An allocation
 * that fails sticks in `failed`. Pure. */
#ifndef BAIYE_COUNTY_SQL_TEXT_H
#define BAIYE_COUNTY_SQL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct sql_text { /* all zero: empty */
    char *data;   /* malloc'ed; sql_text_free() */
    size_t used, room;
    bool failed;
};

void sql_text_begin(struct sql_text *text); /* empties it */
void sql_text_put(struct sql_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As it is, without a format. */
void sql_text_add(struct sql_text *text, const char *piece);
void sql_text_free(struct sql_text *text);

#endif
