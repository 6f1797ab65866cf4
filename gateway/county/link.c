/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/link.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/clock.h"
#include "gateway/common/file_help.h"
#include "gateway/common/log.h"
#include "gateway/common/mqtt_reconnect.h"

#define RECEIVE_MAXIMUM 4       /* messages on their way to a process that hangs */
#define PACKET_MAX      262144u /* a gateway's message has 48 KiB of JSON */
#define QUIET_MS        500     /* without a message: the broker has none left for us */
#define LEAVE_MS        2000

struct link {
    struct mqtt_reconnect connection;
    const struct settings *settings;
    const char *uri;
    const char *const *topics;
    link_message message;
    void *context;
    char password[MQTT_SESSION_PASSWORD_SIZE];
    bool up;
    struct log_state state;
    atomic_llong busy_since_ms, done_ms; /* of the last message */
};

/* Paho's thread. */
static bool on_message(void *context, char *topic, size_t topic_size, MQTTAsync_message *message)
{
    struct link *link = context;
    (void)topic_size;
    atomic_store(&link->busy_since_ms, clock_now().mono_ms);
    link->message(link->context, topic, message);
    atomic_store(&link->done_ms, clock_now().mono_ms);
    atomic_store(&link->busy_since_ms, 0);
    return false; /* the session frees it */
}

/* ---- The owner's thread ---- */

static bool create_connection(struct link *link, const char *client, uint32_t session_s)
{
    const struct settings *settings = link->settings;
    struct mqtt_reconnect_setup setup = {.url = link->uri,
                                         .client_id = client,
                                         .options = {.user = settings->user,
                                                     .password = link->password,
                                                     .tls = settings->tls,
                                                     .ca_file = settings->ca_file,
                                                     .cert_file = settings->cert_file,
                                                     .key_file = settings->key_file,
                                                     .resume = true,
                                                     .expiry_s = session_s,
                                                     .keepalive_s = settings->keepalive_s,
                                                     .receive_max = RECEIVE_MAXIMUM,
                                                     .packet_max = PACKET_MAX},
                                         .every_subscription = true,
                                         .context = link,
                                         .message = on_message};
    return mqtt_reconnect_create(&link->connection, &setup);
}

static void log_password(const char *path, const char *why, int error)
{
    const struct file_reader reader = file_reader_self();
    char help[FILE_HELP_SIZE] = "";
    if (error != 0)
        file_help(&reader, path, error, false, help);
    log_write(LOG_LEVEL_ERROR, "broker: password_file %s%s%s", why, error != 0 ? "; " : "", help);
}

struct link *link_create(const struct settings *settings, const char *uri, const char *client,
                         uint32_t session_s, const char *const *topics, link_message message,
                         void *context)
{
    char why[CONFIG_PATH_SIZE + 64];
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->settings = settings;
    link->uri = uri;
    link->topics = topics;
    link->message = message;
    link->context = context;
    if (!mqtt_session_password(settings->password_file, link->password, why, sizeof why))
        log_password(settings->password_file, why, errno);
    else if (!create_connection(link, client, session_s))
        log_write(LOG_LEVEL_ERROR, "broker: no MQTT client can be made for %s", uri);
    else
        return link;
    free(link);
    return NULL;
}

int link_fd(const struct link *link)
{
    return link->connection.wake_fd;
}

bool link_is_up(const struct link *link)
{
    return link->up;
}

int64_t link_busy_since_ms(const struct link *link)
{
    return atomic_load(&link->busy_since_ms);
}

/* Connected is who hears: what comes before its SUBACK is for no one. */
static void note_heard(struct link *link)
{
    unsigned topics = 0;
    while (link->topics[topics] != NULL)
        topics++;
    if (link->up && link->connection.subscriptions >= topics)
        log_change(&link->state, 1, LOG_LEVEL_NOTICE, "broker %s: connected", link->uri);
}

void link_step(struct link *link, int64_t now_ms)
{
    char why[MQTT_RECONNECT_WHY_SIZE];
    enum mqtt_reconnect_change change = mqtt_reconnect_step(&link->connection, now_ms, why);
    if (change != MQTT_RECONNECT_SAME)
        link->up = change == MQTT_RECONNECT_CAME;
    for (unsigned i = 0; change == MQTT_RECONNECT_CAME && link->topics[i] != NULL; i++)
        (void)mqtt_session_subscribe(&link->connection.session, link->topics[i], 0);
    if (change == MQTT_RECONNECT_WENT)
        log_change(&link->state, 0, LOG_LEVEL_WARNING, "broker %s: not connected: %s", link->uri,
                   why);
    note_heard(link);
}

bool link_publish(struct link *link, const char *topic, const char *payload,
                  const char *response_topic)
{
    struct mqtt_session_message message = {.topic = topic,
                                           .payload = payload,
                                           .size = strlen(payload),
                                           .qos = 1,
                                           .response_topic = response_topic};
    return mqtt_session_publish(&link->connection.session, &message);
}

void link_leave(struct link *link, const char *topic, int64_t most_ms)
{
    int64_t now_ms = clock_now().mono_ms, until_ms = now_ms + most_ms;
    if (!link->up)
        return;
    if (topic != NULL)
        mqtt_session_unsubscribe(&link->connection.session, topic);
    atomic_store(&link->done_ms, now_ms);
    for (; topic != NULL && now_ms < until_ms; now_ms = clock_now().mono_ms) {
        if (link_busy_since_ms(link) == 0 && now_ms - atomic_load(&link->done_ms) > QUIET_MS)
            break;
        (void)poll(NULL, 0, 20);
    }
    mqtt_reconnect_leave(&link->connection, LEAVE_MS);
}
