/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-ingest: readings from a broker into PostgreSQL. Paho calls back for one message at a time
 * and sends the PUBACK when the callback returns (1.3.12, MQTTProtocol_handlePublishes), so the
 * callback returns after COMMIT and not before. A message can't be refused: while PostgreSQL is
 * away the callback waits, for a third of the keep-alive; then the process ends without returning,
 * and stays away from the broker until PostgreSQL answers. The broker keeps its session for a
 * minute; after that the gateways hear that no one subscribes, and hold their readings. */
#include <MQTTAsync.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/common/backoff.h"
#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/county/database.h"
#include "gateway/county/settings.h"

#define SESSION_S       60      /* what is queued for us outlives us by so much */
#define RECEIVE_MAXIMUM 4       /* messages on their way to a process that hangs */
#define PACKET_MAX      262144u /* a gateway's message has 48 KiB of JSON */
#define MAINTAIN_MS     3600000
#define REPORT_MS       60000
#define RETRY_MS        200
#define LEAVE_MS        20000
#define QUIET_MS        500 /* without a message: the broker has none left for us */
#define CONTENT_DEFLATE "application/json+deflate"

struct ingest {
    struct settings settings;
    struct database *database; /* Paho's thread, once it is connected */
    struct database *upkeep;   /* the main thread's: partitions */
    MQTTAsync client;
    char password[4097];
    int wake_fd;
    atomic_bool connected, lost;
    atomic_llong busy_since_ms;    /* monotonic: a message is being stored; 0: none is */
    atomic_llong done_ms;          /* monotonic: the last message was stored */
    struct database_counts counts; /* copied after each message, for the report */
    pthread_mutex_t lock;          /* guards `counts` */
};

static void wake(struct ingest *ingest)
{
    (void)eventfd_write(ingest->wake_fd, 1);
}

/* ---- One message ---- */

static void content_type(MQTTAsync_message *message, char text[64])
{
    const MQTTProperty *property =
        MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_CONTENT_TYPE);
    int size = property != NULL ? property->value.data.len : 0;
    if (size < 0 || size >= 64)
        size = 0;
    if (size > 0)
        memcpy(text, property->value.data.data, (size_t)size);
    text[size] = '\0';
}

static enum database_result take_readings(struct ingest *ingest, const char *site,
                                          const MQTTAsync_message *message, const char *type,
                                          char *why, size_t why_size)
{
    struct message parsed;
    enum database_result result = DATABASE_REFUSED;
    if (message_parse(&parsed, message->payload, (size_t)message->payloadlen,
                      strcmp(type, CONTENT_DEFLATE) == 0, why, why_size))
        result = database_take(ingest->database, &parsed, site, why, why_size);
    message_free(&parsed);
    return result;
}

static enum database_result take_log(struct ingest *ingest, const char *site,
                                     const MQTTAsync_message *message, char *why, size_t why_size)
{
    struct database_log log = {.first = 0};
    const char *gateway = NULL;
    json_int_t first = 0, last = 0, sent = 0, boot = 0, ts = 0;
    json_error_t error;
    enum database_result result = DATABASE_REFUSED;
    json_t *root = json_loadb(message->payload, (size_t)message->payloadlen, 0, &error);
    if (root != NULL &&
        json_unpack_ex(root, &error, 0, "{s:s,s:I,s:I,s:I,s:I,s:I!}", "gw", &gateway, "first",
                       &first, "last", &last, "sent", &sent, "boot", &boot, "ts", &ts) == 0 &&
        strlen(gateway) == 36 && first >= 1 && last >= 0 && sent >= 0 && boot >= 0) {
        log = (struct database_log){.first = first, .last = last, .sent = sent, .boot = boot};
        memcpy(log.gateway, gateway, sizeof log.gateway);
        result = database_note(ingest->database, &log, site, why, why_size);
    } else {
        (void)snprintf(why, why_size, "gateway/log: %.120s", error.text);
    }
    json_decref(root);
    return result;
}

