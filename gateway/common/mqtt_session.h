/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 connection over Paho, as the publisher, the LED screen and the county's programs use
 * it: how a client is made, secured, connected and ended, and what its results mean. What goes over
 * it, in what windows, and when it is opened again is its owner's (mqtt_reconnect.h).
 *
 * Paho 1.3.12 costs data or time when used as its manual suggests; what is done here instead:
 *  - no persistence, no sending while disconnected: nothing is buffered but by the owner;
 *  - automatic reconnect off: it waits by the wall clock, which may step back by years;
 *  - host names of TLS brokers verified (off by default), only the given authority trusted;
 *  - delivery counts by onSuccess5 only: deliveryComplete is called for refused messages too;
 *  - a shorter keep alive that the broker asks for is kept from the next connection on: Paho goes
 *    on with its own, and a broker ends the connection of who is silent for so long.
 *
 * Threads: one thread, the owner's, calls all functions. The handlers run on Paho's threads, most
 * of them under Paho's lock: they copy what they need, wake the owner and return; they never call
 * this module, but mqtt_session_free_message(). Only message() may take its time: the next one, and
 * every other handler, waits for it. A lock that a handler takes is never held by the owner while
 * it calls this module. */
#ifndef BAIYE_COMMON_MQTT_SESSION_H
#define BAIYE_COMMON_MQTT_SESSION_H

#include <MQTTAsync.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQTT_SESSION_URL_SIZE      512
#define MQTT_SESSION_PASSWORD_SIZE 4097 /* a token may be as long */

/* What the broker grants with its CONNACK. */
struct mqtt_session_grant {
    uint32_t max_packet; /* 0: no limit */
    uint16_t window;     /* QoS 1 messages that it takes at once; 0: no limit */
    uint8_t qos;         /* the highest, 0 or 1 */
    bool retain;         /* it keeps retained messages */
};

#define MQTT_SESSION_HUNG_UP (-100) /* it took the connection and ended it without an answer */

/* `reason`: an MQTT reason code (0x80 and more: the broker refuses), MQTT_SESSION_HUNG_UP, or
 * Paho's negative error. `why`: in words, "" when nothing is known; valid during the call. Any
 * handler may be NULL but connected, failed and lost. */
struct mqtt_session_events {
    void *context;
    void (*connected)(void *context, const struct mqtt_session_grant *grant);
    void (*failed)(void *context, int reason, const char *why); /* of connecting */
    void (*lost)(void *context, int reason, const char *why);   /* by the broker or the network */
    void (*ended)(void *context);                    /* mqtt_session_disconnect() is done */
    void (*subscribed)(void *context);               /* a subscription stands: SUBACK */
    void (*unsubscribed)(void *context, int reason); /* a subscription is refused */
    /* `topic` is terminated. true: both are the owner's, who calls mqtt_session_free_message().
     * A message of QoS 1 is acknowledged when it returns. */
    bool (*message)(void *context, char *topic, size_t topic_size, MQTTAsync_message *message);
};

struct mqtt_session_address {
    bool tls, websocket;
    const char *host; /* a name, an IPv4 or IPv6 address without brackets */
    uint16_t port;
    const char *path; /* of a WebSocket, with its '/'; else "" */
};

struct mqtt_session_will {
    const char *topic, *text;
    bool retain;
    uint8_t qos;
};

/* Texts are copied by Paho; "" means none. */
struct mqtt_session_options {
    const char *user, *password;
    bool tls;
    const char *ca_file, *cert_file, *key_file;
    bool resume;       /* the broker's session of an earlier connection, else a clean start */
    uint32_t expiry_s; /* how long the broker keeps the session of who is away */
    uint32_t keepalive_s;
    uint16_t receive_max;          /* messages of QoS 1 on their way to us; 0: any number */
    uint32_t packet_max;           /* bytes; 0: any size */
    uint16_t inflight;             /* messages that Paho may have under way; 0: any number */
    struct mqtt_session_will will; /* topic NULL: none */
};

struct mqtt_session {
    MQTTAsync client; /* NULL: there is none */
    struct mqtt_session_events events;
    uint32_t expiry_s;       /* asked for at the last connection */
    bool tls;                /* … and whether by TLS: set before Paho's threads know of it */
    atomic_uint keepalive_s; /* as the broker last asked for it; 0: it never did */
};

/* Paho's form of an address. false: too long. */
bool mqtt_session_url(char url[MQTT_SESSION_URL_SIZE], const struct mqtt_session_address *address);
/* The first line of the file; path "": no password. false: `why` names the file and what is wrong
 * with it; errno is 0, or why it could not be read. */
bool mqtt_session_password(const char *path, char password[MQTT_SESSION_PASSWORD_SIZE], char *why,
                           size_t why_size);

/* `session` keeps its address until it is closed. false: no memory, or Paho knows no such URL. */
bool mqtt_session_create(struct mqtt_session *session, const char *url, const char *client_id,
                         const struct mqtt_session_events *events);
/* Ends the connection without a word, frees the client; no handler runs after it. */
void mqtt_session_close(struct mqtt_session *session);

/* Begins to connect; exactly one of connected() and failed() follows. false: it could not even
 * begin (`why`), none follows. */
bool mqtt_session_connect(struct mqtt_session *session, const struct mqtt_session_options *options,
                          char *why, size_t why_size);
/* `reason`: the MQTT code to give, 0 normally; 4 has the broker publish the will. The broker
 * forgets the session. What is under way has `drain_ms`. ended() follows, and does when there was
 * nothing to end. */
void mqtt_session_disconnect(struct mqtt_session *session, int reason, uint32_t drain_ms);

enum { MQTT_SESSION_NO_LOCAL = 1, MQTT_SESSION_NO_RETAINED = 2 };
/* QoS 1. `how`: of the enum. false: Paho refuses; a broker that refuses is reported by
 * unsubscribed(). */
bool mqtt_session_subscribe(struct mqtt_session *session, const char *filter, unsigned how);
void mqtt_session_unsubscribe(struct mqtt_session *session, const char *filter);

struct mqtt_session_message {
    const char *topic;
    const void *payload;
    size_t size;
    uint8_t qos;
    bool retain;
    const char *content_type;   /* or NULL */
    const char *response_topic; /* or NULL */
    const void *correlation;
    uint16_t correlation_size;
    /* How it ended, on Paho's thread; NULL: it is not asked. Exactly one of both is called. */
    void (*sent)(void *context, MQTTAsync_successData5 *data);
    void (*unsent)(void *context, MQTTAsync_failureData5 *data);
    void *context;
};
/* All is copied. false: refused by Paho, neither sent() nor unsent() follows. */
bool mqtt_session_publish(struct mqtt_session *session, const struct mqtt_session_message *message);
void mqtt_session_free_message(char *topic, MQTTAsync_message *message);

#endif
