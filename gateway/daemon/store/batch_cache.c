/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes and with it a ring of entries, both first in, first out. A body never wraps:
 * when it does not fit before the end, the rest of the ring stays unused for that round.
 *
 *      tail             head
 *   ────┴──[e0][e1][e2]──┴────────────      or      [e2]──┴head ─ tail┴─[e0][e1]xxx */
#include "gateway/daemon/store/batch_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 1024u

struct entry {
    uint64_t first_id;
    uint32_t at, size;
    uint16_t count;
};

struct batch_cache {
    pthread_mutex_t lock;
    uint32_t size, head;
    uint32_t first, used; /* of entries */
    struct entry entries[ENTRIES];
    uint8_t data[];
};

struct batch_cache *batch_cache_create(uint32_t size)
{
    struct batch_cache *batch_cache = calloc(1, sizeof *batch_cache + size);
    if (batch_cache == NULL)
        return NULL;
    pthread_mutex_init(&batch_cache->lock, NULL);
    batch_cache->size = size;
    return batch_cache;
}

void batch_cache_destroy(struct batch_cache *batch_cache)
{
    if (batch_cache == NULL)
        return;
    pthread_mutex_destroy(&batch_cache->lock);
    free(batch_cache);
}

static struct entry *entry_at(struct batch_cache *batch_cache, uint32_t index)
{
    return &batch_cache->entries[(batch_cache->first + index) % ENTRIES];
}

static void drop_oldest(struct batch_cache *batch_cache)
{
    batch_cache->first = (batch_cache->first + 1) % ENTRIES;
    batch_cache->used--;
}

/* Does [at, at + size) touch the oldest entry's bytes? */
static bool overlaps_oldest(struct batch_cache *batch_cache, uint32_t at, uint32_t size)
{
    const struct entry *oldest = entry_at(batch_cache, 0);
    return at < oldest->at + oldest->size && oldest->at < at + size;
}

void batch_cache_add(struct batch_cache *batch_cache, uint64_t first_id, uint16_t count,
                     const uint8_t *body, uint32_t size)
{
    if (size > batch_cache->size)
        return;
    pthread_mutex_lock(&batch_cache->lock);
    if (batch_cache->used > 0) {
        const struct entry *newest = entry_at(batch_cache, batch_cache->used - 1);
        if (newest->first_id + newest->count != first_id)
            batch_cache->used = 0;
    }
    if (batch_cache->head + size > batch_cache->size) {
        /* Those between head and the end are older than all at the beginning: they go first. */
        while (batch_cache->used > 0 && entry_at(batch_cache, 0)->at >= batch_cache->head)
            drop_oldest(batch_cache);
        batch_cache->head = 0;
    }
    while (batch_cache->used == ENTRIES ||
           (batch_cache->used > 0 && overlaps_oldest(batch_cache, batch_cache->head, size)))
        drop_oldest(batch_cache);
    memcpy(batch_cache->data + batch_cache->head, body, size);
    *entry_at(batch_cache, batch_cache->used) =
        (struct entry){first_id, batch_cache->head, size, count};
    batch_cache->used++;
    batch_cache->head += size;
    pthread_mutex_unlock(&batch_cache->lock);
}

/* The entry that holds `id`, or NULL. Ids grow from entry to entry. */
static const struct entry *find(struct batch_cache *batch_cache, uint64_t id)
{
    uint32_t low = 0, high = batch_cache->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct entry *entry = entry_at(batch_cache, middle);
        if (id < entry->first_id)
            high = middle;
        else if (id >= entry->first_id + entry->count)
            low = middle + 1;
        else
            return entry;
    }
    return NULL;
}

bool batch_cache_get(struct batch_cache *batch_cache, uint64_t id, uint8_t *out,
                     struct batch_cache_body *body)
{
    pthread_mutex_lock(&batch_cache->lock);
    const struct entry *entry = find(batch_cache, id);
    if (entry != NULL) {
        memcpy(out, batch_cache->data + entry->at, entry->size);
        *body = (struct batch_cache_body){entry->first_id, entry->count, entry->size};
    }
    pthread_mutex_unlock(&batch_cache->lock);
    return entry != NULL;
}
