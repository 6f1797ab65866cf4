/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that wait for a place in the window. Publisher process. */
#ifndef BAIYE_PUBLISH_WORKER_DOC_QUEUE_H
#define BAIYE_PUBLISH_WORKER_DOC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/publish/ipc.h"

struct queued_doc {
    struct queued_doc *next;
    struct ipc_doc head;
    size_t size;  /* of the payload */
    char bytes[]; /* topic, NUL, correlation, payload */
};

struct doc_queue {
    struct queued_doc *first, *last;
};

/* The document that an IPC_DOC message has at `at`, malloc'd; `at` moves behind it. NULL: it is
 * none, or no memory. */
struct queued_doc *doc_take(const uint8_t *message, size_t size, size_t *at);
void doc_push(struct doc_queue *queue, struct queued_doc *doc);
/* A retained one takes the place of an older one of its topic that still waits: then true. */
bool doc_push_newest(struct doc_queue *queue, struct queued_doc *doc);
/* The first, now the caller's; NULL: none. */
struct queued_doc *doc_pop(struct doc_queue *queue);
/* Frees all; how many there were. */
uint32_t doc_drop_all(struct doc_queue *queue);

#endif
