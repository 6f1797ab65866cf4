/* SPDX-License-Identifier: Apache-2.0 */
/* Received bytes on their way from one interrupt handler to the main loop. Single producer, single
 * consumer; indices run freely and are masked on use, so that all places are usable. A place is one
 * word, since RAM is short: value 8 bits, errors 3, and 21 of the time in steps of 32 us, which
 * get() completes; a byte may wait a minute. */
#ifndef BAIYE_BYTE_RING_H
#define BAIYE_BYTE_RING_H

#include "firmware/hal.h"

enum { RING_ERRORS_SHIFT = 8, RING_TIME_SHIFT = 11, RING_TIME_STEP_SHIFT = 5 };
#define RING_TIME_MASK (UINT32_MAX >> RING_TIME_SHIFT)

struct byte_ring {
    uint32_t *words;
    uint16_t size; /* a power of two */
    volatile uint16_t in, out;
    volatile bool lost; /* the next byte is told that some were dropped before it */
};

static inline void byte_ring_put(struct byte_ring *ring, uint64_t now_us, uint8_t value,
                                 uint8_t errors)
{
    if ((uint16_t)(ring->in - ring->out) == ring->size) {
        ring->lost = true;
        return;
    }
    if (ring->lost)
        errors |= HAL_BYTE_OVERRUN;
    ring->lost = false;
    uint32_t steps = (uint32_t)(now_us >> RING_TIME_STEP_SHIFT);
    ring->words[ring->in & (ring->size - 1U)] =
        steps << RING_TIME_SHIFT | (uint32_t)errors << RING_ERRORS_SHIFT | value;
    ring->in = (uint16_t)(ring->in + 1U);
}

static inline bool byte_ring_get(struct byte_ring *ring, struct hal_byte *byte)
{
    if (ring->in == ring->out)
        return false;
    uint32_t word = ring->words[ring->out & (ring->size - 1U)];
    ring->out = (uint16_t)(ring->out + 1U);
    uint64_t steps = hal_now_us() >> RING_TIME_STEP_SHIFT;
    uint32_t age = ((uint32_t)steps - (word >> RING_TIME_SHIFT)) & RING_TIME_MASK;
    *byte = (struct hal_byte){.time_us = (steps - age) << RING_TIME_STEP_SHIFT,
                              .value = (uint8_t)word,
                              .errors = (word >> RING_ERRORS_SHIFT) & 7};
    return true;
}

#endif
