/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/mqtt_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_S 10
#define NO_TLS                                                                                     \
    "no connection: is it on? Are address, port and its certificate (ca_file, name) right?"
#define HUNG_UP "it hangs up when we log in: MQTT 3.1.1 only? Other TLS or path than in url?"

/* CONNACKs of MQTT 3 say 1, "unacceptable protocol version", to 5; in those of MQTT 5 these mean
 * nothing. */
#define REFUSED_BY_3_LAST 5

/* ---- Paho's threads ---- */

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* What is not there means that it is offered. */
static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_session *session = context;
    MQTTProperties *properties = &data->properties;
    /* int in Paho 1.3.12, int64_t from 1.3.14 on. */
    int64_t packet =
        MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    int64_t window = MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    int64_t qos = MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_MAXIMUM_QOS);
    int64_t retain = MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE);
    struct mqtt_session_grant grant = {.max_packet = packet > 0 ? (uint32_t)packet : 0,
                                       .window = window > 0 ? (uint16_t)window : 0,
                                       .qos = qos != 0,
                                       .retain = retain != 0};
    int64_t keepalive_s =
        MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE);
    if (keepalive_s > 0)
        atomic_store(&session->keepalive_s, (unsigned)keepalive_s);
    session->events.connected(session->events.context, &grant);
}

/* Where it failed, as Paho calls it: it says no more, and of TLS not whether somebody was there. A
 * TCP connection that was there and ended before a CONNACK came is a broker that hangs up, or none
 * at all. */
static const struct stage {
    const char *paho, *text, *text_tls; /* NULL: the same */
    bool hung_up;
} stages[] = {
    {"TCP/TLS connect failure",
     "nobody listens there: is it switched on, are address and port right?", NO_TLS, false},
    {"TCP connect timeout",
     "no answer from its address: is it switched on, are address and port right?", NULL, false},
    {"TCP connect completion failure", HUNG_UP, NULL, true},
    {"socket error", HUNG_UP, NULL, true},
};

static const struct stage *stage_of(const char *paho)
{
    for (size_t i = 0; paho != NULL && i < sizeof stages / sizeof stages[0]; i++) {
        if (strcmp(paho, stages[i].paho) == 0)
            return &stages[i];
    }
    return NULL;
}

/* The broker's reason first: Paho's message beside it says only "CONNACK return code". */
static void on_failed(void *context, MQTTAsync_failureData5 *data)
{
    const struct mqtt_session *session = context;
    int reason = data == NULL ? 0 : data->reasonCode != 0 ? (int)data->reasonCode : data->code;
    const char *why = data != NULL ? data->message : NULL;
    const struct stage *stage = reason <= 0 ? stage_of(why) : NULL;
    if (stage != NULL) {
        reason = stage->hung_up ? MQTT_SESSION_HUNG_UP : reason;
        why = session->tls && stage->text_tls != NULL ? stage->text_tls : stage->text;
    }
    if (reason > 0 && reason <= REFUSED_BY_3_LAST)
        reason = MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
    if (reason == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION)
        why = "it does not speak MQTT 5, only an older version such as 3.1.1";
    else if (reason >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        why = MQTTReasonCode_toString((enum MQTTReasonCodes)reason);
    session->events.failed(session->events.context, reason, or_empty(why));
}

static void on_lost(void *context, char *cause)
{
    const struct mqtt_session *session = context;
    session->events.lost(session->events.context, 0, cause != NULL ? cause : "connection closed");
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    const struct mqtt_session *session = context;
    (void)properties;
    session->events.lost(session->events.context, (int)reason,
                         or_empty(MQTTReasonCode_toString(reason)));
}

static void on_ended(void *context, MQTTAsync_successData5 *data)
{
    const struct mqtt_session *session = context;
    (void)data;
    if (session->events.ended != NULL)
        session->events.ended(session->events.context);
}

static void on_end_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    on_ended(context, NULL);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    const struct mqtt_session *session = context;
    (void)data;
    if (session->events.subscribed != NULL)
        session->events.subscribed(session->events.context);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    const struct mqtt_session *session = context;
    if (session->events.unsubscribed != NULL)
        session->events.unsubscribed(session->events.context,
                                     data != NULL ? (int)data->reasonCode : 0);
}

