/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher's connection (gateway/common/mqtt_session.h): one of a list of addresses, slots for
 * what is under way, with an in-flight window below Paho's, acknowledgements and requests as
 * events. One thread calls all functions; Paho's threads only leave events. */
#ifndef BAIYE_PUBLISH_WORKER_SESSION_H
#define BAIYE_PUBLISH_WORKER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/publish/ipc.h"
#include "gateway/daemon/publish/worker/twins.h"

struct session;

#define SESSION_SLOTS 64 /* messages that Paho may hold; QoS 1 is limited to the window */

enum session_event_type {
    SESSION_CONNECTED,
    SESSION_CONNECT_FAILED,
    SESSION_LOST,    /* closed by the broker or the network */
    SESSION_ACKED,   /* slot, reason: 0, or 0x10: no one subscribes to it */
    SESSION_REFUSED, /* slot, reason: a PUBACK that says no */
    SESSION_UNSENT,  /* slot: the connection ended before its PUBACK */
    SESSION_ENDED    /* our own disconnect is done */
};

struct session_event {
    uint8_t type;
    uint16_t slot;
    uint32_t generation; /* of the slot */
    int32_t reason;      /* MQTT reason code, or Paho's negative error */
    uint32_t max_packet; /* with CONNECTED; 0: no limit said */
    uint16_t window;     /* with CONNECTED: the broker's receive maximum, 0: not said */
    uint8_t qos;         /* with CONNECTED: the highest that the broker takes, 0 or 1 */
    bool retain;         /* with CONNECTED: it keeps retained messages */
    int64_t at_ms;       /* CLOCK_MONOTONIC */
    char text[80];
    bool hung_up; /* SESSION_CONNECT_FAILED: it took the connection and ended it, no more */
};

struct session_request {
    struct session_request *next;
    struct publish_request head;
    size_t size;
    char payload[];
};

/* `wake_fd` is an eventfd, signalled with every event but those that wait for others of their kind
 * (session_message.background). NULL: no memory or no such URL. */
struct session *session_create(const struct ipc_hello *hello, int wake_fd);
/* Begins to connect to the address of that number; ends in CONNECTED or CONNECT_FAILED. false when
 * that could not even begin (`why`). Passwords and certificates are read anew. */
bool session_connect(struct session *session, unsigned url, char *why, size_t size);
/* A connection was refused for what its will asks for, or ended for what a message did: the next
 * ones ask for less. false: it is not that, or there is no less. */
bool session_ask_less(struct session *session, int reason);
/* Has the broker not refused retained messages so far? And QoS 1? */
bool session_may_retain(const struct session *session);
bool session_may_confirm(const struct session *session);
/* Asks for requests, if the hello says so, and for what is said of us. After each CONNECTED. */
void session_subscribe(struct session *session);
/* Ends the connection. reason: the MQTT code to give, 0 normally; 4 has the broker publish the
 * will. */
void session_disconnect(struct session *session, int reason);

struct session_message {
    const char *topic;
    const void *payload;
    size_t size;
    uint8_t qos;
    bool retain;
    bool idle; /* its ACKED wakes no one, unless session_press() or some others wait as well */
    bool background; /* its ACKED wakes no one before half of the background ones under way have
                        theirs */
    const char *content_type; /* or NULL */
    const void *correlation;
    uint16_t correlation_size;
};
/* false: refused by Paho, no event will follow. Else exactly one of ACKED, REFUSED, UNSENT does. */
bool session_publish(struct session *session, uint16_t slot, uint32_t generation,
                     const struct session_message *message);
/* Are the ends of idle messages waited for? True: events are there now. */
bool session_press(struct session *session, bool pressed);
bool session_next_event(struct session *session, struct session_event *event);
/* Has another client, or the will of an earlier connection, said that we are offline? However often
 * that came, it is true once. */
bool session_take_denial(struct session *session);
/* The mark of another client that has said that it is this site's gateway. false: no more. */
bool session_take_other(struct session *session, char mark[TWINS_MARK_SIZE]);
/* The caller frees it. NULL: none. */
struct session_request *session_next_request(struct session *session);

#endif
