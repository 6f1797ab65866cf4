/* SPDX-License-Identifier: Apache-2.0 */
/* DDP over UDP (WLED, Falcon Player, ESPixelStick): the whole frame in packets of at most
 * DDP_DATA_MAX bytes, push on the last one. The socket never blocks; a frame of which a packet
 * could not be sent is sent again whole by the keep-alive. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/led/output.h"
#include "protocols/ddp/ddp.h"

#define KEEP_ALIVE_MS 900 /* receivers fall back to their own effects after 1 to 2.5 s */

/* Small receivers hold some dozens of packets: a large picture comes in bursts of this many, a
 * millisecond apart (320x160 pixels: 107 packets, 6 ms). */
#define BURST 16

struct ddp_output {
    int fd;
    uint8_t sequence;
    uint8_t packet[DDP_HEADER_SIZE + DDP_DATA_MAX];
};

static int connect_to(const struct output_config *config)
{
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int fd = -1;
    (void)snprintf(port, sizeof port, "%d", config->port);
    if (getaddrinfo(config->host, port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static void *ddp_open(const struct output_config *config, int width, int height, char *error,
                      size_t error_size)
{
    (void)width;
    (void)height;
    struct ddp_output *d = calloc(1, sizeof *d);
    if (d != NULL)
        d->fd = connect_to(config);
    if (d == NULL || d->fd < 0) {
        (void)snprintf(error, error_size, "no address for %s", config->host);
        free(d);
        return NULL;
    }
    return d;
}

static bool ddp_show(void *output, const struct canvas *picture)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    struct ddp_output *d = output;
    size_t size = canvas_size(picture);
    bool good = true;
    int count = 0;
    for (size_t at = 0; at < size; at += DDP_DATA_MAX) {
        size_t length = size - at < DDP_DATA_MAX ? size - at : DDP_DATA_MAX;
        bool last = at + length == size;
        d->sequence = ddp_sequence_next(d->sequence);
        struct ddp_header header = {
            .flags = (uint8_t)(DDP_FLAG_VERSION_1 | (last ? DDP_FLAG_PUSH : 0)),
            .sequence = d->sequence,
            .type = DDP_TYPE_RGB888,
            .destination = DDP_DISPLAY_DEFAULT,
            .offset = (uint32_t)at,
            .length = (uint16_t)length,
        };
        if (!ddp_header_write(&header, d->packet, sizeof d->packet))
            return false;
        memcpy(d->packet + DDP_HEADER_SIZE, picture->pixels + at, length);
        ssize_t sent = send(d->fd, d->packet, DDP_HEADER_SIZE + length, MSG_NOSIGNAL);
        /* ECONNREFUSED is of an earlier packet (nobody listens there yet): go on. */
        if (sent < 0 && errno == ECONNREFUSED)
            sent = send(d->fd, d->packet, DDP_HEADER_SIZE + length, MSG_NOSIGNAL);
        if (sent < 0) {
            good = false;
            break; /* without its push the receiver keeps the last whole picture */
        }
        if (++count % BURST == 0)
            (void)nanosleep(&pause, NULL);
    }
    return good;
}

static void ddp_close(void *output)
{
    struct ddp_output *d = output;
    (void)close(d->fd);
    free(d);
}

const struct output_kind output_ddp = {
    .name = "ddp",
    .keep_alive_ms = KEEP_ALIVE_MS,
    .dims = true,
    .open = ddp_open,
    .show = ddp_show,
    .close = ddp_close,
};
