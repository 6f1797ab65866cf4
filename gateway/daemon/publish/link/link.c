/* SPDX-License-Identifier: Apache-2.0 */
/* The link thread: keeps the publisher processes running and moves between them and the store. It
 * waits for nothing but poll(): a publisher that does not read has its socket left alone. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/common/thread.h"
#include "gateway/daemon/publish/link/link.h"

#define RESTART_FIRST_MS 200
#define RESTART_MOST_MS  10000
#define STEADY_MS        30000
#define SILENT_LEAST_MS  15000
#define ROUND_LEAST_MS   5
#define STOP_MOST_MS     2500

/* ---- Publishers come and go ---- */

void link_set_state(struct publish *publish, struct broker *broker, const char *state,
                    const char *why)
{
    pthread_mutex_lock(&publish->lock);
    (void)snprintf(broker->stats.state, sizeof broker->stats.state, "%s", state);
    (void)snprintf(broker->stats.why, sizeof broker->stats.why, "%s", why);
    broker->stats.since_ms = clock_now().mono_ms;
    broker->stats.pid = (uint32_t)broker->child.pid;
    pthread_mutex_unlock(&publish->lock);
}

static void begin_publisher(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    struct ipc_hello hello = {.type = IPC_HELLO,
                              .requests = publish->callbacks.request != NULL &&
                                          broker->config->requests != REQUESTS_NONE,
                              .broker = *broker->config};
    atomic_store(&publish->step_ms,
                 clock_now().mono_ms); /* each may take half a minute to be there */
    if (!child_start(&broker->child, CHILD_PUBLISHER)) {
        int error = errno;
        link_set_state(publish, broker, "stopped", strerror(error));
        log_change(&broker->log, 0, LOG_LEVEL_ERROR,
                   "publish %s: its process can't be started: %s; trying on", broker->config->name,
                   strerror(error));
        broker->restart_ms = now_ms + RESTART_MOST_MS;
        return;
    }
    memcpy(hello.site, publish->config->site, sizeof hello.site);
    memcpy(hello.uuid, store_uuid(publish->store), sizeof hello.uuid);
    memcpy(hello.run, publish->run, sizeof hello.run);
    broker->started_ms = broker->heard_ms = now_ms;
    broker->blocked = false;
    broker->docs_out = 0;
    broker->pack_used = 0;
    broker->counted.connects = broker->counted.messages = 0;
    (void)ipc_send(broker, &hello, sizeof hello, NULL, 0);
    backlog_begin(publish, broker);
    link_set_state(publish, broker, "connecting", "");
}

static void publisher_ended(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    child_end(&broker->child, 100);
    if (broker->up)
        backlog_down(publish, broker);
    else
        broker->doubtful = true;
    broker->up = false;
    if (now_ms - broker->started_ms > STEADY_MS)
        broker->restart_wait_ms = RESTART_FIRST_MS;
    broker->restart_ms = now_ms + broker->restart_wait_ms;
    broker->restart_wait_ms *= 2;
    if (broker->restart_wait_ms > RESTART_MOST_MS)
        broker->restart_wait_ms = RESTART_MOST_MS;
    link_set_state(publish, broker, "stopped", "its process ended; it is started again");
    pthread_mutex_lock(&publish->lock);
    broker->stats.restarts++;
    broker->counted.bytes_base = broker->stats.bytes_sent;
    pthread_mutex_unlock(&publish->lock);
    log_write(LOG_LEVEL_WARNING, "publish %s: its process ended; it is started again",
              broker->config->name);
}

