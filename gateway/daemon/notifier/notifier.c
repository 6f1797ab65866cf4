/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/notifier.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/common/thread.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/notifier/ipc.h"
#include "gateway/daemon/notifier/queue.h"
#include "gateway/daemon/notifier/weather_plan.h"

#define KEY             "notices"
#define DOC_MOST        64000u
#define TICK_MS         1000
#define UNKNOWN_MOST_MS 10000 /* so long the store is waited for */
#define RESTART_MS      2000
#define KEEP_MOST_MS    500   /* so long a message waits until the store has it */
#define ANSWER_MOST_MS  90000 /* a process that says nothing of a message for so long is ended */

struct notifier {
    const struct config *config;
    struct store *store;
    struct notifier_out out;
    pthread_t thread;
    atomic_bool stopping;
    int wake_fd;
    int64_t started_ms, start_again_ms, asked_ms;
    struct child child;
    int64_t sent_ms; /* monotonic: the oldest message without an answer; 0: none */
    unsigned under_way;
    char said[WAYS_MAX][WAY_WHY_SIZE]; /* the last line of the log */
    /* Made and not sent yet: written first, so that a gateway that is killed sends the same again,
     * under the same id. */
    struct held {
        bool waits;
        int64_t since_ms;
        uint64_t put; /* number of the writing that has it */
        struct way_message message;
    } held[WAYS_MAX];
    uint64_t puts; /* writings given to the store */
    struct weather_plan weather;
    struct log_state log_weather;

    pthread_mutex_t lock; /* ---- everything below ---- */
    struct queue *queue;
    bool known; /* what waited before the start has been read, or is not waited for */
    bool asked, save;
    uint64_t put_done;  /* writings that have ended */
    struct ahead ahead; /* the weather that came last; made_ms 0: none has */
};

static struct queue_now now_of(const struct notifier *notifier)
{
    return (struct queue_now){.mono_ms = clock_now().mono_ms, .wall = store_now(notifier->store)};
}

/* ---- The process ---- */

static bool say_hello(const struct notifier *notifier)
{
    struct notifier_hello *hello = calloc(1, sizeof *hello);
    if (hello == NULL)
        return false;
    hello->way_count = notifier->config->way_count;
    if (hello->way_count > 0)
        memcpy(hello->ways, notifier->config->ways, hello->way_count * sizeof hello->ways[0]);
    memcpy(hello->weather_url, notifier->config->forecast_url, sizeof hello->weather_url);
    memcpy(hello->weather_ca_file, notifier->config->forecast_ca_file,
           sizeof hello->weather_ca_file);
    ssize_t sent = send(notifier->child.fd, hello, sizeof *hello, MSG_DONTWAIT | MSG_NOSIGNAL);
    free(hello);
    return sent == (ssize_t)sizeof *hello;
}

static void end_process(struct notifier *notifier)
{
    child_kill(&notifier->child); /* what it sent and has not reported yet is sent again */
    child_end(&notifier->child, 0);
    for (uint16_t w = 0; w < WAYS_MAX; w++)
        notifier->held[w].waits = false; /* made anew, as they were */
    notifier->sent_ms = 0;
    notifier->under_way = 0;
    if (notifier->weather.asked)
        weather_answered(&notifier->weather, clock_now().mono_ms, false);
    pthread_mutex_lock(&notifier->lock);
    queue_again(notifier->queue);
    pthread_mutex_unlock(&notifier->lock);
}

static void begin_process(struct notifier *notifier, int64_t now_ms)
{
    notifier->start_again_ms = now_ms + RESTART_MS;
    if (child_start(&notifier->child, CHILD_NOTIFIER) && say_hello(notifier))
        return;
    log_write(LOG_LEVEL_ERROR, "notify: its process can't be started: %s; trying on",
              strerror(errno));
    end_process(notifier);
}

/* A key that was mended works at once: nothing is under way with the old one then. */
static void renew_process(struct notifier *notifier, int64_t now_ms)
{
    bool moves = child_may_move(&notifier->child, now_ms);
    if (notifier->child.fd < 0 || notifier->under_way > 0 ||
        !(moves || child_is_stale(&notifier->child)))
        return;
    log_write(LOG_LEVEL_INFO, "notify: %s",
              moves ? "its process starts anew, by the service manager if that is ready"
                    : "a key has changed; its process starts anew with it");
    end_process(notifier);
    begin_process(notifier, now_ms);
}

/* ---- Messages ---- */

