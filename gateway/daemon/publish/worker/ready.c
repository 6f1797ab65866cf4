/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/ready.h"

#include <string.h>
#include <zlib.h>

/* Compresses ring->json into `ready` when that helps. */
static void pack(const struct ready_ring *ring, struct ready_message *ready)
{
    uLongf size = ready->made.size;
    ready->packed = compress2((Bytef *)ready->data, &size, (const Bytef *)ring->json,
                              ready->made.size, 6) == Z_OK;
    if (!ready->packed)
        memcpy(ready->data, ring->json, ready->made.size);
    ready->size = ready->packed ? size : ready->made.size;
}

enum ready_result ready_make(struct ready_ring *ring, struct lane *lane, uint8_t index,
                             const struct ready_style *style, size_t limit)
{
    if (ring->count == READY_MOST || !lane_waits(lane))
        return READY_NONE;
    struct ready_message *ready = &ring->messages[(ring->first + ring->count) % READY_MOST];
    ready->lane = index;
    ready->made = (struct lane_message){0};
    if (!lane_encode(lane, style->streams, style->gateway,
                     style->deflate ? ring->json : ready->data, limit, &ready->made))
        return ready->made.end_id == ready->made.first_id ? READY_NONE : READY_PASSED;
    ready->packed = false;
    ready->size = ready->made.size;
    if (style->deflate)
        pack(ring, ready);
    ring->count++;
    return READY_MADE;
}

const struct ready_message *ready_head(const struct ready_ring *ring)
{
    return ring->count > 0 ? &ring->messages[ring->first] : NULL;
}

void ready_pop(struct ready_ring *ring)
{
    ring->first = (ring->first + 1) % READY_MOST;
    ring->count--;
}

void ready_drop(struct ready_ring *ring, struct lane *lane, uint8_t index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ring->count; i++) {
        struct ready_message *ready = &ring->messages[(ring->first + i) % READY_MOST];
        if (ready->lane == index) {
            lane_rewind(lane, ready->made.first_id);
            continue;
        }
        struct ready_message *to = &ring->messages[(ring->first + kept++) % READY_MOST];
        if (to != ready)
            memcpy(to, ready, sizeof *to);
    }
    ring->count = kept;
}

uint64_t ready_lowest(const struct ready_ring *ring, uint8_t index)
{
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct ready_message *ready = &ring->messages[(ring->first + i) % READY_MOST];
        if (ready->lane == index && ready->made.first_id < lowest)
            lowest = ready->made.first_id;
    }
    return lowest;
}
