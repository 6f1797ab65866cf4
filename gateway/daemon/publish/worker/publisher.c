/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher process: one broker, its connection and its keys, nothing else. It holds no state
 * worth keeping: when it dies, the daemon starts another, and what was not acknowledged comes
 * again from the store. */
#include "gateway/daemon/publish/worker/publisher.h"
#include "gateway/daemon/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/backoff.h"
#include "gateway/common/log.h"
#include "gateway/daemon/publish/worker/tls_why.h"
#include "protocols/mqtt/topic.h"

#define STEADY_MS       10000
#define FAILURES_MOST   40 /* a minute on this machine, 20 of them far away */
#define CONNECT_MOST_MS 30000
#define END_MOST_MS     5000
#define STOP_MOST_MS    1500
#define STATUS_LEAST_MS 1000
#define HANG_UPS        8      /* in a row, and it is no outage */
#define LIST_MOST_MS    300000 /* between two tries of a list of addresses */

/* ---- The connection ---- */

struct connection {
    int wake_fd;
    int64_t phase_ms, retry_ms;
    uint32_t backoff_ms, failures; /* to connect, one after the other */
    uint32_t hang_ups;             /* the last ones of them, by who took the connection */
    unsigned url, url_tries;       /* the address in use; tries since all were tried */
    struct tls_verdict tls;
    bool stopped;
    bool denied;       /* another says that we are offline: to be answered */
    int64_t status_ms; /* when a status was sent last */
    char status_topic[TOPIC_SIZE];
};

static const struct broker_url *url_now(const struct publisher *p)
{
    return broker_url(&p->hello.broker, p->connection->url);
}

/* Gateways of different sites begin with different brokers of a list. */
static unsigned first_url(const struct publisher *p)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = p->hello.site; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return hash % (p->hello.broker.more_url_count + 1u);
}

/* The wait grows when all addresses were tried. */
static uint32_t retry_wait(struct publisher *p)
{
    uint32_t before = p->connection->backoff_ms, count = p->hello.broker.more_url_count + 1u;
    uint32_t wait = count > 1 ? backoff_next_up_to(&p->connection->backoff_ms, LIST_MOST_MS)
                              : backoff_next(&p->connection->backoff_ms, url_now(p)->host);
    if (p->connection->url_tries % count != 0)
        p->connection->backoff_ms = before;
    return wait;
}

static void wait_and_retry(struct publisher *p, const char *state, const char *why)
{
    p->phase = PHASE_WAITING;
    p->connection->retry_ms = now_ms() + retry_wait(p);
    send_unmake_all(p);
    report_state(p, false, state, why);
}

/* A file is opened by what the daemon gave for it. */
static void open_instead(const struct child_files *files, char path[CONFIG_PATH_SIZE])
{
    char given[CONFIG_PATH_SIZE];
    (void)snprintf(given, sizeof given, "%s", child_path(files, path));
    memcpy(path, given, sizeof given);
}

static void take_keys(struct publisher *p, const struct child_files *files)
{
    struct broker_config *broker = &p->hello.broker;
    open_instead(files, broker->password_file);
    open_instead(files, broker->ca_file);
    open_instead(files, broker->cert_file);
    open_instead(files, broker->key_file);
}

/* All that it still needs is named; its keys are open. */
static void close_boundary(struct publisher *p)
{
    const struct broker_config *broker = &p->hello.broker;
    char who[sizeof "publish : its process" + CONFIG_NAME_SIZE];
    for (unsigned i = 0; broker_url(broker, i) != NULL; i++)
        boundary_port(&p->boundary, broker_url(broker, i)->port);
    p->boundary.other_user = child_is_other_user();
    p->boundary.leaves_user = true;
    boundary_close(&p->boundary);
    (void)snprintf(who, sizeof who, "publish %s: its process", broker->name);
    boundary_log(&p->boundary, who);
}

static void connect_now(struct publisher *p)
{
    if (boundary_is_stale(&p->boundary)) {
        log_write(LOG_LEVEL_INFO,
                  "publish %s: how names are looked up has changed; its process starts anew to "
                  "read it",
                  p->hello.broker.name);
        _exit(EX_TEMPFAIL);
    }
    char why[96] = "";
    p->phase = PHASE_CONNECTING;
    p->connection->phase_ms = now_ms();
    if (!session_connect(p->session, p->connection->url, why, sizeof why))
        wait_and_retry(p, "down", why);
}

