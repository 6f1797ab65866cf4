/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/common/hex.h"
#include "gateway/common/log.h"
#include "gateway/daemon/update/signature.h"
#include "gateway/daemon/update/trust.h"

#define KEY            "offer"
#define RECORD_VERSION 1

static void part_key(char *key, size_t size, size_t at)
{
    (void)snprintf(key, size, KEY ".%zu", at / OFFER_PART);
}

/* `have`: as it will be when what was sent to the store before is there. */
static enum store_result put_record(struct offer *offer, size_t have, store_done done,
                                    void *context)
{
    json_t *record =
        json_pack("{s:i,s:s,s:I,s:I,s:O?}", "v", RECORD_VERSION, "sha256", offer->sha256, "size",
                  (json_int_t)offer->size, "have", (json_int_t)have, "outcome", offer->outcome);
    char *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    enum store_result result =
        text != NULL ? store_put(offer->rpc->parts.store, KEY, text, strlen(text), done, context)
                     : STORE_UNAVAILABLE;
    free(text);
    json_decref(record);
    return result;
}

/* ---- a new one ---- */

void offer_drop(struct offer *offer)
{
    char key[32];
    for (size_t at = 0; at < offer->have; at += OFFER_PART) {
        part_key(key, sizeof key, at);
        (void)store_put(offer->rpc->parts.store, key, "", 0, NULL, NULL);
    }
    free(offer->file);
    offer->file = NULL;
    offer->size = offer->have = 0;
    offer->sha256[0] = '\0';
    (void)put_record(offer, 0, NULL, NULL);
}

bool offer_begin(struct offer *offer, const char *sha256, size_t size)
{
    offer_drop(offer);
    offer->file = malloc(size);
    if (offer->file == NULL)
        return false;
    offer->size = size;
    (void)snprintf(offer->sha256, sizeof offer->sha256, "%s", sha256);
    return true;
}

enum store_result offer_take(struct offer *offer, const uint8_t *data, size_t size, store_done done,
                             void *context)
{
    char key[32];
    part_key(key, sizeof key, offer->have);
    memcpy(offer->file + offer->have, data, size);
    enum store_result result = store_put(offer->rpc->parts.store, key, data, size, NULL, NULL);
    if (result == STORE_OK)
        result = put_record(offer, offer->have + size, done, context);
    offer->writing = result == STORE_OK;
    return result;
}

/* NULL, or what is wrong with the whole file. */
static const char *judge(const struct offer *offer)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char hex[OFFER_HASH_SIZE], path[CONFIG_PATH_SIZE + 32];
    (void)SHA256(offer->file, offer->size, hash);
    hex_write(hash, sizeof hash, hex);
    if (strcmp(hex, offer->sha256) != 0)
        return "the parts do not make the file that was announced";
    enum image_result verdict = signature_file(offer->file, offer->size);
    if (verdict != IMAGE_OK)
        return image_result_text(verdict);
    if (!trust_path(offer->rpc->config->file, path, sizeof path))
        return "this gateway has been given no key for firmware from afar (" TRUST_FILE ")";
    return trust_signed(path, offer->file, offer->size)
               ? NULL
               : "it is not signed by a key that this gateway trusts (" TRUST_FILE ")";
}

const char *offer_taken(struct offer *offer, size_t size, enum store_result result)
{
    offer->writing = false;
    if (result == STORE_OK)
        offer->have += size;
    const char *wrong = offer_is_whole(offer) ? judge(offer) : NULL;
    if (wrong != NULL) {
        log_write(LOG_LEVEL_WARNING, "firmware from afar is refused: %s", wrong);
        offer_drop(offer);
    }
    return wrong;
}

void offer_set_outcome(struct offer *offer, json_t *outcome)
{
    json_decref(offer->outcome);
    offer->outcome = outcome;
    if (put_record(offer, offer->have, NULL, NULL) != STORE_OK)
        log_write(LOG_LEVEL_WARNING, "firmware from afar: what it came to is not stored");
}

/* ---- at the start ---- */

static void load_part(struct loop_task *task);

/* Store thread. */
static void got_part(void *context, enum store_result result, const void *value, size_t size)
{
    struct offer *offer = context;
    size_t left = offer->have - offer->at, wanted = left < OFFER_PART ? left : OFFER_PART;
    if (result == STORE_OK && size == wanted) {
        memcpy(offer->file + offer->at, value, size);
        offer->at += size;
    } else {
        offer->have = offer->at; /* the rest comes again */
    }
    offer->task = (struct loop_task){.run = load_part};
    loop_post(offer->rpc->loop, &offer->task);
}

/* The key may have been taken away meanwhile, and bytes may be damaged. */
static void loaded(struct offer *offer)
{
    offer->loading = false;
    if (offer_is_whole(offer) && judge(offer) != NULL)
        offer_drop(offer);
}

static void load_part(struct loop_task *task)
{
    struct offer *offer = (struct offer *)((char *)task - offsetof(struct offer, task));
    char key[32];
    part_key(key, sizeof key, offer->at);
    if (offer->at == offer->have)
        loaded(offer);
    else if (store_get(offer->rpc->parts.store, key, got_part, offer) != STORE_OK)
        got_part(offer, STORE_BUSY, NULL, 0);
}

static void take_record(struct offer *offer, const json_t *record)
{
    const char *sha256 = json_string_value(json_object_get(record, "sha256"));
    json_int_t size = json_integer_value(json_object_get(record, "size"));
    json_int_t have = json_integer_value(json_object_get(record, "have"));
    json_t *outcome = json_object_get(record, "outcome");
    if (json_integer_value(json_object_get(record, "v")) != RECORD_VERSION || sha256 == NULL)
        return;
    offer->outcome = json_is_object(outcome) ? json_incref(outcome) : NULL;
    if (strlen(sha256) != OFFER_HASH_SIZE - 1 || size <= 0 || size > OFFER_MOST || have < 0 ||
        have > size || (have < size && have % OFFER_PART != 0))
        return;
    offer->file = malloc((size_t)size);
    if (offer->file == NULL)
        return;
    memcpy(offer->sha256, sha256, OFFER_HASH_SIZE);
    offer->size = (size_t)size;
    offer->have = (size_t)have;
}

/* Store thread. */
static void got_record(void *context, enum store_result result, const void *value, size_t size)
{
    struct offer *offer = context;
    json_t *record = result == STORE_OK && size > 0 ? json_loadb(value, size, 0, NULL) : NULL;
    take_record(offer, record);
    json_decref(record);
    offer->task = (struct loop_task){.run = load_part};
    loop_post(offer->rpc->loop, &offer->task);
}

struct offer *offer_open(struct rpc *rpc)
{
    struct offer *offer = calloc(1, sizeof *offer);
    if (offer == NULL)
        return NULL;
    offer->rpc = rpc;
    offer->loading = true;
    if (store_get(rpc->parts.store, KEY, got_record, offer) != STORE_OK)
        got_record(offer, STORE_UNAVAILABLE, NULL, 0);
    return offer;
}

void offer_close(struct offer *offer)
{
    if (offer == NULL)
        return;
    json_decref(offer->outcome);
    free(offer->file);
    free(offer);
}
