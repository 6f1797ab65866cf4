/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware image that comes from afar, in parts: kept in the store, once for the gateway whatever
 * number of nodes it is for, and there again after a restart. Taken only when it is whole and
 * signed by a key that this gateway has been given (trust.h). Beside it, what the last update with
 * such an image came to.
 *
 *   part ─▶ store "offer.0", "offer.1" … ─▶ whole: hash, signature, key ─▶ update/job.h ─▶ outcome
 *
 * All in the loop's thread. */
#ifndef BAIYE_UPDATE_OFFER_H
#define BAIYE_UPDATE_OFFER_H

#include "gateway/daemon/rpc/call.h"

#define OFFER_PART      16384u /* bytes of a part; the last one is shorter */
#define OFFER_MOST      (1u << 20)
#define OFFER_HASH_SIZE 65

struct offer {
    struct rpc *rpc;
    char sha256[OFFER_HASH_SIZE]; /* of the file, as hexadecimal digits; "": none is here */
    size_t size, have;            /* bytes, of which so many are in the store */
    uint8_t *file;
    json_t *outcome; /* as the method `update` answers, with `sha256`; NULL: none */
    bool writing;    /* a part is on its way to the store */
    /* Until it is known what the store has. */
    bool loading;
    struct loop_task task;
    size_t at;
};

/* Begins to read what the store has. NULL: no memory. */
struct offer *offer_open(struct rpc *rpc);
void offer_close(struct offer *offer);

/* From now on it is about this file, of which nothing is here yet; the outcome stays. false: no
 * memory. */
bool offer_begin(struct offer *offer, const char *sha256, size_t size);
/* Nothing is here any more. */
void offer_drop(struct offer *offer);
static inline bool offer_is_whole(const struct offer *offer)
{
    return offer->sha256[0] != '\0' && offer->have == offer->size;
}
/* The next part, of which the caller has made sure that it fits. When it is in the store, or is
 * not: `done` with `context` on the store's thread; then offer_taken() in the loop. */
enum store_result offer_take(struct offer *offer, const uint8_t *data, size_t size, store_done done,
                             void *context);
/* NULL, or why the file that is whole by now is none for this gateway; then it is dropped. */
const char *offer_taken(struct offer *offer, size_t size, enum store_result result);
/* What an update with that image came to (taken over); NULL: another one begins. */
void offer_set_outcome(struct offer *offer, json_t *outcome);

#endif
