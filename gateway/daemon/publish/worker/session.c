/* SPDX-License-Identifier: Apache-2.0 */
/* Paho 1.3.12 behaves in ways that cost data or time when used as its manual suggests; what is
 * done here instead:
 *  - delivery counts by onSuccess5 only: deliveryComplete is called for refused messages too;
 *  - clean start and session expiry 0: every message gets its callback when a connection ends;
 *  - no persistence, no sending while disconnected: the store is the only buffer;
 *  - automatic reconnect off: it waits by the wall clock, which may step back by years;
 *  - host names of TLS brokers verified (off by default), only the given CA trusted;
 *  - callbacks run under Paho's lock: they copy into a ring and signal, nothing else. */
#include "gateway/daemon/publish/worker/session.h"

#include <MQTTAsync.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/publish/worker/puback.h"
#include "protocols/mqtt/topic.h"

#define OFFLINE       "offline"
#define PASSWORD_MOST 4096 /* a token may be as long */
#define EVENTS        256u /* more than there can be: a slot has one at a time */
#define REQUESTS_MOST 32u
#define REQUEST_BYTES 65536
#define CONNECT_S     10
#define PAHO_INFLIGHT (SESSION_SLOTS + 4)

struct slot_context {
    struct session *session;
    uint16_t slot;
    uint32_t generation;
    bool patient;
};

struct session {
    struct ipc_hello hello;
    MQTTAsync clients[BROKER_URLS_MAX]; /* one an address: Paho can't change its kind */
    MQTTAsync client;                   /* the one in use */
    bool no_retain, no_quality; /* the broker refuses a will that is retained, or of QoS 1 */
    int wake_fd;
    char will_topic[TOPIC_SIZE], rpc_topic[TOPIC_SIZE];
    char password[PASSWORD_MOST + 2];
    struct slot_context slots[SESSION_SLOTS];
    pthread_mutex_t lock; /* below; never held while Paho is called */
    struct session_event events[EVENTS];
    uint32_t first, used;
    uint32_t patient_out;     /* patient messages that Paho has */
    uint32_t patient_waiting; /* their acknowledgements among the events */
    struct session_request *requests, *requests_last;
    uint32_t request_count;
    bool denied;
};

/* ---- Events ---- */

/* Under the lock. */
static void add_event(struct session *session, const struct session_event *event)
{
    if (session->used == EVENTS)
        return;
    struct session_event *to = &session->events[(session->first + session->used++) % EVENTS];
    *to = *event;
    to->at_ms = clock_now().mono_ms;
}

static void leave(struct session *session, const struct session_event *event)
{
    pthread_mutex_lock(&session->lock);
    add_event(session, event);
    pthread_mutex_unlock(&session->lock);
    (void)eventfd_write(session->wake_fd, 1);
}

/* The end of a message. To wake all threads for each acknowledgement costs more than to send the
 * next message: patient ones are waited for until half of what was under way is acknowledged,
 * while the other half keeps the connection busy. */
static void leave_slot(const struct slot_context *slot, const struct session_event *event)
{
    struct session *session = slot->session;
    bool wake = true;
    pthread_mutex_lock(&session->lock);
    add_event(session, event);
    if (slot->patient) {
        session->patient_out--;
        session->patient_waiting += event->type == SESSION_ACKED;
        wake = event->type != SESSION_ACKED || session->patient_waiting >= session->patient_out;
    }
    pthread_mutex_unlock(&session->lock);
    if (wake)
        (void)eventfd_write(session->wake_fd, 1);
}

bool session_next_event(struct session *session, struct session_event *event)
{
    pthread_mutex_lock(&session->lock);
    bool any = session->used > 0;
    if (any) {
        *event = session->events[session->first];
        session->first = (session->first + 1) % EVENTS;
        session->used--;
    } else {
        session->patient_waiting = 0;
    }
    pthread_mutex_unlock(&session->lock);
    return any;
}

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

/* ---- Callbacks, on Paho's threads ---- */

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data; /* requests begin to arrive */
}

static void subscribe(struct session *session)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options how = MQTTSubscribe_options_initializer;
    how.retainHandling = 2; /* retained requests are never to be obeyed: not even sent */
    options.onSuccess5 = on_subscribed;
    options.subscribeOptions = how;
    (void)MQTTAsync_subscribe(session->client, session->rpc_topic, 1, &options);
}

/* A connection that the broker still holds open, of before a power cut, ends with its will, which
 * then stands retained although we are there. */
