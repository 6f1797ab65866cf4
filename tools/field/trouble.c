/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/trouble.h"

#include <math.h>

#define NS_PER_S 1e9

bool trouble_apart(const struct scene_line *line, uint8_t address)
{
    return line->joint > 0 && address > line->joint_after;
}

bool trouble_joint(const struct scene_line *line, struct rng *rng, uint8_t *bytes, size_t size)
{
    bool damaged = false;
    for (size_t i = 0; i < size; i++) {
        if (!rng_chance(rng, line->joint))
            continue;
        bytes[i] ^= (uint8_t)(1u << rng_below(rng, 8));
        damaged = true;
    }
    return damaged;
}

int64_t trouble_noise_ns(const struct scene_line *line, struct rng *rng, int64_t now_ns)
{
    return now_ns + (int64_t)(-log(1 - rng_unit(rng)) / line->floating * NS_PER_S);
}

/* A pulse that is shorter than a byte: a start bit, some more low bits, then the line's rest. */
uint8_t trouble_noise(struct rng *rng)
{
    return (uint8_t)(0xFFu << rng_below(rng, 9));
}
