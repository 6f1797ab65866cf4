/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/daemon/publish/link/link.h"

/* Never waits: when the socket is full the caller tries again when it has drained. */
static bool send_now(struct broker *broker, const void *head, size_t head_size, const void *data,
                     size_t size)
{
    union { /* sendmsg() does not write, but struct iovec is not const */
        const void *in;
        void *out;
    } first = {.in = head}, second = {.in = data};
    struct iovec parts[2] = {{first.out, head_size}, {second.out, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1};
    if (broker->child.fd < 0 || broker->blocked)
        return false;
    ssize_t sent = sendmsg(broker->child.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        broker->blocked = true;
    return sent >= 0; /* other errors: the end of the process is seen by reading */
}

bool ipc_flush(struct broker *broker)
{
    if (broker->pack_used > 0 && !send_now(broker, broker->pack, broker->pack_used, NULL, 0))
        return false;
    broker->pack_used = 0;
    return true;
}

bool ipc_send(struct broker *broker, const void *head, size_t head_size, const void *data,
              size_t size)
{
    return ipc_flush(broker) && send_now(broker, head, head_size, data, size);
}

/* Behind those that are packed, or alone when it is large. */
static bool put(struct broker *broker, const void *head, size_t head_size, const void *data,
                size_t size)
{
    if (head_size + size > sizeof broker->pack)
        return ipc_send(broker, head, head_size, data, size);
    if (head_size + size > sizeof broker->pack - broker->pack_used && !ipc_flush(broker))
        return false;
    memcpy(broker->pack + broker->pack_used, head, head_size);
    if (size > 0)
        memcpy(broker->pack + broker->pack_used + head_size, data, size);
    broker->pack_used += head_size + size;
    return true;
}

bool ipc_doc(struct broker *broker, const struct ipc_document *document)
{
    uint8_t head[sizeof(struct ipc_doc) + TOPIC_SIZE + PUBLISH_CORRELATION_SIZE];
    size_t topic_size = strlen(document->topic), correlation_size = document->correlation_size;
    if (broker->docs_out >= IPC_DOCS || topic_size >= TOPIC_SIZE || document->size > IPC_DOC_MAX ||
        correlation_size > PUBLISH_CORRELATION_SIZE || broker->blocked)
        return false;
    struct ipc_doc doc = {.type = IPC_DOC,
                          .qos = document->qos,
                          .retain = document->retain,
                          .live = document->live,
                          .ask = document->ask,
                          .topic_size = (uint16_t)topic_size,
                          .correlation_size = document->correlation_size,
                          .payload_size = (uint32_t)document->size};
    memcpy(head, &doc, sizeof doc);
    memcpy(head + sizeof doc, document->topic, topic_size);
    if (correlation_size > 0)
        memcpy(head + sizeof doc + topic_size, document->correlation, correlation_size);
    if (!put(broker, head, sizeof doc + topic_size + correlation_size, document->payload,
             document->size))
        return false;
    broker->docs_out++;
    return true;
}
