/* SPDX-License-Identifier: Apache-2.0 */
/* Received bytes on their way from one interrupt handler to the main loop. Single producer, single
 * consumer; indices run freely and are masked on use, so that all places are usable. */
#ifndef BAIYE_BYTE_RING_H
#define BAIYE_BYTE_RING_H

#include "firmware/hal.h"

struct byte_ring {
    struct hal_byte *bytes;
    uint16_t size; /* a power of two */
    volatile uint16_t in, out;
    volatile bool lost; /* the next byte is told that some were dropped before it */
};

static inline void byte_ring_put(struct byte_ring *ring, struct hal_byte byte)
{
    if ((uint16_t)(ring->in - ring->out) == ring->size) {
        ring->lost = true;
        return;
    }
    if (ring->lost)
        byte.errors |= HAL_BYTE_OVERRUN;
    ring->lost = false;
    ring->bytes[ring->in & (ring->size - 1U)] = byte;
    ring->in = (uint16_t)(ring->in + 1U);
}

static inline bool byte_ring_get(struct byte_ring *ring, struct hal_byte *byte)
{
    if (ring->in == ring->out)
        return false;
    *byte = ring->bytes[ring->out & (ring->size - 1U)];
    ring->out = (uint16_t)(ring->out + 1U);
    return true;
}

#endif