/* Topics with NUL inside are refused by brokers: Paho gives their length, and 0 for all others. */
static int on_message(void *context, char *topic, int length, MQTTAsync_message *message)
{
    const struct mqtt_session *session = context;
    size_t size = length > 0 ? (size_t)length : strlen(topic);
    if (session->events.message == NULL ||
        !session->events.message(session->events.context, topic, size, message))
        mqtt_session_free_message(topic, message);
    return 1; /* anything else makes Paho deliver it for ever */
}

/* ---- The owner's thread ---- */

bool mqtt_session_url(char url[MQTT_SESSION_URL_SIZE], const struct mqtt_session_address *address)
{
    static const char *const schemes[] = {"tcp", "ssl", "ws", "wss"};
    bool v6 = strchr(address->host, ':') != NULL;
    int n = snprintf(url, MQTT_SESSION_URL_SIZE, "%s://%s%s%s:%u%s",
                     schemes[(address->tls ? 1 : 0) + (address->websocket ? 2 : 0)], v6 ? "[" : "",
                     address->host, v6 ? "]" : "", address->port, address->path);
    return n > 0 && n < MQTT_SESSION_URL_SIZE;
}

bool mqtt_session_password(const char *path, char password[MQTT_SESSION_PASSWORD_SIZE], char *why,
                           size_t why_size)
{
    char line[MQTT_SESSION_PASSWORD_SIZE + 2]; /* with the end of its line */
    password[0] = '\0';
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(line, sizeof line, file) != NULL;
    int error = file == NULL || ferror(file) != 0 ? errno : 0;
    if (file != NULL)
        (void)fclose(file);
    size_t length = read ? strcspn(line, "\r\n") : 0;
    if (error != 0)
        (void)snprintf(why, why_size, "%s cannot be read: %s", path, strerror(error));
    else if (length == 0)
        (void)snprintf(why, why_size, "%s: its first line is empty", path);
    else if (length >= MQTT_SESSION_PASSWORD_SIZE)
        (void)snprintf(why, why_size, "%s: its first line is longer than %d bytes", path,
                       MQTT_SESSION_PASSWORD_SIZE - 1);
    if (error != 0 || length == 0 || length >= MQTT_SESSION_PASSWORD_SIZE) {
        errno = error;
        return false;
    }
    memcpy(password, line, length);
    password[length] = '\0';
    return true;
}

bool mqtt_session_create(struct mqtt_session *session, const char *url, const char *client_id,
                         const struct mqtt_session_events *events)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    *session = (struct mqtt_session){.events = *events};
    options.sendWhileDisconnected = 0;
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR); /* else every call is noted in a ring, locked */
    if (MQTTAsync_createWithOptions(&session->client, url, client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                    NULL, &options) != MQTTASYNC_SUCCESS) {
        session->client = NULL;
        return false;
    }
    if (MQTTAsync_setCallbacks(session->client, session, on_lost, on_message, NULL) ==
            MQTTASYNC_SUCCESS &&
        MQTTAsync_setDisconnected(session->client, session, on_disconnected) == MQTTASYNC_SUCCESS)
        return true;
    mqtt_session_close(session);
    return false;
}

void mqtt_session_close(struct mqtt_session *session)
{
    if (session->client != NULL)
        MQTTAsync_destroy(&session->client);
    session->client = NULL;
}

static const char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void fill_tls(MQTTAsync_SSLOptions *tls, const struct mqtt_session_options *options)
{
    tls->enableServerCertAuth = 1;
    tls->verify = 1; /* the host name */
    tls->sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    tls->trustStore = or_null(options->ca_file);
    tls->disableDefaultTrustStore = tls->trustStore != NULL;
    tls->keyStore = or_null(options->cert_file);
    tls->privateKey = or_null(options->key_file);
}

static void add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t number)
{
    MQTTProperty property = {.identifier = code};
    if (number == 0)
        return;
    if (code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)
        property.value.integer2 = (unsigned short)number;
    else
        property.value.integer4 = number;
    (void)MQTTProperties_add(properties, &property);
}

/* Ours, or a shorter one of the broker's. Who has it from us need not say it again. */
static int keepalive_of(struct mqtt_session *session, const struct mqtt_session_options *options)
{
    unsigned asked_s = atomic_load(&session->keepalive_s);
    bool shorter = asked_s > 0 && (options->keepalive_s == 0 || asked_s < options->keepalive_s);
    return (int)(shorter ? asked_s : options->keepalive_s);
}