static void read_broker(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    uint8_t *message = publish->message;
    for (unsigned n = 0; n < 256 && broker->child.fd >= 0; n++) {
        ssize_t got = recv(broker->child.fd, message, sizeof publish->message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            publisher_ended(publish, broker, now_ms);
        else
            ipc_take(publish, broker, message, (size_t)got);
        broker->heard_ms = now_ms;
    }
}

/* A publisher reports its counts every second. One that is stopped or hangs is ended; that is seen
 * when it is read from. */
static void look_for_silence(struct broker *broker, int64_t now_ms)
{
    int64_t most = (int64_t)broker->config->keepalive_s * 3000;
    most = most < SILENT_LEAST_MS ? SILENT_LEAST_MS : most;
    if (broker->child.pid <= 0 || now_ms - broker->heard_ms <= most)
        return;
    log_write(LOG_LEVEL_ERROR, "publish %s: its process says nothing for %lld s and is ended",
              broker->config->name, (long long)(most / 1000));
    child_kill(&broker->child);
    broker->heard_ms = now_ms;
}

/* A user of its own comes with the service manager, when that is ready. */
static void look_for_manager(struct broker *broker, int64_t now_ms)
{
    if (broker->child.pid <= 0 || !child_may_move(&broker->child, now_ms))
        return;
    log_write(LOG_LEVEL_INFO,
              "publish %s: its process starts anew, by the service manager if that is ready",
              broker->config->name);
    broker->child.manager_ms = 0;
    child_kill(&broker->child);
}

/* ---- Rounds ---- */

static int64_t pump(struct publish *publish, struct broker *broker, int64_t now_ms, int64_t wait)
{
    if (broker->child.pid == 0) {
        if (now_ms >= broker->restart_ms)
            begin_publisher(publish, broker, now_ms);
        else if (broker->restart_ms - now_ms < wait)
            wait = broker->restart_ms - now_ms;
        return wait;
    }
    if (!broker->up || broker->blocked)
        return wait;
    answers_pump(publish, broker);
    if (broker->stage != DATA_PLAN_NONE) /* a new month begins with its first reading */
        data_plan_count(publish, broker, &(struct data_plan_traffic){0});
    record_log_pump(publish, broker, now_ms);
    (void)docs_pump(publish, broker, true);
    wait = live_lane_pump(publish, broker, now_ms, wait);
    (void)docs_pump(publish, broker, false);
    backlog_pump(publish, broker, now_ms);
    (void)ipc_flush(broker);
    return wait;
}

/* One plan is one SIM card: it is counted once. */
static void count_spent(struct publish *publish)
{
    uint64_t bytes = atomic_exchange(&publish->spent, 0);
    uint16_t i = 0;
    while (i < publish->broker_count && publish->brokers[i].data_plan.limit == 0)
        i++;
    if (bytes > 0 && i < publish->broker_count)
        data_plan_count(publish, &publish->brokers[i], &(struct data_plan_traffic){.bytes = bytes});
}

static int64_t pump_all(struct publish *publish, bool slow)
{
    int64_t now_ms = clock_now().mono_ms, wait = 1000;
    live_lane_look(publish, slow);
    for (uint16_t i = 0; i < publish->broker_count; i++)
        wait = pump(publish, &publish->brokers[i], now_ms, wait);
    if (live_lane_quiet(publish, now_ms))
        wait = 0;
    return wait < ROUND_LEAST_MS ? ROUND_LEAST_MS : wait;
}

static void wait_and_read(struct publish *publish, int64_t wait)
{
    enum { WAKE, LIVE, BROKERS };
    struct pollfd fds[BROKERS + STORE_BROKERS_MAX] = {
        [WAKE] = {.fd = publish->wake_fd, .events = POLLIN},
        [LIVE] = {.fd = publish->live_fd, .events = POLLIN}};
    uint64_t count = 0;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        const struct broker *broker = &publish->brokers[i];
        fds[BROKERS + i].fd = broker->child.fd; /* poll() leaves out negative ones */
        fds[BROKERS + i].events = broker->blocked ? POLLIN | POLLOUT : POLLIN;
    }
    if (poll(fds, BROKERS + publish->broker_count, (int)wait) <= 0)
        return;
    int64_t now_ms = clock_now().mono_ms;
    for (unsigned i = WAKE; i <= LIVE; i++) {
        if (fds[i].revents != 0 && read(fds[i].fd, &count, sizeof count) < 0)
            continue; /* set anew meanwhile */
    }
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        if (fds[BROKERS + i].revents & POLLOUT)
            publish->brokers[i].blocked = false;
        if (fds[BROKERS + i].revents & ~POLLOUT)
            read_broker(publish, &publish->brokers[i], now_ms);
    }
}

