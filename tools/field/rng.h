/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded randomness: the same seed gives the same garden and the same faults. SplitMix64, whose
 * whole state is one number, so that every part of the garden can own its own stream. */
#ifndef BAIYE_FIELD_RNG_H
#define BAIYE_FIELD_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

/* A stream of its own for each (seed, name): adding a part does not shift the others. */
struct rng rng_named(uint64_t seed, const char *name);
uint64_t rng_next(struct rng *rng);
/* 0 <= result < bound; bound 0 gives 0. */
uint32_t rng_below(struct rng *rng, uint32_t bound);
/* 0 <= result < 1 */
double rng_unit(struct rng *rng);
bool rng_chance(struct rng *rng, double probability);

#endif