static bool publish_status(struct publisher *p, const char *status)
{
    struct session_message message = {.topic = p->connection->status_topic,
                                      .payload = status,
                                      .size = strlen(status),
                                      .qos = 1,
                                      .retain = true,
                                      .correlation = p->mark,
                                      .correlation_size = (uint16_t)strlen(p->mark)};
    p->connection->status_ms = now_ms();
    if (!broker_sends(&p->hello.broker, PART_STATUS))
        return true;
    return send_message(p, &message);
}

static bool may_say_online(const struct publisher *p)
{
    return (p->connection->denied || twins_speak_ms(&p->twins, now_ms()) <= now_ms()) &&
           p->phase == PHASE_UP && !p->stopping && send_has_room(p);
}

/* Whoever may write there can say so as often as they like: they get one answer a second. */
static void answer_status(struct publisher *p)
{
    char mark[TWINS_MARK_SIZE];
    p->connection->denied = session_take_denial(p->session) || p->connection->denied;
    while (session_take_other(p->session, mark))
        twins_hear(&p->twins, mark, p->mark, now_ms());
    if (!may_say_online(p) || now_ms() - p->connection->status_ms < STATUS_LEAST_MS)
        return;
    p->connection->denied = !publish_status(p, "online");
    if (!p->connection->denied)
        twins_spoke(&p->twins, now_ms());
}

static void on_connected(struct publisher *p, const struct session_event *event)
{
    p->phase = PHASE_UP;
    p->connection->phase_ms = now_ms();
    p->connection->failures = p->connection->hang_ups = 0;
    p->counts.connects++;
    send_begin(p, event);
    p->connection->tls.said[0] = '\0';
    session_subscribe(p->session);     /* first: an old will must not come between unheard */
    (void)publish_status(p, "online"); /* fails only when the connection is gone again */
    report_state(p, true, "up",
                 send_is_confirmed(p) ? ""
                                      : "it takes QoS 0 only: nothing confirms what is delivered");
    p->gone_before = false;
}

static void on_down(struct publisher *p, const char *state, const char *why)
{
    if (p->stopping) {
        p->connection->stopped = true;
        return;
    }
    if (p->phase == PHASE_UP && now_ms() - p->connection->phase_ms > STEADY_MS)
        p->connection->backoff_ms = BACKOFF_FIRST_MS;
    wait_and_retry(p, state, why);
}

static void on_connect_failed(struct publisher *p, const struct session_event *event)
{
    bool refused = event->reason >= 0x80;
    if (session_ask_less(p->session, event->reason) && !p->stopping) {
        connect_now(p); /* once for each of two things, so there is an end to it */
        return;
    }
    const char *why = event->text[0] != '\0' ? event->text : "no connection to the broker";
    if (!refused) {
        p->gone_before = true;
        refused = !p->stopping &&
                  tls_failed(&p->connection->tls, &p->hello.broker, url_now(p), why, now_ms());
        why = refused ? p->connection->tls.why : why;
    }
    p->connection->hang_ups = event->hung_up ? p->connection->hang_ups + 1 : 0;
    refused = refused || p->connection->hang_ups >= HANG_UPS;
    /* A Paho that once had no memory may never connect again: seen with the 13th allocation. */
    if (++p->connection->failures >= FAILURES_MOST && !p->stopping)
        _exit(EX_TEMPFAIL);
    p->connection->url_tries++;
    on_down(p, refused ? "refused" : "down", why);
    p->connection->url = (p->connection->url + 1) % (p->hello.broker.more_url_count + 1u);
}

static void on_lost(struct publisher *p, const struct session_event *event)
{
    if (p->phase != PHASE_UP && p->phase != PHASE_ENDING)
        return;
    p->gone_before = p->gone_before || p->phase == PHASE_UP;
    if (event->reason == 0x8E) { /* session taken over: two that take it in turn deliver nothing */
        uint32_t wait = twins_taken_over(&p->twins, now_ms());
        on_down(p, "down", event->text);
        if (p->connection->retry_ms < now_ms() + wait)
            p->connection->retry_ms = now_ms() + backoff_part(wait);
        return;
    }
    if (event->reason == 0x95)
        send_too_large(p);
    if (p->phase == PHASE_UP && now_ms() - p->connection->phase_ms <= STEADY_MS)
        send_ended_soon(p);
    /* Some say it of a message, and nothing in advance. */
    if (session_ask_less(p->session, event->reason))
        p->connection->backoff_ms = BACKOFF_FIRST_MS;
    on_down(p, "down", event->text);
}

