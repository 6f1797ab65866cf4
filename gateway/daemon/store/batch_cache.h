/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies committed last, kept encoded in one ring of memory, so that a publisher that keeps
 * up is served without reading anything back from the file. The store thread adds, any thread
 * copies out. */
#ifndef BAIYE_STORE_BATCH_CACHE_H
#define BAIYE_STORE_BATCH_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct batch_cache;

/* A ring of `size` bytes; NULL: no memory. */
struct batch_cache *batch_cache_create(uint32_t size);
void batch_cache_destroy(struct batch_cache *batch_cache);

/* The oldest make room. `first_id` must follow the last one's end; if it does not, the ring starts
 * anew. */
void batch_cache_add(struct batch_cache *batch_cache, uint64_t first_id, uint16_t count,
                     const uint8_t *body, uint32_t size);

struct batch_cache_body {
    uint64_t first_id;
    uint16_t count;
    uint32_t size;
};
/* Copies the body that holds record `id` to `out` (BODY_MAX). false: not here. */
bool batch_cache_get(struct batch_cache *batch_cache, uint64_t id, uint8_t *out,
                     struct batch_cache_body *body);

#endif
