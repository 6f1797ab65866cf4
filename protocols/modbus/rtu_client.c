/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/rtu_client.h"

#include <stdbool.h>
#include <string.h>

enum { NOT_THE_ANSWER = -2 };

static unsigned requested(const struct rtu_client *c, unsigned at)
{
    return c->request_size >= at + 2 ? (unsigned)(c->request[at] << 8 | c->request[at + 1]) : 0;
}

/* The first `count` data bytes of the answer repeat the request's, as far as they are there. */
static bool echoes(const struct rtu_client *c, const uint8_t *pdu, size_t have, size_t count)
{
    if (c->request_size < count)
        return false;
    return memcmp(pdu, c->request, have < count ? have : count) == 0;
}

/* Size of the answer PDU that `pdu` begins, MODBUS_SIZE_MORE, MODBUS_SIZE_UNKNOWN, or
 * NOT_THE_ANSWER when what is there already contradicts the request. */
static int plain_size(const struct rtu_client *c, const uint8_t *pdu, size_t have, size_t skip)
{
    uint8_t function = c->request[skip];
    if (have < 1)
        return MODBUS_SIZE_MORE;
    if (pdu[0] == (function | MODBUS_EXCEPTION_BIT))
        return 2;
    if (pdu[0] != function)
        return NOT_THE_ANSWER;
    unsigned base = (unsigned)skip + 1;
    unsigned bytes = 0;
    switch (function) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        bytes = (requested(c, base + 2) + 7) / 8;
        break;
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_READ_WRITE:
        bytes = requested(c, base + 2) * c->register_bytes;
        break;
    default:
        return modbus_answer_size(pdu, have);
    }
    if (have < 2)
        return MODBUS_SIZE_MORE;
    return pdu[1] == bytes ? (int)bytes + 2 : NOT_THE_ANSWER;
}

/* Single writes repeat address and value, multiple writes address and quantity, diagnostics the
 * sub-function (a loopback everything). */
static int echo_size(const struct rtu_client *c, const uint8_t *pdu, size_t have)
{
    if (pdu[0] & MODBUS_EXCEPTION_BIT)
        return 2;
    size_t same = 5;
    size_t size = 5;
    if (c->request[0] == MODBUS_MASK_WRITE) {
        same = size = 7;
    } else if (c->request[0] == MODBUS_DIAGNOSTICS) {
        bool loopback = requested(c, 1) == 0;
        same = loopback ? c->request_size : 3;
        size = loopback ? c->request_size : 5;
    }
    return echoes(c, pdu, have, same) ? (int)size : NOT_THE_ANSWER;
}

/* Fast Modbus: a scan is answered by "found" or "end", a wrapped request by a wrapped answer of
 * the same serial number. */
static int fast_size(const struct rtu_client *c, const uint8_t *pdu, size_t have)
{
    if (pdu[0] != MODBUS_FAST)
        return NOT_THE_ANSWER;
    if (have < 2)
        return MODBUS_SIZE_MORE;
    bool wrapped = c->request_size > 6 && c->request[1] == FAST_REQUEST;
    if (!wrapped) {
        bool scan = pdu[1] == FAST_SCAN_ANSWER || pdu[1] == FAST_SCAN_END;
        return scan ? modbus_answer_size(pdu, have) : NOT_THE_ANSWER;
    }
    size_t serial = have - 2 < 4 ? have - 2 : 4;
    if (pdu[1] != FAST_ANSWER || memcmp(pdu + 2, c->request + 2, serial) != 0)
        return NOT_THE_ANSWER;
    if (have < 7)
        return MODBUS_SIZE_MORE;
    int inner = plain_size(c, pdu + 6, have - 6, 6);
    return inner > 0 ? inner + 6 : inner;
}

static int answer_size(const struct rtu_client *c, const uint8_t *pdu, size_t have)
{
    if (have < 1)
        return MODBUS_SIZE_MORE;
    switch (c->request[0]) {
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_DIAGNOSTICS:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
    case MODBUS_MASK_WRITE:
        if (pdu[0] == (c->request[0] | MODBUS_EXCEPTION_BIT) || pdu[0] == c->request[0])
            return echo_size(c, pdu, have);
        return NOT_THE_ANSWER;
    case MODBUS_FAST:
        return fast_size(c, pdu, have);
    default:
        return plain_size(c, pdu, have, 0);
    }
}

void rtu_client_expect(struct rtu_client *c, uint8_t unit, const uint8_t *pdu, size_t pdu_size)
{
    c->state = RTU_CLIENT_WAITING;
    c->unit = unit;
    c->register_bytes = 2;
    c->request_size = (uint16_t)(pdu_size <= MODBUS_PDU_MAX ? pdu_size : MODBUS_PDU_MAX);
    c->size = c->at = c->answers = c->enough = 0;
    c->stray = 0;
    memcpy(c->request, pdu, c->request_size);
}

