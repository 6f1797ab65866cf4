/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocols/modbus/pdu.h"

#define NS_PER_MS  1000000
#define HEADER     7 /* transaction, protocol, length, unit */
#define ADU_SIZE   (HEADER + MODBUS_PDU_MAX)
#define IN_SIZE    4096
#define OUT_SIZE   16384
#define UNIT_COUNT 256

struct client {
    struct tcp *tcp;
    struct loop_watch watch;
    struct client *next;
    struct delayed *delayed;
    size_t in_size, out_size;
    uint8_t in[IN_SIZE], out[OUT_SIZE];
};

/* An answer that comes later. */
struct delayed {
    struct client *client;
    struct delayed *next;
    struct loop_timer timer;
    size_t size;
    uint8_t bytes[ADU_SIZE];
};

struct tcp {
    struct line *line;
    struct loop_watch listen;
    struct client *clients;
    struct unit *units[UNIT_COUNT];
    char path[256];
};

static struct loop *loop_of(const struct tcp *tcp)
{
    return &tcp->line->garden->loop;
}

static void free_delayed(struct client *client)
{
    while (client->delayed != NULL) {
        struct delayed *delayed = client->delayed;
        client->delayed = delayed->next;
        loop_disarm(loop_of(client->tcp), &delayed->timer);
        free(delayed);
    }
}

/* `reset`: the peer gets a RST in place of an orderly end. */
static void drop(struct client *client, bool reset)
{
    const struct linger at_once = {1, 0};
    int fd = client->watch.fd;
    struct client **place = &client->tcp->clients;
    while (*place != client)
        place = &(*place)->next;
    *place = client->next;
    free_delayed(client);
    loop_unwatch(loop_of(client->tcp), &client->watch);
    if (reset)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
    free(client);
}

static void flush(struct client *client)
{
    if (client->out_size == 0)
        return;
    ssize_t sent = send(client->watch.fd, client->out, client->out_size, MSG_NOSIGNAL);
    (void)sent; /* a client that does not read loses its answers */
    client->out_size = 0;
}

static void put(struct client *client, const uint8_t *bytes, size_t size)
{
    if (client->out_size + size > sizeof(client->out))
        flush(client);
    memcpy(client->out + client->out_size, bytes, size);
    client->out_size += size;
}

static void delayed_fires(void *context, int64_t now_ns)
{
    struct delayed *delayed = context;
    struct client *client = delayed->client;
    struct delayed **place = &client->delayed;
    (void)now_ns;
    while (*place != delayed)
        place = &(*place)->next;
    *place = delayed->next;
    put(client, delayed->bytes, delayed->size);
    flush(client);
    free(delayed);
}

static void put_later(struct client *client, const uint8_t *bytes, size_t size, int64_t delay_ns)
{
    struct delayed *delayed = calloc(1, sizeof(*delayed));
    if (delayed == NULL)
        abort();
    delayed->client = client;
    delayed->timer = (struct loop_timer){.fire = delayed_fires, .context = delayed};
    delayed->size = size;
    memcpy(delayed->bytes, bytes, size);
    delayed->next = client->delayed;
    client->delayed = delayed;
    loop_arm(loop_of(client->tcp), &delayed->timer, loop_now_ns() + delay_ns);
}

static bool strikes(struct unit *unit, enum fault_kind kind)
{
    if (!unit->faults.any || !rng_chance(&unit->rng, unit->faults.of[kind].probability))
        return false;
    unit->line->counts.faults.done[kind]++;
    return true;
}

static int64_t delay_of(struct unit *unit)
{
    const struct scene_fault *late = &unit->faults.of[FAULT_LATE];
    int64_t delay_ns = (int64_t)unit->scene->delay_us * 1000;
    if (strikes(unit, FAULT_LATE)) {
        uint32_t span = late->max_ms > late->ms ? late->max_ms - late->ms : 0;
        delay_ns += ((int64_t)late->ms + rng_below(&unit->rng, span + 1)) * NS_PER_MS;
    }
    return delay_ns;
}

