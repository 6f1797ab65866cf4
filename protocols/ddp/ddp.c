/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/ddp/ddp.h"

#include "protocols/bytes/bytes.h"

#define SEQUENCE_MAX 15

bool ddp_header_write(const struct ddp_header *header, void *data, size_t size)
{
    if (header->sequence > SEQUENCE_MAX || (header->flags & DDP_FLAG_TIMECODE))
        return false;
    struct byte_writer w = byte_writer_init(data, size);
    byte_write_u8(&w, header->flags);
    byte_write_u8(&w, header->sequence);
    byte_write_u8(&w, header->type);
    byte_write_u8(&w, header->destination);
    byte_write_u32(&w, header->offset);
    byte_write_u16(&w, header->length);
    return !w.failed;
}

uint8_t ddp_sequence_next(uint8_t sequence)
{
    return sequence >= SEQUENCE_MAX ? 1 : (uint8_t)(sequence + 1);
}
