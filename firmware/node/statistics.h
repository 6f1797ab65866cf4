/* SPDX-License-Identifier: Apache-2.0 */
/* Number, least, mean, greatest and standard deviation of each channel over windows that follow
 * each other. Only values that are good count. What is shown is the last whole window. */
#ifndef BAIYE_NODE_STATISTICS_H
#define BAIYE_NODE_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols/node_map/node_map.h"

#define STATISTICS_WORDS (4u + 9u * CHANNEL_COUNT)

/* Sums of differences to the first value, so that they stay small: at most 2^18 each, 65,535 of
 * them, squares below 2^52. */
struct statistics_sum {
    int64_t sum;
    uint64_t squares;
    int32_t first, min, max;
    uint16_t n;
};

struct statistics_result {
    uint16_t n; /* 0: the others mean nothing */
    int32_t min, mean, max, deviation;
};

struct statistics {
    uint64_t start_us; /* of the present window */
    uint32_t length_s; /* of the last whole one; 0: there is none */
    uint32_t last_seq;
    uint64_t end_us;
    struct statistics_sum sums[CHANNEL_COUNT];
    struct statistics_result results[CHANNEL_COUNT];
};

void statistics_init(struct statistics *s, uint64_t now_us);
/* One more sample, taken at `taken_us`. When the window of `window_s` was full before it, that one
 * is shown from now on, and the sample is the first of the next. */
void statistics_add(struct statistics *s, const struct node_values *values, uint32_t seq,
                    uint64_t taken_us, uint16_t window_s);
/* The registers of NODE_STATISTICS. */
void statistics_fill(const struct statistics *s, uint64_t now_us, uint16_t *words);

#endif
