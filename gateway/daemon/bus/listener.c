/* SPDX-License-Identifier: Apache-2.0 */
/*   accept ──from? ──> lobby ──registration ──> bus_give()
 *              │ no       │ unknown, late, too many
 *              └──────────┴──> closed, counted, logged with a limit */
#include "gateway/daemon/bus/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/daemon/bus/line.h"
#include "gateway/daemon/bus/lobby.h"
#include "gateway/daemon/bus/registration.h"

#define PORTS_MAX    BUSES_MAX /* each its own, or many share one */
#define BACKLOG      64
#define ACCEPTS_MOST 16 /* in one turn, before others are heard */
#define AGAIN_MS     5000
#define FULL_MS      1000 /* no descriptor is left: none is accepted for so long */
#define SHOWN_BYTES  24
#define ADDRESS_SIZE (INET6_ADDRSTRLEN + 1)
#define SHOWN_SIZE   (3 * SHOWN_BYTES + 16)

struct port {
    const char *host;
    uint16_t number;
    int fd;        /* -1: not listening */
    int64_t at_ms; /* not before: listening, or accepting */
    struct log_state log;
};

struct listener {
    const struct config *config;
    struct bus *const *buses;
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t mutex;
    struct listener_stats stats; /* under the mutex */
    /* The thread's own: */
    struct port ports[PORTS_MAX];
    uint16_t port_count;
    struct lobby lobby;
    struct log_rate refused_log;
};

static int64_t now_ms(void)
{
    return line_now_ns() / 1000000;
}

static void count(struct listener *listener, uint64_t *counter)
{
    (void)pthread_mutex_lock(&listener->mutex);
    (*counter)++;
    (void)pthread_mutex_unlock(&listener->mutex);
}

/* ---- Words for people ---- */

static void show_address(const uint8_t address[16], char text[ADDRESS_SIZE])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    bool v4 = memcmp(address, mapped, sizeof mapped) == 0;
    text[0] = '\0';
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + sizeof mapped : address, text,
                    ADDRESS_SIZE);
}

/* As it is written in the configuration: text, or bytes. */
static void show_bytes(const uint8_t *bytes, size_t size, char text[SHOWN_SIZE])
{
    size_t shown = size < SHOWN_BYTES ? size : SHOWN_BYTES, at = 0;
    bool plain = true;
    for (size_t i = 0; i < shown; i++)
        plain = plain && bytes[i] >= 0x20 && bytes[i] < 0x7F;
    if (plain)
        at = (size_t)snprintf(text, SHOWN_SIZE, "%.*s", (int)shown, (const char *)bytes);
    else
        at = (size_t)snprintf(text, SHOWN_SIZE, "hex:");
    for (size_t i = 0; !plain && i < shown; i++)
        at += (size_t)snprintf(text + at, SHOWN_SIZE - at, "%s%02X", i > 0 ? " " : "", bytes[i]);
    (void)snprintf(text + at, SHOWN_SIZE - at, "%s", size > shown ? "..." : "");
}

/* ---- Listening ---- */

static const struct dial_in_config *dial_in_of(const struct listener *listener,
                                               const struct port *port, uint16_t bus)
{
    const struct bus_config *config = &listener->config->buses[bus];
    bool here = config->dial_in != NULL && config->tcp_port == port->number &&
                strcmp(config->port, port->host) == 0;
    return here ? config->dial_in : NULL;
}

static bool own_address(const struct port *port, struct sockaddr_storage *address, socklen_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, port->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port->number);
        *size = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port->number);
    *size = sizeof *v6;
    return inet_pton(AF_INET6, port->host, &v6->sin6_addr) == 1;
}

static int open_port(const struct port *port)
{
    struct sockaddr_storage address;
    socklen_t size;
    int on = 1, off = 0;
    if (!own_address(port, &address, &size)) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ss_family == AF_INET6) /* :: is IPv4 as well */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (const struct sockaddr *)&address, size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static void tend_ports(struct listener *listener, int64_t now)
{
    for (uint16_t i = 0; i < listener->port_count; i++) {
        struct port *port = &listener->ports[i];
        if (port->fd >= 0 || now < port->at_ms)
            continue;
        port->fd = open_port(port);
        int error = port->fd < 0 ? errno : 0;
        log_change(&port->log, error, error ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE,
                   "listen: %s:%u %s%s%s", port->host, port->number,
                   error ? "can't be had: " : "waits for converters", error ? strerror(error) : "",
                   error ? "; trying on" : "");
        port->at_ms = error ? now + AGAIN_MS : now;
    }
}

/* ---- Coming in ---- */

static void close_guest(struct lobby_guest *guest)
{
    (void)close(guest->fd);
    lobby_leave(guest);
}

/* One of the port's buses takes from there? */
static bool is_allowed(const struct listener *listener, const struct port *port,
                       const uint8_t address[16])
{
    for (uint16_t i = 0; i < listener->config->bus_count; i++) {
        const struct dial_in_config *dial_in = dial_in_of(listener, port, i);
        if (dial_in != NULL && registration_from(dial_in, address))
            return true;
    }
    return false;
}

