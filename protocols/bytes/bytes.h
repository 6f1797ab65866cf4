/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked reader and writer of bytes with a sticky error: use them freely, look at `failed`
 * once at the end. Multi-byte numbers are big-endian (network and Modbus order). No allocation; the
 * caller owns the memory. Any thread; one owner at a time. */
#ifndef BAIYE_BYTES_H
#define BAIYE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_reader {
    const uint8_t *data;
    size_t size;
    size_t at;   /* next byte to read */
    bool failed; /* a read went past the end; every later read gives 0 */
};

struct byte_writer {
    uint8_t *data;
    size_t size;
    size_t at;   /* bytes written so far */
    bool failed; /* a write did not fit; nothing was written since */
};

/* Reads from `size` bytes that the caller keeps. Each read moves on; past the end it gives 0. */
struct byte_reader byte_reader_init(const void *data, size_t size);
uint8_t byte_read_u8(struct byte_reader *r);
uint16_t byte_read_u16(struct byte_reader *r);
uint32_t byte_read_u32(struct byte_reader *r);
/* `size` bytes in place, NULL (and failed) when fewer are left. */
const uint8_t *byte_read_span(struct byte_reader *r, size_t size);
size_t byte_reader_left(const struct byte_reader *r);

/* Writes into `size` bytes of the caller's; `at` tells how many it has written. */
struct byte_writer byte_writer_init(void *data, size_t size);
void byte_write_u8(struct byte_writer *w, uint8_t value);
void byte_write_u16(struct byte_writer *w, uint16_t value);
void byte_write_u32(struct byte_writer *w, uint32_t value);
void byte_write_span(struct byte_writer *w, const void *data, size_t size);

/* Four bytes of a program for a little-endian processor, as it would load them. */
static inline uint32_t byte_u32_little(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

/* CRC-32 (IEEE 802.3) of more bytes; start with 0. Without a table: small, not fast. */
uint32_t byte_crc32(uint32_t crc, const void *data, size_t size);

#endif
