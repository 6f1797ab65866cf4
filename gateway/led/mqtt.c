/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads meet at the inbox: Paho's callbacks take its mutex, copy a pointer, and go; the owner
 * calls Paho only while it does not hold that mutex. Newest wins: a message replaces an unread one
 * of the same topic, so that no flood makes the inbox grow. When distinct topics fill it, the rest
 * is dropped and everything is subscribed again as soon as there is room: all that matters is
 * retained at the broker. */
#include "gateway/led/mqtt.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/common/file_help.h"
#include "gateway/common/log.h"
#include "gateway/common/mqtt_reconnect.h"

#define INBOX_SIZE     128
#define BATCH          64 /* messages handed over in one step, so that the screen goes on */
#define PAYLOAD_MAX    65536
#define PREVIEW_MAX    262144 /* what the app looks at */
#define KEEP_ALIVE_S   20
#define RESUBSCRIBE_MS 1000
#define STEP_MS        200 /* between two steps while there is no connection */
#define LEAVE_MS       200
#define TOPIC_SIZE     160

struct inbox_entry {
    char *topic; /* Paho's, as is the message */
    MQTTAsync_message *message;
};

struct mqtt {
    struct mqtt_reconnect connection;
    bool created, connected; /* the connection is */
    const char *const *topics;
    struct mqtt_events events;
    char prefix[64], user[65], password[MQTT_SESSION_PASSWORD_SIZE];
    char ca_file[LED_PATH_SIZE], cert_file[LED_PATH_SIZE], key_file[LED_PATH_SIZE];
    uint32_t random, calls; /* of this process, and requests it made */
    bool resubscribe;
    int64_t resubscribe_ms;
    struct log_state link_log;
    pthread_mutex_t mutex; /* guards the inbox */
    struct inbox_entry inbox[INBOX_SIZE];
    int first, count;
    bool overflowed;
};

static void lock(struct mqtt *mqtt)
{
    (void)pthread_mutex_lock(&mqtt->mutex);
}

static void unlock(struct mqtt *mqtt)
{
    (void)pthread_mutex_unlock(&mqtt->mutex);
}

/* ---- Paho's threads ---- */

static bool on_message(void *context, char *topic, size_t topic_size, MQTTAsync_message *message)
{
    (void)topic_size;
    struct mqtt *mqtt = context;
    struct inbox_entry entry = {topic, message};
    lock(mqtt);
    int place = -1;
    for (int i = 0; i < mqtt->count && place < 0; i++) {
        int at = (mqtt->first + i) % INBOX_SIZE;
        if (strcmp(mqtt->inbox[at].topic, topic) == 0)
            place = at;
    }
    bool replace = place >= 0;
    if (!replace && mqtt->count < INBOX_SIZE)
        place = (mqtt->first + mqtt->count++) % INBOX_SIZE;
    if (place >= 0) {
        struct inbox_entry old = mqtt->inbox[place];
        mqtt->inbox[place] = entry;
        entry = old;
    } else {
        mqtt->overflowed = true;
    }
    unlock(mqtt);
    if (replace)
        mqtt_session_free_message(entry.topic, entry.message);
    (void)eventfd_write(mqtt->connection.wake_fd, 1);
    return place >= 0;
}

/* ---- The owner's thread ---- */