static void peer_of(const struct sockaddr_storage *peer, uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (peer->ss_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
        return;
    }
    memcpy(address, mapped, sizeof mapped);
    memcpy(address + sizeof mapped, &((const struct sockaddr_in *)peer)->sin_addr, 4);
}

static void judge(struct listener *listener, struct lobby_guest *guest, int64_t now);

static void come_in(struct listener *listener, uint16_t index, int fd,
                    const struct sockaddr_storage *peer)
{
    const struct port *port = &listener->ports[index];
    uint8_t address[16];
    char text[ADDRESS_SIZE];
    int64_t now = now_ms();
    peer_of(peer, address);
    count(listener, &listener->stats.accepted);
    if (!is_allowed(listener, port, address)) {
        show_address(address, text);
        log_limited(&listener->refused_log, LOG_LEVEL_WARNING,
                    "listen: %s:%u refuses a connection from %s: no bus has it in from:",
                    port->host, port->number, text);
        count(listener, &listener->stats.elsewhere);
        (void)close(fd);
        return;
    }
    struct lobby_guest *leaving = lobby_least_wanted(&listener->lobby, address);
    if (leaving != NULL) {
        count(listener, &listener->stats.evicted);
        close_guest(leaving);
    }
    struct lobby_guest *guest = lobby_enter(&listener->lobby, fd, address, index, now);
    if (guest == NULL)
        (void)close(fd); /* can't be: one has just left */
    else
        judge(listener, guest, now); /* where one bus takes whoever comes */
}

static void accept_some(struct listener *listener, uint16_t index)
{
    struct port *port = &listener->ports[index];
    for (unsigned i = 0; i < ACCEPTS_MOST; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof peer;
        int fd = accept4(port->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            come_in(listener, index, fd, &peer);
            continue;
        }
        bool gone = errno == ECONNABORTED || errno == EINTR;
        if (!gone && errno != EAGAIN) /* no descriptor is left */
            port->at_ms = now_ms() + FULL_MS;
        if (!gone)
            return;
    }
}

/* ---- Who it is ---- */

static void refuse(struct listener *listener, struct lobby_guest *guest,
                   const struct dial_in_config *const *all)
{
    const struct port *port = &listener->ports[guest->port];
    char address[ADDRESS_SIZE], said[SHOWN_SIZE];
    size_t whose;
    show_address(guest->address, address);
    show_bytes(guest->bytes, guest->size, said);
    bool known = registration_judge(all, listener->config->bus_count, guest->bytes, guest->size,
                                    true, &whose) == REGISTRATION_KNOWN;
    if (known)
        log_limited(
            &listener->refused_log, LOG_LEVEL_WARNING,
            "listen: %s:%u refuses registration \"%s\" from %s: it is bus %s's, whose from: "
            "does not name that address",
            port->host, port->number, said, address, listener->config->buses[whose].name);
    else
        log_limited(&listener->refused_log, LOG_LEVEL_WARNING,
                    "listen: %s:%u refuses registration \"%s\" from %s: no bus has it; is a bus to "
                    "be written for it?",
                    port->host, port->number, said, address);
    count(listener, known ? &listener->stats.elsewhere : &listener->stats.unknown);
    close_guest(guest);
}

static void give(struct listener *listener, struct lobby_guest *guest, size_t bus)
{
    char address[ADDRESS_SIZE];
    show_address(guest->address, address);
    count(listener, &listener->stats.registered);
    bus_give(listener->buses[bus], guest->fd, address);
    lobby_leave(guest);
}

static void judge(struct listener *listener, struct lobby_guest *guest, int64_t now)
{
    const struct dial_in_config *known[BUSES_MAX], *all[BUSES_MAX];
    uint16_t buses = listener->config->bus_count;
    size_t whose = 0;
    for (uint16_t i = 0; i < buses; i++) {
        all[i] = dial_in_of(listener, &listener->ports[guest->port], i);
        bool allowed = all[i] != NULL && registration_from(all[i], guest->address);
        known[i] = allowed ? all[i] : NULL;
    }
    switch (registration_judge(known, buses, guest->bytes, guest->size, lobby_quiet(guest, now),
                               &whose)) {
    case REGISTRATION_KNOWN:
        give(listener, guest, whose);
        return;
    case REGISTRATION_UNKNOWN:
        refuse(listener, guest, all);
        return;
    default:
        break;
    }
    if (!lobby_expired(guest, now))
        return;
    char address[ADDRESS_SIZE], said[SHOWN_SIZE];
    show_address(guest->address, address);
    show_bytes(guest->bytes, guest->size, said);
    log_limited(&listener->refused_log, LOG_LEVEL_WARNING,
                "listen: %s closes a connection that did not register within %d s; it sent \"%s\"",
                address, LOBBY_DEADLINE_MS / 1000, said);
    count(listener, &listener->stats.expired);
    close_guest(guest);
}

static void hear(struct listener *listener, struct lobby_guest *guest)
{
    uint8_t bytes[LOBBY_BYTES];
    ssize_t got = recv(guest->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_guest(guest);
        return;
    }
    if (got > 0) {
        lobby_hear(guest, bytes, (size_t)got, now_ms());
        judge(listener, guest, now_ms());
    }
}

