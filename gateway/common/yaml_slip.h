/* SPDX-License-Identifier: Apache-2.0 */
/* Why a text is not YAML, in the words of who typed it: a parser names the place where it could not
 * go on, and not the slip, which is often a line earlier. Pure but for the stream. */
#ifndef BAIYE_COMMON_YAML_SLIP_H
#define BAIYE_COMMON_YAML_SLIP_H

#include <stdio.h>

enum yaml_slip_kind {
    YAML_SLIP_NONE,
    YAML_SLIP_TAB,      /* in the blanks at the line's beginning */
    YAML_SLIP_WIDE,     /* `sign`: a full-width mark where YAML has its own */
    YAML_SLIP_NO_BLANK, /* `sign`: the key whose colon has no blank behind it */
    YAML_SLIP_EQUALS,   /* `sign`: the key that is followed by = */
    YAML_SLIP_QUOTE,    /* one that does not end */
    YAML_SLIP_BRACKET,  /* one that does not end */
    YAML_SLIP_COMMA,    /* missing between two keys in brackets */
    YAML_SLIP_DASH,     /* missing before a { */
    YAML_SLIP_INDENT    /* `columns` blanks, where the line above has `above` */
};

struct yaml_slip {
    enum yaml_slip_kind kind;
    int line;
    char sign[32];
    unsigned columns, above;
};

/* The likeliest slip at or before the line where the parser stopped. The stream is rewound. */
void yaml_slip_find(FILE *stream, int stopped, struct yaml_slip *slip);

#endif
