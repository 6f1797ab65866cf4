/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads meet at the inbox and nowhere else: Paho's callbacks run with Paho's own mutex held,
 * so they take the inbox's mutex, copy a pointer, and go; the owner calls Paho only while it does
 * not hold that mutex. Newest wins: a message replaces an unread one of the same topic, so that no
 * flood makes the inbox grow. When distinct topics fill it, the rest is dropped and everything is
 * subscribed again as soon as there is room: all that matters is retained at the broker. */
#include "gateway/led/mqtt.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/common/log.h"

#define INBOX_SIZE        128
#define BATCH             64 /* messages handed over in one step, so that the screen goes on */
#define PAYLOAD_MAX       65536
#define PREVIEW_MAX       262144 /* what the app looks at */
#define KEEP_ALIVE_S      20
#define CONNECT_TIMEOUT_S 10
#define ATTEMPT_MAX_MS    30000 /* an attempt that tells nothing for so long is given up */
#define BACKOFF_MIN_MS    1000
#define BACKOFF_MAX_MS    30000
#define RESUBSCRIBE_MS    1000
#define TOPIC_SIZE        160

struct inbox_entry {
    char *topic; /* Paho's, as is the message */
    MQTTAsync_message *message;
};

enum attempt { ATTEMPT_NONE = 0, ATTEMPT_RUNS, ATTEMPT_WORKED, ATTEMPT_FAILED };

struct mqtt {
    MQTTAsync client;
    const char *const *topics;
    struct mqtt_events events;
    char prefix[64], user[65], password[256];
    MQTTAsync_SSLOptions tls;
    bool use_tls;
    char ca_file[LED_PATH_SIZE], cert_file[LED_PATH_SIZE], key_file[LED_PATH_SIZE];
    int fd;
    /* The owner's. */
    uint32_t random, calls; /* of this process, and requests it made */
    bool connected, resubscribe;
    int64_t attempt_ms, next_ms, backoff_ms, resubscribe_ms;
    struct log_state link_log;
    /* Shared; under the mutex. */
    pthread_mutex_t mutex;
    struct inbox_entry inbox[INBOX_SIZE];
    int first, count;
    bool overflowed, lost;
    enum attempt attempt;
    char why[64]; /* it failed, for people */
};

static void wake(struct mqtt *mqtt)
{
    uint64_t one = 1;
    ssize_t n = write(mqtt->fd, &one, sizeof one);
    (void)n; /* full means that it is awake */
}

static void lock(struct mqtt *mqtt)
{
    (void)pthread_mutex_lock(&mqtt->mutex);
}

static void unlock(struct mqtt *mqtt)
{
    (void)pthread_mutex_unlock(&mqtt->mutex);
}

/* ---- Paho's threads ---- */

static void free_entry(struct inbox_entry *entry)
{
    MQTTAsync_freeMessage(&entry->message);
    MQTTAsync_free(entry->topic);
}

static int on_message(void *context, char *topic, int length, MQTTAsync_message *message)
{
    (void)length; /* topics with NUL inside are refused by the broker */
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
    if (replace || place < 0)
        free_entry(&entry);
    wake(mqtt);
    return 1; /* 0 would make Paho deliver it for ever */
}

static void end_attempt(struct mqtt *mqtt, enum attempt result, const char *why)
{
    lock(mqtt);
    mqtt->attempt = result;
    (void)snprintf(mqtt->why, sizeof mqtt->why, "%s", why != NULL ? why : "it refuses");
    unlock(mqtt);
    wake(mqtt);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    end_attempt(context, ATTEMPT_WORKED, "");
}

static void on_failed(void *context, MQTTAsync_failureData5 *data)
{
    const char *why = "it does not answer";
    if (data != NULL && data->message)
        why = data->message;
    else if (data != NULL && data->reasonCode != MQTTREASONCODE_SUCCESS)
        why = MQTTReasonCode_toString(data->reasonCode);
    else if (data != NULL && data->code != MQTTASYNC_FAILURE)
        why = MQTTAsync_strerror(data->code);
    end_attempt(context, ATTEMPT_FAILED, why);
}