static void *link_main(void *context)
{
    struct publish *publish = context;
    data_plan_load(publish);
    site_publish(publish);
    while (!atomic_load(&publish->stopping)) {
        int64_t now_ms = clock_now().mono_ms;
        bool slow = now_ms - publish->slow_ms >= 1000;
        atomic_store(&publish->step_ms, now_ms);
        if (slow) {
            publish->slow_ms = now_ms;
            announced_second(publish, publish->announced);
            count_spent(publish);
            for (uint16_t i = 0; i < publish->broker_count; i++) {
                look_for_manager(&publish->brokers[i], now_ms);
                look_for_silence(&publish->brokers[i], now_ms);
            }
        }
        wait_and_read(publish, pump_all(publish, slow));
    }
    /* Each says goodbye to its broker; all at once, then all are waited for. */
    static const uint8_t stop = IPC_STOP;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        publish->brokers[i].blocked = false;
        (void)ipc_send(&publish->brokers[i], &stop, sizeof stop, NULL, 0);
    }
    int64_t until = clock_now().mono_ms + STOP_MOST_MS;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        struct broker *broker = &publish->brokers[i];
        struct pollfd fd = {.fd = broker->child.fd, .events = POLLIN};
        while (broker->child.fd >= 0 && clock_now().mono_ms < until && poll(&fd, 1, 100) >= 0) {
            uint8_t message[512];
            ssize_t got = recv(broker->child.fd, message, sizeof message, MSG_DONTWAIT);
            if (got > 0 && message[0] == IPC_ACK)
                ipc_take(publish, broker, message, (size_t)got);
            if (got == 0)
                break;
        }
        child_end(&broker->child, 300);
    }
    count_spent(publish);
    data_plan_save(publish);
    return NULL;
}

/* ---- Start and stop ---- */

static void *zeros(size_t count, size_t size)
{
    return calloc(count + 1, size);
}

static bool make_broker(struct publish *publish, uint16_t index)
{
    const struct config *config = publish->config;
    struct broker *broker = &publish->brokers[index];
    broker->index = index;
    broker->config = &config->brokers[index];
    broker->child.fd = -1;
    child_reads(&broker->child, broker->config->password_file);
    child_reads(&broker->child, broker->config->ca_file);
    child_reads(&broker->child, broker->config->cert_file);
    child_reads(&broker->child, broker->config->key_file);
    broker->restart_wait_ms = RESTART_FIRST_MS;
    (void)snprintf(broker->stats.state, sizeof broker->stats.state, "connecting");
    return backlog_create(publish, broker) && live_lane_create(config, broker);
}

static void free_broker(struct broker *broker)
{
    answers_free(&broker->answers);
    backlog_destroy(broker->backlog);
    live_lane_destroy(broker->live_lane);
}

static void release(struct publish *publish)
{
    for (uint16_t i = 0; publish->brokers != NULL && i < publish->broker_count; i++)
        free_broker(&publish->brokers[i]);
    announced_destroy(publish->announced);
    docs_free(&publish->docs);
    free(publish->brokers);
    free(publish->schemas);
    free(publish->changed);
    free(publish->quiet);
    if (publish->wake_fd >= 0)
        close(publish->wake_fd);
    if (publish->live_fd >= 0)
        close(publish->live_fd);
    pthread_mutex_destroy(&publish->lock);
    free(publish);
}

static bool make_parts(struct publish *publish)
{
    const struct config *config = publish->config;
    publish->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    publish->live_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    publish->broker_count =
        config->broker_count < STORE_BROKERS_MAX ? config->broker_count : STORE_BROKERS_MAX;
    publish->brokers = zeros(publish->broker_count, sizeof *publish->brokers);
    publish->schemas = zeros(config->device_count, sizeof *publish->schemas);
    publish->announced = announced_create(publish);
    publish->changed = zeros(config->device_count, sizeof *publish->changed);
    publish->quiet = zeros(config->device_count, sizeof *publish->quiet);
    if (publish->wake_fd < 0 || publish->live_fd < 0 || publish->brokers == NULL ||
        publish->schemas == NULL || publish->changed == NULL || publish->quiet == NULL ||
        publish->announced == NULL)
        return false;
    for (uint16_t i = 0; i < publish->broker_count; i++)
        log_state_init(&publish->brokers[i].twin_log, PUBLISH_TWIN_NONE);
    for (uint16_t i = 0; i < config->device_count; i++)
        stream_schema_of_device(&config->devices[i], &publish->schemas[i]);
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        if (!make_broker(publish, i))
            return false;
    }
    return true;
}