static void subscribe_status(struct session *session)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options how = MQTTSubscribe_options_initializer;
    how.noLocal = 1;
    how.retainHandling = 2;
    options.subscribeOptions = how;
    (void)MQTTAsync_subscribe(session->client, session->will_topic, 1, &options);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct session *session = context;
    struct session_event event = {.type = SESSION_CONNECTED};
    int packet =
        MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    int window =
        MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    event.max_packet = packet > 0 ? (uint32_t)packet : 0;
    event.window = window > 0 ? (uint16_t)window : 0;
    /* What is not there means that it is offered. */
    event.qos =
        MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_QOS) != 0;
    event.retain =
        MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE) != 0;
    leave(session, &event);
}

/* The CONNACK of MQTT 3 that says "unacceptable protocol version". */
#define VERSION_REFUSED_BY_3 1

static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct session *session = context;
    struct session_event event = {.type = SESSION_CONNECT_FAILED};
    event.reason = data != NULL ? (data->reasonCode != 0 ? (int)data->reasonCode : data->code) : 0;
    if (event.reason == VERSION_REFUSED_BY_3)
        event.reason = MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
    if (event.reason == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION)
        copy_text(event.text, sizeof event.text,
                  "it does not speak MQTT 5, only an older version such as 3.1.1");
    else if (event.reason >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        copy_text(event.text, sizeof event.text,
                  MQTTReasonCode_toString((enum MQTTReasonCodes)event.reason));
    else if (data != NULL && data->message != NULL)
        copy_text(event.text, sizeof event.text, data->message);
    leave(session, &event);
}

static void on_lost(void *context, char *cause)
{
    struct session_event event = {.type = SESSION_LOST};
    copy_text(event.text, sizeof event.text, cause != NULL ? cause : "connection closed");
    leave(context, &event);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct session_event event = {.type = SESSION_LOST, .reason = (int)reason};
    (void)properties;
    copy_text(event.text, sizeof event.text, MQTTReasonCode_toString(reason));
    leave(context, &event);
}

static void on_ended(void *context, MQTTAsync_successData5 *data)
{
    struct session_event event = {.type = SESSION_ENDED};
    (void)data;
    leave(context, &event);
}

static void on_end_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    on_ended(context, NULL);
}

