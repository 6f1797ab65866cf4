/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/copy.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_MS INT64_C(946684800000) /* where PostgreSQL counts from */

static void put(struct copy *copy, const void *data, size_t size)
{
    if (copy->failed)
        return;
    if (copy->used + size > copy->room) {
        size_t room = (copy->used + size) * 2;
        uint8_t *grown = realloc(copy->data, room);
        if (grown == NULL) {
            copy->failed = true;
            return;
        }
        copy->data = grown;
        copy->room = room;
    }
    memcpy(copy->data + copy->used, data, size);
    copy->used += size;
}

static void put_number(struct copy *copy, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    put(copy, bytes, size);
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

void copy_row(struct copy *copy, uint16_t fields)
{
    put_number(copy, fields, 2);
}

void copy_null(struct copy *copy)
{
    put_number(copy, UINT32_MAX, 4);
}

void copy_int4(struct copy *copy, int32_t value)
{
    put_number(copy, 4, 4);
    put_number(copy, (uint32_t)value, 4);
}

void copy_int8(struct copy *copy, int64_t value)
{
    put_number(copy, 8, 4);
    put_number(copy, (uint64_t)value, 8);
}

void copy_float8(struct copy *copy, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_number(copy, 8, 4);
    put_number(copy, bits, 8);
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
