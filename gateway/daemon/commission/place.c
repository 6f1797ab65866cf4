/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/commission/place.h"

#include "gateway/daemon/commission/plan.h"

static bool keeps_rate(const struct move *move)
{
    return move->now.wire.baud == move->from.wire.baud &&
           move->now.wire.parity == move->from.wire.parity;
}

/* false: it is worth trying another address. */
static bool try_address(struct bench *bench, struct place *place)
{
    struct move *move = &place->move;
    const struct serial_timing line = move->to.wire;
    place->end = move_device(bench, move);
    if (place->end == MOVE_FIXED) { /* it can't change its rate: it keeps that */
        move->to.wire = move->from.wire;
        place->end = move_device(bench, move);
        move->to.wire = line;
    }
    bool in_vain = place->end == MOVE_UNDONE || place->end == MOVE_TAKEN;
    bool at_its_address = move->now.unit == move->to.unit && keeps_rate(move) &&
                          (in_vain || place->end == MOVE_REFUSED);
    place->placed = place->end == MOVE_OK || (at_its_address && move->serial == 0);
    return place->placed || !in_vain;
}

void place_device(struct bench *bench, struct place *place)
{
    struct move *move = &place->move;
    while (!try_address(bench, place) && place->given_up_count < PLACE_TRIES) {
        place->given_up[place->given_up_count++] = move->to.unit;
        place->taken[move->to.unit] = place->taken[move->now.unit] = true;
        uint8_t next = plan_free_address(place->taken);
        if (next == 0)
            return;
        move->from = move->now;
        move->to.unit = next;
    }
}

void place_take_back(struct bench *bench, struct place *place)
{
    place->end = move_take_back(bench, &place->move);
    place->placed = place->end == MOVE_UNDONE;
}