/* Not each try that ends as the one before. */
static void say(struct notifier *notifier, uint16_t way, const char *what, enum log_level level)
{
    char *said = notifier->said[way];
    if (strcmp(said, what) == 0)
        return;
    (void)snprintf(said, WAY_WHY_SIZE, "%s", what);
    log_write(level, "notify %s: %s", notifier->config->ways[way].name, what);
}

static void count_answer(struct notifier *notifier, const struct notifier_done *done,
                         int64_t now_ms)
{
    if (done->bytes > 0)
        notifier->out.spent(notifier->out.context, done->bytes);
    notifier->under_way -= notifier->under_way > 0;
    notifier->sent_ms = notifier->under_way > 0 ? now_ms : 0;
}

static void take_done(struct notifier *notifier, const struct notifier_done *done)
{
    struct queue_now now = now_of(notifier);
    if (done->way >= notifier->config->way_count || memchr(done->why, 0, sizeof done->why) == NULL)
        return;
    count_answer(notifier, done, now.mono_ms);
    pthread_mutex_lock(&notifier->lock);
    queue_done(notifier->queue, done->way, done->id, done->outcome, done->why, &now);
    pthread_mutex_unlock(&notifier->lock);
    say(notifier, done->way, done->outcome == WAY_SENT ? "delivered" : done->why,
        done->outcome == WAY_SENT ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING);
}

/* Its age counts from now on: of when the service computed it the format says nothing. */
static void take_weather(struct notifier *notifier, struct notifier_weather *answer)
{
    struct queue_now now = now_of(notifier);
    bool good = now.wall.trust == TIME_TRUSTED && ahead_is_sane(&answer->ahead);
    if (answer->done.way != NOTIFIER_WEATHER || !notifier->weather.asked ||
        memchr(answer->done.why, 0, sizeof answer->done.why) == NULL)
        return;
    count_answer(notifier, &answer->done, now.mono_ms);
    weather_answered(&notifier->weather, now.mono_ms, good);
    log_change(&notifier->log_weather, good, LOG_LEVEL_WARNING, "forecast: url: %s",
               good                          ? "the weather forecast comes again"
               : answer->done.why[0] != '\0' ? answer->done.why
                                             : "it sent no weather forecast");
    if (!good)
        return;
    answer->ahead.made_ms = now.wall.ms;
    pthread_mutex_lock(&notifier->lock);
    notifier->ahead = answer->ahead;
    pthread_mutex_unlock(&notifier->lock);
}

static void read_process(struct notifier *notifier)
{
    union {
        struct notifier_done done;
        struct notifier_weather weather;
    } answer;
    for (unsigned n = 0; n < WAYS_MAX + 1 && notifier->child.fd >= 0; n++) {
        ssize_t got = recv(notifier->child.fd, &answer, sizeof answer, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got == (ssize_t)sizeof answer.done) {
            take_done(notifier, &answer.done);
            continue;
        }
        if (got == (ssize_t)sizeof answer.weather) {
            take_weather(notifier, &answer.weather);
            continue;
        }
        log_write(LOG_LEVEL_WARNING, "notify: its process ended; it is started again");
        end_process(notifier);
    }
}

static void make_due(struct notifier *notifier)
{
    struct queue_now now = now_of(notifier);
    for (uint16_t w = 0; w < notifier->config->way_count && notifier->child.fd >= 0; w++) {
        struct held *held = &notifier->held[w];
        pthread_mutex_lock(&notifier->lock);
        bool due =
            !held->waits && notifier->known && queue_next(notifier->queue, w, &now, &held->message);
        pthread_mutex_unlock(&notifier->lock);
        if (!due)
            continue;
        held->waits = true;
        held->since_ms = now.mono_ms;
        held->put = notifier->puts + 1;
    }
}

/* The store has it, or can not take it: an alarm waits for no disk. */
static bool may_go(struct notifier *notifier, const struct held *held, int64_t now_ms)
{
    pthread_mutex_lock(&notifier->lock);
    bool kept = notifier->put_done >= held->put;
    pthread_mutex_unlock(&notifier->lock);
    return kept || now_ms - held->since_ms >= KEEP_MOST_MS;
}

