/* SPDX-License-Identifier: Apache-2.0 */
/* One of our nodes as a process of its own: native (baiye-node) or its firmware under QEMU. Field
 * gives it the line's bytes, its SDI-12 probes and its I2C sensor, notes what these answered, and
 * learns from the node's snapshots on the line which sample (boot, seq) that became. */
#ifndef BAIYE_FIELD_NODE_H
#define BAIYE_FIELD_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boards/native/pace.h"

struct node_program;
struct unit;

/* Of a native node: whose time is the line's just now (line_arbitration.c). */
struct node_pace {
    bool held, reported;
    uint8_t spoke;   /* a byte of it is on the line: 1 */
    uint32_t number; /* of the order that it has to report on */
    struct pace_report report;
};

/* Starts the process. NULL: a message is on stderr. */
struct node_program *node_start(struct unit *unit);
/* Kills it and frees. */
void node_stop(struct node_program *node);
/* SIGKILL, as a power cut; or a new start with the same memory. */
void node_power(struct node_program *node, bool on);
/* Tips of its rain gauge, by hand. False: it has none. */
bool node_tip(struct node_program *node, uint64_t tips);
/* How many its gauge made while the node was there. */
uint64_t node_tips(const struct node_program *node);
/* Bytes that were on the line. */
void node_hear(struct node_program *node, const uint8_t *bytes, size_t size);
/* NULL: it keeps its own time, or is not there. */
struct node_pace *node_pace(struct node_program *node);
void node_order(struct node_program *node, const struct pace_order *order);
/* The node's own frame went over the line unhurt, ending at `end_ns`. */
void node_said(struct node_program *node, const uint8_t *frame, size_t size, int64_t end_ns);
/* Connected, and it has its address. False until then: ask again. */
bool node_ready(struct node_program *node);
/* Some child process has ended: says so if it was this one. */
void node_look_after(struct node_program *node);

#endif