/* One try. What can't be stored is buried, and has been taken then. */
static enum database_result take(struct ingest *ingest, const char *topic,
                                 MQTTAsync_message *message, char *why, size_t why_size)
{
    char site[MESSAGE_NAME_SIZE], type[64], reason[300];
    size_t prefix = strlen(ingest->settings.prefix);
    const char *plain = strncmp(topic, ingest->settings.prefix, prefix) == 0 ? topic + prefix : "";
    enum database_result result = DATABASE_REFUSED;
    content_type(message, type);
    if (message->payloadlen == 0)
        return DATABASE_STORED; /* a retained document that was emptied */
    if (message_site(plain, "readings", site))
        result = take_readings(ingest, site, message, type, why, why_size);
    else if (message_site(plain, "gateway/log", site))
        result = take_log(ingest, site, message, why, why_size);
    else
        (void)snprintf(why, why_size, "no topic of a site");
    if (result != DATABASE_REFUSED)
        return result;
    (void)snprintf(reason, sizeof reason, "%s", why);
    log_write(LOG_LEVEL_WARNING, "%s: kept aside in table dead: %s", topic, reason);
    return database_bury(ingest->database, topic, type, reason, message->payload,
                         (size_t)message->payloadlen, why, why_size);
}

/* Paho's thread. Returns when the message is durable, or not at all. */
static int on_message(void *context, char *topic, int length, MQTTAsync_message *message)
{
    struct ingest *ingest = context;
    char why[300] = "";
    int64_t began_ms = clock_now().mono_ms;
    int64_t most_ms = (int64_t)ingest->settings.keepalive_s * 1000 / 3;
    (void)length; /* brokers refuse topics with NUL inside */
    atomic_store(&ingest->busy_since_ms, began_ms);
    while (take(ingest, topic, message, why, sizeof why) != DATABASE_STORED) {
        if (clock_now().mono_ms - began_ms > most_ms) {
            log_write(LOG_LEVEL_ERROR,
                      "PostgreSQL does not take readings: %s; this process ends, unacknowledged "
                      "readings stay at the broker and at the gateways",
                      why);
            _exit(EX_TEMPFAIL);
        }
        (void)poll(NULL, 0, RETRY_MS);
    }
    atomic_store(&ingest->done_ms, clock_now().mono_ms);
    atomic_store(&ingest->busy_since_ms, 0);
    pthread_mutex_lock(&ingest->lock);
    ingest->counts = *database_counts(ingest->database);
    pthread_mutex_unlock(&ingest->lock);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* ---- The broker ---- */

static void on_lost(void *context, char *cause)
{
    struct ingest *ingest = context;
    (void)cause;
    atomic_store(&ingest->lost, true);
    wake(ingest);
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

static void subscribe(struct ingest *ingest, const char *group, const char *leaf)
{
    char topic[200];
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = ingest;
    options.onFailure5 = on_subscribe_failed;
    (void)snprintf(topic, sizeof topic, "%s%sbaiye/+/%s", group, ingest->settings.prefix, leaf);
    if (MQTTAsync_subscribe(ingest->client, topic, 1, &options) != MQTTASYNC_SUCCESS)
        on_lost(ingest, NULL);
}

/* Of readings each message goes to one of all instances; what gateways have is heard by each. */
static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct ingest *ingest = context;
    (void)data;
    atomic_store(&ingest->connected, true);
    subscribe(ingest, "$share/ingest/", "readings");
    subscribe(ingest, "", "gateway/log");
    wake(ingest);
}

static void on_refused(void *context, MQTTAsync_failureData5 *data)
{
    struct ingest *ingest = context;
    const char *why = "it does not answer";
    if (data != NULL && data->message != NULL)
        why = data->message;
    else if (data != NULL && data->reasonCode != MQTTREASONCODE_SUCCESS)
        why = MQTTReasonCode_toString(data->reasonCode);
    log_write(LOG_LEVEL_WARNING, "broker %s: not connected: %s", ingest->settings.uri,
              why != NULL ? why : "it refuses");
    on_lost(ingest, NULL);
}

static bool connect_broker(struct ingest *ingest)
{
    const struct settings *settings = &ingest->settings;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty session = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                            .value.integer4 = SESSION_S};
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
    options.password = ingest->password[0] != '\0' ? ingest->password : NULL;
    options.connectProperties = &properties;
    options.ssl = settings->tls ? &tls : NULL;
    options.context = ingest;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_refused;
    atomic_store(&ingest->lost, false);
    int rc = MQTTAsync_connect(ingest->client, &options);
    MQTTProperties_free(&properties);
    return rc == MQTTASYNC_SUCCESS;
}