/* ---- The thread ---- */

/* Descriptors that are looked at, and whose each is. */
struct watched {
    struct pollfd fds[1 + PORTS_MAX + LOBBY_PLACES];
    uint16_t port[PORTS_MAX];
    struct lobby_guest *guest[LOBBY_PLACES];
    nfds_t ports, guests;
};

static int64_t look_out(struct listener *listener, struct watched *w, int64_t now)
{
    int64_t next = lobby_next_ms(&listener->lobby, now);
    w->ports = w->guests = 0;
    w->fds[0] = (struct pollfd){.fd = listener->wake_fd, .events = POLLIN};
    for (uint16_t i = 0; i < listener->port_count; i++) {
        const struct port *port = &listener->ports[i];
        if (now < port->at_ms && port->at_ms < next)
            next = port->at_ms;
        if (port->fd < 0 || now < port->at_ms)
            continue;
        w->port[w->ports] = i;
        w->fds[1 + w->ports++] = (struct pollfd){.fd = port->fd, .events = POLLIN};
    }
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        struct lobby_guest *guest = &listener->lobby.guests[i];
        if (guest->fd < 0)
            continue;
        w->guest[w->guests] = guest;
        w->fds[1 + w->ports + w->guests++] = (struct pollfd){.fd = guest->fd, .events = POLLIN};
    }
    return next;
}

static void tend_lobby(struct listener *listener)
{
    int64_t now = now_ms();
    uint32_t waiting = 0;
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        struct lobby_guest *guest = &listener->lobby.guests[i];
        if (guest->fd >= 0)
            judge(listener, guest, now);
        waiting += guest->fd >= 0;
    }
    (void)pthread_mutex_lock(&listener->mutex);
    listener->stats.waiting = waiting;
    (void)pthread_mutex_unlock(&listener->mutex);
}

static void *run(void *context)
{
    struct listener *listener = context;
    struct watched watched;
    for (;;) {
        int64_t now = now_ms();
        tend_ports(listener, now);
        int64_t next = look_out(listener, &watched, now);
        int wait_ms = next == INT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
        int ready = poll(watched.fds, 1 + watched.ports + watched.guests, wait_ms);
        if (ready > 0 && watched.fds[0].revents != 0)
            return NULL;
        for (nfds_t i = 0; ready > 0 && i < watched.guests; i++) {
            if (watched.fds[1 + watched.ports + i].revents != 0)
                hear(listener, watched.guest[i]);
        }
        for (nfds_t i = 0; ready > 0 && i < watched.ports; i++) {
            if (watched.fds[1 + i].revents != 0)
                accept_some(listener, watched.port[i]);
        }
        tend_lobby(listener);
    }
}

static void add_port(struct listener *listener, const struct bus_config *bus)
{
    for (uint16_t i = 0; i < listener->port_count; i++) {
        const struct port *port = &listener->ports[i];
        if (port->number == bus->tcp_port && strcmp(port->host, bus->port) == 0)
            return; /* they share it */
    }
    listener->ports[listener->port_count++] =
        (struct port){.host = bus->port, .number = bus->tcp_port, .fd = -1};
}

bool listener_wanted(const struct config *config)
{
    for (uint16_t i = 0; i < config->bus_count; i++) {
        if (config->buses[i].dial_in != NULL)
            return true;
    }
    return false;
}

static void destroy(struct listener *listener)
{
    for (uint16_t i = 0; i < listener->port_count; i++) {
        if (listener->ports[i].fd >= 0)
            (void)close(listener->ports[i].fd);
    }
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        if (listener->lobby.guests[i].fd >= 0)
            (void)close(listener->lobby.guests[i].fd);
    }
    if (listener->wake_fd >= 0)
        (void)close(listener->wake_fd);
    (void)pthread_mutex_destroy(&listener->mutex);
    free(listener);
}

struct listener *listener_start(const struct config *config, struct bus *const *buses)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return NULL;
    listener->config = config;
    listener->buses = buses;
    (void)pthread_mutex_init(&listener->mutex, NULL);
    lobby_init(&listener->lobby);
    for (uint16_t i = 0; i < config->bus_count; i++) {
        if (config->buses[i].dial_in != NULL)
            add_port(listener, &config->buses[i]);
    }
    listener->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error =
        listener->wake_fd < 0 ? errno : pthread_create(&listener->thread, NULL, run, listener);
    if (error == 0)
        return listener;
    destroy(listener);
    errno = error;
    return NULL;
}

void listener_stop(struct listener *listener)
{
    if (listener == NULL)
        return;
    uint64_t one = 1;
    ssize_t written = write(listener->wake_fd, &one, sizeof one);
    (void)written; /* it can't be full: this is the only one */
    (void)pthread_join(listener->thread, NULL);
    destroy(listener);
}

void listener_stats(struct listener *listener, struct listener_stats *stats)
{
    (void)pthread_mutex_lock(&listener->mutex);
    *stats = listener->stats;
    (void)pthread_mutex_unlock(&listener->mutex);
}