static void set_lost(struct mqtt *mqtt)
{
    lock(mqtt);
    mqtt->lost = true;
    unlock(mqtt);
    wake(mqtt);
}

static void on_lost(void *context, char *cause)
{
    (void)cause;
    set_lost(context);
}

static void on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    (void)reason;
    set_lost(context);
}

/* ---- The owner's thread ---- */

static bool read_password(struct mqtt *mqtt, const char *path, char *error, size_t error_size)
{
    FILE *file = path[0] ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        (void)snprintf(error, error_size, "mqtt.password_file %s: %s", path,
                       path[0] ? strerror(errno) : "not set");
        return false;
    }
    size_t n = fread(mqtt->password, 1, sizeof mqtt->password - 1, file);
    (void)fclose(file);
    mqtt->password[n] = '\0';
    mqtt->password[strcspn(mqtt->password, "\r\n")] = '\0';
    return true;
}

static void set_tls(struct mqtt *mqtt, const struct led_config *config)
{
    memcpy(mqtt->ca_file, config->mqtt.ca_file, sizeof mqtt->ca_file);
    memcpy(mqtt->cert_file, config->mqtt.cert_file, sizeof mqtt->cert_file);
    memcpy(mqtt->key_file, config->mqtt.key_file, sizeof mqtt->key_file);
    mqtt->use_tls = config->mqtt.tls;
    mqtt->tls = (MQTTAsync_SSLOptions)MQTTAsync_SSLOptions_initializer;
    mqtt->tls.verify = 1; /* the host's name too; Paho's default does not look at it */
    mqtt->tls.enableServerCertAuth = 1;
    mqtt->tls.disableDefaultTrustStore = 1;
    mqtt->tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    mqtt->tls.trustStore = mqtt->ca_file;
    mqtt->tls.keyStore = mqtt->cert_file[0] ? mqtt->cert_file : NULL;
    mqtt->tls.privateKey = mqtt->key_file[0] ? mqtt->key_file : NULL;
}

static bool create_client(struct mqtt *mqtt, const struct led_config *config)
{
    char uri[256], id[64];
    if (getrandom(&mqtt->random, sizeof mqtt->random, 0) != (ssize_t)sizeof mqtt->random)
        mqtt->random = (uint32_t)getpid();
    bool v6 = strchr(config->mqtt.host, ':') != NULL;
    (void)snprintf(uri, sizeof uri, "%s://%s%s%s:%d", config->mqtt.tls ? "ssl" : "tcp",
                   v6 ? "[" : "", config->mqtt.host, v6 ? "]" : "", config->mqtt.port);
    (void)snprintf(id, sizeof id, "baiye-led-%s-%08x", config->site, mqtt->random);
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    if (MQTTAsync_createWithOptions(&mqtt->client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &options) != MQTTASYNC_SUCCESS)
        return false;
    return MQTTAsync_setCallbacks(mqtt->client, mqtt, on_lost, on_message, NULL) ==
               MQTTASYNC_SUCCESS &&
           MQTTAsync_setDisconnected(mqtt->client, mqtt, on_disconnect) == MQTTASYNC_SUCCESS;
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
    mqtt->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    mqtt->topics = topics;
    mqtt->events = *events;
    mqtt->backoff_ms = BACKOFF_MIN_MS;
    memcpy(mqtt->user, config->mqtt.user, sizeof mqtt->user);
    (void)snprintf(mqtt->prefix, sizeof mqtt->prefix, "baiye/%s/", config->site);
    set_tls(mqtt, config);
    bool good = mqtt->fd >= 0 && read_password(mqtt, config->mqtt.password_file, error, error_size);
    if (good && !create_client(mqtt, config)) {
        (void)snprintf(error, error_size, "the MQTT client cannot be made");
        good = false;
    }
    if (good)
        return mqtt;
    mqtt_close(mqtt);
    return NULL;
}

