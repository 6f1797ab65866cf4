/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the local broker one question: would it let this user in? One TCP connection to loopback,
 * one MQTT 5 CONNECT, one CONNACK, closed again. In the loop's thread; answers within
 * BROKER_CHECK_TIMEOUT_MS. */
#ifndef BAIYE_HTTP_BROKER_CHECK_H
#define BAIYE_HTTP_BROKER_CHECK_H

#include <netinet/in.h>
#include <stddef.h>

#include "gateway/daemon/loop.h"

#define BROKER_CHECK_TIMEOUT_MS 5000
#define BROKER_CHECK_NAME_MAX   64  /* bytes of a user's name */
#define BROKER_CHECK_SECRET_MAX 128 /* bytes of a password */

enum broker_answer {
    BROKER_ACCEPTS,
    BROKER_REFUSES, /* not authorised, bad user or password */
    BROKER_SILENT   /* no connection, no answer, or one that is none of these */
};

struct broker_check {
    struct loop *loop;
    struct loop_fd fd;
    struct loop_timer timer;
    void *context;
    void (*done)(struct broker_check *self, enum broker_answer answer);
    uint8_t request[BROKER_CHECK_NAME_MAX + BROKER_CHECK_SECRET_MAX + 64];
    size_t request_size;
    uint8_t answer[8];
    size_t answer_size;
};

/* `user` NULL: anonymous. `done` is called once, never from inside this call; the struct is the
 * caller's again in it. */
void broker_check_start(struct broker_check *self, struct loop *loop,
                        const struct sockaddr_in *broker, const char *user, const char *password);
/* No `done` comes any more. */
void broker_check_cancel(struct broker_check *self);

/* The local broker of the bridge: loopback by number or "localhost", without TLS. No name is ever
 * looked up. -1 when `host` is not such a one. */
int broker_loopback(const char *host, uint16_t port, struct sockaddr_in *address);
/* A connection to it under way, non-blocking; -1 with errno. */
int broker_connect(const struct sockaddr_in *broker);

/* The pure parts: the CONNECT packet (0: does not fit), and what a CONNACK says. */
size_t broker_connect_packet(uint8_t *out, size_t size, const char *client, const char *user,
                             const char *password);
enum broker_answer broker_connack(const uint8_t *packet, size_t size);

#endif