static void on_acked(void *context, MQTTAsync_successData5 *data)
{
    const struct slot_context *slot = context;
    struct session_event event = {
        .type = SESSION_ACKED, .slot = slot->slot, .generation = slot->generation};
    /* 0x10, no matching subscribers, is a success too: who hears of it may take it otherwise. */
    event.reason = data != NULL ? (int)data->reasonCode : 0;
    if (event.reason == 0 && puback_reason() < (int)MQTTREASONCODE_UNSPECIFIED_ERROR)
        event.reason = puback_reason();
    if (event.reason >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        event.type = SESSION_REFUSED;
    leave_slot(slot, &event);
}

static void on_unsent(void *context, MQTTAsync_failureData5 *data)
{
    const struct slot_context *slot = context;
    struct session_event event = {
        .type = SESSION_UNSENT, .slot = slot->slot, .generation = slot->generation};
    if (data != NULL && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        event.type = SESSION_REFUSED;
        event.reason = (int)data->reasonCode;
        copy_text(event.text, sizeof event.text, MQTTReasonCode_toString(data->reasonCode));
    }
    leave_slot(slot, &event);
}

static void request_properties(MQTTProperties *properties, struct publish_request *head)
{
    MQTTProperty *response =
        MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    MQTTProperty *correlation =
        MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (response != NULL && response->value.data.len > 0 &&
        response->value.data.len < PUBLISH_TOPIC_SIZE) {
        memcpy(head->response, response->value.data.data, (size_t)response->value.data.len);
        head->has_response = true;
    }
    if (correlation != NULL && correlation->value.data.len > 0 &&
        correlation->value.data.len <= PUBLISH_CORRELATION_SIZE) {
        head->correlation_size = (uint16_t)correlation->value.data.len;
        memcpy(head->correlation, correlation->value.data.data, head->correlation_size);
    }
}

static struct session_request *copy_request(struct session *session, const char *topic,
                                            size_t topic_size, MQTTAsync_message *message)
{
    struct publish_request head = {.retained = message->retained != 0};
    if (message->payloadlen < 0 || message->payloadlen > REQUEST_BYTES ||
        !topic_parse_rpc(topic, topic_size, session->hello.site, head.user, sizeof head.user,
                         head.method, sizeof head.method))
        return NULL;
    size_t size = (size_t)message->payloadlen;
    struct session_request *request = calloc(1, sizeof *request + size + 1);
    if (request == NULL)
        return NULL;
    request_properties(&message->properties, &head);
    request->head = head;
    request->size = size;
    if (size > 0)
        memcpy(request->payload, message->payload, size);
    return request;
}

static bool is_denial(const struct session *session, const char *topic, size_t topic_size,
                      const MQTTAsync_message *message)
{
    return topic_size == strlen(session->will_topic) &&
           memcmp(topic, session->will_topic, topic_size) == 0 &&
           message->payloadlen == (int)strlen(OFFLINE) &&
           memcmp(message->payload, OFFLINE, strlen(OFFLINE)) == 0;
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct session *session = context;
    size_t size = topic_length > 0 ? (size_t)topic_length : strlen(topic);
    struct session_request *request = copy_request(session, topic, size, message);
    bool denial = is_denial(session, topic, size, message);
    pthread_mutex_lock(&session->lock);
    session->denied = session->denied || denial;
    if (request != NULL && session->request_count < REQUESTS_MOST) {
        if (session->requests_last != NULL)
            session->requests_last->next = request;
        else
            session->requests = request;
        session->requests_last = request;
        session->request_count++;
        request = NULL;
    }
    pthread_mutex_unlock(&session->lock);
    free(request); /* too many wait: the asker gets no answer and asks again */
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    (void)eventfd_write(session->wake_fd, 1);
    return 1; /* anything else makes Paho deliver it for ever */
}

bool session_take_denial(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    bool denied = session->denied;
    session->denied = false;
    pthread_mutex_unlock(&session->lock);
    return denied;
}

struct session_request *session_next_request(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    struct session_request *request = session->requests;
    if (request != NULL) {
        session->requests = request->next;
        session->request_count--;
        if (session->requests == NULL)
            session->requests_last = NULL;
    }
    pthread_mutex_unlock(&session->lock);
    return request;
}

/* ---- The connection ---- */

static bool create_client(struct session *session, const struct broker_url *place, const char *id,
                          MQTTAsync *client)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    static const char *const schemes[] = {"tcp", "ssl", "ws", "wss"};
    char url[CONFIG_HOST_SIZE + sizeof place->path + 32];
    bool v6 = strchr(place->host, ':') != NULL;
    (void)snprintf(url, sizeof url, "%s://%s%s%s:%u%s",
                   schemes[(place->tls ? 1 : 0) + (place->websocket ? 2 : 0)], v6 ? "[" : "",
                   place->host, v6 ? "]" : "", place->port, place->path);
    options.sendWhileDisconnected = 0;
    if (MQTTAsync_createWithOptions(client, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) !=
        MQTTASYNC_SUCCESS)
        return false;
    return MQTTAsync_setCallbacks(*client, session, on_lost, on_message, NULL) ==
               MQTTASYNC_SUCCESS &&
           MQTTAsync_setDisconnected(*client, session, on_disconnected) == MQTTASYNC_SUCCESS;
}

static bool create_clients(struct session *session)
{
    const struct broker_config *broker = &session->hello.broker;
    char id[128];
    /* Whoever connects by our id ends our connection: it is in no topic, and another at each start.
     */
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    (void)snprintf(id, sizeof id, "baiye-%s-%s-%016" PRIx64, session->hello.site, broker->name,
                   random);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR); /* else every call is noted in a ring, locked */
    for (unsigned i = 0; broker_url(broker, i) != NULL; i++) {
        if (!create_client(session, broker_url(broker, i), id, &session->clients[i]))
            return false;
    }
    return true;
}

struct session *session_create(const struct ipc_hello *hello, int wake_fd)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    session->hello = *hello;
    session->wake_fd = wake_fd;
    pthread_mutex_init(&session->lock, NULL);
    for (uint16_t i = 0; i < SESSION_SLOTS; i++)
        session->slots[i] = (struct slot_context){.session = session, .slot = i};
    if (!topic_make(session->will_topic, TOPIC_SIZE, hello->site, TOPIC_STATUS) ||
        !topic_make(session->rpc_topic, TOPIC_SIZE, hello->site, TOPIC_RPC "+/+") ||
        !create_clients(session)) {
        pthread_mutex_destroy(&session->lock);
        free(session);
        return NULL;
    }
    return session;
}

