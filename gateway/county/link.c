/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/link.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/common/backoff.h"
#include "gateway/common/clock.h"
#include "gateway/common/log.h"

#define RECEIVE_MAXIMUM 4       /* messages on their way to a process that hangs */
#define PACKET_MAX      262144u /* a gateway's message has 48 KiB of JSON */
#define BACKOFF_MOST_MS 30000
#define QUIET_MS        500 /* without a message: the broker has none left for us */

struct link {
    const struct settings *settings;
    const char *const *topics;
    link_message message;
    void *context;
    uint32_t session_s;
    MQTTAsync client;
    char password[4097];
    int wake_fd;
    bool trying;
    int64_t connect_ms;
    uint32_t wait_ms;
    struct log_state state;
    atomic_bool connected, lost;
    atomic_llong busy_since_ms, done_ms; /* of the last message */
};

/* ---- Paho's threads ---- */

static void wake(struct link *link)
{
    (void)eventfd_write(link->wake_fd, 1);
}

static int on_message(void *context, char *topic, int length, MQTTAsync_message *message)
{
    struct link *link = context;
    (void)length; /* brokers refuse topics with NUL inside */
    atomic_store(&link->busy_since_ms, clock_now().mono_ms);
    link->message(link->context, topic, message);
    atomic_store(&link->done_ms, clock_now().mono_ms);
    atomic_store(&link->busy_since_ms, 0);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_lost(void *context, char *cause)
{
    struct link *link = context;
    (void)cause;
    atomic_store(&link->lost, true);
    wake(link);
}

static void on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    (void)reason;
    on_lost(context, NULL);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    log_write(LOG_LEVEL_ERROR, "broker: a subscription is refused (0x%02x): look at its ACL",
              data != NULL ? (unsigned)data->reasonCode : 0);
    on_lost(context, NULL);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct link *link = context;
    (void)data;
    for (unsigned i = 0; link->topics[i] != NULL; i++) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        options.context = link;
        options.onFailure5 = on_subscribe_failed;
        if (MQTTAsync_subscribe(link->client, link->topics[i], 1, &options) != MQTTASYNC_SUCCESS)
            on_lost(link, NULL);
    }
    atomic_store(&link->connected, true);
    wake(link);
}

static void on_refused(void *context, MQTTAsync_failureData5 *data)
{
    struct link *link = context;
    const char *why = "it does not answer";
    if (data != NULL && data->message != NULL)
        why = data->message;
    else if (data != NULL && data->reasonCode != MQTTREASONCODE_SUCCESS)
        why = MQTTReasonCode_toString(data->reasonCode);
    log_write(LOG_LEVEL_WARNING, "broker %s: not connected: %s", link->settings->uri,
              why != NULL ? why : "it refuses");
    on_lost(link, NULL);
}

/* ---- The owner's thread ---- */

static bool connect_broker(struct link *link)
{
    const struct settings *settings = link->settings;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty session = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                            .value.integer4 = link->session_s};
    MQTTProperty receive = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM,
                            .value.integer2 = RECEIVE_MAXIMUM};
    MQTTProperty packet = {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE,
                           .value.integer4 = PACKET_MAX};
    (void)MQTTProperties_add(&properties, &session);
    (void)MQTTProperties_add(&properties, &receive);
    (void)MQTTProperties_add(&properties, &packet);
    tls.verify = 1;
    tls.enableServerCertAuth = 1;
    tls.disableDefaultTrustStore = 1;
    tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    tls.trustStore = settings->ca_file;
    tls.keyStore = settings->cert_file[0] != '\0' ? settings->cert_file : NULL;
    tls.privateKey = settings->key_file[0] != '\0' ? settings->key_file : NULL;
    options.keepAliveInterval = (int)settings->keepalive_s;
    options.connectTimeout = 10;
    options.cleanstart = 0;
    options.username = settings->user[0] != '\0' ? settings->user : NULL;
    options.password = link->password[0] != '\0' ? link->password : NULL;
    options.connectProperties = &properties;
    options.ssl = settings->tls ? &tls : NULL;
    options.context = link;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_refused;
    atomic_store(&link->lost, false);
    int rc = MQTTAsync_connect(link->client, &options);
    MQTTProperties_free(&properties);
    return rc == MQTTASYNC_SUCCESS;
}

