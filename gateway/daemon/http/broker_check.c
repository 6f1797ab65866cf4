/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/broker_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/common/hex.h"
#include "protocols/bytes/bytes.h"

#define CLIENT_PREFIX      "baiye-check-"
#define CLIENT_PREFIX_SIZE (sizeof CLIENT_PREFIX - 1)
#define KEEP_ALIVE_S       10
#define CONNACK_HEAD       4 /* type, remaining length (one byte for these), flags, reason */
#define REASON_BAD_LOGIN   0x86
#define REASON_NOT_AUTH    0x87
#define REASON_BANNED      0x8A
#define REASON_METHOD      0x8C

int broker_loopback(const char *host, uint16_t port, struct sockaddr_in *address)
{
    struct in_addr ip;
    if (strcmp(host, "localhost") == 0)
        ip.s_addr = htonl(INADDR_LOOPBACK);
    else if (inet_pton(AF_INET, host, &ip) != 1 || ntohl(ip.s_addr) >> 24 != 127)
        return -1;
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = ip,
    };
    return 0;
}

int broker_connect(const struct sockaddr_in *broker)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1; /* a browser's small packets don't wait for each other */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)broker, sizeof *broker) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void write_string(struct byte_writer *w, const char *text)
{
    byte_write_u16(w, (uint16_t)strlen(text));
    byte_write_span(w, text, strlen(text));
}

size_t broker_connect_packet(uint8_t *out, size_t size, const char *client, const char *user,
                             const char *password)
{
    uint8_t body[BROKER_CHECK_NAME_MAX + BROKER_CHECK_SECRET_MAX + 60];
    struct byte_writer b = byte_writer_init(body, sizeof body);
    if (user != NULL &&
        (strlen(user) > BROKER_CHECK_NAME_MAX || strlen(password) > BROKER_CHECK_SECRET_MAX))
        return 0;
    write_string(&b, "MQTT");
    byte_write_u8(&b, 5);
    byte_write_u8(&b, user != NULL ? 0xC2 : 0x02); /* user, password, clean start */
    byte_write_u16(&b, KEEP_ALIVE_S);
    byte_write_u8(&b, 0); /* no properties */
    write_string(&b, client);
    if (user != NULL) {
        write_string(&b, user);
        write_string(&b, password);
    }
    struct byte_writer w = byte_writer_init(out, size);
    byte_write_u8(&w, 0x10);
    if (b.at >= 128)
        byte_write_u8(&w, (uint8_t)(0x80 | (b.at & 0x7F)));
    byte_write_u8(&w, (uint8_t)(b.at >= 128 ? b.at >> 7 : b.at));
    byte_write_span(&w, body, b.at);
    return b.failed || w.failed ? 0 : w.at;
}

enum broker_answer broker_connack(const uint8_t *packet, size_t size)
{
    if (size < CONNACK_HEAD || packet[0] != 0x20)
        return BROKER_SILENT;
    /* Properties may make the length two bytes; flags are 0 or 1, so these bytes decide. */
    size_t at = packet[1] & 0x80 ? 3 : 2;
    if (at + 2 > size || packet[at] > 1)
        return BROKER_SILENT;
    switch (packet[at + 1]) {
    case 0:
        return BROKER_ACCEPTS;
    case REASON_BAD_LOGIN:
    case REASON_NOT_AUTH:
    case REASON_BANNED:
    case REASON_METHOD:
        return BROKER_REFUSES;
    default:
        return BROKER_SILENT;
    }
}

static void finish(struct broker_check *self, enum broker_answer answer)
{
    loop_timer_stop(&self->timer);
    loop_unwatch(&self->fd);
    explicit_bzero(self->request, sizeof self->request);
    self->done(self, answer);
}

static void expired(struct loop_timer *timer)
{
    finish(timer->context, BROKER_SILENT);
}

static void read_answer(struct broker_check *self)
{
    ssize_t got = recv(self->fd.fd, self->answer + self->answer_size,
                       sizeof self->answer - self->answer_size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        finish(self, BROKER_SILENT);
        return;
    }
    self->answer_size += (size_t)got;
    if (self->answer_size < CONNACK_HEAD + 1)
        return; /* MQTT 5: at least the length of the properties follows */
    enum broker_answer answer = broker_connack(self->answer, self->answer_size);
    static const uint8_t disconnect[] = {0xE0, 0x00};
    if (answer == BROKER_ACCEPTS)
        (void)!send(self->fd.fd, disconnect, sizeof disconnect, MSG_NOSIGNAL);
    finish(self, answer);
}

static void event(struct loop_fd *fd, enum loop_event what)
{
    struct broker_check *self = fd->context;
    if (what == LOOP_READABLE) {
        read_answer(self);
    } else if (what == LOOP_CLOSED) {
        finish(self, BROKER_SILENT);
    } else {
        ssize_t sent = send(fd->fd, self->request, self->request_size, MSG_NOSIGNAL);
        if (sent != (ssize_t)self->request_size) /* loopback takes 200 bytes or is not there */
            finish(self, BROKER_SILENT);
    }
}

void broker_check_start(struct broker_check *self, struct loop *loop,
                        const struct sockaddr_in *broker, const char *user, const char *password)
{
    uint8_t random[8] = {0};
    char client[CLIENT_PREFIX_SIZE + 2 * sizeof random + 1] = CLIENT_PREFIX;
    (void)!getrandom(random, sizeof random, GRND_NONBLOCK);
    hex_write(random, sizeof random, client + CLIENT_PREFIX_SIZE);
    self->loop = loop;
    self->answer_size = 0;
    self->request_size =
        broker_connect_packet(self->request, sizeof self->request, client, user, password);
    self->timer = (struct loop_timer){.context = self, .expired = expired};
    self->fd = (struct loop_fd){.context = self, .event = event};
    self->fd.fd = self->request_size > 0 ? broker_connect(broker) : -1;
    if (self->fd.fd < 0 || loop_watch(loop, &self->fd) < 0) {
        loop_timer_start(loop, &self->timer, 0);
        return;
    }
    loop_want_write(&self->fd);
    loop_timer_start(loop, &self->timer, BROKER_CHECK_TIMEOUT_MS);
}

void broker_check_cancel(struct broker_check *self)
{
    loop_timer_stop(&self->timer);
    loop_unwatch(&self->fd);
    explicit_bzero(self->request, sizeof self->request);
}
