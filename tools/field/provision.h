/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a node fresh from the factory its address, rate and sampling period, over Modbus, as a
 * technician's tool would: one request after another, each answered before the next. Pure: frames
 * in, frames out; the owner sends, and calls again when nothing came for a second. */
#ifndef BAIYE_FIELD_PROVISION_H
#define BAIYE_FIELD_PROVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/wire.h"

#define PROVISION_TRIES  5 /* of one request, a second each */
#define PROVISION_ROUNDS 4 /* of all: a busy host takes its time to start a node */

struct provision {
    uint8_t address;
    uint16_t period_s; /* 0: as it is */
    struct wire_rate rate;
    uint8_t step, tries, rounds;
    bool done;
};

void provision_init(struct provision *p, uint8_t address, const struct wire_rate *rate,
                    uint16_t period_s);
/* The frame to send now; 0 when everything is done. */
size_t provision_request(const struct provision *p, uint8_t *frame, size_t size);
/* The node's answer to it. True: go on with the next request. */
bool provision_answer(struct provision *p, const uint8_t *frame, size_t size);
/* Nothing came. False: the node does not answer at all. */
bool provision_silence(struct provision *p);

#endif
