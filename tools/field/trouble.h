/* SPDX-License-Identifier: Apache-2.0 */
/* What a badly built line does to all that is said on it, whoever says it. Pure: bytes and
 * randomness in, bytes out.
 *
 *   swapped   A and B are exchanged at the master's adapter: it hears the others inverted, and they
 *             hear it so. A line that is biased by others then rests, to it, at the level of a
 * start bit: when it lets go of the line, its receiver takes one 0x00 (a break), and is silent.
 *   floating  no one holds the line at rest: noise makes start bits, and the bytes after them are
 *             mostly ones. While somebody drives the line there is none.
 *   joint     a bad contact in the cable: what passes it is damaged, in both directions. */
#ifndef BAIYE_FIELD_TROUBLE_H
#define BAIYE_FIELD_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/rng.h"
#include "tools/field/scene.h"

#define TROUBLE_BREAK 0x00

/* The two are on different sides of the joint; 0 is the master's place, before all units. */
bool trouble_apart(const struct scene_line *line, uint8_t address);
/* Bytes that pass the joint; true: some were damaged. */
bool trouble_joint(const struct scene_line *line, struct rng *rng, uint8_t *bytes, size_t size);
/* When the next byte of noise begins after `now_ns`, on a line that floats. */
int64_t trouble_noise_ns(const struct scene_line *line, struct rng *rng, int64_t now_ns);
uint8_t trouble_noise(struct rng *rng);

#endif