/* Sends one answer with what the unit's faults make of it. False: the connection is gone. */
static bool give(struct client *client, struct unit *unit, uint8_t *adu, size_t size)
{
    if (strikes(unit, FAULT_DEAD))
        return true;
    if (strikes(unit, FAULT_TRUNCATE)) {
        put(client, adu, size / 2);
        flush(client);
        drop(client, true);
        return false;
    }
    if (strikes(unit, FAULT_FOREIGN)) {
        adu[0] ^= 0x5A;
        put(client, adu, size);
        adu[0] ^= 0x5A;
    }
    unit->answers++;
    client->tcp->line->counts.answers++;
    int64_t delay_ns = delay_of(unit);
    if (delay_ns > 0)
        put_later(client, adu, size, delay_ns);
    else
        put(client, adu, size);
    if (strikes(unit, FAULT_DUPLICATE))
        put(client, adu, size);
    return true;
}

/* Puts header and size in front of an answer PDU of `size` bytes at adu + HEADER. */
static size_t finish_adu(uint8_t *adu, const uint8_t *request, size_t size)
{
    memcpy(adu, request, HEADER);
    adu[4] = (uint8_t)((size + 1) >> 8);
    adu[5] = (uint8_t)(size + 1);
    return HEADER + size;
}

static bool serve(struct client *client, const uint8_t *request, size_t size)
{
    uint8_t adu[ADU_SIZE];
    struct probe_given given;
    struct line *line = client->tcp->line;
    struct unit *unit = client->tcp->units[request[6]];
    line->counts.requests++;
    if (line->garden->sampling_stopped)
        return true;
    if (unit == NULL) {
        size_t refused =
            modbus_exception_answer(request[HEADER], MODBUS_GATEWAY_TARGET, adu + HEADER);
        put(client, adu, finish_adu(adu, request, refused));
        return true;
    }
    size_t pdu =
        unit_serve_pdu(unit, request[6], request + HEADER, size - HEADER, adu + HEADER, &given);
    if (pdu == 0)
        return true;
    unit->taken += given.sample;
    if (!line->scene->quiet)
        unit_ledger(unit, &given, line->scene->name, loop_wall_ms());
    return give(client, unit, adu, finish_adu(adu, request, pdu));
}

static void client_ready(void *context, uint32_t events)
{
    struct client *client = context;
    (void)events;
    ssize_t got = recv(client->watch.fd, client->in + client->in_size,
                       sizeof(client->in) - client->in_size, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            drop(client, false);
        return;
    }
    client->in_size += (size_t)got;
    size_t at = 0;
    while (client->in_size - at >= HEADER + 1) {
        size_t length = (size_t)client->in[at + 4] << 8 | client->in[at + 5];
        if (length < 2 || length > MODBUS_PDU_MAX + 1) {
            client->tcp->line->counts.garbled++;
            drop(client, false);
            return;
        }
        if (client->in_size - at < 6 + length)
            break;
        if (!serve(client, client->in + at, 6 + length))
            return;
        at += 6 + length;
    }
    client->in_size -= at;
    memmove(client->in, client->in + at, client->in_size);
    flush(client);
}

static void listen_ready(void *context, uint32_t events)
{
    struct tcp *tcp = context;
    int one = 1;
    (void)events;
    int fd = accept4(tcp->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct client *client = malloc(sizeof(*client));
    if (client == NULL)
        abort();
    client->tcp = tcp;
    client->watch = (struct loop_watch){.fd = -1, .ready = client_ready, .context = client};
    client->delayed = NULL;
    client->in_size = client->out_size = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (!loop_watch(loop_of(tcp), &client->watch, fd, EPOLLIN)) {
        (void)close(fd);
        free(client);
        return;
    }
    client->next = tcp->clients;
    tcp->clients = client;
}

struct tcp *tcp_open(struct line *line, const char *path)
{
    int fd = port_listen(path, line->scene->port);
    if (fd < 0)
        return NULL;
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    if (tcp == NULL)
        abort();
    tcp->line = line;
    (void)snprintf(tcp->path, sizeof(tcp->path), "%s", path);
    tcp->listen = (struct loop_watch){.fd = -1, .ready = listen_ready, .context = tcp};
    for (size_t i = 0; i < line->unit_count; i++)
        tcp->units[line->units[i].address] = &line->units[i];
    if (loop_watch(loop_of(tcp), &tcp->listen, fd, EPOLLIN))
        return tcp;
    (void)close(fd);
    free(tcp);
    return NULL;
}

void tcp_close(struct tcp *tcp)
{
    int fd = tcp->listen.fd;
    for (struct client *client = tcp->clients, *next; client != NULL; client = next) {
        next = client->next;
        drop(client, true);
    }
    loop_unwatch(loop_of(tcp), &tcp->listen);
    (void)close(fd);
    (void)unlink(tcp->path);
    free(tcp);
}