static void send_held(struct notifier *notifier)
{
    int64_t now_ms = clock_now().mono_ms;
    for (uint16_t w = 0; w < notifier->config->way_count && notifier->child.fd >= 0; w++) {
        struct held *held = &notifier->held[w];
        if (!held->waits || !may_go(notifier, held, now_ms))
            continue;
        if (send(notifier->child.fd, &held->message, sizeof held->message,
                 MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof held->message) {
            end_process(notifier); /* one message a way always has room */
            return;
        }
        held->waits = false;
        notifier->under_way++;
        if (notifier->sent_ms == 0)
            notifier->sent_ms = now_ms;
    }
}

static void ask_weather(struct notifier *notifier)
{
    struct queue_now now = now_of(notifier);
    const struct way_message message = {.way = NOTIFIER_WEATHER};
    if (notifier->config->forecast_url[0] == '\0' || notifier->child.fd < 0 ||
        !weather_due(&notifier->weather, now.mono_ms, now.wall.trust == TIME_TRUSTED))
        return;
    weather_asked(&notifier->weather);
    if (send(notifier->child.fd, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) !=
        (ssize_t)sizeof message) {
        end_process(notifier);
        return;
    }
    notifier->under_way++;
    if (notifier->sent_ms == 0)
        notifier->sent_ms = now.mono_ms;
}

static int wait_ms(const struct notifier *notifier)
{
    for (uint16_t w = 0; w < notifier->config->way_count; w++) {
        if (notifier->held[w].waits)
            return KEEP_MOST_MS / 5;
    }
    return TICK_MS;
}

/* ---- The store ---- */

static void on_doc(void *context, enum store_result result, const void *value, size_t size)
{
    struct notifier *notifier = context;
    struct queue_now now = now_of(notifier);
    pthread_mutex_lock(&notifier->lock);
    notifier->asked = false;
    if (result == STORE_OK && !notifier->known) {
        queue_read(notifier->queue, value, size, &now);
        notifier->known = true;
    }
    pthread_mutex_unlock(&notifier->lock);
}

static void on_saved(void *context, enum store_result result)
{
    struct notifier *notifier = context;
    pthread_mutex_lock(&notifier->lock);
    notifier->put_done++;
    notifier->save |= result != STORE_OK;
    pthread_mutex_unlock(&notifier->lock);
    (void)eventfd_write(notifier->wake_fd, 1);
}

static void keep(struct notifier *notifier)
{
    char *doc = malloc(DOC_MOST);
    size_t size = 0;
    pthread_mutex_lock(&notifier->lock);
    bool changed = notifier->known && (queue_changed(notifier->queue) || notifier->save);
    if (changed && doc != NULL)
        size = queue_write(notifier->queue, doc, DOC_MOST);
    notifier->save = changed && size == 0;
    pthread_mutex_unlock(&notifier->lock);
    bool put =
        size > 0 && store_put(notifier->store, KEY, doc, size, on_saved, notifier) == STORE_OK;
    notifier->puts += put;
    if (size > 0 && !put) {
        pthread_mutex_lock(&notifier->lock);
        notifier->save = true;
        pthread_mutex_unlock(&notifier->lock);
    }
    free(doc);
}

/* An alarm waits for no disk that never answers. */
static void ask(struct notifier *notifier, int64_t now_ms)
{
    pthread_mutex_lock(&notifier->lock);
    bool needed = !notifier->known && !notifier->asked;
    notifier->asked |= needed;
    if (!notifier->known && now_ms - notifier->started_ms > UNKNOWN_MOST_MS)
        notifier->known = true;
    pthread_mutex_unlock(&notifier->lock);
    if (!needed || store_get(notifier->store, KEY, on_doc, notifier) == STORE_OK)
        return;
    pthread_mutex_lock(&notifier->lock);
    notifier->asked = false;
    pthread_mutex_unlock(&notifier->lock);
}

/* ---- The thread ---- */

static void round_of(struct notifier *notifier)
{
    int64_t now_ms = clock_now().mono_ms;
    ask(notifier, now_ms);
    if (notifier->child.fd < 0 && now_ms >= notifier->start_again_ms)
        begin_process(notifier, now_ms);
    if (notifier->sent_ms > 0 && now_ms - notifier->sent_ms > ANSWER_MOST_MS) {
        log_write(LOG_LEVEL_ERROR, "notify: its process says nothing and is ended");
        end_process(notifier);
    }
    renew_process(notifier, now_ms);
    make_due(notifier);
    keep(notifier);
    send_held(notifier);
    ask_weather(notifier);
}

static void *notifier_thread(void *context)
{
    struct notifier *notifier = context;
    while (!atomic_load(&notifier->stopping)) {
        struct pollfd fds[] = {{.fd = notifier->wake_fd, .events = POLLIN},
                               {.fd = notifier->child.fd, .events = POLLIN}};
        eventfd_t count = 0;
        round_of(notifier);
        fds[1].fd = notifier->child.fd;
        if (poll(fds, 2, wait_ms(notifier)) <= 0)
            continue;
        if (fds[0].revents != 0)
            (void)eventfd_read(notifier->wake_fd, &count);
        if (fds[1].revents != 0)
            read_process(notifier);
    }
    end_process(notifier);
    keep(notifier);
    return NULL;
}

struct notifier *notifier_start(const struct config *config, struct store *store,
                                const struct notifier_out *out)
{
    struct notifier *notifier = calloc(1, sizeof *notifier);
    if (notifier == NULL)
        return NULL;
    notifier->config = config;
    notifier->store = store;
    notifier->out = *out;
    notifier->child.fd = -1;
    for (uint16_t w = 0; w < config->way_count; w++) {
        child_reads(&notifier->child, config->ways[w].token_file);
        child_reads(&notifier->child, config->ways[w].secret_file);
        child_reads(&notifier->child, config->ways[w].ca_file);
    }
    child_reads(&notifier->child, config->forecast_ca_file);
    log_state_init(&notifier->log_weather, 1);
    notifier->started_ms = clock_now().mono_ms;
    pthread_mutex_init(&notifier->lock, NULL);
    notifier->queue = queue_create(config);
    notifier->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = notifier->queue == NULL ? ENOMEM : notifier->wake_fd < 0 ? errno : 0;
    if (error == 0 && !thread_start(&notifier->thread, notifier_thread, notifier))
        error = errno;
    if (error == 0)
        return notifier;
    notifier_free(notifier);
    errno = error;
    return NULL;
}

void notifier_stop(struct notifier *notifier)
{
    if (notifier == NULL)
        return;
    atomic_store(&notifier->stopping, true);
    (void)eventfd_write(notifier->wake_fd, 1);
    pthread_join(notifier->thread, NULL);
}

void notifier_free(struct notifier *notifier)
{
    if (notifier == NULL)
        return;
    queue_destroy(notifier->queue);
    if (notifier->wake_fd >= 0)
        close(notifier->wake_fd);
    pthread_mutex_destroy(&notifier->lock);
    free(notifier);
}

/* ---- Others ---- */

void notifier_look(struct notifier *notifier, const struct active *active,
                   const struct active_now *now)
{
    struct queue_now own = {.mono_ms = now->mono_ms, .wall = now->wall};
    pthread_mutex_lock(&notifier->lock);
    uint32_t before = 0, after = 0;
    for (uint16_t w = 0; w < notifier->config->way_count; w++)
        before += queue_count(notifier->queue, w);
    if (notifier->known)
        queue_look(notifier->queue, active, &own);
    for (uint16_t w = 0; w < notifier->config->way_count; w++)
        after += queue_count(notifier->queue, w);
    pthread_mutex_unlock(&notifier->lock);
    if (after != before)
        (void)eventfd_write(notifier->wake_fd, 1);
}

void notifier_test(struct notifier *notifier, uint16_t way)
{
    struct queue_now now = now_of(notifier);
    pthread_mutex_lock(&notifier->lock);
    queue_test(notifier->queue, way, &now);
    pthread_mutex_unlock(&notifier->lock);
    (void)eventfd_write(notifier->wake_fd, 1);
}

bool notifier_calls(struct notifier *notifier, uint16_t way)
{
    struct queue_now now = now_of(notifier);
    pthread_mutex_lock(&notifier->lock);
    bool calls = queue_calls(notifier->queue, way, &now);
    pthread_mutex_unlock(&notifier->lock);
    return calls;
}

void notifier_called(struct notifier *notifier, uint16_t way, bool good, const char *why)
{
    pthread_mutex_lock(&notifier->lock);
    queue_called(notifier->queue, way, good, why);
    pthread_mutex_unlock(&notifier->lock);
}

void notifier_way(struct notifier *notifier, uint16_t index, struct notifier_way *way)
{
    pthread_mutex_lock(&notifier->lock);
    way->waiting = queue_count(notifier->queue, index);
    way->answered = queue_answered(notifier->queue, index, way->last);
    (void)snprintf(way->trouble, sizeof way->trouble, "%s", queue_trouble(notifier->queue, index));
    pthread_mutex_unlock(&notifier->lock);
}

bool notifier_weather(struct notifier *notifier, struct ahead *ahead)
{
    pthread_mutex_lock(&notifier->lock);
    *ahead = notifier->ahead;
    pthread_mutex_unlock(&notifier->lock);
    return ahead->made_ms != 0;
}
