/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/daemon/publish/link/link.h"

/* Never waits: when the socket is full the caller tries again when it has drained. */
bool ipc_send(struct broker *broker, const void *head, size_t head_size, const void *data,
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

bool ipc_doc(struct broker *broker, const char *topic, const void *payload, size_t size,
             uint8_t qos, bool retain, bool live, const void *correlation,
             uint16_t correlation_size)
{
    uint8_t head[sizeof(struct ipc_doc) + TOPIC_SIZE + PUBLISH_CORRELATION_SIZE];
    struct ipc_doc doc = {.type = IPC_DOC,
                          .qos = qos,
                          .retain = retain,
                          .live = live,
                          .topic_size = (uint16_t)strlen(topic),
                          .correlation_size = correlation_size};
    if (broker->docs_out >= IPC_DOCS || doc.topic_size >= TOPIC_SIZE ||
        correlation_size > PUBLISH_CORRELATION_SIZE)
        return false;
    memcpy(head, &doc, sizeof doc);
    memcpy(head + sizeof doc, topic, doc.topic_size);
    if (correlation_size > 0)
        memcpy(head + sizeof doc + doc.topic_size, correlation, correlation_size);
    if (!ipc_send(broker, head, sizeof doc + doc.topic_size + correlation_size, payload, size))
        return false;
    broker->docs_out++;
    return true;
}
