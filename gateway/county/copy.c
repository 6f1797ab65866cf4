/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/copy.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"

#define EPOCH_2000_MS INT64_C(946684800000) /* where PostgreSQL counts from */

/* Room for so many bytes, counted as used; NULL: no memory. */
static uint8_t *room_for(struct copy *copy, size_t size)
{
    if (copy->failed)
        return NULL;
    if (copy->used + size > copy->room) {
        uint8_t *grown = grow_array(copy->data, &copy->room, copy->used + size, 1);
        if (grown == NULL) {
            copy->failed = true;
            return NULL;
        }
        copy->data = grown;
    }
    copy->used += size;
    return copy->data + copy->used - size;
}

static void put(struct copy *copy, const void *data, size_t size)
{
    uint8_t *to = room_for(copy, size);
    if (to != NULL)
        memcpy(to, data, size);
}

static inline void write_number(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static inline void put_number(struct copy *copy, uint64_t value, unsigned size)
{
    uint8_t *to = room_for(copy, size);
    if (to != NULL)
        write_number(to, value, size);
}

/* A field of that size with its length before it. */
static inline void put_field(struct copy *copy, uint64_t value, unsigned size)
{
    uint8_t *to = room_for(copy, 4 + size);
    if (to == NULL)
        return;
    write_number(to, size, 4);
    write_number(to + 4, value, size);
}

void copy_begin(struct copy *copy)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it */
    copy->used = 0;
    copy->failed = false;
    put(copy, signature, sizeof signature);
    put_number(copy, 0, 4); /* flags */
    put_number(copy, 0, 4); /* no extension */
}

void copy_begin_array(struct copy *copy, enum copy_type type, size_t count)
{
    copy->used = 0;
    copy->failed = false;
    put_number(copy, count > 0 ? 1 : 0, 4); /* dimensions */
    put_number(copy, 0, 4);                 /* no NULL */
    put_number(copy, type, 4);
    if (count > 0) {
        put_number(copy, count, 4);
        put_number(copy, 1, 4); /* the first one's index */
    }
}

void copy_row(struct copy *copy, uint16_t fields)
{
    put_number(copy, fields, 2);
}

void copy_null(struct copy *copy)
{
    put_number(copy, UINT32_MAX, 4);
}

void copy_int2(struct copy *copy, int16_t value)
{
    put_field(copy, (uint16_t)value, 2);
}

void copy_int4(struct copy *copy, int32_t value)
{
    put_field(copy, (uint32_t)value, 4);
}

void copy_int8(struct copy *copy, int64_t value)
{
    put_field(copy, (uint64_t)value, 8);
}

void copy_float8(struct copy *copy, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_field(copy, bits, 8);
}

void copy_time(struct copy *copy, int64_t ms)
{
    copy_int8(copy, (ms - EPOCH_2000_MS) * 1000);
}

void copy_jsonb(struct copy *copy, const char *text)
{
    size_t size = strlen(text);
    put_number(copy, size + 1, 4);
    put_number(copy, 1, 1); /* version */
    put(copy, text, size);
}

void copy_end(struct copy *copy)
{
    put_number(copy, UINT16_MAX, 2);
}

void copy_free(struct copy *copy)
{
    free(copy->data);
    *copy = (struct copy){0};
}