static bool create_connection(struct mqtt *mqtt, const struct led_config *config)
{
    char url[MQTT_SESSION_URL_SIZE], id[64];
    if (getrandom(&mqtt->random, sizeof mqtt->random, 0) != (ssize_t)sizeof mqtt->random)
        mqtt->random = (uint32_t)getpid();
    struct mqtt_session_address address = {.tls = config->mqtt.tls,
                                           .host = config->mqtt.host,
                                           .port = (uint16_t)config->mqtt.port,
                                           .path = ""};
    struct mqtt_reconnect_setup setup = {.url = url,
                                         .client_id = id,
                                         .options = {.user = mqtt->user,
                                                     .password = mqtt->password,
                                                     .tls = config->mqtt.tls,
                                                     .ca_file = mqtt->ca_file,
                                                     .cert_file = mqtt->cert_file,
                                                     .key_file = mqtt->key_file,
                                                     .keepalive_s = KEEP_ALIVE_S,
                                                     .packet_max = PAYLOAD_MAX + 1024},
                                         .context = mqtt,
                                         .message = on_message};
    memcpy(mqtt->user, config->mqtt.user, sizeof mqtt->user);
    memcpy(mqtt->ca_file, config->mqtt.ca_file, sizeof mqtt->ca_file);
    memcpy(mqtt->cert_file, config->mqtt.cert_file, sizeof mqtt->cert_file);
    memcpy(mqtt->key_file, config->mqtt.key_file, sizeof mqtt->key_file);
    (void)snprintf(id, sizeof id, "baiye-led-%s-%08" PRIx32, config->site, mqtt->random);
    return mqtt_session_url(url, &address) && mqtt_reconnect_create(&mqtt->connection, &setup);
}

static bool read_password(struct mqtt *mqtt, const char *path, char *error, size_t error_size)
{
    char why[LED_PATH_SIZE + 64] = "not set";
    if (path[0] != '\0' && mqtt_session_password(path, mqtt->password, why, sizeof why))
        return true;
    const struct file_reader reader = file_reader_self();
    char help[FILE_HELP_SIZE] = "";
    if (path[0] != '\0' && errno != 0)
        file_help(&reader, path, errno, false, help);
    (void)snprintf(error, error_size, "mqtt.password_file: %s%s%s", why,
                   help[0] != '\0' ? "; " : "", help);
    return false;
}

struct mqtt *mqtt_open(const struct led_config *config, const char *const *topics,
                       const struct mqtt_events *events, char *error, size_t error_size)
{
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (mqtt == NULL) {
        (void)snprintf(error, error_size, "no memory");
        return NULL;
    }
    (void)pthread_mutex_init(&mqtt->mutex, NULL);
    mqtt->topics = topics;
    mqtt->events = *events;
    (void)snprintf(mqtt->prefix, sizeof mqtt->prefix, "baiye/%s/", config->site);
    bool good = read_password(mqtt, config->mqtt.password_file, error, error_size);
    mqtt->created = good && create_connection(mqtt, config);
    if (mqtt->created)
        return mqtt;
    if (good)
        (void)snprintf(error, error_size, "the MQTT client cannot be made");
    mqtt_close(mqtt);
    return NULL;
}

void mqtt_close(struct mqtt *mqtt)
{
    if (mqtt->created) {
        mqtt_reconnect_leave(&mqtt->connection, LEAVE_MS);
        mqtt_reconnect_close(&mqtt->connection);
    }
    while (mqtt->count > 0) {
        const struct inbox_entry *entry = &mqtt->inbox[mqtt->first];
        mqtt_session_free_message(entry->topic, entry->message);
        mqtt->first = (mqtt->first + 1) % INBOX_SIZE;
        mqtt->count--;
    }
    (void)pthread_mutex_destroy(&mqtt->mutex);
    free(mqtt);
}

int mqtt_fd(const struct mqtt *mqtt)
{
    return mqtt->connection.wake_fd;
}

static void subscribe_all(struct mqtt *mqtt)
{
    for (int i = 0; mqtt->topics[i] != NULL; i++) {
        char topic[TOPIC_SIZE];
        int n = snprintf(topic, sizeof topic, "%s%s", mqtt->prefix, mqtt->topics[i]);
        if (n > 0 && (size_t)n < sizeof topic)
            (void)mqtt_session_subscribe(&mqtt->connection.session, topic, 0);
    }
}

static void link_changed(struct mqtt *mqtt, enum mqtt_reconnect_change change, const char *why)
{
    mqtt->connected = change == MQTT_RECONNECT_CAME;
    if (mqtt->connected) {
        subscribe_all(mqtt); /* first: the owner may call a method and wait for its answer */
        log_change(&mqtt->link_log, 1, LOG_LEVEL_NOTICE, "broker: connected");
    } else {
        log_change(&mqtt->link_log, 0, LOG_LEVEL_WARNING,
                   "broker: not connected: %s; the screen shows what it knows until it is old",
                   why);
    }
    mqtt->events.link(mqtt->events.context, mqtt->connected);
}

