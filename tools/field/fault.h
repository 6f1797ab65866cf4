/* SPDX-License-Identifier: Apache-2.0 */
/* What a bad line and bad devices do to one answer. Pure: bytes and randomness in, bytes and
 * delays out. A damaged frame that by chance is again a valid answer to the same request, but
 * with other content, could be refused by no one: it is drawn again, and counted. */
#ifndef BAIYE_FIELD_FAULT_H
#define BAIYE_FIELD_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/rng.h"
#include "tools/field/scene.h"

#define FRAME_SIZE       256
#define FAULT_BYTES_SIZE 600 /* the longest frame with every byte doubled, and room */

struct fault_set {
    struct scene_fault of[FAULT_KIND_COUNT]; /* probability 0: not active */
    bool any;
};

struct fault_counts {
    uint64_t done[FAULT_KIND_COUNT];
    uint64_t undetectable; /* mutations drawn again */
};

/* What becomes of one answer. */
struct fault_plan {
    uint8_t bytes[FAULT_BYTES_SIZE];
    size_t size;              /* 0: nothing comes */
    int64_t delay_ns;         /* later than it would have come */
    int64_t step_ns;          /* one byte every so often; 0: at the line's rate */
    bool foreign;             /* fault_foreign() of the answer comes first */
    bool duplicate;           /* it comes again… */
    int64_t duplicate_gap_ns; /* …so long after its end */
};

/* Adds, changes or (probability 0) ends one fault. */
void fault_put(struct fault_set *set, const struct scene_fault *fault);
/* `frame` is a whole RTU frame with its CRC, at most FRAME_SIZE bytes. */
void fault_answer(const struct fault_set *set, struct rng *rng, const uint8_t *frame, size_t size,
                  struct fault_plan *plan, struct fault_counts *counts);
/* The same answer as if another address had given it. `foreign` has room for `size` bytes. */
void fault_foreign(struct rng *rng, const uint8_t *frame, size_t size, uint8_t *foreign);
/* Flips one to three bits in place; the CRC is wrong afterwards. */
void fault_garble(struct rng *rng, uint8_t *bytes, size_t size);
/* Somewhere in `bytes` stands a frame that a master waiting for `frame` would believe, and that
 * is not `frame`. */
bool fault_believable(const uint8_t *bytes, size_t size, const uint8_t *frame, size_t frame_size);

#endif
