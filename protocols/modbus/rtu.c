/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/rtu.h"

#include <string.h>

#include "protocols/modbus/crc16.h"

#define BITS_A_CHARACTER 11u
#define FIXED_ABOVE      19200u
#define FIXED_US         1750u

uint32_t rtu_silence_us(uint32_t baud)
{
    if (baud > FIXED_ABOVE)
        return FIXED_US;
    uint32_t rate = baud ? baud : 9600;
    return (7u * BITS_A_CHARACTER * 500000u + rate - 1) / rate; /* 3.5 are 7 halves */
}

size_t rtu_build(uint8_t unit, const uint8_t *pdu, size_t pdu_size, uint8_t *frame,
                 size_t frame_size)
{
    if (pdu_size < 1 || pdu_size > MODBUS_PDU_MAX || frame_size < pdu_size + 3)
        return 0;
    memmove(frame + 1, pdu, pdu_size);
    frame[0] = unit;
    uint16_t crc = crc16_modbus(CRC16_INITIAL, frame, pdu_size + 1);
    frame[pdu_size + 1] = (uint8_t)crc;
    frame[pdu_size + 2] = (uint8_t)(crc >> 8);
    return pdu_size + 3;
}

#define AROUND_DATA 5u /* unit, function, byte count, CRC */
#define ECHO_SIZE   8u /* unit, function, address, value or quantity, CRC */

uint16_t rtu_answer_size(const uint8_t *pdu, size_t pdu_size)
{
    unsigned count = pdu_size >= 5 ? (unsigned)(pdu[3] << 8 | pdu[4]) : 0;
    switch (pdu[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        return (uint16_t)(AROUND_DATA + (count + 7) / 8 % 256);
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_READ_WRITE:
        return (uint16_t)(AROUND_DATA + count % 128 * 2);
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return ECHO_SIZE;
    default:
        return RTU_FRAME_MAX;
    }
}

bool rtu_check(const uint8_t *frame, size_t size)
{
    if (size < RTU_FRAME_MIN || size > RTU_FRAME_MAX)
        return false;
    uint16_t crc = crc16_modbus(CRC16_INITIAL, frame, size - 2);
    return frame[size - 2] == (uint8_t)crc && frame[size - 1] == (uint8_t)(crc >> 8);
}

void rtu_receiver_init(struct rtu_receiver *r, uint32_t silence_us)
{
    memset(r, 0, sizeof *r);
    r->silence_us = silence_us;
}

static void drop_front(struct rtu_receiver *r, uint16_t count)
{
    memmove(r->run, r->run + count, (size_t)(r->size - count));
    r->size = (uint16_t)(r->size - count);
}

/* The frame given away last leaves the run now that no one looks at it any more. */
static void forget_taken(struct rtu_receiver *r)
{
    if (r->taken == 0)
        return;
    drop_front(r, r->taken);
    r->taken = 0;
    r->answer = 0;
}

static void count_noise(struct rtu_receiver *r)
{
    if (r->size >= RTU_FRAME_MIN)
        r->bad_runs++;
    r->noise_bytes += r->size;
}

/* Bytes of the request (answer) frame that begins at `at`; 0 when not known (yet). */
static size_t request_frame(const struct rtu_receiver *r, size_t at)
{
    int size = modbus_request_size(r->run + at + 1, r->size - at - 1);
    return size > 0 ? (size_t)size + 3 : 0;
}

static size_t answer_frame(const struct rtu_receiver *r)
{
    int size = modbus_answer_size(r->run + 1, r->size - 1u);
    return size > 0 ? (size_t)size + 3 : 0;
}

/* More bytes may yet make the run a request. Only the byte count of a multiple write is looked at:
 * it does not fit in one of 256 answers by chance. */
static bool may_become_request(const struct rtu_receiver *r)
{
    const uint8_t *pdu = r->run + 1;
    if (r->size > 6 && (pdu[0] == MODBUS_WRITE_REGISTERS || pdu[0] == MODBUS_WRITE_COILS)) {
        unsigned count = (unsigned)(pdu[3] << 8 | pdu[4]);
        unsigned bytes = pdu[0] == MODBUS_WRITE_REGISTERS ? count * 2 : (count + 7) / 8;
        if (pdu[5] != bytes)
            return false;
    }
    return modbus_request_size(pdu, r->size - 1u) == MODBUS_SIZE_MORE ||
           request_frame(r, 0) > r->size;
}

static bool give(struct rtu_receiver *r, size_t at, size_t size, uint8_t kinds,
                 struct rtu_frame *frame)
{
    r->frames++;
    r->noise_bytes += (uint32_t)at;
    r->taken = (uint16_t)(at + size);
    frame->unit = r->run[at];
    frame->kinds = kinds;
    frame->pdu = r->run + at + 1;
    frame->pdu_size = (uint16_t)(size - 3);
    frame->end_us = r->last_us;
    return true;
}

bool rtu_receiver_idle(struct rtu_receiver *r, uint64_t now_us, struct rtu_frame *frame)
{
    if (now_us < r->last_us || now_us - r->last_us < r->silence_us)
        return false;
    forget_taken(r);
    if (r->size == 0)
        return false;
    /* A whole run with a good CRC is a frame whatever its length: functions that are not known, and
     * diagnostics of any size. */
    if (r->answer != r->size && rtu_check(r->run, r->size))
        return give(r, 0, r->size, RTU_REQUEST | RTU_ANSWER, frame);
    if (r->answer > 0)
        return give(r, 0, r->answer, RTU_ANSWER, frame);
    for (size_t at = 1; at + RTU_FRAME_MIN <= r->size; at++) {
        size_t left = r->size - at;
        if (request_frame(r, at) == left && rtu_check(r->run + at, left))
            return give(r, at, left, RTU_REQUEST, frame);
    }
    count_noise(r);
    r->size = 0;
    return false;
}

/* What the run is, now that it has one byte more. */
static bool examine(struct rtu_receiver *r, struct rtu_frame *frame)
{
    bool request_ends = request_frame(r, 0) == r->size;
    bool answer_ends = answer_frame(r) == r->size;
    if ((request_ends || answer_ends) && rtu_check(r->run, r->size)) {
        if (!request_ends && may_become_request(r)) {
            r->answer = r->size;
            return false;
        }
        uint8_t kinds =
            (uint8_t)((request_ends ? RTU_REQUEST : 0) | (answer_ends ? RTU_ANSWER : 0));
        return give(r, 0, r->size, kinds, frame);
    }
    if (request_ends && r->answer > 0)
        return give(r, 0, r->answer, RTU_ANSWER, frame);
    return false;
}

bool rtu_receiver_feed(struct rtu_receiver *r, uint8_t byte, bool intact, uint64_t time_us,
                       struct rtu_frame *frame)
{
    forget_taken(r);
    r->last_us = time_us;
    if (!intact) {
        r->size++; /* counted, not stored: the run ends here */
        count_noise(r);
        r->size = 0;
        r->answer = 0;
        return false;
    }
    if (r->size == sizeof r->run) {
        r->noise_bytes += 32;
        r->answer = 0;
        drop_front(r, 32);
    }
    r->run[r->size++] = byte;
    return examine(r, frame);
}

uint64_t rtu_receiver_due_us(const struct rtu_receiver *r)
{
    return r->size > r->taken ? r->last_us + r->silence_us : UINT64_MAX;
}
