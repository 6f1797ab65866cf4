/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/doc_queue.h"

#include <stdlib.h>
#include <string.h>

struct queued_doc *doc_take(const uint8_t *message, size_t size, size_t *at)
{
    struct ipc_doc head;
    if (size - *at < sizeof head)
        return NULL;
    memcpy(&head, message + *at, sizeof head);
    const uint8_t *bytes = message + *at + sizeof head;
    size_t rest = (size_t)head.correlation_size + head.payload_size;
    if (head.topic_size + rest > size - *at - sizeof head)
        return NULL;
    struct queued_doc *doc = malloc(sizeof *doc + head.topic_size + 1u + rest);
    if (doc == NULL)
        return NULL;
    doc->next = NULL;
    doc->head = head;
    doc->size = head.payload_size;
    memcpy(doc->bytes, bytes, head.topic_size);
    doc->bytes[head.topic_size] = '\0';
    memcpy(doc->bytes + head.topic_size + 1, bytes + head.topic_size, rest);
    *at += sizeof head + head.topic_size + rest;
    return doc;
}

void doc_push(struct doc_queue *queue, struct queued_doc *doc)
{
    doc->next = NULL;
    if (queue->first != NULL)
        queue->last->next = doc;
    else
        queue->first = doc;
    queue->last = doc;
}

bool doc_push_newest(struct doc_queue *queue, struct queued_doc *doc)
{
    for (struct queued_doc **at = &queue->first; *at != NULL; at = &(*at)->next) {
        struct queued_doc *old = *at;
        if (!doc->head.retain || doc->head.correlation_size > 0 ||
            strcmp(old->bytes, doc->bytes) != 0)
            continue; /* an answer is no state: each one counts */
        doc->next = old->next;
        *at = doc;
        if (queue->last == old)
            queue->last = doc;
        free(old);
        return true;
    }
    doc_push(queue, doc);
    return false;
}

struct queued_doc *doc_pop(struct doc_queue *queue)
{
    struct queued_doc *doc = queue->first;
    if (doc != NULL)
        queue->first = doc->next;
    return doc;
}

uint32_t doc_drop_all(struct doc_queue *queue)
{
    struct queued_doc *doc = NULL;
    uint32_t count = 0;
    while ((doc = doc_pop(queue)) != NULL) {
        free(doc);
        count++;
    }
    return count;
}
