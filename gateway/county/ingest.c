/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-ingest: readings from a broker into PostgreSQL. Paho calls back for one message at a time
 * and sends the PUBACK when the callback returns (1.3.12, MQTTProtocol_handlePublishes), so the
 * callback returns after COMMIT and not before. A message can't be refused: while PostgreSQL is
 * away the callback waits, for a third of the keep-alive; then the process ends without returning,
 * and stays away from the broker until PostgreSQL answers. The broker keeps its session for a
 * minute; after that the gateways hear that no one subscribes, and hold their readings. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/common/backoff.h"
#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/county/database.h"
#include "gateway/county/link.h"
#include "gateway/county/program.h"

#define SESSION_S       60 /* what is queued for us outlives us by so much */
#define MAINTAIN_MS     3600000
#define REPORT_MS       60000
#define RETRY_MS        200
#define LEAVE_MS        20000
#define SWEEP_LATE_MS   30000 /* PostgreSQL may take as long to begin */
#define TOPICS          6
#define SMALL_MESSAGE   2048 /* bytes: reading it costs less than asking whether it is known */
#define CONTENT_DEFLATE "application/json+deflate"

struct ingest {
    struct settings settings;
    char topics_room[TOPICS][100];
    const char *topics[TOPICS + 1]; /* ends with NULL */
    struct database *database;      /* Paho's thread, once it is connected */
    struct database *upkeep;        /* the main thread's: partitions */
    struct message message;         /* Paho's thread: its memory is used again */
    struct link *link;
    int64_t heard_from_ms; /* since when it is connected; 0: it is not */
    bool swept;            /* since then */
    struct log_rate sweep_log;
    struct log_rate aside_log;     /* Paho's thread */
    struct database_counts counts; /* copied after each message, for the report */
    pthread_mutex_t lock;          /* guards `counts` */
};

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

/* A message that was stored before is known by its record numbers, before it is read. */
static enum database_result take_readings(struct ingest *ingest, const char *site,
                                          const MQTTAsync_message *message, const char *type,
                                          char *why, size_t why_size)
{
    struct message *parsed = &ingest->message;
    bool known = false;
    if (!message_inflate(parsed, message->payload, (size_t)message->payloadlen,
                         strcmp(type, CONTENT_DEFLATE) == 0, why, why_size))
        return DATABASE_REFUSED;
    if (parsed->size > SMALL_MESSAGE && message_glance(parsed)) {
        enum database_result result =
            database_known(ingest->database, parsed, site, &known, why, why_size);
        if (result != DATABASE_STORED || known)
            return result;
    }
    return message_read(parsed, why, why_size)
               ? database_take(ingest->database, parsed, site, why, why_size)
               : DATABASE_REFUSED;
}

static enum database_result take_log(struct ingest *ingest, const char *site,
                                     const MQTTAsync_message *message, char *why, size_t why_size)
{
    struct told_log log;
    if (!told_log_parse(&log, message->payload, (size_t)message->payloadlen, why, why_size))
        return DATABASE_REFUSED;
    log.broker = ingest->settings.uris[0];
    log.kept = message->retained != 0;
    return database_note(ingest->database, &log, site, why, why_size);
}

static enum database_result take_document(struct ingest *ingest, struct told *told,
                                          const MQTTAsync_message *message, char *why,
                                          size_t why_size)
{
    enum database_result result = DATABASE_REFUSED;
    told->broker = ingest->settings.uris[0];
    if (told_parse(told, message->payload, (size_t)message->payloadlen, why, why_size))
        result = database_hear(ingest->database, told, why, why_size);
    told_free(told);
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
    struct told told;
    content_type(message, type);
    if (message->payloadlen == 0 && !told_topic(&told, plain))
        return DATABASE_STORED; /* gateway/log that was emptied */
    if (message_site(plain, "readings", site))
        result = take_readings(ingest, site, message, type, why, why_size);
    else if (message_site(plain, "gateway/log", site))
        result = take_log(ingest, site, message, why, why_size);
    else if (told_topic(&told, plain))
        result = take_document(ingest, &told, message, why, why_size);
    else
        (void)snprintf(why, why_size, "no topic of a site");
    if (result != DATABASE_REFUSED)
        return result;
    (void)snprintf(reason, sizeof reason, "%s", why);
    log_limited(&ingest->aside_log, LOG_LEVEL_WARNING, "%s: kept aside in table dead: %s", topic,
                reason);
    return database_bury(ingest->database, topic, type, reason, message->payload,
                         (size_t)message->payloadlen, why, why_size);
}

