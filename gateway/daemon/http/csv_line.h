/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a CSV file (RFC 4180), cell by cell, in a buffer of fixed size. Pure. */
#ifndef BAIYE_HTTP_CSV_LINE_H
#define BAIYE_HTTP_CSV_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_line {
    char *text; /* of `size` bytes */
    size_t size, at;
    bool begun, full;
};

struct csv_line csv_line_init(char *text, size_t size);
/* What needs no quotes: numbers, names of the configuration. */
void csv_line_plain(struct csv_line *line, const char *text);
void csv_line_number(struct csv_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* People's words, quoted; nothing in them is a formula to a spreadsheet. NULL: an empty cell. */
void csv_line_words(struct csv_line *line, const char *text);
/* UTC, "2026-04-01T12:00:00Z", with `millis` "….000Z"; an empty cell for 0. */
void csv_line_time(struct csv_line *line, int64_t ms, bool millis);
/* Ends it; its length, 0: it does not fit. */
size_t csv_line_end(struct csv_line *line);

/* What a T of a query means: UTC milliseconds or YYYY-MM-DD (midnight UTC); -1: neither. */
int64_t csv_time(const char *text);

#endif