static bool make_client(struct link *link, const char *client)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    options.sendWhileDisconnected = 0;
    return MQTTAsync_createWithOptions(&link->client, link->settings->uri, client,
                                       MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                       &options) == MQTTASYNC_SUCCESS &&
           MQTTAsync_setCallbacks(link->client, link, on_lost, on_message, NULL) ==
               MQTTASYNC_SUCCESS &&
           MQTTAsync_setDisconnected(link->client, link, on_disconnect) == MQTTASYNC_SUCCESS;
}

static bool read_password(struct link *link)
{
    const char *path = link->settings->password_file;
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(link->password, 1, sizeof link->password - 1, file) : 0;
    int error = errno;
    if (file != NULL)
        (void)fclose(file);
    link->password[got] = '\0';
    link->password[strcspn(link->password, "\r\n")] = '\0';
    if (link->password[0] != '\0')
        return true;
    log_write(LOG_LEVEL_ERROR, "broker: password_file %s: %s", path,
              file == NULL ? strerror(error) : "it is empty");
    return false;
}

struct link *link_create(const struct settings *settings, const char *client, uint32_t session_s,
                         const char *const *topics, link_message message, void *context)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->settings = settings;
    link->topics = topics;
    link->message = message;
    link->context = context;
    link->session_s = session_s;
    link->wait_ms = BACKOFF_FIRST_MS;
    link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->wake_fd >= 0 && read_password(link)) {
        if (make_client(link, client))
            return link;
        log_write(LOG_LEVEL_ERROR, "broker: no MQTT client can be made for %s", settings->uri);
    }
    if (link->wake_fd >= 0)
        close(link->wake_fd);
    free(link);
    return NULL;
}

int link_fd(const struct link *link)
{
    return link->wake_fd;
}

bool link_is_up(const struct link *link)
{
    return atomic_load(&link->connected);
}

int64_t link_busy_since_ms(const struct link *link)
{
    return atomic_load(&link->busy_since_ms);
}

void link_step(struct link *link, int64_t now_ms)
{
    eventfd_t count = 0;
    (void)eventfd_read(link->wake_fd, &count);
    if (atomic_load(&link->lost)) {
        log_change(&link->state, 0, LOG_LEVEL_WARNING, "broker: the connection is gone");
        atomic_store(&link->lost, false);
        atomic_store(&link->connected, false);
        link->trying = false;
        link->connect_ms = now_ms + backoff_next_up_to(&link->wait_ms, BACKOFF_MOST_MS);
    }
    if (atomic_load(&link->connected)) {
        log_change(&link->state, 1, LOG_LEVEL_NOTICE, "broker: connected");
        link->wait_ms = BACKOFF_FIRST_MS;
    } else if (!link->trying && now_ms >= link->connect_ms) {
        link->trying = connect_broker(link);
        if (!link->trying)
            link->connect_ms = now_ms + backoff_next_up_to(&link->wait_ms, BACKOFF_MOST_MS);
    }
}

bool link_publish(struct link *link, const char *topic, const char *payload,
                  const char *response_topic)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTProperty response = {.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC};
    message.payload = (void *)(uintptr_t)payload; /* Paho copies it */
    message.payloadlen = (int)strlen(payload);
    message.qos = 1;
    if (response_topic != NULL) {
        response.value.data.data = (char *)(uintptr_t)response_topic;
        response.value.data.len = (int)strlen(response_topic);
        (void)MQTTProperties_add(&message.properties, &response);
    }
    int rc = MQTTAsync_sendMessage(link->client, topic, &message, &options);
    MQTTProperties_free(&message.properties);
    return rc == MQTTASYNC_SUCCESS;
}

void link_leave(struct link *link, const char *topic, int64_t most_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    MQTTProperty session = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                            .value.integer4 = 0};
    int64_t now_ms = clock_now().mono_ms, until_ms = now_ms + most_ms;
    if (!link_is_up(link))
        return;
    if (topic != NULL)
        (void)MQTTAsync_unsubscribe(link->client, topic, NULL);
    atomic_store(&link->done_ms, now_ms);
    for (; topic != NULL && now_ms < until_ms; now_ms = clock_now().mono_ms) {
        if (link_busy_since_ms(link) == 0 && now_ms - atomic_load(&link->done_ms) > QUIET_MS)
            break;
        (void)poll(NULL, 0, 20);
    }
    options.timeout = 500;
    (void)MQTTProperties_add(&options.properties, &session);
    (void)MQTTAsync_disconnect(link->client, &options);
    MQTTProperties_free(&options.properties);
    for (now_ms = clock_now().mono_ms; clock_now().mono_ms - now_ms < 2000;) {
        if (!MQTTAsync_isConnected(link->client))
            break;
        (void)poll(NULL, 0, 20);
    }
}
