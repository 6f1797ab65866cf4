/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are well formed and wrong: what no checksum finds. Pure: bytes, randomness and time
 * in, bytes out. */
#ifndef BAIYE_FIELD_WRONG_H
#define BAIYE_FIELD_WRONG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/fault.h"

/* What a unit that hangs goes on saying. All zero at first. */
struct wrong {
    uint8_t frame[FRAME_SIZE];
    size_t size;
    int64_t until_ns; /* after it the unit lives */
    unsigned apart;   /* answers until it may glitch again: a counter that reads 0 twice in a row
                       * was restarted, whatever was refused or lost in between */
};

/* `frame`: a whole RTU answer with its CRC. Gives the size of what is said in its place, which
 * `said` (FRAME_SIZE bytes) then holds; `size`, and a copy, when nothing struck. */
size_t wrong_answer(const struct fault_set *set, struct wrong *wrong, struct rng *rng,
                    const uint8_t *frame, size_t size, int64_t now_ns, uint8_t *said,
                    struct fault_counts *counts);

#endif