void mqtt_close(struct mqtt *mqtt)
{
    if (mqtt->client) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
        if (mqtt->connected)
            (void)MQTTAsync_disconnect(mqtt->client, &options);
        MQTTAsync_destroy(&mqtt->client);
    }
    while (mqtt->count > 0) {
        free_entry(&mqtt->inbox[mqtt->first]);
        mqtt->first = (mqtt->first + 1) % INBOX_SIZE;
        mqtt->count--;
    }
    if (mqtt->fd >= 0)
        (void)close(mqtt->fd);
    (void)pthread_mutex_destroy(&mqtt->mutex);
    free(mqtt);
}

int mqtt_fd(const struct mqtt *mqtt)
{
    return mqtt->fd;
}

static void start_connect(struct mqtt *mqtt, int64_t mono_ms)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty packet_max = {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE};
    packet_max.value.integer4 = PAYLOAD_MAX + 1024;
    (void)MQTTProperties_add(&properties, &packet_max);
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.cleanstart = 1;
    options.automaticReconnect = 0;
    options.username = mqtt->user;
    options.password = mqtt->password;
    options.connectProperties = &properties;
    options.ssl = mqtt->use_tls ? &mqtt->tls : NULL;
    options.context = mqtt;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_failed;
    lock(mqtt);
    mqtt->attempt = ATTEMPT_RUNS;
    mqtt->lost = false;
    unlock(mqtt);
    mqtt->attempt_ms = mono_ms;
    int rc = MQTTAsync_connect(mqtt->client, &options);
    MQTTProperties_free(&properties);
    if (rc != MQTTASYNC_SUCCESS)
        end_attempt(mqtt, ATTEMPT_FAILED, MQTTAsync_strerror(rc));
}

static void subscribe_all(struct mqtt *mqtt)
{
    for (int i = 0; mqtt->topics[i]; i++) {
        char topic[TOPIC_SIZE];
        int n = snprintf(topic, sizeof topic, "%s%s", mqtt->prefix, mqtt->topics[i]);
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        if (n > 0 && (size_t)n < sizeof topic)
            (void)MQTTAsync_subscribe(mqtt->client, topic, 1, &options);
    }
}

/* Between half and all of the time, so that a farm's screens do not come back in step. */
static void back_off(struct mqtt *mqtt, int64_t mono_ms)
{
    uint8_t random = 0;
    if (getrandom(&random, 1, GRND_NONBLOCK) != 1)
        random = 128;
    mqtt->next_ms = mono_ms + mqtt->backoff_ms / 2 + mqtt->backoff_ms / 2 * random / 255;
    mqtt->backoff_ms *= 2;
    mqtt->backoff_ms = mqtt->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : mqtt->backoff_ms;
}

static void link_changed(struct mqtt *mqtt, bool connected, const char *why)
{
    if (connected)
        log_change(&mqtt->link_log, 1, LOG_LEVEL_NOTICE, "broker: connected");
    else
        log_change(&mqtt->link_log, 0, LOG_LEVEL_WARNING,
                   "broker: not connected: %s; the screen shows what it knows until it is old",
                   why);
    mqtt->connected = connected;
    mqtt->events.link(mqtt->events.context, connected);
}