static bool make_client(struct ingest *ingest)
{
    char id[64];
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    (void)snprintf(id, sizeof id, "baiye-ingest-%s", ingest->settings.instance);
    return MQTTAsync_createWithOptions(&ingest->client, ingest->settings.uri, id,
                                       MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                       &options) == MQTTASYNC_SUCCESS &&
           MQTTAsync_setCallbacks(ingest->client, ingest, on_lost, on_message, NULL) ==
               MQTTASYNC_SUCCESS &&
           MQTTAsync_setDisconnected(ingest->client, ingest, on_disconnect) == MQTTASYNC_SUCCESS;
}

static bool read_password(struct ingest *ingest)
{
    const char *path = ingest->settings.password_file;
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(ingest->password, 1, sizeof ingest->password - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    ingest->password[got] = '\0';
    ingest->password[strcspn(ingest->password, "\r\n")] = '\0';
    if (ingest->password[0] != '\0')
        return true;
    log_write(LOG_LEVEL_ERROR, "broker: password_file %s: %s", path,
              file == NULL ? strerror(errno) : "it is empty");
    return false;
}

/* ---- The main thread ---- */

/* Until PostgreSQL answers, or a signal says stop. */
static bool wait_for_database(struct ingest *ingest, int signals)
{
    struct log_state state = {.known = false};
    uint32_t wait_ms = BACKOFF_FIRST_MS;
    char why[300];
    while (!database_connect(ingest->database, why, sizeof why) ||
           !database_connect(ingest->upkeep, why, sizeof why)) {
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        log_change(&state, 0, LOG_LEVEL_ERROR,
                   "PostgreSQL: %s; the broker is left alone until it answers", why);
        (void)sd_notify(0, "WATCHDOG=1");
        if (poll(&fd, 1, (int)backoff_next_up_to(&wait_ms, 10000)) > 0)
            return false;
    }
    log_write(LOG_LEVEL_NOTICE, "PostgreSQL: connected");
    return true;
}

static void report(struct ingest *ingest, const char *level)
{
    pthread_mutex_lock(&ingest->lock);
    struct database_counts c = ingest->counts;
    pthread_mutex_unlock(&ingest->lock);
    log_write(LOG_LEVEL_INFO,
              "%s: messages=%llu readings=%llu duplicates=%llu gaps=%llu means=%llu "
              "corrections=%llu dead=%llu",
              level, (unsigned long long)c.messages, (unsigned long long)c.readings,
              (unsigned long long)c.duplicates, (unsigned long long)c.gaps,
              (unsigned long long)c.means, (unsigned long long)c.corrections,
              (unsigned long long)c.dead);
}

static void maintain(struct ingest *ingest)
{
    char why[300];
    if (!database_connect(ingest->upkeep, why, sizeof why) ||
        !database_maintain(ingest->upkeep, why, sizeof why))
        log_write(LOG_LEVEL_ERROR, "PostgreSQL: partitions could not be looked after: %s", why);
}

static int run(struct ingest *ingest, int signals)
{
    int64_t maintain_ms = 0, report_ms = clock_now().mono_ms, connect_ms = 0;
    uint32_t wait_ms = BACKOFF_FIRST_MS;
    bool trying = false;
    struct log_state state = {.known = false};
    (void)sd_notify(0, "READY=1");
    for (;;) {
        int64_t now_ms = clock_now().mono_ms;
        int64_t busy_ms = atomic_load(&ingest->busy_since_ms);
        if (busy_ms == 0 || now_ms - busy_ms < (int64_t)ingest->settings.keepalive_s * 1000)
            (void)sd_notify(0, "WATCHDOG=1");
        if (atomic_load(&ingest->lost)) {
            log_change(&state, 0, LOG_LEVEL_WARNING, "broker: the connection is gone");
            atomic_store(&ingest->lost, false);
            atomic_store(&ingest->connected, false);
            trying = false;
            connect_ms = now_ms + backoff_next_up_to(&wait_ms, 30000);
        }
        if (atomic_load(&ingest->connected)) {
            log_change(&state, 1, LOG_LEVEL_NOTICE, "broker: connected");
            wait_ms = BACKOFF_FIRST_MS;
        } else if (!trying && now_ms >= connect_ms) {
            trying = connect_broker(ingest);
            if (!trying)
                connect_ms = now_ms + backoff_next_up_to(&wait_ms, 30000);
        }
        if (now_ms >= maintain_ms) {
            maintain_ms = now_ms + MAINTAIN_MS;
            maintain(ingest);
        }
        if (now_ms - report_ms >= REPORT_MS) {
            report_ms = now_ms;
            report(ingest, "since the start");
        }
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = ingest->wake_fd, .events = POLLIN}};
        eventfd_t count = 0;
        (void)poll(fds, 2, 1000);
        if (fds[1].revents != 0)
            (void)eventfd_read(ingest->wake_fd, &count);
        if (fds[0].revents != 0)
            return EX_OK;
    }
}

