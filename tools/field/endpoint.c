/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void hang_up(struct endpoint *endpoint, struct loop_watch *watch)
{
    int fd = watch->fd;
    if (fd < 0)
        return;
    loop_unwatch(endpoint->loop, watch);
    (void)close(fd);
}

static void peer_ready(void *context, uint32_t events)
{
    struct endpoint *endpoint = context;
    uint8_t bytes[2048];
    (void)events;
    ssize_t size = recv(endpoint->peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size > 0)
        endpoint->bytes(endpoint->context, bytes, (size_t)size);
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(endpoint, &endpoint->peer);
}

static void listen_ready(void *context, uint32_t events)
{
    struct endpoint *endpoint = context;
    (void)events;
    int fd = accept4(endpoint->listen.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    hang_up(endpoint, &endpoint->peer);
    if (!loop_watch(endpoint->loop, &endpoint->peer, fd, EPOLLIN)) {
        (void)close(fd);
        endpoint->peer.fd = -1;
    }
}

void endpoint_init(struct endpoint *endpoint, struct loop *loop,
                   void (*bytes)(void *context, const uint8_t *bytes, size_t size), void *context)
{
    *endpoint = (struct endpoint){
        .loop = loop,
        .listen = {.fd = -1, .ready = listen_ready, .context = endpoint},
        .peer = {.fd = -1, .ready = peer_ready, .context = endpoint},
        .bytes = bytes,
        .context = context,
    };
}

bool endpoint_open(struct endpoint *endpoint, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    (void)snprintf(endpoint->path, sizeof(endpoint->path), "%s", path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, 4) == 0 && loop_watch(endpoint->loop, &endpoint->listen, fd, EPOLLIN))
        return true;
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    endpoint->listen.fd = -1;
    errno = saved;
    return false;
}

void endpoint_close(struct endpoint *endpoint)
{
    hang_up(endpoint, &endpoint->peer);
    hang_up(endpoint, &endpoint->listen);
    if (endpoint->path[0])
        (void)unlink(endpoint->path);
}

void endpoint_send(struct endpoint *endpoint, const void *bytes, size_t size)
{
    if (endpoint->peer.fd < 0)
        return;
    ssize_t sent = send(endpoint->peer.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* a peer that went away is noticed when it is read */
}

bool endpoint_connected(const struct endpoint *endpoint)
{
    return endpoint->peer.fd >= 0;
}
