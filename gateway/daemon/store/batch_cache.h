/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies committed last, kept encoded in one ring of memory, so that a publisher that keeps
 * up is served without reading anything back from the file. The store thread adds, any thread
 * copies out. */
#ifndef BAIYE_RECENT_H
#define BAIYE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

struct recent;

/* A ring of `size` bytes; NULL: no memory. */
struct recent *recent_create(uint32_t size);
void recent_destroy(struct recent *recent);

/* The oldest make room. `first_id` must follow the last one's end; if it does not, the ring starts
 * anew. */
void recent_add(struct recent *recent, uint64_t first_id, uint16_t count, const uint8_t *body,
                uint32_t size);

struct recent_body {
    uint64_t first_id;
    uint16_t count;
    uint32_t size;
};
/* Copies the body that holds record `id` to `out` (BODY_MAX). false: not here. */
bool recent_get(struct recent *recent, uint64_t id, uint8_t *out, struct recent_body *body);

#endif
