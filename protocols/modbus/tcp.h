/* SPDX-License-Identifier: Apache-2.0 */
/* The header of Modbus TCP (MBAP): transaction, protocol 0, length, unit. Pure functions. */
#ifndef BAIYE_MODBUS_TCP_H
#define BAIYE_MODBUS_TCP_H

#include <stddef.h>
#include <stdint.h>

#include "protocols/modbus/pdu.h"

#define MBAP_SIZE     7u
#define TCP_FRAME_MAX (MBAP_SIZE + MODBUS_PDU_MAX)

struct tcp_frame {
    uint16_t transaction;
    uint8_t unit;
    uint16_t pdu_size;
    const uint8_t *pdu; /* inside the bytes given */
};

enum { TCP_MORE = 0, TCP_BAD = -1 };

/* Looks at the first `have` bytes of a stream: the size of the whole frame, TCP_MORE when not all
 * of it is there, TCP_BAD when it is no Modbus TCP (close the connection: there is no way to find
 * the next frame). */
int tcp_parse(const uint8_t *bytes, size_t have, struct tcp_frame *frame);
/* The same of an answer, from servers that count the length wrongly: where it is one more or one
 * less than the PDU's own first bytes tell, those count. */
int tcp_parse_answer(const uint8_t *bytes, size_t have, struct tcp_frame *frame);
/* Writes the frame; its size, 0 when it does not fit. `pdu` may already lie at out + MBAP_SIZE. */
size_t tcp_build(uint16_t transaction, uint8_t unit, const uint8_t *pdu, size_t pdu_size,
                 uint8_t *out, size_t out_size);

#endif
