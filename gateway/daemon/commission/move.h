/* SPDX-License-Identifier: Apache-2.0 */
/* Gives one device on a line its address and rate, and sees to it that it answers there: what does
 * not is undone. Never two devices at once: a source at which more than one answers, and a place
 * that somebody has, are left alone. One of our nodes is meant by its serial number and goes back
 * by itself within a minute unless it is spoken to at its new place; a bought one is written by its
 * profile's registers for address and rate. */
#ifndef BAIYE_COMMISSION_MOVE_H
#define BAIYE_COMMISSION_MOVE_H

#include "gateway/daemon/commission/bench.h"

/* Negative, append only. */
enum move_result {
    MOVE_OK = 0,
    MOVE_TAKEN = -1,     /* somebody answers at the new place; nothing was written */
    MOVE_NO_ANSWER = -2, /* nobody answers at the old one; nothing was written */
    MOVE_SEVERAL = -3,   /* more than one does, or it is never in one piece; nothing was written */
    MOVE_FIXED = -4,     /* the profile knows no register for that; nothing was written */
    MOVE_OTHER = -5,     /* its register for the address holds something else: another profile? */
    MOVE_REFUSED = -6,   /* it does not take it */
    MOVE_UNDONE = -7,    /* it did not answer at the new place, and is where it was */
    MOVE_POWER = -8,     /* taken, and in force when its supply was switched off and on */
    MOVE_LOST = -9       /* it answers neither here nor there */
};

struct move_place {
    struct serial_timing wire;
    uint8_t unit;
};

struct move {
    const struct profile_config *profile; /* of a bought device; NULL: one of ours */
    uint32_t serial;                      /* of one of ours, else 0 */
    struct move_place from, to;
    struct move_place now; /* out: where it is in the end, as far as is known */
};

enum move_result move_device(struct bench *bench, struct move *move);
/* After MOVE_POWER, when its supply was not switched, or it did not help: writes `now` back. */
enum move_result move_take_back(struct bench *bench, struct move *move);
const char *move_result_text(enum move_result result);

/* The lamp of one of our nodes; it goes out by itself after a minute. false: it does not answer. */
bool move_blink(struct bench *bench, const struct serial_timing *wire, uint32_t serial, bool on);

#endif
