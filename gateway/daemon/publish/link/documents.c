/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "gateway/daemon/publish/link/link.h"

#define DOCS_MOST  4096u
#define PACK_LEAST 512u

void docs_init(struct docs *docs)
{
    memset(docs, 0, sizeof *docs);
    pthread_mutex_init(&docs->lock, NULL);
}

void docs_free(struct docs *docs)
{
    while (docs->first != NULL) {
        struct doc *doc = docs->first;
        docs->first = doc->next;
        free(doc->payload);
        free(doc);
    }
    pthread_mutex_destroy(&docs->lock);
}

/* Under the lock. */
static struct doc *find(struct docs *docs, uint16_t broker, const char *topic)
{
    for (struct doc *doc = docs->first; doc != NULL; doc = doc->next) {
        if (doc->broker == broker && strcmp(doc->topic, topic) == 0)
            return doc;
    }
    return NULL;
}

static struct doc *append(struct docs *docs, uint16_t broker, const char *topic)
{
    struct doc *doc = docs->count < DOCS_MOST ? calloc(1, sizeof *doc) : NULL;
    if (doc == NULL)
        return NULL;
    memcpy(doc->topic, topic, strlen(topic) + 1);
    doc->broker = broker;
    if (docs->last != NULL)
        docs->last->next = doc;
    else
        docs->first = doc;
    docs->last = doc;
    docs->count++;
    return doc;
}

/* What is kept of a payload: discovery of 500 devices is 1.5 MB as it is. NULL: no memory. */
static uint8_t *pack(const void *payload, size_t size, size_t *packed_size)
{
    uLongf packed = compressBound(size);
    uint8_t *room = size >= PACK_LEAST ? malloc(packed) : NULL;
    if (room != NULL &&
        (compress2(room, &packed, payload, size, Z_BEST_SPEED) != Z_OK || packed >= size)) {
        free(room);
        room = NULL;
    }
    size_t kept = room != NULL ? packed : size;
    uint8_t *copy = malloc(kept + 1);
    if (copy != NULL && kept > 0)
        memcpy(copy, room != NULL ? room : payload, kept);
    *packed_size = room != NULL ? packed : 0;
    free(room);
    return copy;
}

/* paid: brokers with a budget have this one, too. */
static bool set(struct docs *docs, uint16_t broker, const char *topic, enum doc_class kind,
                const void *payload, size_t size, bool retain, uint8_t qos, bool paid)
{
    if (strlen(topic) >= TOPIC_SIZE || size > IPC_DOC_MAX)
        return false;
    size_t packed_size = 0;
    uint8_t *copy = pack(payload, size, &packed_size);
    if (copy == NULL)
        return false;
    pthread_mutex_lock(&docs->lock);
    struct doc *doc = find(docs, broker, topic);
    bool same = doc != NULL && doc->version > 0 && doc->size == size &&
                doc->packed_size == packed_size &&
                memcmp(doc->payload, copy, packed_size > 0 ? packed_size : size) == 0;
    if (doc == NULL)
        doc = append(docs, broker, topic);
    if (doc != NULL && !same) {
        uint8_t *old = doc->payload;
        doc->payload = copy;
        copy = old;
        doc->size = size;
        doc->packed_size = packed_size;
        doc->kind = (uint8_t)kind;
        doc->retain = retain;
        doc->qos = qos;
        doc->version++;
        atomic_fetch_add(&docs->version, 1);
    }
    if (doc != NULL && paid && doc->paid != doc->version) {
        doc->paid = doc->version;
        atomic_fetch_add(&docs->version, 1);
    }
    pthread_mutex_unlock(&docs->lock);
    free(copy);
    return doc != NULL;
}

bool docs_set(struct docs *docs, const char *topic, enum doc_class kind, const void *payload,
              size_t size, bool retain, uint8_t qos)
{
    return docs_set_for(docs, DOC_ALL, topic, kind, payload, size, retain, qos);
}

bool docs_follow(struct docs *docs, const char *topic, const void *payload, size_t size)
{
    return set(docs, DOC_ALL, topic, DOC_URGENT, payload, size, true, 1, false);
}

bool docs_set_for(struct docs *docs, uint16_t broker, const char *topic, enum doc_class kind,
                  const void *payload, size_t size, bool retain, uint8_t qos)
{
    return set(docs, broker, topic, kind, payload, size, retain, qos, true);
}

/* As it was set; in `room` when it has to be made anew. NULL: it can't be, for want of memory. */
static const void *unpack(const struct doc *doc, char room[IPC_DOC_MAX])
{
    uLongf size = IPC_DOC_MAX;
    if (doc->packed_size == 0)
        return doc->payload;
    return uncompress((Bytef *)room, &size, doc->payload, doc->packed_size) == Z_OK ? room : NULL;
}

/* Which part of what is sent the document of a topic is. */
static uint8_t part_of(const struct publish *publish, const char *topic)
{
    static const struct {
        const char *suffix;
        uint8_t part;
    } parts[] = {{TOPIC_ALERT, PART_ALERTS},
                 {TOPIC_FORECAST, PART_FORECAST},
                 {TOPIC_SITE, PART_SITE},
                 {TOPIC_LOG, PART_READINGS}};
    char root[TOPIC_SIZE];
    if (!topic_make(root, sizeof root, publish->config->site, "") ||
        strncmp(topic, root, strlen(root)) != 0)
        return PART_LIVE; /* discovery */
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *suffix = topic + strlen(root);
        size_t size = strlen(parts[i].suffix);
        if (strncmp(suffix, parts[i].suffix, size) == 0 &&
            (suffix[size] == '\0' || suffix[size - 1] == '/'))
            return parts[i].part;
    }
    return 0;
}

static bool wants(struct publish *publish, const struct broker *broker, const struct doc *doc,
                  bool urgent_only)
{
    uint32_t newest = broker->config->budget_bytes_month > 0 ? doc->paid : doc->version;
    if (doc->sent[broker->index] >= newest ||
        (doc->broker != DOC_ALL && doc->broker != broker->index) ||
        (broker->config->left_out & part_of(publish, doc->topic)) != 0)
        return false;
    if (urgent_only || broker->stage != DATA_PLAN_NONE)
        return doc->kind == DOC_URGENT;
    return doc->kind != DOC_PANEL || broker->config->panel;
}

bool docs_pump(struct publish *publish, struct broker *broker, bool urgent_only)
{
    struct docs *docs = &publish->docs;
    uint32_t version = atomic_load(&docs->version);
    bool all = true;
    if (broker->docs_seen == version)
        return true;
    pthread_mutex_lock(&docs->lock);
    for (struct doc *doc = docs->first; doc != NULL && all; doc = doc->next) {
        if (!wants(publish, broker, doc, urgent_only))
            continue;
        const void *payload = unpack(doc, publish->json);
        all = payload != NULL &&
              ipc_doc(broker, &(struct ipc_document){.topic = doc->topic,
                                                     .payload = payload,
                                                     .size = doc->size,
                                                     .qos = doc->qos,
                                                     .retain = doc->retain,
                                                     .live = doc->kind == DOC_URGENT});
        if (all)
            doc->sent[broker->index] = doc->version;
    }
    pthread_mutex_unlock(&docs->lock);
    if (all && !urgent_only)
        broker->docs_seen = version;
    return all;
}

void docs_forget(struct docs *docs, uint16_t broker)
{
    pthread_mutex_lock(&docs->lock);
    for (struct doc *doc = docs->first; doc != NULL; doc = doc->next)
        doc->sent[broker] = 0;
    pthread_mutex_unlock(&docs->lock);
}