/* Answers to reads are known by their first bytes; of others each further byte may contradict the
 * request. */
static bool repeats(const struct rtu_client *c)
{
    uint8_t function = c->request[0];
    return function != MODBUS_READ_COILS && function != MODBUS_READ_DISCRETE &&
           function != MODBUS_READ_HOLDING && function != MODBUS_READ_INPUT;
}

static enum rtu_client_state complete(struct rtu_client *c, uint16_t size)
{
    c->answers = size;
    c->stray += (uint32_t)(c->size - size);
    c->state = c->run[c->at + 1] & MODBUS_EXCEPTION_BIT ? RTU_CLIENT_EXCEPTION : RTU_CLIENT_ANSWER;
    return c->state;
}

/* Looks for the answer from `at` on. Stops where one may have begun but is not all there, unless
 * the bytes are at an end (`last`): then nothing more will come, and what is torn is stepped
 * over. */
static enum rtu_client_state search(struct rtu_client *c, bool last)
{
    for (; c->at < c->size; c->at++) {
        const uint8_t *frame = c->run + c->at;
        size_t have = (size_t)(c->size - c->at);
        if (frame[0] != c->unit)
            continue;
        int size = answer_size(c, frame + 1, have - 1);
        if (size == NOT_THE_ANSWER)
            continue;
        if (size == MODBUS_SIZE_UNKNOWN && last && rtu_check(frame, have))
            return complete(c, (uint16_t)have);
        if (size > 0 && have >= (size_t)size + 3) {
            if (rtu_check(frame, (size_t)size + 3))
                return complete(c, (uint16_t)(size + 3));
            continue;
        }
        if (!last) {
            bool settled = size > 0 && !repeats(c);
            c->enough = (uint16_t)(settled ? c->at + size + 3 : c->size + 1);
            return RTU_CLIENT_WAITING;
        }
    }
    c->enough = (uint16_t)(c->size + 1);
    return RTU_CLIENT_WAITING;
}

/* Room for more. Full: the half in front cannot be part of an answer that is still to come, since
 * an answer is at most half as long as the run. */
static size_t make_room(struct rtu_client *c)
{
    if (c->size == sizeof c->run) {
        memmove(c->run, c->run + RTU_FRAME_MAX, RTU_FRAME_MAX);
        c->size = RTU_FRAME_MAX;
        c->at = c->at > RTU_FRAME_MAX ? (uint16_t)(c->at - RTU_FRAME_MAX) : 0;
        c->enough = 0;
        c->stray += RTU_FRAME_MAX;
    }
    return sizeof c->run - c->size;
}

enum rtu_client_state rtu_client_feed(struct rtu_client *c, const uint8_t *bytes, size_t count)
{
    if (c->request_size == 0)
        return c->state;
    while (count > 0 && c->state == RTU_CLIENT_WAITING) {
        size_t room = make_room(c), taken = count < room ? count : room;
        memcpy(c->run + c->size, bytes, taken);
        c->size = (uint16_t)(c->size + taken);
        bytes += taken;
        count -= taken;
        if (c->size >= c->enough)
            (void)search(c, false);
    }
    c->stray += (uint32_t)count; /* behind the answer */
    return c->state;
}

/* A good frame begins somewhere in the run: somebody else's, or an answer to something else. */
static bool has_frame(const struct rtu_client *c)
{
    for (size_t at = 0; at + RTU_FRAME_MIN <= c->size; at++) {
        const uint8_t *frame = c->run + at;
        size_t have = c->size - at;
        int sizes[2] = {modbus_request_size(frame + 1, have - 1),
                        modbus_answer_size(frame + 1, have - 1)};
        for (int i = 0; i < 2; i++) {
            if (sizes[i] > 0 && have >= (size_t)sizes[i] + 3 &&
                rtu_check(frame, (size_t)sizes[i] + 3))
                return true;
        }
    }
    return false;
}

enum rtu_client_state rtu_client_finish(struct rtu_client *c)
{
    if (c->state != RTU_CLIENT_WAITING)
        return c->state;
    if (c->request_size > 0 && search(c, true) != RTU_CLIENT_WAITING)
        return c->state;
    c->stray += c->size;
    c->state = c->stray == 0  ? RTU_CLIENT_SILENT
               : has_frame(c) ? RTU_CLIENT_FOREIGN
                              : RTU_CLIENT_GARBLED;
    return c->state;
}

const uint8_t *rtu_client_pdu(const struct rtu_client *c, size_t *size)
{
    bool complete_answer = c->state == RTU_CLIENT_ANSWER || c->state == RTU_CLIENT_EXCEPTION;
    *size = complete_answer ? (size_t)(c->answers - 3) : 0;
    return complete_answer ? c->run + c->at + 1 : NULL;
}
