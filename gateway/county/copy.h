/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in PostgreSQL's binary COPY format (PostgreSQL 15 manual, COPY, "Binary Format"): a header,
 * then each row as a count of fields and each field as its length and its bytes, big endian; and
 * arrays as parameters, whose elements have the same form. The buffer grows; an allocation that
 * fails sticks in `failed`. Pure. */
#ifndef BAIYE_COUNTY_COPY_H
#define BAIYE_COUNTY_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct copy {
    uint8_t *data; /* malloc'ed; copy_free() */
    size_t used, room;
    bool failed;
};

/* What arrays are of: pg_type.oid. */
enum copy_type { COPY_INT2 = 21, COPY_INT4 = 23, COPY_INT8 = 20, COPY_FLOAT8 = 701 };

void copy_begin(struct copy *copy); /* empties it and writes the header */
/* Empties it and writes the head of an array of so many elements without NULL, which follow. */
void copy_begin_array(struct copy *copy, enum copy_type type, size_t count);
void copy_row(struct copy *copy, uint16_t fields);
void copy_null(struct copy *copy);
void copy_int2(struct copy *copy, int16_t value);
void copy_int4(struct copy *copy, int32_t value);
void copy_int8(struct copy *copy, int64_t value);
void copy_float8(struct copy *copy, double value);
/* timestamptz; milliseconds since 1970, from 0 to the year 9999. */
void copy_time(struct copy *copy, int64_t ms);
void copy_jsonb(struct copy *copy, const char *text);
void copy_end(struct copy *copy);
void copy_free(struct copy *copy);

#endif