static bool next_message(struct mqtt *mqtt, struct inbox_entry *out)
{
    lock(mqtt);
    bool there = mqtt->count > 0;
    if (there) {
        *out = mqtt->inbox[mqtt->first];
        mqtt->first = (mqtt->first + 1) % INBOX_SIZE;
        mqtt->count--;
    } else if (mqtt->overflowed) {
        mqtt->overflowed = false;
        mqtt->resubscribe = true;
    }
    unlock(mqtt);
    return there;
}

static bool hand_over(struct mqtt *mqtt)
{
    struct inbox_entry entry;
    size_t prefix = strlen(mqtt->prefix);
    for (int i = 0; i < BATCH; i++) {
        if (!next_message(mqtt, &entry))
            return false;
        const MQTTAsync_message *m = entry.message;
        if (strncmp(entry.topic, mqtt->prefix, prefix) == 0 && m->payloadlen >= 0)
            mqtt->events.message(mqtt->events.context, entry.topic + prefix, m->payload,
                                 (size_t)m->payloadlen, m->retained != 0);
        mqtt_session_free_message(entry.topic, entry.message);
    }
    return true;
}

int64_t mqtt_step(struct mqtt *mqtt, int64_t mono_ms)
{
    char why[MQTT_RECONNECT_WHY_SIZE];
    enum mqtt_reconnect_change change = mqtt_reconnect_step(&mqtt->connection, mono_ms, why);
    bool more = hand_over(mqtt); /* after the step, which takes the wake; before the link's end */
    if (change != MQTT_RECONNECT_SAME)
        link_changed(mqtt, change, why);
    if (mqtt->resubscribe && mqtt->connected && mono_ms >= mqtt->resubscribe_ms) {
        mqtt->resubscribe = false;
        mqtt->resubscribe_ms = mono_ms + RESUBSCRIBE_MS;
        subscribe_all(mqtt);
    }
    if (more)
        return 0;
    return mqtt->connected ? RESUBSCRIBE_MS : STEP_MS;
}

/* `message`: all but its full topic. */
static void publish(struct mqtt *mqtt, const char *topic, struct mqtt_session_message *message)
{
    char full[TOPIC_SIZE];
    int n = snprintf(full, sizeof full, "%s%s", mqtt->prefix, topic);
    if (!mqtt->connected || n < 0 || (size_t)n >= sizeof full || message->size > PREVIEW_MAX)
        return;
    message->topic = full;
    (void)mqtt_session_publish(&mqtt->connection.session, message);
}

void mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t size,
                  bool retained)
{
    struct mqtt_session_message message = {.payload = payload, .size = size, .retain = retained};
    publish(mqtt, topic, &message);
}

void mqtt_call(struct mqtt *mqtt, const char *method, const char *id, const char *request)
{
    char topic[TOPIC_SIZE], answer[TOPIC_SIZE];
    char unique[64]; /* a request of ours is never taken for the second delivery of another */
    int n = snprintf(topic, sizeof topic, "rpc/%s/%s", mqtt->user, method);
    int m = snprintf(answer, sizeof answer, "%sanswer/%s/%s", mqtt->prefix, mqtt->user, id);
    int u = snprintf(unique, sizeof unique, "%s-%08" PRIx32 "-%" PRIu32, id, mqtt->random,
                     mqtt->calls++);
    if (n < 0 || (size_t)n >= sizeof topic || m < 0 || (size_t)m >= sizeof answer || u < 0 ||
        (size_t)u >= sizeof unique)
        return;
    struct mqtt_session_message message = {.payload = request,
                                           .size = strlen(request),
                                           .qos = 1,
                                           .response_topic = answer,
                                           .correlation = unique,
                                           .correlation_size = (uint16_t)u};
    publish(mqtt, topic, &message);
}
