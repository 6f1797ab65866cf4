/* SPDX-License-Identifier: Apache-2.0 */
/* JSON read once from front to back, without a tree: the caller asks for what the schema has at
 * that place, and anything else is wrong. Strings stay in the text, which is changed (each gets a
 * NUL); names, numbers and flags need no escape, so a string with one is refused. The first thing
 * that is wrong sticks, and all that is asked for afterwards fails. Begin with json_reader_open(),
 * take keys and values until json_reader_key() gives NULL, end with json_reader_end(). Pure. */
#ifndef BAIYE_COUNTY_JSON_READER_H
#define BAIYE_COUNTY_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_reader {
    char *at, *end; /* `*end` is NUL */
    bool fresh;     /* directly behind an opening bracket */
    bool failed;
    bool malformed; /* it is not JSON; else JSON that is not of the schema */
};

void json_reader_begin(struct json_reader *reader, char *text, size_t size);
/* '{' or '['. */
bool json_reader_open(struct json_reader *reader, char bracket);
/* The next key, NULL behind the last one or when something is wrong; its value has to be taken. */
char *json_reader_key(struct json_reader *reader);
/* Is there a further item of the list? It has to be taken. */
bool json_reader_item(struct json_reader *reader);
/* NULL: it is none. */
char *json_reader_string(struct json_reader *reader);
bool json_reader_integer(struct json_reader *reader, int64_t *value);
bool json_reader_number(struct json_reader *reader, double *value);
/* Nothing but white space is left, and nothing was wrong. */
bool json_reader_end(struct json_reader *reader);
/* Says that what was read does not fit; gives false, for a last line. */
bool json_reader_refuse(struct json_reader *reader);

#endif
