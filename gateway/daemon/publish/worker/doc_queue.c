/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/doc_queue.h"

#include <stdlib.h>
#include <string.h>

struct queued_doc *doc_take(const uint8_t *message, size_t size)
{
    struct ipc_doc head;
    memcpy(&head, message, sizeof head);
    size_t rest = size - sizeof head;
    if ((size_t)head.topic_size + head.correlation_size > rest)
        return NULL;
    struct queued_doc *doc = malloc(sizeof *doc + rest + 1);
    if (doc == NULL)
        return NULL;
    doc->next = NULL;
    doc->head = head;
    doc->size = rest - head.topic_size - head.correlation_size;
    const uint8_t *bytes = message + sizeof head;
    memcpy(doc->bytes, bytes, head.topic_size);
    doc->bytes[head.topic_size] = '\0';
    memcpy(doc->bytes + head.topic_size + 1, bytes + head.topic_size, rest - head.topic_size);
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
