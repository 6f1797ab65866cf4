/* SPDX-License-Identifier: Apache-2.0 */
/* A session that is kept up: connected anew with back-off, by the monotonic clock, for ever. For
 * programs with one broker; the publisher, with its lists of addresses and its windows, does it
 * itself.
 *
 * Threads: as with a session, the owner's calls all functions; what Paho's threads report waits
 * under a lock of its own for mqtt_reconnect_step(). Time is given by the caller. */
#ifndef BAIYE_COMMON_MQTT_RECONNECT_H
#define BAIYE_COMMON_MQTT_RECONNECT_H

#include <pthread.h>

#include "gateway/common/mqtt_session.h"

#define MQTT_RECONNECT_WHY_SIZE 96

struct mqtt_reconnect_setup {
    const char *url, *client_id;
    struct mqtt_session_options options; /* its texts are valid as long as the connection */
    bool every_subscription; /* a subscription that the broker refuses ends the connection */
    void *context;
    bool (*message)(void *context, char *topic, size_t topic_size, MQTTAsync_message *message);
};

enum mqtt_reconnect_state { MQTT_RECONNECT_WAITS, MQTT_RECONNECT_TRIES, MQTT_RECONNECT_UP };
enum mqtt_reconnect_result { MQTT_RECONNECT_UNKNOWN, MQTT_RECONNECT_WORKED, MQTT_RECONNECT_FAILED };
/* What Paho's threads have reported. */
struct mqtt_reconnect_news {
    enum mqtt_reconnect_result result; /* of the try */
    bool lost, ended;
    unsigned subscribed; /* so many subscriptions stand that did not before */
    int refused;         /* the reason of a subscription's refusal; 0: none */
    char why[MQTT_RECONNECT_WHY_SIZE];
};

enum mqtt_reconnect_change { MQTT_RECONNECT_SAME, MQTT_RECONNECT_CAME, MQTT_RECONNECT_WENT };

struct mqtt_reconnect {
    struct mqtt_session session;
    struct mqtt_reconnect_setup setup;
    int wake_fd; /* readable when there is something for mqtt_reconnect_step(); -1: none */
    enum mqtt_reconnect_state state;
    int64_t since_ms, next_ms; /* of the state; of the next try */
    unsigned subscriptions;    /* that the broker has acknowledged since it is up */
    uint32_t wait_ms;
    pthread_mutex_t lock; /* guards `news` */
    struct mqtt_reconnect_news news;
};

/* `connection` keeps its address until it is closed. false: no memory; it is closed. */
bool mqtt_reconnect_create(struct mqtt_reconnect *connection,
                           const struct mqtt_reconnect_setup *setup);
/* Connects when it is time. CAME: subscribe now. WENT: each failed try, too; `why` in words. To be
 * called when `wake_fd` is readable, and at least once a second. */
enum mqtt_reconnect_change mqtt_reconnect_step(struct mqtt_reconnect *connection, int64_t now_ms,
                                               char why[MQTT_RECONNECT_WHY_SIZE]);
/* Ends the connection, if there is one, and waits until that is done, at most `most_ms`. */
void mqtt_reconnect_leave(struct mqtt_reconnect *connection, uint32_t most_ms);
/* Frees it. No message() may be running. */
void mqtt_reconnect_close(struct mqtt_reconnect *connection);

#endif