bool mqtt_session_connect(struct mqtt_session *session, const struct mqtt_session_options *options,
                          char *why, size_t why_size)
{
    MQTTAsync_connectOptions out = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    add_number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, options->expiry_s);
    add_number(&properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, options->receive_max);
    add_number(&properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, options->packet_max);
    session->expiry_s = options->expiry_s;
    session->tls = options->tls;
    will.topicName = options->will.topic;
    will.message = options->will.text;
    will.retained = options->will.retain;
    will.qos = options->will.qos;
    fill_tls(&tls, options);
    out.will = options->will.topic != NULL ? &will : NULL;
    out.ssl = options->tls ? &tls : NULL;
    out.cleanstart = !options->resume;
    out.keepAliveInterval = keepalive_of(session, options);
    out.connectTimeout = CONNECT_S;
    out.automaticReconnect = 0;
    if (options->inflight > 0)
        out.maxInflight = options->inflight;
    out.username = or_null(options->user);
    out.password = or_null(options->password);
    out.connectProperties = properties.count > 0 ? &properties : NULL;
    out.onSuccess5 = on_connected;
    out.onFailure5 = on_failed;
    out.context = session;
    int rc = MQTTAsync_connect(session->client, &out);
    MQTTProperties_free(&properties);
    if (rc != MQTTASYNC_SUCCESS)
        (void)snprintf(why, why_size, "cannot connect: %s", or_empty(MQTTAsync_strerror(rc)));
    return rc == MQTTASYNC_SUCCESS;
}

void mqtt_session_disconnect(struct mqtt_session *session, int reason, uint32_t drain_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                           .value.integer4 = 0};
    options.timeout = (int)drain_ms;
    options.reasonCode = (enum MQTTReasonCodes)reason;
    options.onSuccess5 = on_ended;
    options.onFailure5 = on_end_failed;
    options.context = session;
    if (session->expiry_s > 0)
        (void)MQTTProperties_add(&options.properties, &expiry);
    if (MQTTAsync_disconnect(session->client, &options) != MQTTASYNC_SUCCESS)
        on_ended(session, NULL);
    MQTTProperties_free(&options.properties);
}

bool mqtt_session_subscribe(struct mqtt_session *session, const char *filter, unsigned how)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options subscribe = MQTTSubscribe_options_initializer;
    subscribe.noLocal = (how & MQTT_SESSION_NO_LOCAL) != 0;
    subscribe.retainHandling = (how & MQTT_SESSION_NO_RETAINED) != 0 ? 2 : 0;
    options.subscribeOptions = subscribe;
    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscribe_failed;
    options.context = session;
    return MQTTAsync_subscribe(session->client, filter, 1, &options) == MQTTASYNC_SUCCESS;
}

void mqtt_session_unsubscribe(struct mqtt_session *session, const char *filter)
{
    (void)MQTTAsync_unsubscribe(session->client, filter,
                                NULL); /* fails when there is no connection */
}

/* Paho's pointers are not const, but it only copies. */
static void *unconst(const void *data)
{
    union {
        const void *in;
        void *out;
    } pointer = {.in = data};
    return pointer.out;
}

static void add_data(MQTTProperties *properties, enum MQTTPropertyCodes code, const void *data,
                     size_t size)
{
    MQTTProperty property = {.identifier = code};
    property.value.data.data = unconst(data);
    property.value.data.len = (int)size;
    if (size > 0)
        (void)MQTTProperties_add(properties, &property);
}

bool mqtt_session_publish(struct mqtt_session *session, const struct mqtt_session_message *message)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message out = MQTTAsync_message_initializer;
    const char *type = or_empty(message->content_type),
               *response = or_empty(message->response_topic);
    options.onSuccess5 = message->sent;
    options.onFailure5 = message->unsent;
    options.context = message->context;
    out.payload = unconst(message->payload);
    out.payloadlen = (int)message->size;
    out.qos = message->qos;
    out.retained = message->retain;
    add_data(&out.properties, MQTTPROPERTY_CODE_CONTENT_TYPE, type, strlen(type));
    add_data(&out.properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, response, strlen(response));
    add_data(&out.properties, MQTTPROPERTY_CODE_CORRELATION_DATA, message->correlation,
             message->correlation_size);
    int rc = MQTTAsync_sendMessage(session->client, message->topic, &out, &options);
    MQTTProperties_free(&out.properties);
    return rc == MQTTASYNC_SUCCESS;
}

void mqtt_session_free_message(char *topic, MQTTAsync_message *message)
{
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
}