/* Paho's thread. Returns when the message is durable, or not at all. */
static void on_message(void *context, const char *topic, MQTTAsync_message *message)
{
    struct ingest *ingest = context;
    char why[300] = "";
    int64_t began_ms = clock_now().mono_ms;
    int64_t most_ms = (int64_t)ingest->settings.keepalive_s * 1000 / 3;
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
    pthread_mutex_lock(&ingest->lock);
    ingest->counts = *database_counts(ingest->database);
    pthread_mutex_unlock(&ingest->lock);
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

/* What the broker has kept it hands out when it is subscribed to; alerts that it has not handed out
 * a good while later ended before. */
static void forget_alerts(struct ingest *ingest, int64_t now_ms)
{
    char why[300];
    if (!link_is_up(ingest->link)) {
        ingest->heard_from_ms = 0;
        ingest->swept = false;
        return;
    }
    if (ingest->heard_from_ms == 0)
        ingest->heard_from_ms = now_ms;
    int64_t age_ms = now_ms - ingest->heard_from_ms;
    if (ingest->swept || age_ms < (int64_t)ingest->settings.settle_s * 1000)
        return;
    ingest->swept = database_forget_alerts(ingest->upkeep, ingest->settings.uris[0],
                                           age_ms + SWEEP_LATE_MS, why, sizeof why);
    if (!ingest->swept)
        log_limited(&ingest->sweep_log, LOG_LEVEL_ERROR, "PostgreSQL: %s", why);
}

static int run(struct ingest *ingest, int signals)
{
    int64_t maintain_ms = 0, report_ms = clock_now().mono_ms;
    (void)sd_notify(0, "READY=1");
    for (;;) {
        int64_t now_ms = clock_now().mono_ms, busy_ms = link_busy_since_ms(ingest->link);
        if (busy_ms == 0 || now_ms - busy_ms < (int64_t)ingest->settings.keepalive_s * 1000)
            (void)sd_notify(0, "WATCHDOG=1");
        link_step(ingest->link, now_ms);
        forget_alerts(ingest, now_ms);
        if (now_ms >= maintain_ms) {
            maintain_ms = now_ms + MAINTAIN_MS;
            maintain(ingest);
        }
        if (now_ms - report_ms >= REPORT_MS) {
            report_ms = now_ms;
            report(ingest, "since the start");
        }
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = link_fd(ingest->link), .events = POLLIN}};
        (void)poll(fds, 2, 1000);
        if (fds[0].revents != 0)
            return EX_OK;
    }
}

/* Of readings each message goes to one of all instances; what gateways tell of themselves is heard
 * by each. */
static const char *const topics[TOPICS] = {"readings", "gateway/log", "gateway/status",
                                           "site",     "forecast",    "alert/+"};

static bool make_link(struct ingest *ingest)
{
    const struct settings *settings = &ingest->settings;
    char client[64];
    (void)snprintf(client, sizeof client, "baiye-ingest-%s", settings->instance);
    for (unsigned i = 0; i < TOPICS; i++) {
        (void)snprintf(ingest->topics_room[i], sizeof ingest->topics_room[i], "%s%sbaiye/+/%s",
                       i == 0 ? "$share/ingest/" : "", settings->prefix, topics[i]);
        ingest->topics[i] = ingest->topics_room[i];
    }
    ingest->link = link_create(settings, settings->uris[0], client, SESSION_S, ingest->topics,
                               on_message, ingest);
    return ingest->link != NULL;
}

static const char usage[] =
    N_("Usage: baiye-ingest CONFIG\n"
       "Takes the readings of many gateways from one MQTT broker into PostgreSQL. A\n"
       "message is acknowledged when it is committed, and not before; what comes twice\n"
       "counts once; what does not fit is kept in table dead with the reason. Each broker\n"
       "needs at least one; several at one broker share its messages.\n"
       "\n"
       "It runs in the foreground; the manual page is baiye-ingest(8).\n");

int main(int argc, char **argv)
{
    static struct ingest ingest;
    int signals = program_begin(argc, argv, usage, &ingest.settings);
    if (ingest.settings.broker_count != 1) {
        (void)fprintf(stderr, "%s: url: one address; each broker has a baiye-ingest of its own\n",
                      argv[1]);
        return EX_CONFIG;
    }
    pthread_mutex_init(&ingest.lock, NULL);
    unsigned days = ingest.settings.keep_raw_s / 86400;
    ingest.database = database_create(ingest.settings.database, days);
    ingest.upkeep = database_create(ingest.settings.database, days);
    if (ingest.database == NULL || ingest.upkeep == NULL)
        return EX_OSERR;
    if (!wait_for_database(&ingest, signals))
        return EX_OK;
    if (!make_link(&ingest))
        return EX_CONFIG;
    int status = run(&ingest, signals);
    link_leave(ingest.link, ingest.topics[0], LEAVE_MS);
    report(&ingest, "stopped");
    return status;
}
