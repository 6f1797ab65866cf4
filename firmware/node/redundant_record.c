/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/redundant_record.h"

#include <string.h>

#include "protocols/bytes/bytes.h"

#define HEAD_SIZE 8u

struct head {
    uint32_t sequence;
    uint16_t schema, size;
};

uint32_t redundant_record_crc(uint32_t crc, const void *data, size_t size)
{
    return byte_crc32(crc, data, size);
}

void redundant_record_init(struct redundant_record *record, uint32_t offset, uint16_t room,
                           uint16_t schema)
{
    *record = (struct redundant_record){.offset = offset, .room = room, .schema = schema};
}

static uint32_t copy_offset(const struct redundant_record *record, unsigned copy)
{
    return record->offset + (uint32_t)(copy ? record->room : 0);
}

/* Reads a copy through a small buffer. HAL_RANGE: it is none, or its CRC is wrong. */
static enum hal_result check_copy(const struct redundant_record *record, unsigned copy,
                                  struct head *head)
{
    uint8_t part[32];
    uint32_t at = copy_offset(record, copy);
    enum hal_result result = hal_nv_read(at, part, HEAD_SIZE);
    if (result != HAL_OK)
        return result;
    struct byte_reader r = byte_reader_init(part, HEAD_SIZE);
    head->sequence = byte_read_u32(&r);
    head->schema = byte_read_u16(&r);
    head->size = byte_read_u16(&r);
    if (head->sequence == 0 || head->schema != record->schema ||
        head->size > record->room - REDUNDANT_RECORD_OVERHEAD)
        return HAL_RANGE;
    uint32_t crc = redundant_record_crc(0, part, HEAD_SIZE);
    at += HEAD_SIZE;
    for (size_t left = head->size; left > 0;) {
        size_t n = left < sizeof part ? left : sizeof part;
        result = hal_nv_read(at, part, n);
        if (result != HAL_OK)
            return result;
        crc = redundant_record_crc(crc, part, n);
        at += (uint32_t)n;
        left -= n;
    }
    result = hal_nv_read(at, part, 4);
    if (result != HAL_OK)
        return result;
    r = byte_reader_init(part, 4);
    return byte_read_u32(&r) == crc ? HAL_OK : HAL_RANGE;
}

static enum hal_result load(struct redundant_record *record, void *data, uint16_t size)
{
    struct head heads[2];
    enum hal_result found[2];
    record->sequence = 0;
    for (unsigned copy = 0; copy < 2; copy++) {
        found[copy] = check_copy(record, copy, &heads[copy]);
        if (found[copy] != HAL_OK && found[copy] != HAL_RANGE)
            return found[copy]; /* it may be the newer one */
    }
    if (found[0] != HAL_OK && found[1] != HAL_OK)
        return HAL_RANGE;
    unsigned newer = found[1] == HAL_OK;
    if (found[0] == HAL_OK && found[1] == HAL_OK)
        newer = (int32_t)(heads[1].sequence - heads[0].sequence) > 0;
    uint16_t stored = heads[newer].size < size ? heads[newer].size : size;
    enum hal_result result = hal_nv_read(copy_offset(record, newer) + HEAD_SIZE, data, stored);
    if (result != HAL_OK)
        return result;
    record->newer = (uint8_t)newer;
    record->sequence = heads[newer].sequence;
    return HAL_OK;
}

enum hal_result redundant_record_load(struct redundant_record *record, void *data, uint16_t size)
{
    enum hal_result result = load(record, data, size);
    record->unread = result != HAL_OK && result != HAL_RANGE;
    return result;
}

enum hal_result redundant_record_save(struct redundant_record *record, const void *data,
                                      uint16_t size)
{
    if (size > record->room - REDUNDANT_RECORD_OVERHEAD)
        return HAL_RANGE;
    if (record->unread)
        return HAL_FAULT;
    unsigned copy = record->sequence == 0 ? 0 : !record->newer;
    uint32_t sequence = record->sequence + 1 ? record->sequence + 1 : 1;
    uint8_t head[HEAD_SIZE];
    struct byte_writer w = byte_writer_init(head, sizeof head);
    byte_write_u32(&w, sequence);
    byte_write_u16(&w, record->schema);
    byte_write_u16(&w, size);
    uint32_t crc = redundant_record_crc(redundant_record_crc(0, head, sizeof head), data, size);
    uint8_t tail[4];
    w = byte_writer_init(tail, sizeof tail);
    byte_write_u32(&w, crc);

    uint32_t at = copy_offset(record, copy);
    enum hal_result result = hal_nv_write(at, head, sizeof head);
    if (result == HAL_OK)
        result = hal_nv_write(at + HEAD_SIZE, data, size);
    if (result == HAL_OK)
        result = hal_nv_write(at + HEAD_SIZE + size, tail, sizeof tail);
    struct head check;
    if (result == HAL_OK &&
        (check_copy(record, copy, &check) != HAL_OK || check.sequence != sequence))
        result = HAL_FAULT;
    if (result == HAL_OK) {
        record->newer = (uint8_t)copy;
        record->sequence = sequence;
    }
    return result;
}
