/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the answer to one request in whatever arrives on the line: noise, other units' frames and
 * answers to earlier requests are stepped over. A pure state machine fed with bytes; the caller
 * has the deadline. An answer counts only when unit, function, and everything that the request
 * fixes (byte count of a read; address and value or quantity of a write; sub-function; serial
 * number) agree, and the CRC is good. A late answer to an earlier request of the same unit,
 * function and quantity cannot be told apart: after a timeout, wait for the line to be quiet for as
 * long as that unit may still answer, then begin anew.
 *
 *     rtu_client_expect(&c, unit, pdu, pdu_size);
 *     send; until the deadline: state = rtu_client_feed(&c, bytes, count); until not WAITING
 *     state = rtu_client_finish(&c)          // at the deadline: what was it, then?
 *
 * No allocation; one owner. */
#ifndef BAIYE_MODBUS_RTU_CLIENT_H
#define BAIYE_MODBUS_RTU_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "protocols/modbus/pdu.h"
#include "protocols/modbus/rtu.h"

enum rtu_client_state {
    RTU_CLIENT_WAITING = 0, /* the answer is not (all) there yet */
    RTU_CLIENT_ANSWER,      /* complete: see pdu, pdu_size */
    RTU_CLIENT_EXCEPTION,   /* complete: the code is in pdu[1] */
    /* Only from rtu_client_finish(): */
    RTU_CLIENT_SILENT,  /* not a byte came */
    RTU_CLIENT_GARBLED, /* bytes came, and they are no frame */
    RTU_CLIENT_FOREIGN  /* good frames came, none of them this answer */
};

struct rtu_client {
    enum rtu_client_state state;
    uint8_t unit;
    uint8_t register_bytes; /* of a register in the answer to a read: 2, or what the owner sets */
    uint16_t request_size;
    uint16_t size;    /* bytes in `run` */
    uint16_t at;      /* where in the run the answer may begin */
    uint16_t answers; /* bytes at `at` that are the answer, once complete */
    uint16_t enough;  /* of the run: with fewer there is nothing new to be found */
    uint32_t stray;   /* bytes that did not belong to the answer */
    uint8_t request[MODBUS_PDU_MAX];
    uint8_t run[2 * RTU_FRAME_MAX];
};

/* Begins to wait for the answer to this request PDU. Unit 0 (broadcast) has none: do not. */
void rtu_client_expect(struct rtu_client *c, uint8_t unit, const uint8_t *pdu, size_t pdu_size);
/* Bytes as they come, any number. Once complete, further ones only count as stray. */
enum rtu_client_state rtu_client_feed(struct rtu_client *c, const uint8_t *bytes, size_t count);
/* The deadline or the silence after the bytes has come; never RTU_CLIENT_WAITING. Answers whose
 * length only silence shows (unknown functions) are found here. */
enum rtu_client_state rtu_client_finish(struct rtu_client *c);
/* The complete answer, function code first; NULL and 0 before. */
const uint8_t *rtu_client_pdu(const struct rtu_client *c, size_t *size);

#endif
