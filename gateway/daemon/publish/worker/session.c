/* SPDX-License-Identifier: Apache-2.0 */
/* Clean start and session expiry 0: every message gets its end when a connection ends. Handlers run
 * under Paho's lock: they copy into a ring and signal, nothing else. */
#include "gateway/daemon/publish/worker/session.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "gateway/common/clock.h"
#include "gateway/common/mqtt_session.h"
#include "gateway/daemon/publish/worker/paho.h"
#include "protocols/mqtt/topic.h"

#define OFFLINE       "offline"
#define ONLINE        "online"
#define EVENTS        256u /* more than there can be: a slot has one at a time */
#define OTHERS_MOST   4u   /* heard and not yet taken; what is more is dropped, it comes again */
#define REQUESTS_MOST 32u
#define IDLE_MOST     8u /* events that wait for somebody to look by himself */
#define REQUEST_BYTES 65536
#define DRAIN_MS      200
#define PAHO_INFLIGHT (SESSION_SLOTS + 4)

struct slot_context {
    struct session *session;
    uint16_t slot;
    uint32_t generation;
    bool idle, background;
};

struct session {
    struct ipc_hello hello;
    struct mqtt_session clients[BROKER_URLS_MAX]; /* one an address: Paho can't change its kind */
    struct mqtt_session *client;                  /* the one in use */
    bool no_retain, no_quality; /* the broker refuses what is retained, or of QoS 1 */
    int wake_fd;
    char will_topic[TOPIC_SIZE], rpc_topic[TOPIC_SIZE];
    char password[MQTT_SESSION_PASSWORD_SIZE];
    struct slot_context slots[SESSION_SLOTS];
    pthread_mutex_t lock; /* below; never held while Paho is called */
    struct session_event events[EVENTS];
    uint32_t first, used;
    uint32_t background_out;     /* background messages that Paho has */
    uint32_t background_waiting; /* their acknowledgements among the events */
    bool pressed;                /* those of idle messages wake, too */
    struct session_request *requests, *requests_last;
    uint32_t request_count;
    bool denied;
    char others[OTHERS_MOST][TWINS_MARK_SIZE]; /* who said that they are online */
    unsigned other_count;
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
 * next message: background ones are waited for until half of what was under way is acknowledged,
 * while the other half keeps the connection busy. */
static void leave_slot(const struct slot_context *slot, const struct session_event *event)
{
    struct session *session = slot->session;
    bool wake = true;
    pthread_mutex_lock(&session->lock);
    add_event(session, event);
    if (slot->background) {
        session->background_out--;
        session->background_waiting += event->type == SESSION_ACKED;
        wake =
            event->type != SESSION_ACKED || session->background_waiting >= session->background_out;
    }
    if (slot->idle && event->type == SESSION_ACKED)
        wake = session->pressed || session->used >= IDLE_MOST;
    pthread_mutex_unlock(&session->lock);
    if (wake)
        (void)eventfd_write(session->wake_fd, 1);
}

bool session_press(struct session *session, bool pressed)
{
    pthread_mutex_lock(&session->lock);
    session->pressed = pressed;
    bool any = session->used > 0;
    pthread_mutex_unlock(&session->lock);
    return any;
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
        session->background_waiting = 0;
    }
    pthread_mutex_unlock(&session->lock);
    return any;
}

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

/* ---- Callbacks, on Paho's threads ---- */

static void on_connected(void *context, const struct mqtt_session_grant *grant)
{
    struct session_event event = {.type = SESSION_CONNECTED,
                                  .max_packet = grant->max_packet,
                                  .window = grant->window,
                                  .qos = grant->qos,
                                  .retain = grant->retain};
    leave(context, &event);
}

static void on_connect_failed(void *context, int reason, const char *why)
{
    struct session_event event = {.type = SESSION_CONNECT_FAILED, .reason = reason};
    event.hung_up = reason == MQTT_SESSION_HUNG_UP;
    copy_text(event.text, sizeof event.text, why);
    leave(context, &event);
}

static void on_lost(void *context, int reason, const char *why)
{
    struct session_event event = {.type = SESSION_LOST, .reason = reason};
    copy_text(event.text, sizeof event.text, why);
    leave(context, &event);
}

static void on_ended(void *context)
{
    struct session_event event = {.type = SESSION_ENDED};
    leave(context, &event);
}

