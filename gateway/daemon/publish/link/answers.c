/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to requests that came by a broker: they wait until its publisher has room. Only so many
 * of one broker may wait, and none is taken while it is away: who asked will ask again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "gateway/daemon/publish/link/link.h"

#define ANSWERS_MOST 64u /* of one broker */

struct answer {
    struct answer *next;
    uint16_t topic_size, correlation_size;
    size_t size;
    uint8_t bytes[]; /* topic, correlation, payload */
};

void answers_pump(struct publish *publish, struct broker *broker)
{
    for (;;) {
        char topic[TOPIC_SIZE];
        pthread_mutex_lock(&publish->lock);
        struct answer *answer = broker->answers.first;
        pthread_mutex_unlock(&publish->lock);
        if (answer == NULL)
            return;
        (void)snprintf(topic, sizeof topic, "%.*s", (int)answer->topic_size,
                       (const char *)answer->bytes);
        const uint8_t *correlation = answer->bytes + answer->topic_size;
        struct ipc_document document = {.topic = topic,
                                        .payload = correlation + answer->correlation_size,
                                        .size = answer->size,
                                        .qos = 1,
                                        .live = true,
                                        .correlation = correlation,
                                        .correlation_size = answer->correlation_size};
        if (!ipc_doc(broker, &document))
            return;
        pthread_mutex_lock(&publish->lock);
        broker->answers.first = answer->next;
        broker->answers.count--;
        pthread_mutex_unlock(&publish->lock);
        free(answer);
    }
}

bool publish_answer(struct publish *publish, uint16_t broker, const char *topic,
                    const void *correlation, size_t correlation_size, const void *payload,
                    size_t payload_size)
{
    size_t topic_size = strlen(topic);
    if (broker >= publish->broker_count || topic_size >= TOPIC_SIZE ||
        correlation_size > PUBLISH_CORRELATION_SIZE || payload_size > IPC_DOC_MAX)
        return false;
    struct answer *answer = malloc(sizeof *answer + topic_size + correlation_size + payload_size);
    if (answer == NULL)
        return false;
    *answer = (struct answer){.topic_size = (uint16_t)topic_size,
                              .correlation_size = (uint16_t)correlation_size,
                              .size = payload_size};
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): its length is kept separately */
    memcpy(answer->bytes, topic, topic_size);
    if (correlation_size > 0)
        memcpy(answer->bytes + topic_size, correlation, correlation_size);
    memcpy(answer->bytes + topic_size + correlation_size, payload, payload_size);
    struct broker *own = &publish->brokers[broker];
    pthread_mutex_lock(&publish->lock);
    bool room = own->answers.count < ANSWERS_MOST && strcmp(own->stats.state, "stopped") != 0 &&
                strcmp(own->stats.state, "down") != 0;
    if (room) {
        if (own->answers.first != NULL)
            own->answers.last->next = answer;
        else
            own->answers.first = answer;
        own->answers.last = answer;
        own->answers.count++;
    }
    pthread_mutex_unlock(&publish->lock);
    if (!room)
        free(answer);
    else
        (void)eventfd_write(publish->wake_fd, 1);
    return room;
}

void answers_free(struct answers *answers)
{
    while (answers->first != NULL) {
        struct answer *answer = answers->first;
        answers->first = answer->next;
        free(answer);
    }
}
