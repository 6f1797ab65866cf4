/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes and beside it a ring of entries, both first in, first out. A body never wraps:
 * when it does not fit before the end, the rest of the ring stays unused for that round.
 *
 *      tail             head
 *   ────┴──[e0][e1][e2]──┴────────────      or      [e2]──┴head ─ tail┴─[e0][e1]xxx
 */
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

struct recent {
    pthread_mutex_t lock;
    uint32_t size, head;
    uint32_t first, used; /* of entries */
    struct entry entries[ENTRIES];
    uint8_t data[];
};

struct recent *recent_create(uint32_t size)
{
    struct recent *recent = calloc(1, sizeof *recent + size);
    if (recent == NULL)
        return NULL;
    pthread_mutex_init(&recent->lock, NULL);
    recent->size = size;
    return recent;
}

void recent_destroy(struct recent *recent)
{
    if (recent == NULL)
        return;
    pthread_mutex_destroy(&recent->lock);
    free(recent);
}

static struct entry *entry_at(struct recent *recent, uint32_t index)
{
    return &recent->entries[(recent->first + index) % ENTRIES];
}

static void drop_oldest(struct recent *recent)
{
    recent->first = (recent->first + 1) % ENTRIES;
    recent->used--;
}

/* Does [at, at + size) touch the oldest entry's bytes? */
static bool overlaps_oldest(struct recent *recent, uint32_t at, uint32_t size)
{
    const struct entry *oldest = entry_at(recent, 0);
    return at < oldest->at + oldest->size && oldest->at < at + size;
}

void recent_add(struct recent *recent, uint64_t first_id, uint16_t count, const uint8_t *body,
                uint32_t size)
{
    if (size > recent->size)
        return;
    pthread_mutex_lock(&recent->lock);
    if (recent->used > 0) {
        const struct entry *newest = entry_at(recent, recent->used - 1);
        if (newest->first_id + newest->count != first_id)
            recent->used = 0;
    }
    if (recent->head + size > recent->size) {
        /* Those between head and the end are older than all at the beginning: they go first. */
        while (recent->used > 0 && entry_at(recent, 0)->at >= recent->head)
            drop_oldest(recent);
        recent->head = 0;
    }
    while (recent->used == ENTRIES ||
           (recent->used > 0 && overlaps_oldest(recent, recent->head, size)))
        drop_oldest(recent);
    memcpy(recent->data + recent->head, body, size);
    *entry_at(recent, recent->used) = (struct entry){first_id, recent->head, size, count};
    recent->used++;
    recent->head += size;
    pthread_mutex_unlock(&recent->lock);
}

/* The entry that holds `id`, or NULL. Ids grow from entry to entry. */
static const struct entry *find(struct recent *recent, uint64_t id)
{
    uint32_t low = 0, high = recent->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct entry *entry = entry_at(recent, middle);
        if (id < entry->first_id)
            high = middle;
        else if (id >= entry->first_id + entry->count)
            low = middle + 1;
        else
            return entry;
    }
    return NULL;
}

bool recent_get(struct recent *recent, uint64_t id, uint8_t *out, struct recent_body *body)
{
    pthread_mutex_lock(&recent->lock);
    const struct entry *entry = find(recent, id);
    if (entry != NULL) {
        memcpy(out, recent->data + entry->at, entry->size);
        *body = (struct recent_body){entry->first_id, entry->count, entry->size};
    }
    pthread_mutex_unlock(&recent->lock);
    return entry != NULL;
}
