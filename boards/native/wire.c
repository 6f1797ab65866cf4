/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/native/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int try_connect(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool wire_open(struct wire *wire, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(wire, 0, sizeof *wire);
    wire->fd = -1;
    if (path == NULL)
        return true;
    if (strlen(path) >= sizeof address.sun_path) {
        (void)fprintf(stderr, "baiye-node: %s: a socket's path has at most %zu characters\n", path,
                      sizeof address.sun_path - 1);
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    for (int i = 0; i < 100; i++) {
        wire->fd = try_connect(&address);
        if (wire->fd >= 0)
            return true;
        if (errno != ENOENT && errno != ECONNREFUSED)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    (void)fprintf(stderr, "baiye-node: cannot connect to %s: %s; is baiye-field listening there?\n",
                  path, strerror(errno));
    return false;
}

void wire_heard(struct wire *wire, uint8_t byte, uint64_t time_us)
{
    if (wire->head - wire->tail == WIRE_RING) {
        wire->overrun = true;
        wire->tail++;
    }
    wire->time_us[wire->head % WIRE_RING] = time_us;
    wire->byte[wire->head++ % WIRE_RING] = byte;
}

bool wire_take(struct wire *wire, uint64_t now_us)
{
    uint8_t data[512];
    ssize_t n;
    while ((n = recv(wire->fd, data, sizeof data, MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            wire_heard(wire, data[i], now_us);
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

bool wire_get(struct wire *wire, uint8_t *byte, uint64_t *time_us, bool *overrun)
{
    if (wire->head == wire->tail)
        return false;
    *byte = wire->byte[wire->tail % WIRE_RING];
    *time_us = wire->time_us[wire->tail++ % WIRE_RING];
    *overrun = wire->overrun;
    wire->overrun = false;
    return true;
}

void wire_put(const struct wire *wire, const void *data, size_t size)
{
    if (wire->fd >= 0)
        (void)send(wire->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}
