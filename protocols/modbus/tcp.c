/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/tcp.h"

#include <string.h>

#include "protocols/bytes/bytes.h"

int tcp_parse(const uint8_t *bytes, size_t have, struct tcp_frame *frame)
{
    if (have < MBAP_SIZE)
        return TCP_MORE;
    struct byte_reader r = byte_reader_init(bytes, have);
    frame->transaction = byte_read_u16(&r);
    uint16_t protocol = byte_read_u16(&r);
    uint16_t length = byte_read_u16(&r); /* of unit and PDU */
    frame->unit = byte_read_u8(&r);
    if (protocol != 0 || length < 2 || length > MODBUS_PDU_MAX + 1)
        return TCP_BAD;
    size_t size = MBAP_SIZE - 1u + length;
    if (have < size)
        return TCP_MORE;
    frame->pdu = bytes + MBAP_SIZE;
    frame->pdu_size = (uint16_t)(length - 1);
    return (int)size;
}

size_t tcp_build(uint16_t transaction, uint8_t unit, const uint8_t *pdu, size_t pdu_size,
                 uint8_t *out, size_t out_size)
{
    if (pdu_size < 1 || pdu_size > MODBUS_PDU_MAX || out_size < MBAP_SIZE + pdu_size)
        return 0;
    memmove(out + MBAP_SIZE, pdu, pdu_size);
    struct byte_writer w = byte_writer_init(out, MBAP_SIZE);
    byte_write_u16(&w, transaction);
    byte_write_u16(&w, 0);
    byte_write_u16(&w, (uint16_t)(pdu_size + 1));
    byte_write_u8(&w, unit);
    return MBAP_SIZE + pdu_size;
}
