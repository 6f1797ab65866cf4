/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus RTU frames (unit, PDU, CRC) and the receiver of a server, or of anybody who listens to a
 * line on which others talk too. The receiver is a pure state machine: it is fed bytes with the
 * time they ended at, and knows no UART and no clock. One owner; no allocation.
 *
 * A frame ends by length and CRC as soon as its last byte is there, or, where the bytes do not tell
 * their length, by silence with a good CRC. Frames may follow each other without visible silence (a
 * host that was busy reads them in one go). What is no frame is dropped at the next silence; a
 * request that ends exactly there is found even with noise in front of it. Where a run may be a
 * short answer or the beginning of a longer request, the longer wins if its CRC is good: one
 * request in 65,536 looks like an answer half-way, and it would be the same one each time. Gaps
 * inside a frame are allowed up to the silence: t1.5 is not enforced, since USB adapters do not
 * keep it.
 *
 *   … noise 01 04 00 00 00 16 crc crc ─────── silence ──────   → a request of 8 bytes
 *   07 03 00 00 00 02 crc crc 07 03 04 … crc crc 01 04 …       → three frames */
#ifndef BAIYE_MODBUS_RTU_H
#define BAIYE_MODBUS_RTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/modbus/pdu.h"

#define RTU_FRAME_MIN 4u
#define RTU_FRAME_MAX 256u

/* The standard's t3.5: 3.5 characters of 11 bits, above 19,200 baud fixed at 1,750 us. Rounded up.
 * `baud` 0 counts as 9,600. */
uint32_t rtu_silence_us(uint32_t baud);

/* Writes unit, PDU and CRC into `frame`; the frame's size, 0 when it does not fit `frame_size` or
 * the PDU is empty or too long. `pdu` may already lie at frame + 1. */
size_t rtu_build(uint8_t unit, const uint8_t *pdu, size_t pdu_size, uint8_t *frame,
                 size_t frame_size);
/* The last two bytes are the CRC of the others, and the size is a frame's. */
bool rtu_check(const uint8_t *frame, size_t size);

/* How many bytes the whole frame of the answer to this request PDU has; where the request does not
 * tell, the most that a frame may have. */
uint16_t rtu_answer_size(const uint8_t *pdu, size_t pdu_size);

/* What a frame may be, by its length. Echo forms (a single write and its answer) are both. */
enum rtu_kind { RTU_REQUEST = 1, RTU_ANSWER = 2 };

struct rtu_frame {
    uint8_t unit;
    uint8_t kinds; /* or of enum rtu_kind */
    uint16_t pdu_size;
    const uint8_t *pdu; /* in the receiver; valid until it is fed again */
    uint64_t end_us;    /* when its last byte ended */
};

struct rtu_receiver {
    uint32_t silence_us;
    uint64_t last_us; /* end of the last byte */
    uint16_t size;    /* bytes in `run` */
    uint16_t taken;   /* of them, those of a frame already given away */
    uint16_t answer;  /* the first so many are a good answer, unless more make a longer request */
    /* Counted since init, wrap. */
    uint32_t frames;      /* good frames, whoever's */
    uint32_t bad_runs;    /* at least RTU_FRAME_MIN bytes without a good frame: CRC errors */
    uint32_t noise_bytes; /* dropped */
    uint8_t run[RTU_FRAME_MAX + 32]; /* what came since the last frame or silence */
};

void rtu_receiver_init(struct rtu_receiver *r, uint32_t silence_us);
/* Time has come to `now_us` without a byte since the last: at silence, what is left of the run
 * ends. True when a frame was found. Call it before each byte with the byte's time, and when
 * idle. */
bool rtu_receiver_idle(struct rtu_receiver *r, uint64_t now_us, struct rtu_frame *frame);
/* One byte that ended at `time_us`; not `intact` when the UART saw a framing or parity error or
 * lost bytes before it. True when it completes a frame. */
bool rtu_receiver_feed(struct rtu_receiver *r, uint8_t byte, bool intact, uint64_t time_us,
                       struct rtu_frame *frame);
/* When rtu_receiver_idle() will have something to do; UINT64_MAX: not until the next byte. */
uint64_t rtu_receiver_due_us(const struct rtu_receiver *r);

#endif
