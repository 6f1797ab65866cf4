/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/tcp.h"

#include <string.h>

#include "protocols/bytes/bytes.h"

/* Of a frame whose MBAP is there: its size, by the PDU's size. */
static int end_frame(const uint8_t *bytes, size_t have, size_t pdu_size, struct tcp_frame *frame)
{
    if (have < MBAP_SIZE + pdu_size)
        return TCP_MORE;
    frame->pdu = bytes + MBAP_SIZE;
    frame->pdu_size = (uint16_t)pdu_size;
    return (int)(MBAP_SIZE + pdu_size);
}

/* The size of the PDU as the MBAP has it; TCP_MORE, TCP_BAD. */
static int read_header(const uint8_t *bytes, size_t have, struct tcp_frame *frame)
{
    if (have < MBAP_SIZE)
        return TCP_MORE;
    struct byte_reader r = byte_reader_init(bytes, have);
    frame->transaction = byte_read_u16(&r);
    uint16_t protocol = byte_read_u16(&r);
    uint16_t length = byte_read_u16(&r); /* of unit and PDU */
    frame->unit = byte_read_u8(&r);
    return protocol != 0 || length < 2 || length > MODBUS_PDU_MAX + 1 ? TCP_BAD : length - 1;
}

int tcp_parse(const uint8_t *bytes, size_t have, struct tcp_frame *frame)
{
    int pdu_size = read_header(bytes, have, frame);
    return pdu_size > 0 ? end_frame(bytes, have, (size_t)pdu_size, frame) : pdu_size;
}

int tcp_parse_answer(const uint8_t *bytes, size_t have, struct tcp_frame *frame)
{
    int pdu_size = read_header(bytes, have, frame);
    if (pdu_size <= 0)
        return pdu_size;
    int own = modbus_answer_size(bytes + MBAP_SIZE, have - MBAP_SIZE);
    if (own == MODBUS_SIZE_MORE)
        return TCP_MORE;
    if (own == pdu_size + 1 || own == pdu_size - 1)
        pdu_size = own;
    return end_frame(bytes, have, (size_t)pdu_size, frame);
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
