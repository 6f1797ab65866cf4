/* SPDX-License-Identifier: Apache-2.0 */
/* One device on a line: its address and rate, its faults, and how it answers. Probes answer at
 * once, in this process; a node is another process, which hears the line through a socket and
 * answers with line_answer() when it likes. */
#ifndef BAIYE_FIELD_UNIT_H
#define BAIYE_FIELD_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/fault.h"
#include "tools/field/garden.h"
#include "tools/field/probe.h"
#include "tools/field/relay.h"
#include "tools/field/wire.h"
#include "tools/field/wrong.h"

struct node_program;

struct unit {
    struct garden *garden;
    struct line *line;
    const struct scene_unit *scene;
    uint8_t address; /* where the scene put it: its name in ledger and control */
    uint32_t spot;   /* of the garden, for the weather */
    struct wire_rate rate;
    bool powered;
    struct probe probe;
    struct relay relay;        /* of a relay, instead of the probe */
    struct node_program *node; /* NULL: a probe */
    size_t heard;              /* frames that the node has heard of the line's `overheard` */
    struct rng rng;
    struct fault_set faults;
    struct wrong wrong;
    int64_t babble_until_ns; /* 0: quiet */
    int64_t asks_ns;         /* another master: when it asks next */
    uint64_t requests, answers, taken;
    /* The request it is to answer: what its bytes mean. */
    uint8_t asked[FRAME_SIZE];
    size_t asked_size;
};

/* Makes `unit` from its entry in the scene; `place` counts the units of the garden. */
void unit_init(struct unit *unit, struct garden *garden, struct line *line,
               const struct scene_unit *scene, uint8_t address, uint32_t place,
               const struct wire_rate *rate);
/* A frame to `address` is for this unit, or for all. */
bool unit_hears(const struct unit *unit, uint8_t address);
/* A probe's answer to a PDU sent to `address`: size of the answer PDU, 0: none. */
size_t unit_serve_pdu(struct unit *unit, uint8_t address, const uint8_t *pdu, size_t size,
                      uint8_t *answer, struct probe_given *given);
/* A probe's answer to a whole request frame with good CRC: size of the frame in `answer`, 0:
 * none. */
size_t unit_serve(struct unit *unit, const uint8_t *frame, size_t size, uint8_t *answer,
                  struct probe_given *given);
/* Writes what an answer gave into the ledger. */
void unit_ledger(const struct unit *unit, const struct probe_given *given, const char *line,
                 int64_t wall_ms);

#endif