static void on_event(struct publisher *p, const struct session_event *event)
{
    switch (event->type) {
    case SESSION_CONNECTED:
        on_connected(p, event);
        break;
    case SESSION_CONNECT_FAILED:
        on_connect_failed(p, event);
        break;
    case SESSION_LOST:
        on_lost(p, event);
        break;
    case SESSION_ENDED:
        if (p->stopping)
            p->connection->stopped = true;
        else if (p->phase == PHASE_ENDING)
            on_down(p, "down", "no acknowledgement for too long");
        break;
    default:
        send_ended(p, event);
        break;
    }
}

/* Deadlines of the connection. A Paho that does not even end one is ended with the process. */
static void watch(struct publisher *p)
{
    int64_t now = now_ms();
    int64_t timeout_ms = (int64_t)p->hello.broker.keepalive_s * 2000;
    if (p->phase == PHASE_WAITING && now >= p->connection->retry_ms && !p->stopping) {
        connect_now(p);
    } else if (p->phase == PHASE_CONNECTING && now - p->connection->phase_ms > CONNECT_MOST_MS) {
        log_write(LOG_LEVEL_WARNING, "publish %s: connecting hangs; the process starts anew",
                  p->hello.broker.name);
        _exit(EX_TEMPFAIL);
    } else if (p->phase == PHASE_UP && send_oldest_ms(p) < now - timeout_ms) {
        log_write(LOG_LEVEL_WARNING, "publish %s: nothing acknowledged for %lld s; connecting anew",
                  p->hello.broker.name, (long long)(timeout_ms / 1000));
        p->phase = PHASE_ENDING;
        p->connection->phase_ms = now;
        session_disconnect(p->session, 0);
    } else if ((p->phase == PHASE_ENDING && now - p->connection->phase_ms > END_MOST_MS) ||
               (p->phase == PHASE_WAITING && send_oldest_ms(p) < now - 3 * timeout_ms / 2)) {
        _exit(EX_TEMPFAIL); /* a disconnect that does not end, callbacks that never came */
    }
}

/* ---- From the daemon ---- */

static void take_reset(struct publisher *p, const uint8_t *message)
{
    struct ipc_reset reset;
    memcpy(&reset, message, sizeof reset);
    if (reset.lane >= LANE_COUNT)
        return;
    send_unmake_lane(p, reset.lane);
    lane_reset(&p->lanes[reset.lane], reset.id);
    report_acks_from(p, reset.lane, reset.id);
}

static void begin_stop(struct publisher *p)
{
    p->stopping = true;
    p->connection->phase_ms = now_ms();
    if (p->phase != PHASE_UP) {
        p->connection->stopped = true;
        return;
    }
    (void)publish_status(p, "offline");
}

/* Leaves when the broker has taken the last word, so that it need not speak the will. */
static void leave_when_done(struct publisher *p)
{
    if (p->phase == PHASE_UP && send_in_flight(p) == 0) {
        p->phase = PHASE_ENDING;
        session_disconnect(p->session, 0);
    }
}

static void take_message(struct publisher *p, const uint8_t *message, size_t size)
{
    static const size_t least[] = {
        [IPC_STREAM] = sizeof(struct ipc_stream), [IPC_BOARDS] = sizeof(struct ipc_boards),
        [IPC_BODY] = sizeof(struct ipc_body),     [IPC_RESET] = sizeof(struct ipc_reset),
        [IPC_DOC] = sizeof(struct ipc_doc),       [IPC_STOP] = 1};
    uint8_t type = message[0];
    if (type >= sizeof least / sizeof least[0] || least[type] == 0 || size < least[type])
        _exit(EX_PROTOCOL);
    if (type == IPC_STREAM) {
        struct ipc_stream stream;
        memcpy(&stream, message, sizeof stream);
        if (!streams_add(p->streams, &stream))
            _exit(EX_OSERR); /* without it its records could not be sent: start anew */
    } else if (type == IPC_BOARDS) {
        struct ipc_boards boards;
        memcpy(&boards, message, sizeof boards);
        if (!streams_boards(p->streams, &boards))
            _exit(EX_OSERR);
    } else if (type == IPC_BODY) {
        send_take_body(p, message, size);
    } else if (type == IPC_RESET) {
        take_reset(p, message);
    } else if (type == IPC_DOC) {
        send_take_docs(p, message, size);
    } else {
        begin_stop(p);
    }
}

