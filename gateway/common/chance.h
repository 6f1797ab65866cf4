/* SPDX-License-Identifier: Apache-2.0 */
/* Chance that repeats: a seeded generator, and the exp and log of formulas whose result must
 * repeat. A libm may differ in the last bit between releases and processors, and a particle filter
 * makes another answer of that. These use only + - * / sqrt and scaling by powers of two, which
 * IEEE 754 fixes, so that the same seed gives the same bits everywhere; it asks for doubles that
 * are evaluated as doubles (not x87) and for -ffp-contract=off, which the build sets. Pure
 * functions; a struct chance belongs to one thread. */
#ifndef BAIYE_COMMON_CHANCE_H
#define BAIYE_COMMON_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), mixed
 * by Stafford's variant 13: one word of state, a period of 2^64, any seed is good. */
struct chance {
    uint64_t state;
    double spare; /* normal numbers come in pairs */
    bool has_spare;
};

struct chance chance_begin(uint64_t seed);
uint64_t chance_bits(struct chance *chance);
/* 0 <= x < 1, in steps of 2^-53. */
double chance_uniform(struct chance *chance);
/* Mean 0, standard deviation 1: Marsaglia's polar method (Marsaglia & Bray 1964). */
double chance_normal(struct chance *chance);

/* e^x, relative error below 1e-15; x is limited to -700..700, NaN gives NaN. */
double chance_exp(double x);
/* Natural logarithm, relative error below 1e-15 (absolute near 1); x <= 0 counts as 1e-300. */
double chance_log(double x);
/* The same of each of them, bit for bit, in a fraction of the time. */
void chance_exp_each(double *values, size_t count);
void chance_log_each(double *values, size_t count);

#endif
