/* SPDX-License-Identifier: Apache-2.0 */
/* The time of a line on which nodes arbitrate by serial number. A process is woken late, and a
 * window is a millisecond: on a busy machine a node would be late for one of 32. So for as long as
 * that takes the line keeps the time. It holds its nodes; each then says until when it has nothing
 * to do, and time goes on to the earliest of these moments once all have said so.
 *
 *   line   HOLD ──▶ all │ the request, GO ──▶ all │ GO ──▶ whom it concerns │ … │ FREE ──▶ all
 *   node   ◀── report   │ ◀── report              │ ◀── report              │
 *
 * One order is answered by one report with its number, but for FREE, by none. Both ends are on one
 * machine: structures as they are in memory, over a UNIX stream socket. Times are microseconds
 * since HOLD, when every node's time stands still. */
#ifndef BAIYE_BOARD_NATIVE_PACE_H
#define BAIYE_BOARD_NATIVE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum pace_what { PACE_HOLD = 1, PACE_GO, PACE_FREE };

struct pace_order {
    uint32_t number;
    uint32_t what;     /* enum pace_what */
    uint32_t at_us;    /* the time now, not later than what it has to do next */
    uint32_t until_us; /* it goes on by itself up to here */
    uint32_t heard;    /* a byte 0xFF of somebody else ends now: 0 or 1 */
};

struct pace_report {
    uint32_t number;
    uint32_t until_us; /* nothing to do before */
    uint32_t watching; /* it takes part in an arbitration: 0 or 1 */
    uint32_t said;     /* it sent a byte 0xFF at the time that it had: 0 or 1 */
};

/* ---- the node's end ---- */

struct pace {
    int fd; /* -1: nobody keeps the time, it is the clock's */
    bool held, watching, said;
    uint32_t number; /* of the order that is still to be answered */
    uint32_t at_us, until_us;
    uint64_t since_us; /* of the clock, when it was held */
};

/* Is there an order to stop? Does not wait. False: the other end is gone. */
bool pace_look(struct pace *pace, uint64_t clock_us);
/* Of a node that is held: the time. */
uint64_t pace_now_us(const struct pace *pace);
/* Of a node that is held: sleeps until then, or until something may have come. In `heard`: a byte
 * of somebody else ends just now. False: the other end is gone. */
bool pace_sleep(struct pace *pace, uint64_t until_us, bool *heard);

#endif