/* Takes leave: no more messages are given to this instance, those that wait for it are worked off,
 * and its session ends, so that the broker gives nothing to who is away. Bounded by LEAVE_MS. */
static void leave(struct ingest *ingest)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    MQTTProperty session = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                            .value.integer4 = 0};
    char topic[200];
    int64_t now_ms = clock_now().mono_ms, until_ms = now_ms + LEAVE_MS;
    (void)snprintf(topic, sizeof topic, "$share/ingest/%sbaiye/+/readings",
                   ingest->settings.prefix);
    (void)MQTTAsync_unsubscribe(ingest->client, topic, NULL);
    atomic_store(&ingest->done_ms, now_ms);
    for (; now_ms < until_ms; now_ms = clock_now().mono_ms) {
        if (atomic_load(&ingest->busy_since_ms) == 0 &&
            now_ms - atomic_load(&ingest->done_ms) > QUIET_MS)
            break;
        (void)poll(NULL, 0, 20);
    }
    options.timeout = 500;
    (void)MQTTProperties_add(&options.properties, &session);
    (void)MQTTAsync_disconnect(ingest->client, &options);
    MQTTProperties_free(&options.properties);
    now_ms = clock_now().mono_ms;
    while (MQTTAsync_isConnected(ingest->client) && clock_now().mono_ms - now_ms < 2000)
        (void)poll(NULL, 0, 20);
}

int main(int argc, char **argv)
{
    static struct ingest ingest;
    struct config_error error;
    sigset_t set;
    if (argc != 2 || argv[1][0] == '-') {
        (void)fprintf(stderr, "usage: baiye-ingest CONFIG\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? EX_OK : EX_USAGE;
    }
    if (!settings_load(&ingest.settings, argv[1], &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return EX_CONFIG;
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL); /* before Paho starts its threads */
    (void)signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ingest.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&ingest.lock, NULL);
    unsigned days = ingest.settings.keep_raw_s / 86400;
    ingest.database = database_create(ingest.settings.database, days);
    ingest.upkeep = database_create(ingest.settings.database, days);
    if (signals < 0 || ingest.wake_fd < 0 || ingest.database == NULL || ingest.upkeep == NULL)
        return EX_OSERR;
    if (!read_password(&ingest))
        return EX_CONFIG;
    if (!wait_for_database(&ingest, signals))
        return EX_OK;
    if (!make_client(&ingest)) {
        log_write(LOG_LEVEL_ERROR, "broker: the MQTT client can't be made for %s",
                  ingest.settings.uri);
        return EX_CONFIG;
    }
    int status = run(&ingest, signals);
    if (atomic_load(&ingest.connected))
        leave(&ingest);
    report(&ingest, "stopped");
    return status;
}
