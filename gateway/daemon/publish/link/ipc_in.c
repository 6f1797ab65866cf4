/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher process says, and to whom in the daemon it goes. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"

static void on_state(struct publish *publish, struct broker *broker,
                     const struct ipc_state *message)
{
    bool was_up = broker->up;
    broker->up = message->up;
    link_set_state(publish, broker, message->state, message->why);
    if (message->up) {
        log_change(&broker->log, 1, LOG_LEVEL_NOTICE, "publish %s: connected to %s:%u",
                   broker->config->name, broker->config->url.host, broker->config->url.port);
        docs_forget(&publish->docs, broker->index);
        broker->docs_seen = 0;
        live_lane_up(publish, broker);
        record_log_up(broker);
        backlog_up(publish, broker, message->refused_before || broker->doubtful);
        broker->doubtful = false;
        return;
    }
    if (was_up)
        backlog_down(publish, broker);
    log_change(&broker->log, 0, LOG_LEVEL_WARNING,
               "publish %s: no connection to %s:%u: %s; readings are kept", broker->config->name,
               broker->config->url.host, broker->config->url.port, message->why);
    if (child_is_stale(&broker->child)) {
        log_write(LOG_LEVEL_INFO, "publish %s: a key has changed; its process starts anew with it",
                  broker->config->name);
        child_kill(&broker->child); /* seen when it is read from */
    }
}

static void on_counts(struct publish *publish, struct broker *broker,
                      const struct ipc_counts *counts)
{
    pthread_mutex_lock(&publish->lock);
    struct publish_stats *stats = &broker->stats;
    uint64_t bytes = broker->counted.bytes_base + counts->bytes;
    int64_t now_ms = clock_now().mono_ms;
    struct data_plan_traffic traffic = {
        .tls = broker_tls(broker->config),
        .up = broker->up,
        .connects = counts->connects - broker->counted.connects,
        .messages = counts->messages - broker->counted.messages,
        .bytes = bytes - stats->bytes_sent,
        .passed_ms = broker->counted.counts_ms != 0 ? now_ms - broker->counted.counts_ms : 0,
        .keepalive_s = broker->config->keepalive_s};
    broker->counted.counts_ms = now_ms;
    broker->counted.connects = counts->connects;
    broker->counted.messages = counts->messages;
    stats->connects = counts->connects;
    stats->messages = counts->messages;
    stats->acked = counts->acked;
    stats->refused = counts->refused;
    stats->boundary = counts->boundary;
    stats->twin = counts->twin;
    stats->bytes_sent = bytes;
    if (broker->up)
        (void)snprintf(stats->state, sizeof stats->state, "%s",
                       counts->lane_refused ? "refused" : "up");
    if (broker->up && counts->lane_refused)
        (void)snprintf(stats->why, sizeof stats->why, "%s",
                       counts->unheard ? "nobody at the broker subscribes to the readings"
                                       : "the broker refuses readings: ACL or quota");
    pthread_mutex_unlock(&publish->lock);
    log_change(&broker->twin_log, counts->twin,
               counts->twin != PUBLISH_TWIN_NONE ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
               "publish %s: %s", broker->config->name,
               counts->twin != PUBLISH_TWIN_NONE ? publish_twin_text(counts->twin)
                                                 : "no one else is taken for this gateway");
    data_plan_count(publish, broker, &traffic);
}

static void on_request(struct publish *publish, const struct broker *broker, const uint8_t *message,
                       size_t size)
{
    char *payload = publish->payload;
    struct ipc_request head;
    memcpy(&head, message, sizeof head);
    size_t rest = size - sizeof head;
    memcpy(payload, message + sizeof head, rest);
    payload[rest] = '\0';
    head.request.broker = broker->index;
    head.request.payload = payload;
    head.request.payload_size = rest;
    if (publish->callbacks.request != NULL)
        publish->callbacks.request(publish->callbacks.context, &head.request);
}

static void on_quarantine(struct publish *publish, struct broker *broker, const uint8_t *message,
                          size_t size)
{
    struct ipc_quarantine head;
    memcpy(&head, message, sizeof head);
    store_quarantine(publish->store, broker->index, head.id, head.reason, message + sizeof head,
                     (uint32_t)(size - sizeof head));
    pthread_mutex_lock(&publish->lock);
    broker->stats.quarantined++;
    pthread_mutex_unlock(&publish->lock);
}

void ipc_take(struct publish *publish, struct broker *broker, const uint8_t *message, size_t size)
{
    union {
        struct ipc_state state;
        struct ipc_ack ack;
        struct ipc_done done;
        struct ipc_counts counts;
        struct ipc_heard heard;
    } in;
    memset(&in, 0, sizeof in);
    memcpy(&in, message, size < sizeof in ? size : sizeof in);
    switch (message[0]) {
    case IPC_STATE:
        in.state.state[sizeof in.state.state - 1] = in.state.why[sizeof in.state.why - 1] = '\0';
        on_state(publish, broker, &in.state);
        break;
    case IPC_ACK:
        backlog_ack(publish, broker, &in.ack);
        break;
    case IPC_DOC_DONE:
        broker->docs_out -= in.done.count < broker->docs_out ? in.done.count : broker->docs_out;
        break;
    case IPC_COUNTS:
        on_counts(publish, broker, &in.counts);
        break;
    case IPC_HEARD:
        live_lane_heard(publish, broker, in.heard.ask, clock_now().mono_ms);
        break;
    case IPC_REQUEST:
        if (size >= sizeof(struct ipc_request))
            on_request(publish, broker, message, size);
        break;
    case IPC_QUARANTINE:
        if (size >= sizeof(struct ipc_quarantine))
            on_quarantine(publish, broker, message, size);
        break;
    default:
        log_write(LOG_LEVEL_ERROR, "publish: message of unknown type %u", message[0]);
        break;
    }
}