static void follow_connection(struct mqtt *mqtt, int64_t mono_ms)
{
    lock(mqtt);
    enum attempt attempt = mqtt->attempt;
    char why[sizeof mqtt->why];
    memcpy(why, mqtt->why, sizeof why);
    bool lost = mqtt->lost;
    if (attempt == ATTEMPT_WORKED || attempt == ATTEMPT_FAILED)
        mqtt->attempt = ATTEMPT_NONE;
    if (attempt != ATTEMPT_RUNS)
        mqtt->lost = false;
    unlock(mqtt);
    if (attempt == ATTEMPT_WORKED) {
        mqtt->backoff_ms = BACKOFF_MIN_MS;
        subscribe_all(mqtt); /* first: the owner may call a method and wait for its answer */
        link_changed(mqtt, true, "");
    }
    bool silent = attempt == ATTEMPT_RUNS && mono_ms - mqtt->attempt_ms > ATTEMPT_MAX_MS;
    if (silent) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
        (void)MQTTAsync_disconnect(mqtt->client, &options);
        lock(mqtt);
        mqtt->attempt = ATTEMPT_NONE;
        unlock(mqtt);
    }
    if (attempt == ATTEMPT_FAILED || silent || (lost && attempt != ATTEMPT_RUNS)) {
        link_changed(mqtt, false,
                     silent                      ? "it does not answer"
                     : attempt == ATTEMPT_FAILED ? why
                                                 : "the connection was lost");
        back_off(mqtt, mono_ms);
    } else if (attempt == ATTEMPT_NONE && !mqtt->connected && mono_ms >= mqtt->next_ms) {
        start_connect(mqtt, mono_ms);
    }
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
        free_entry(&entry);
    }
    return true;
}

int64_t mqtt_step(struct mqtt *mqtt, int64_t mono_ms)
{
    uint64_t ticks = 0;
    ssize_t n = read(mqtt->fd, &ticks, sizeof ticks);
    (void)n; /* nothing to read is fine: called by the timer */
    bool more = hand_over(mqtt);
    follow_connection(mqtt, mono_ms);
    if (mqtt->resubscribe && mqtt->connected && mono_ms >= mqtt->resubscribe_ms) {
        mqtt->resubscribe = false;
        mqtt->resubscribe_ms = mono_ms + RESUBSCRIBE_MS;
        subscribe_all(mqtt);
    }
    if (more)
        return 0;
    return mqtt->connected ? RESUBSCRIBE_MS : 200;
}

static void publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t size,
                    bool retained, int qos, const MQTTProperties *properties)
{
    char full[TOPIC_SIZE];
    int n = snprintf(full, sizeof full, "%s%s", mqtt->prefix, topic);
    if (!mqtt->connected || n < 0 || (size_t)n >= sizeof full || size > PREVIEW_MAX)
        return;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    message.payload = (void *)(uintptr_t)payload;
    message.payloadlen = (int)size;
    message.qos = qos;
    message.retained = retained;
    if (properties != NULL)
        message.properties = *properties;
    (void)MQTTAsync_sendMessage(mqtt->client, full, &message, &options);
}

void mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t size,
                  bool retained)
{
    publish(mqtt, topic, payload, size, retained, 0, NULL);
}

void mqtt_call(struct mqtt *mqtt, const char *method, const char *id, const char *request)
{
    char topic[TOPIC_SIZE], answer[TOPIC_SIZE];
    int n = snprintf(topic, sizeof topic, "rpc/%s/%s", mqtt->user, method);
    int m = snprintf(answer, sizeof answer, "%sanswer/%s/%s", mqtt->prefix, mqtt->user, id);
    if (n < 0 || (size_t)n >= sizeof topic || m < 0 || (size_t)m >= sizeof answer)
        return;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC};
    property.value.data.data = answer;
    property.value.data.len = m;
    (void)MQTTProperties_add(&properties, &property);
    property.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA;
    char unique[64]; /* a request of ours is never taken for the second delivery of another */
    property.value.data.data = unique;
    property.value.data.len =
        snprintf(unique, sizeof unique, "%s-%08x-%u", id, mqtt->random, mqtt->calls++);
    (void)MQTTProperties_add(&properties, &property);
    publish(mqtt, topic, request, strlen(request), false, 1, &properties);
    MQTTProperties_free(&properties);
}
