/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/pdu.h"

#include <stdbool.h>

/* `fixed` bytes, then as many as the byte at `fixed - 1` says. */
static int counted_size(const uint8_t *pdu, size_t have, size_t fixed)
{
    if (have < fixed)
        return MODBUS_SIZE_MORE;
    size_t size = fixed + pdu[fixed - 1];
    return size <= MODBUS_PDU_MAX ? (int)size : MODBUS_SIZE_UNKNOWN;
}

static int plain_request_size(const uint8_t *pdu, size_t have)
{
    if (have < 1)
        return MODBUS_SIZE_MORE;
    switch (pdu[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_DIAGNOSTICS:
        return 5;
    case MODBUS_READ_STATUS:
    case MODBUS_EVENT_COUNTER:
    case MODBUS_EVENT_LOG:
    case MODBUS_REPORT_ID:
        return 1;
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return counted_size(pdu, have, 6);
    case MODBUS_READ_FILE:
    case MODBUS_WRITE_FILE:
        return counted_size(pdu, have, 2);
    case MODBUS_MASK_WRITE:
        return 7;
    case MODBUS_READ_WRITE:
        return counted_size(pdu, have, 10);
    case MODBUS_READ_FIFO:
        return 3;
    case MODBUS_ENCAPSULATED:
        if (have < 2)
            return MODBUS_SIZE_MORE;
        return pdu[1] == MODBUS_MEI_IDENTIFICATION ? 4 : MODBUS_SIZE_UNKNOWN;
    default:
        return MODBUS_SIZE_UNKNOWN;
    }
}

/* 43 14 code conformity more next count, then `count` times: id, length, bytes. */
static int identification_size(const uint8_t *pdu, size_t have)
{
    if (have < 2)
        return MODBUS_SIZE_MORE;
    if (pdu[1] != MODBUS_MEI_IDENTIFICATION)
        return MODBUS_SIZE_UNKNOWN;
    if (have < 7)
        return MODBUS_SIZE_MORE;
    size_t at = 7;
    for (unsigned i = 0; i < pdu[6]; i++) {
        if (have < at + 2)
            return MODBUS_SIZE_MORE;
        at += 2u + pdu[at + 1];
        if (at > MODBUS_PDU_MAX)
            return MODBUS_SIZE_UNKNOWN;
    }
    return (int)at;
}

static int fifo_size(const uint8_t *pdu, size_t have)
{
    if (have < 3)
        return MODBUS_SIZE_MORE;
    size_t size = 3u + ((size_t)pdu[1] << 8 | pdu[2]);
    return size <= MODBUS_PDU_MAX ? (int)size : MODBUS_SIZE_UNKNOWN;
}

static int plain_answer_size(const uint8_t *pdu, size_t have)
{
    if (have < 1)
        return MODBUS_SIZE_MORE;
    if (pdu[0] & MODBUS_EXCEPTION_BIT)
        return MODBUS_EXCEPTION_SIZE;
    switch (pdu[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_EVENT_LOG:
    case MODBUS_REPORT_ID:
    case MODBUS_READ_FILE:
    case MODBUS_WRITE_FILE:
    case MODBUS_READ_WRITE:
        return counted_size(pdu, have, 2);
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_DIAGNOSTICS:
    case MODBUS_EVENT_COUNTER:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return 5;
    case MODBUS_READ_STATUS:
        return 2;
    case MODBUS_MASK_WRITE:
        return 7;
    case MODBUS_READ_FIFO:
        return fifo_size(pdu, have);
    case MODBUS_ENCAPSULATED:
        return identification_size(pdu, have);
    default:
        return MODBUS_SIZE_UNKNOWN;
    }
}

/* 46 08|09 serial(4), then the plain PDU of the same direction. */
static int wrapped_size(const uint8_t *pdu, size_t have, bool request)
{
    if (have < 7)
        return MODBUS_SIZE_MORE;
    int inner =
        request ? plain_request_size(pdu + 6, have - 6) : plain_answer_size(pdu + 6, have - 6);
    if (inner <= 0)
        return inner;
    return 6 + inner <= (int)MODBUS_PDU_MAX ? 6 + inner : MODBUS_SIZE_UNKNOWN;
}

int modbus_request_size(const uint8_t *pdu, size_t have)
{
    if (have < 1 || pdu[0] != MODBUS_FAST)
        return plain_request_size(pdu, have);
    if (have < 2)
        return MODBUS_SIZE_MORE;
    switch (pdu[1]) {
    case FAST_SCAN_START:
    case FAST_SCAN_CONTINUE:
        return 2;
    case FAST_REQUEST:
        return wrapped_size(pdu, have, true);
    default:
        return MODBUS_SIZE_UNKNOWN;
    }
}

int modbus_answer_size(const uint8_t *pdu, size_t have)
{
    if (have < 1 || pdu[0] != MODBUS_FAST)
        return plain_answer_size(pdu, have);
    if (have < 2)
        return MODBUS_SIZE_MORE;
    switch (pdu[1]) {
    case FAST_SCAN_ANSWER:
        return 7;
    case FAST_SCAN_END:
        return 2;
    case FAST_ANSWER:
        return wrapped_size(pdu, have, false);
    default:
        return MODBUS_SIZE_UNKNOWN;
    }
}

size_t modbus_exception_answer(uint8_t function, enum modbus_exception exception,
                               uint8_t answer[MODBUS_EXCEPTION_SIZE])
{
    answer[0] = (uint8_t)(function | MODBUS_EXCEPTION_BIT);
    answer[1] = (uint8_t)exception;
    return MODBUS_EXCEPTION_SIZE;
}

const char *modbus_exception_text(uint8_t exception)
{
    switch (exception) {
    case MODBUS_OK:
        return "no exception";
    case MODBUS_ILLEGAL_FUNCTION:
        return "illegal function";
    case MODBUS_ILLEGAL_ADDRESS:
        return "illegal data address";
    case MODBUS_ILLEGAL_VALUE:
        return "illegal data value";
    case MODBUS_DEVICE_FAILURE:
        return "device failure";
    case MODBUS_ACKNOWLEDGE:
        return "acknowledged, takes longer";
    case MODBUS_DEVICE_BUSY:
        return "device busy";
    case MODBUS_PARITY_ERROR:
        return "memory parity error";
    case MODBUS_GATEWAY_PATH:
        return "gateway path unavailable";
    case MODBUS_GATEWAY_TARGET:
        return "gateway target did not answer";
    default:
        return "unknown exception";
    }
}
