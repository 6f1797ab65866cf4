/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/bytes/bytes.h"

#include <string.h>

struct byte_reader byte_reader_init(const void *data, size_t size)
{
    return (struct byte_reader){.data = data, .size = size};
}

const uint8_t *byte_read_span(struct byte_reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *span = r->data + r->at;
    r->at += size;
    return span;
}

uint8_t byte_read_u8(struct byte_reader *r)
{
    const uint8_t *span = byte_read_span(r, 1);
    return span != NULL ? span[0] : 0;
}

uint16_t byte_read_u16(struct byte_reader *r)
{
    const uint8_t *span = byte_read_span(r, 2);
    return (uint16_t)(span != NULL ? span[0] << 8 | span[1] : 0);
}

uint32_t byte_read_u32(struct byte_reader *r)
{
    const uint8_t *span = byte_read_span(r, 4);
    if (span == NULL)
        return 0;
    return (uint32_t)span[0] << 24 | (uint32_t)span[1] << 16 | (uint32_t)span[2] << 8 | span[3];
}

size_t byte_reader_left(const struct byte_reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

struct byte_writer byte_writer_init(void *data, size_t size)
{
    return (struct byte_writer){.data = data, .size = size};
}

void byte_write_span(struct byte_writer *w, const void *data, size_t size)
{
    if (w->failed || size > w->size - w->at) {
        w->failed = true;
        return;
    }
    if (size > 0)
        memcpy(w->data + w->at, data, size);
    w->at += size;
}

static void write_big_endian(struct byte_writer *w, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    byte_write_span(w, bytes, size);
}

void byte_write_u8(struct byte_writer *w, uint8_t value)
{
    write_big_endian(w, value, 1);
}

void byte_write_u16(struct byte_writer *w, uint16_t value)
{
    write_big_endian(w, value, 2);
}

void byte_write_u32(struct byte_writer *w, uint32_t value)
{
    write_big_endian(w, value, 4);
}

uint32_t byte_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *byte = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    return ~crc;
}