static void on_acked(void *context, MQTTAsync_successData5 *data)
{
    const struct slot_context *slot = context;
    struct session_event event = {
        .type = SESSION_ACKED, .slot = slot->slot, .generation = slot->generation};
    /* 0x10, no matching subscribers, is a success too: who hears of it may take it otherwise. */
    event.reason = data != NULL ? (int)data->reasonCode : 0;
    if (event.reason == 0 && paho_puback_reason() < (int)MQTTREASONCODE_UNSPECIFIED_ERROR)
        event.reason = paho_puback_reason();
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

static bool is_status(const struct session *session, const char *topic, size_t topic_size,
                      const MQTTAsync_message *message, const char *status)
{
    return topic_size == strlen(session->will_topic) &&
           memcmp(topic, session->will_topic, topic_size) == 0 &&
           message->payloadlen == (int)strlen(status) &&
           memcmp(message->payload, status, strlen(status)) == 0;
}

/* Under the lock. Who is online says by the correlation data who it is. */
static void note_other(struct session *session, MQTTAsync_message *message)
{
    MQTTProperty *mark =
        MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (mark == NULL || mark->value.data.len != TWINS_MARK_SIZE - 1 || message->retained != 0 ||
        session->other_count == OTHERS_MOST)
        return;
    char *to = session->others[session->other_count++];
    memcpy(to, mark->value.data.data, TWINS_MARK_SIZE - 1);
    to[TWINS_MARK_SIZE - 1] = '\0';
}

static bool on_message(void *context, char *topic, size_t size, MQTTAsync_message *message)
{
    struct session *session = context;
    size_t mount = topic_behind_mount(topic, size, session->hello.site);
    topic += mount;
    size -= mount;
    struct session_request *request = copy_request(session, topic, size, message);
    bool denial = is_status(session, topic, size, message, OFFLINE);
    pthread_mutex_lock(&session->lock);
    if (is_status(session, topic, size, message, ONLINE))
        note_other(session, message);
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
    (void)eventfd_write(session->wake_fd, 1);
    return false;
}

bool session_take_denial(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    bool denied = session->denied;
    session->denied = false;
    pthread_mutex_unlock(&session->lock);
    return denied;
}

bool session_take_other(struct session *session, char mark[TWINS_MARK_SIZE])
{
    pthread_mutex_lock(&session->lock);
    bool any = session->other_count > 0;
    if (any)
        memcpy(mark, session->others[--session->other_count], TWINS_MARK_SIZE);
    pthread_mutex_unlock(&session->lock);
    return any;
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
                          struct mqtt_session *client)
{
    struct mqtt_session_events events = {.context = session,
                                         .connected = on_connected,
                                         .failed = on_connect_failed,
                                         .lost = on_lost,
                                         .ended = on_ended,
                                         .message = on_message};
    struct mqtt_session_address address = {.tls = place->tls,
                                           .websocket = place->websocket,
                                           .host = place->host,
                                           .port = place->port,
                                           .path = place->path};
    char url[MQTT_SESSION_URL_SIZE];
    return mqtt_session_url(url, &address) && mqtt_session_create(client, url, id, &events);
}

static bool create_clients(struct session *session)
{
    const struct broker_config *broker = &session->hello.broker;
    char id[128];
    /* Whoever connects by our id ends our connection: it is in no topic, and another at each
     * start. */
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    (void)snprintf(id, sizeof id, "baiye-%s-%s-%016" PRIx64, session->hello.site, broker->name,
                   random);
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

bool session_may_retain(const struct session *session)
{
    return !session->no_retain;
}

bool session_may_confirm(const struct session *session)
{
    return !session->no_quality;
}

/* What is wrong with it is reported by its key: the path is a descriptor's of this process. */
static bool take_password(struct session *session, char *why, size_t size)
{
    const char *path = session->hello.broker.password_file;
    char wrong[160] = "";
    if (mqtt_session_password(path, session->password, wrong, sizeof wrong))
        return true;
    size_t skip = strncmp(wrong, path, strlen(path)) == 0 ? strlen(path) : 0;
    (void)snprintf(why, size, "password_file%s", wrong + skip);
    return false;
}

bool session_connect(struct session *session, unsigned url, char *why, size_t size)
{
    const struct broker_config *broker = &session->hello.broker;
    struct mqtt_session_options options = {.user = broker->user,
                                           .password = session->password,
                                           .tls = broker_url(broker, url)->tls,
                                           .ca_file = broker->ca_file,
                                           .cert_file = broker->cert_file,
                                           .key_file = broker->key_file,
                                           .keepalive_s = broker->keepalive_s,
                                           .inflight = PAHO_INFLIGHT};
    if (!take_password(session, why, size))
        return false;
    if (broker_sends(broker, PART_STATUS))
        options.will = (struct mqtt_session_will){.topic = session->will_topic,
                                                  .text = OFFLINE,
                                                  .retain = !session->no_retain,
                                                  .qos = !session->no_quality};
    session->client = &session->clients[url];
    return mqtt_session_connect(session->client, &options, why, size);
}

/* A connection that the broker still holds open, of before a power cut, ends with its will, which
 * then stands retained although we are there: we listen to what is said of us. Retained requests
 * are never to be obeyed. */
void session_subscribe(struct session *session)
{
    if (session->hello.requests)
        (void)mqtt_session_subscribe(session->client, session->rpc_topic, MQTT_SESSION_NO_RETAINED);
    if (broker_sends(&session->hello.broker, PART_STATUS))
        (void)mqtt_session_subscribe(session->client, session->will_topic,
                                     MQTT_SESSION_NO_LOCAL | MQTT_SESSION_NO_RETAINED);
}

void session_disconnect(struct session *session, int reason)
{
    mqtt_session_disconnect(session->client, reason, DRAIN_MS);
}

/* ---- Messages ---- */

static void count_background(struct session *session, int change)
{
    pthread_mutex_lock(&session->lock);
    session->background_out += (uint32_t)change;
    pthread_mutex_unlock(&session->lock);
}

bool session_publish(struct session *session, uint16_t slot, uint32_t generation,
                     const struct session_message *message)
{
    struct mqtt_session_message out = {.topic = message->topic,
                                       .payload = message->payload,
                                       .size = message->size,
                                       .qos = message->qos,
                                       .retain = message->retain,
                                       .content_type = message->content_type,
                                       .correlation = message->correlation,
                                       .correlation_size = message->correlation_size,
                                       .sent = on_acked,
                                       .unsent = on_unsent,
                                       .context = &session->slots[slot]};
    session->slots[slot].generation = generation;
    session->slots[slot].idle = message->idle;
    session->slots[slot].background = message->background;
    count_background(session, message->background);
    bool good = mqtt_session_publish(session->client, &out);
    if (!good)
        count_background(session, message->background ? -1 : 0);
    return good;
}