/* All that is there now. */
static void take_messages(struct publisher *p)
{
    for (;;) {
        ssize_t got = recv(p->fd, p->message, sizeof p->message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            begin_stop(p); /* the daemon is gone: say goodbye to the broker */
            close(p->fd);
            p->fd = -1;
            return;
        }
        take_message(p, p->message, (size_t)got);
    }
}

static void pass_requests(struct publisher *p)
{
    uint8_t *message = p->message;
    struct session_request *request = NULL;
    while ((request = session_next_request(p->session)) != NULL) {
        struct ipc_request head = {.type = IPC_REQUEST, .request = request->head};
        memcpy(message, &head, sizeof head);
        memcpy(message + sizeof head, request->payload, request->size);
        if (p->fd >= 0)
            report_send(p, message, sizeof head + request->size);
        free(request);
    }
}

/* ---- Main ---- */

static bool receive_hello(struct publisher *p)
{
    p->fd = CHILD_FD;
    return recv(p->fd, &p->hello, sizeof p->hello, 0) == (ssize_t)sizeof p->hello &&
           p->hello.type == IPC_HELLO;
}

bool publisher_is_called(const struct publisher *p)
{
    struct pollfd wake = {.fd = p->connection->wake_fd, .events = POLLIN};
    return poll(&wake, 1, 0) > 0;
}

static int wait_ms(const struct publisher *p)
{
    int64_t now = now_ms(), until = now + 1000;
    if (p->phase == PHASE_WAITING && p->connection->retry_ms < until)
        until = p->connection->retry_ms;
    if (send_refused_until_ms(p) > now && send_refused_until_ms(p) < until)
        until = send_refused_until_ms(p);
    if (may_say_online(p) && p->connection->status_ms + STATUS_LEAST_MS < until)
        until = p->connection->status_ms + STATUS_LEAST_MS;
    if (send_batch_due_ms(p) < until)
        until = send_batch_due_ms(p);
    if (report_acks_due_ms(p) < until)
        until = report_acks_due_ms(p);
    return until > now ? (int)(until - now) : 0;
}

static void run(struct publisher *p)
{
    while (!p->connection->stopped) {
        struct pollfd fds[2] = {{.fd = p->connection->wake_fd, .events = POLLIN},
                                {.fd = p->fd, .events = POLLIN}};
        struct session_event event;
        eventfd_t count = 0;
        child_alive();
        bool pressed = send_is_pressed(p);
        bool more = session_press(p->session, pressed) && pressed;
        (void)poll(fds, p->fd >= 0 ? 2 : 1, more ? 0 : wait_ms(p));
        if (fds[0].revents != 0)
            (void)eventfd_read(p->connection->wake_fd, &count);
        while (session_next_event(p->session, &event) && p->fd >= 0)
            on_event(p, &event);
        if (p->fd >= 0 && fds[1].revents != 0)
            take_messages(p);
        if (p->stopping && (p->fd < 0 || now_ms() - p->connection->phase_ms > STOP_MOST_MS))
            break;
        if (p->stopping)
            leave_when_done(p);
        pass_requests(p);
        answer_status(p);
        watch(p);
        send_all(p);
        report_acks(p);
        report_docs_done(p);
        report_counts_when_due(p);
    }
}

static bool create_parts(struct publisher *p)
{
    struct connection *connection = calloc(1, sizeof *connection);
    p->connection = connection;
    p->streams = streams_create();
    p->sender = sender_create(p);
    p->reporter = reporter_create();
    if (connection == NULL || p->streams == NULL || p->sender == NULL || p->reporter == NULL)
        return false;
    connection->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->session = connection->wake_fd < 0 ? NULL : session_create(&p->hello, connection->wake_fd);
    return p->session != NULL &&
           topic_make(connection->status_topic, TOPIC_SIZE, p->hello.site, TOPIC_STATUS);
}

int publisher_main(const struct child_files *files)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return EX_OSERR;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* the daemon says when to stop */
    (void)signal(SIGHUP, SIG_IGN);
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:1", 1);
    if (!receive_hello(p)) {
        (void)fprintf(stderr, "baiyed: --publisher is for baiyed itself\n");
        return EX_USAGE;
    }
    take_keys(p, files);
    close_boundary(p);
    if (!create_parts(p))
        return EX_OSERR;
    (void)snprintf(p->mark, sizeof p->mark, "%s %s", p->hello.uuid, p->hello.run);
    p->connection->backoff_ms = BACKOFF_FIRST_MS;
    p->connection->url = first_url(p);
    p->phase = PHASE_WAITING;
    run(p);
    exit(EX_OK); /* with all that Paho's threads still look at */
}
