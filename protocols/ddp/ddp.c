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

bool ddp_packet_read(const void *packet, size_t size, struct ddp_header *header,
                     const uint8_t **data)
{
    struct byte_reader r = byte_reader_init(packet, size);
    *header = (struct ddp_header){
        .flags = byte_read_u8(&r),
    };
    header->sequence = byte_read_u8(&r) & SEQUENCE_MAX;
    header->type = byte_read_u8(&r);
    header->destination = byte_read_u8(&r);
    header->offset = byte_read_u32(&r);
    header->length = byte_read_u16(&r);
    if (header->flags & DDP_FLAG_TIMECODE)
        (void)byte_read_u32(&r);
    *data = byte_read_span(&r, header->length);
    return !r.failed && byte_reader_left(&r) == 0 &&
           (header->flags & DDP_FLAG_VERSION_MASK) == DDP_FLAG_VERSION_1;
}

uint8_t ddp_sequence_next(uint8_t sequence)
{
    return sequence >= SEQUENCE_MAX ? 1 : (uint8_t)(sequence + 1);
}

size_t ddp_packet_count(size_t size)
{
    return size == 0 ? 1 : (size + DDP_DATA_MAX - 1) / DDP_DATA_MAX;
}
