/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/queue_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct notice *queue_add(struct queue *queue, uint16_t way, uint8_t kind, int64_t mono_ms,
                         int64_t wall_ms)
{
    struct notice **end = &queue->first;
    struct notice *notice = queue->count < QUEUE_MOST ? calloc(1, sizeof *notice) : NULL;
    if (notice == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = notice;
    queue->count++;
    queue->changed = true;
    notice->way = way;
    notice->kind = kind;
    notice->made_mono_ms = mono_ms;
    notice->made_ms = wall_ms;
    return notice;
}

/* A siren is sent no notices: it is on while queue_calls(). */
bool queue_is_output(const struct queue *queue, uint16_t way)
{
    return queue->config->ways[way].kind == WAY_OUTPUT;
}

struct notified *queue_find_case(const struct queue *queue, const char *id)
{
    struct notified *notified = queue->cases;
    while (notified != NULL && strcmp(notified->id, id) != 0)
        notified = notified->next;
    return notified;
}

struct notified *queue_add_case(struct queue *queue, const char *id)
{
    struct notified *notified = calloc(1, sizeof *notified);
    if (notified == NULL)
        return NULL;
    (void)snprintf(notified->id, sizeof notified->id, "%s", id);
    notified->next = queue->cases;
    queue->cases = notified;
    return notified;
}
