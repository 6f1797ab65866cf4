/* SPDX-License-Identifier: Apache-2.0 */
/* Brings one device to its address and to the line's rate, as far as it lets itself be brought:
 * what can't change its rate keeps that; where somebody is, or who was put there is not heard,
 * another address is tried. Each move of it is move.h's: verified, undone, never two at once. */
#ifndef BAIYE_COMMISSION_PLACE_H
#define BAIYE_COMMISSION_PLACE_H

#include "gateway/daemon/commission/move.h"

#define PLACE_TRIES 4 /* addresses besides the first */

struct place {
    struct move move; /* `from`; `to`: its address and the line's rate; out: `now` */
    bool taken[256];  /* addresses that are not for it: others', and those that were given up */
    /* out */
    enum move_result end;
    bool placed; /* it answers at an address of its own */
    unsigned given_up_count;
    uint8_t given_up[PLACE_TRIES]; /* where it could not be heard, or somebody was */
};

/* With MOVE_POWER it is not placed yet: when its supply was off and on, it is where it was to go,
 * which another place_device() from there sees; else place_take_back(). */
void place_device(struct bench *bench, struct place *place);
/* It keeps the rate that it has, as `move.from` says. */
void place_take_back(struct bench *bench, struct place *place);

#endif