/* The first line of the file. */
static bool read_password(struct session *session, char *why, size_t size)
{
    const char *path = session->hello.broker.password_file;
    session->password[0] = '\0';
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(session->password, sizeof session->password, file) == NULL) {
        (void)snprintf(why, size, "%s cannot be read", path);
        if (file != NULL)
            (void)fclose(file);
        return false;
    }
    (void)fclose(file);
    size_t length = strcspn(session->password, "\r\n");
    if (length > PASSWORD_MOST) {
        (void)snprintf(why, size, "%s: its first line is longer than %d bytes", path,
                       PASSWORD_MOST);
        return false;
    }
    session->password[length] = '\0';
    return true;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void fill_tls(MQTTAsync_SSLOptions *tls, const struct broker_config *broker)
{
    tls->enableServerCertAuth = 1;
    tls->verify = 1; /* the host name */
    tls->sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    tls->trustStore = or_null(broker->ca_file);
    tls->disableDefaultTrustStore = tls->trustStore != NULL;
    tls->keyStore = or_null(broker->cert_file);
    tls->privateKey = or_null(broker->key_file);
}

bool session_ask_less(struct session *session, int reason)
{
    bool *refused = reason == MQTTREASONCODE_RETAIN_NOT_SUPPORTED ? &session->no_retain
                    : reason == MQTTREASONCODE_QOS_NOT_SUPPORTED  ? &session->no_quality
                                                                  : NULL;
    bool less = refused != NULL && !*refused;
    if (less)
        *refused = true;
    return less;
}

bool session_connect(struct session *session, unsigned url, char *why, size_t size)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    const struct broker_config *broker = &session->hello.broker;
    if (!read_password(session, why, size))
        return false;
    session->client = session->clients[url];
    will.topicName = session->will_topic;
    will.message = OFFLINE;
    will.retained = !session->no_retain;
    will.qos = !session->no_quality;
    fill_tls(&tls, broker);
    options.will = broker_sends(broker, PART_STATUS) ? &will : NULL;
    options.ssl = broker_url(broker, url)->tls ? &tls : NULL;
    options.cleanstart = 1;
    options.keepAliveInterval = (int)broker->keepalive_s;
    options.connectTimeout = CONNECT_S;
    options.automaticReconnect = 0;
    options.maxInflight = PAHO_INFLIGHT;
    options.username = or_null(broker->user);
    options.password = or_null(session->password);
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_connect_failed;
    options.context = session;
    int rc = MQTTAsync_connect(session->client, &options);
    if (rc != MQTTASYNC_SUCCESS)
        (void)snprintf(why, size, "cannot connect: %s", MQTTAsync_strerror(rc));
    return rc == MQTTASYNC_SUCCESS;
}

void session_subscribe(struct session *session)
{
    if (session->hello.requests)
        subscribe(session);
    if (broker_sends(&session->hello.broker, PART_STATUS))
        subscribe_status(session);
}

void session_disconnect(struct session *session, int reason)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.timeout = 200;
    options.reasonCode = (enum MQTTReasonCodes)reason;
    options.onSuccess5 = on_ended;
    options.onFailure5 = on_end_failed;
    options.context = session;
    if (MQTTAsync_disconnect(session->client, &options) != MQTTASYNC_SUCCESS)
        on_ended(session, NULL);
}

/* ---- Messages ---- */

static void fill_properties(MQTTProperties *properties, const struct session_message *message)
{
    union { /* Paho's strings are not const, but it only copies them */
        const void *in;
        char *out;
    } data;
    if (message->content_type != NULL) {
        MQTTProperty type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
        data.in = message->content_type;
        type.value.data.data = data.out;
        type.value.data.len = (int)strlen(message->content_type);
        (void)MQTTProperties_add(properties, &type);
    }
    if (message->correlation_size > 0) {
        MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
        data.in = message->correlation;
        correlation.value.data.data = data.out;
        correlation.value.data.len = message->correlation_size;
        (void)MQTTProperties_add(properties, &correlation);
    }
}

static void count_patient(struct session *session, int change)
{
    pthread_mutex_lock(&session->lock);
    session->patient_out += (uint32_t)change;
    pthread_mutex_unlock(&session->lock);
}

bool session_publish(struct session *session, uint16_t slot, uint32_t generation,
                     const struct session_message *message)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message out = MQTTAsync_message_initializer;
    union {
        const void *in;
        void *out;
    } payload = {.in = message->payload};
    session->slots[slot].generation = generation;
    session->slots[slot].patient = message->patient;
    count_patient(session, message->patient);
    options.onSuccess5 = on_acked;
    options.onFailure5 = on_unsent;
    options.context = &session->slots[slot];
    out.payload = payload.out;
    out.payloadlen = (int)message->size;
    out.qos = message->qos;
    out.retained = message->retain;
    fill_properties(&out.properties, message);
    int rc = MQTTAsync_sendMessage(session->client, message->topic, &out, &options);
    MQTTProperties_free(&out.properties);
    if (rc != MQTTASYNC_SUCCESS)
        count_patient(session, message->patient ? -1 : 0);
    return rc == MQTTASYNC_SUCCESS;
}