struct publish *publish_start(const struct config *config, struct store *store,
                              const struct publish_callbacks *callbacks)
{
    struct publish *publish = calloc(1, sizeof *publish);
    if (publish == NULL)
        return NULL;
    publish->config = config;
    publish->store = store;
    publish->live = store_live(store);
    publish->callbacks = *callbacks;
    publish->wake_fd = publish->live_fd = -1;
    uint64_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        chance = (uint64_t)clock_now().wall_ms;
    (void)snprintf(publish->run, sizeof publish->run, "%016" PRIx64, chance);
    pthread_mutex_init(&publish->lock, NULL);
    docs_init(&publish->docs);
    if (!make_parts(publish)) {
        release(publish);
        return NULL;
    }
    store_set_wake(store, publish->wake_fd);
    live_set_timer(publish->live, publish->live_fd);
    atomic_store(&publish->step_ms, clock_now().mono_ms);
    if (!thread_start(&publish->thread, link_main, publish)) {
        int error = errno;
        store_set_wake(store, -1);
        live_set_timer(publish->live, -1);
        release(publish);
        errno = error;
        return NULL;
    }
    return publish;
}

void publish_stop(struct publish *publish)
{
    if (publish == NULL)
        return;
    atomic_store(&publish->stopping, true);
    (void)eventfd_write(publish->wake_fd, 1);
    pthread_join(publish->thread, NULL);
    store_set_wake(publish->store, -1);
    live_set_timer(publish->live, -1);
    release(publish);
}

/* ---- Small ones ---- */

void publish_spent(struct publish *publish, uint64_t bytes)
{
    atomic_fetch_add(&publish->spent, bytes);
}

const char *publish_twin_text(enum publish_twin twin)
{
    static const char *const texts[] = {
        [PUBLISH_TWIN_NONE] = "",
        [PUBLISH_TWIN_SESSION] = "another client connects as this gateway: its sessions are taken "
                                 "over",
        [PUBLISH_TWIN_SITE] = "another gateway is there with the same name of its site",
        [PUBLISH_TWIN_IDENTITY] = "another box is there with this gateway's identity: a copied "
                                  "card"};
    return texts[twin <= PUBLISH_TWIN_IDENTITY ? twin : PUBLISH_TWIN_NONE];
}

bool publish_doc(struct publish *publish, const char *suffix, const void *payload, size_t size,
                 bool retain, uint8_t qos)
{
    char topic[TOPIC_SIZE];
    bool urgent = strncmp(suffix, TOPIC_ALERT, strlen(TOPIC_ALERT)) == 0 ||
                  strcmp(suffix, TOPIC_FORECAST) == 0;
    if (!topic_make(topic, sizeof topic, publish->config->site, suffix) ||
        !docs_set(&publish->docs, topic, urgent ? DOC_URGENT : DOC_PLAIN, payload, size, retain,
                  qos))
        return false;
    (void)eventfd_write(publish->wake_fd, 1);
    return true;
}

bool publish_follow(struct publish *publish, const char *suffix, const void *payload, size_t size)
{
    char topic[TOPIC_SIZE];
    if (!topic_make(topic, sizeof topic, publish->config->site, suffix) ||
        !docs_follow(&publish->docs, topic, payload, size))
        return false;
    (void)eventfd_write(publish->wake_fd, 1);
    return true;
}

void publish_stats(struct publish *publish, uint16_t broker, struct publish_stats *stats)
{
    struct store_stats store;
    memset(stats, 0, sizeof *stats);
    if (broker >= publish->broker_count)
        return;
    store_stats(publish->store, &store);
    pthread_mutex_lock(&publish->lock);
    *stats = publish->brokers[broker].stats;
    pthread_mutex_unlock(&publish->lock);
    stats->backlog = store.next_record - store.cursors[broker];
    struct wall_ms now = store_now(publish->store);
    if (stats->budget_limited && now.trust == TIME_TRUSTED)
        stats->later_ms = data_plan_next_ms(now.ms);
}

int64_t publish_idle_ms(const struct publish *publish)
{
    return clock_now().mono_ms - atomic_load(&publish->step_ms);
}
