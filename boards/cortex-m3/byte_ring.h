/* SPDX-License-Identifier: Apache-2.0 */
/* Received bytes on their way from one interrupt handler to the main loop. Single producer, single
 * consumer; indices run freely and are masked on use, so that all places are usable. A place is 8
 * bytes: of the time it keeps the low half, which get() completes; a byte may wait an hour. */
#ifndef BAIYE_BYTE_RING_H
#define BAIYE_BYTE_RING_H

#include "firmware/hal.h"

struct ring_byte {
    uint32_t time_us;
    uint8_t value, errors;
};

struct byte_ring {
    struct ring_byte *bytes;
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
    ring->bytes[ring->in & (ring->size - 1U)] =
        (struct ring_byte){.time_us = (uint32_t)now_us, .value = value, .errors = errors};
    ring->in = (uint16_t)(ring->in + 1U);
}

static inline bool byte_ring_get(struct byte_ring *ring, struct hal_byte *byte)
{
    if (ring->in == ring->out)
        return false;
    struct ring_byte kept = ring->bytes[ring->out & (ring->size - 1U)];
    ring->out = (uint16_t)(ring->out + 1U);
    uint64_t now_us = hal_now_us();
    *byte = (struct hal_byte){.time_us = now_us - (uint32_t)((uint32_t)now_us - kept.time_us),
                              .value = kept.value,
                              .errors = kept.errors};
    return true;
}

#endif
