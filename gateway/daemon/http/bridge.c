/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/common/log.h"
#include "gateway/daemon/http/mqtt_connect.h"
#include "gateway/daemon/http/pace.h"

#define ASK_EVERY_MS 30000
#define ASK_RETRY_MS 1000 /* while the bridge is closed */
#define CONNACK_MIN  4    /* MQTT 3.1.1 */
#define CONNACK_HEAD 5    /* MQTT 5 with more than 125 bytes of properties */
#define CLOSE_S      5

struct pair {
    struct bridge *bridge; /* NULL: free */
    struct lws *ws;
    struct loop_fd broker;
    struct loop_timer login;
    bool connected, known; /* known: the broker's CONNACK let it in */
    bool stranger;         /* counted as one */
    bool introduced;       /* its CONNECT is whole */
    bool guessing;         /* its login is looked at */
    bool broker_gone;      /* send what is left, then close with `why` */
    bool paused;           /* too fast: nothing is read from the browser */
    struct pace pace;
    int64_t since_ms;
    char peer[48], user[MQTT_CONNECT_USER];
    enum lws_close_status why;
    uint8_t seen[CONNACK_HEAD];
    size_t seen_size;
    size_t up_size; /* browser to broker */
    uint8_t up[BRIDGE_BUFFER];
    size_t down_size; /* broker to browser */
    uint8_t down[LWS_PRE + BRIDGE_BUFFER];
};

struct bridge {
    struct loop *loop;
    struct sockaddr_in broker;
    struct guess *guess;
    const struct auth_report *report;
    enum bridge_state state;
    struct broker_check check;
    bool checking;
    int64_t ask_at_ms;           /* 0: not planned */
    struct loop_timer ask, tick; /* tick: while there are connections */
    struct log_state said;
    struct bridge_stats stats;
    struct pair pairs[BRIDGE_MAX];
};

/* Never later than planned already: those who try in vain must not put the question off. */
static void ask_soon(struct bridge *bridge, int64_t after_ms)
{
    int64_t at_ms = loop_now_ms() + after_ms;
    if (bridge->checking || (bridge->ask_at_ms != 0 && bridge->ask_at_ms <= at_ms))
        return;
    bridge->ask_at_ms = at_ms;
    loop_timer_start(bridge->loop, &bridge->ask, after_ms);
}

/* What became of the login, once. */
static void login_ended(struct pair *pair, enum guess_outcome outcome)
{
    const struct bridge *bridge = pair->bridge;
    if (!pair->guessing)
        return;
    pair->guessing = false;
    guess_end(bridge->guess, pair->user, pair->peer, loop_now_ms(), outcome);
    if (outcome == GUESS_WRONG)
        bridge->report->wrong(bridge->report->context, pair->user, pair->peer, "app");
}

/* The browser gets what the broker still said, then a close with a reason; one that does not take
 * it in time is cut off. */
static void end(struct pair *pair, enum lws_close_status why)
{
    loop_timer_stop(&pair->login);
    loop_unwatch(&pair->broker);
    if (pair->broker_gone)
        return;
    pair->broker_gone = true;
    pair->why = why;
    lws_set_timeout(pair->ws, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_S);
    lws_callback_on_writable(pair->ws);
}

static void no_stranger(struct pair *pair)
{
    if (pair->stranger)
        pair->bridge->stats.strangers--;
    pair->stranger = false;
}

/* How many strangers come from there. */
static unsigned strangers_of(const struct bridge *bridge, const char *peer)
{
    unsigned count = 0;
    for (size_t i = 0; i < BRIDGE_MAX; i++)
        count += bridge->pairs[i].bridge != NULL && bridge->pairs[i].stranger &&
                 strcmp(bridge->pairs[i].peer, peer) == 0;
    return count;
}

/* The oldest stranger of the address with most of them makes room. */
static void evict_stranger(struct bridge *bridge)
{
    struct pair *worst = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < BRIDGE_MAX; i++) {
        struct pair *pair = &bridge->pairs[i];
        if (pair->bridge == NULL || !pair->stranger)
            continue;
        unsigned count = strangers_of(bridge, pair->peer);
        if (worst == NULL || count > most || (count == most && pair->since_ms < worst->since_ms)) {
            worst = pair;
            most = count;
        }
    }
    if (worst == NULL)
        return;
    no_stranger(worst);
    bridge->stats.refused++;
    end(worst, LWS_CLOSE_STATUS_POLICY_VIOLATION);
    if (bridge->stats.connections + BRIDGE_STRANGERS_MAX >= BRIDGE_MAX)
        /* At once: who does not take its close would hold the place meanwhile. */
        lws_set_timeout(worst->ws, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

/* How many connections a user has, from one address (NULL: from all), and the oldest of them. */
static unsigned count_user(struct bridge *bridge, const char *user, const char *peer,
                           struct pair **oldest)
{
    unsigned count = 0;
    *oldest = NULL;
    for (size_t i = 0; i < BRIDGE_MAX; i++) {
        struct pair *pair = &bridge->pairs[i];
        if (pair->bridge == NULL || !pair->known || pair->broker_gone ||
            strcmp(pair->user, user) != 0 || (peer != NULL && strcmp(pair->peer, peer) != 0))
            continue;
        count++;
        if (*oldest == NULL || pair->since_ms < (*oldest)->since_ms)
            *oldest = pair;
    }
    return count;
}

/* One device (an address) has no use for more, and what it left behind goes first. A family's
 * phones on one login are several addresses, and go on: only when the places are short the user
 * with the most of them gives one up. */
static void limit_user(const struct pair *newest)
{
    struct bridge *bridge = newest->bridge;
    struct pair *oldest = NULL, *greediest = NULL;
    unsigned most = BRIDGE_USER_MAX;
    if (count_user(bridge, newest->user, newest->peer, &oldest) > BRIDGE_USER_MAX &&
        oldest != newest)
        end(oldest, LWS_CLOSE_STATUS_POLICY_VIOLATION);
    if (bridge->stats.connections - bridge->stats.strangers <= BRIDGE_MAX - BRIDGE_STRANGERS_MAX)
        return;
    for (size_t i = 0; i < BRIDGE_MAX; i++) {
        unsigned count = bridge->pairs[i].bridge != NULL
                             ? count_user(bridge, bridge->pairs[i].user, NULL, &oldest)
                             : 0;
        if (count > most) {
            most = count;
            greediest = oldest;
        }
    }
    if (greediest != NULL)
        end(greediest, LWS_CLOSE_STATUS_POLICY_VIOLATION);
}

static void drop_all(struct bridge *bridge)
{
    for (size_t i = 0; i < BRIDGE_MAX; i++) {
        if (bridge->pairs[i].bridge != NULL)
            end(&bridge->pairs[i], LWS_CLOSE_STATUS_POLICY_VIOLATION);
    }
}

static void answered(struct broker_check *check, enum broker_answer answer)
{
    struct bridge *bridge = check->context;
    bridge->checking = false;
    if (answer == BROKER_REFUSES) {
        bridge->state = BRIDGE_READY;
        log_change(&bridge->said, BRIDGE_READY, LOG_LEVEL_NOTICE,
                   "bridge: open; the broker refuses connections without a user");
    } else if (answer == BROKER_ACCEPTS) {
        bridge->state = BRIDGE_BROKER_OPEN;
        drop_all(bridge);
        log_change(&bridge->said, BRIDGE_BROKER_OPEN, LOG_LEVEL_ERROR,
                   "bridge: closed; the broker lets anybody in without a user: set "
                   "allow_anonymous false in its configuration");
    } else {
        bridge->state = BRIDGE_UNKNOWN;
        log_change(&bridge->said, BRIDGE_UNKNOWN, LOG_LEVEL_WARNING,
                   "bridge: closed; the local broker does not answer");
    }
    ask_soon(bridge, bridge->state == BRIDGE_READY ? ASK_EVERY_MS : ASK_RETRY_MS);
}

static void ask(struct loop_timer *timer)
{
    struct bridge *bridge = timer->context;
    bridge->checking = true;
    bridge->ask_at_ms = 0;
    broker_check_start(&bridge->check, bridge->loop, &bridge->broker, NULL, NULL);
}

static void let_browser_send(const struct pair *pair)
{
    bool room = !pair->introduced || (pair->connected && pair->up_size == 0);
    lws_rx_flow_control(pair->ws, room && !pair->paused ? 1 : 0);
}

static void tick(struct loop_timer *timer)
{
    struct bridge *bridge = timer->context;
    int64_t now_ms = loop_now_ms();
    for (size_t i = 0; i < BRIDGE_MAX; i++) {
        struct pair *pair = &bridge->pairs[i];
        if (pair->bridge == NULL)
            continue;
        bool paused = !pace_tick(&pair->pace, pace_received(lws_get_socket_fd(pair->ws)), now_ms);
        if (paused == pair->paused)
            continue;
        pair->paused = paused;
        bridge->stats.paused += paused;
        let_browser_send(pair);
    }
    if (bridge->stats.connections > 0)
        loop_timer_start(bridge->loop, &bridge->tick, PACE_TICK_MS);
}

struct bridge *bridge_open(struct loop *loop, const char *host, uint16_t port, struct guess *guess,
                           const struct auth_report *report)
{
    struct sockaddr_in address;
    if (broker_loopback(host, port, &address) < 0)
        return NULL;
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge == NULL)
        return NULL;
    bridge->loop = loop;
    bridge->broker = address;
    bridge->guess = guess;
    bridge->report = report;
    bridge->check.context = bridge;
    bridge->check.done = answered;
    bridge->ask = (struct loop_timer){.context = bridge, .expired = ask};
    bridge->tick = (struct loop_timer){.context = bridge, .expired = tick};
    ask_soon(bridge, 0);
    return bridge;
}

void bridge_close(struct bridge *bridge)
{
    if (bridge == NULL)
        return;
    loop_timer_stop(&bridge->ask);
    loop_timer_stop(&bridge->tick);
    if (bridge->checking)
        broker_check_cancel(&bridge->check);
    free(bridge);
}

enum bridge_state bridge_state(const struct bridge *bridge)
{
    return bridge->state;
}

const struct sockaddr_in *bridge_broker(const struct bridge *bridge)
{
    return &bridge->broker;
}

void bridge_stats(const struct bridge *bridge, struct bridge_stats *stats)
{
    *stats = bridge->stats;
}

int bridge_admit(const struct bridge *bridge)
{
    if (bridge->state != BRIDGE_READY || bridge->stats.connections >= BRIDGE_MAX)
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    return 0;
}

/* Sends to the broker what waits; keeps the browser from sending more while something is left. */
static void flush_up(struct pair *pair)
{
    if (!pair->connected || !pair->introduced || pair->up_size == 0)
        return;
    ssize_t sent = send(pair->broker.fd, pair->up, pair->up_size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end(pair, LWS_CLOSE_STATUS_GOINGAWAY);
        return;
    }
    if (sent > 0) {
        pair->up_size -= (size_t)sent;
        memmove(pair->up, pair->up + sent, pair->up_size);
        pair->bridge->stats.bytes_in += (uint64_t)sent;
    }
    let_browser_send(pair);
    if (pair->up_size > 0)
        loop_want_write(&pair->broker);
}

/* The broker's first packet is its CONNACK: with reason 0 the user is known. */
static void look_for_connack(struct pair *pair, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && pair->seen_size < sizeof pair->seen; i++)
        pair->seen[pair->seen_size++] = data[i];
    if (pair->known || pair->seen_size < CONNACK_MIN)
        return;
    enum mqtt_answer answer = mqtt_connack_parse(pair->seen, pair->seen_size);
    if (answer == MQTT_ANSWER_NO)
        login_ended(pair, GUESS_WRONG);
    if (answer != MQTT_ANSWER_YES)
        return;
    login_ended(pair, GUESS_RIGHT);
    pair->known = true;
    no_stranger(pair);
    loop_timer_stop(&pair->login);
    limit_user(pair);
}

static void lost_broker(struct pair *pair)
{
    end(pair, LWS_CLOSE_STATUS_GOINGAWAY);
    ask_soon(pair->bridge, ASK_RETRY_MS);
}

static void read_broker(struct pair *pair)
{
    ssize_t got = recv(pair->broker.fd, pair->down + LWS_PRE, BRIDGE_BUFFER, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lost_broker(pair);
        return;
    }
    look_for_connack(pair, pair->down + LWS_PRE, (size_t)got);
    pair->down_size = (size_t)got;
    loop_want_read(&pair->broker, false);
    lws_callback_on_writable(pair->ws);
}

static void broker_event(struct loop_fd *fd, enum loop_event what)
{
    struct pair *pair = fd->context;
    if (what == LOOP_READABLE && pair->down_size == 0) {
        read_broker(pair);
    } else if (what == LOOP_WRITABLE) {
        pair->connected = true;
        flush_up(pair);
    } else if (what == LOOP_CLOSED) {
        lost_broker(pair);
    }
}

static void login_expired(struct loop_timer *timer)
{
    end(timer->context, LWS_CLOSE_STATUS_POLICY_VIOLATION);
}

static struct pair *take(struct bridge *bridge, struct lws *ws)
{
    struct pair *pair = NULL;
    for (size_t i = 0; i < BRIDGE_MAX && pair == NULL; i++) {
        if (bridge->pairs[i].bridge == NULL)
            pair = &bridge->pairs[i];
    }
    if (pair == NULL || bridge_admit(bridge) != 0)
        return NULL;
    if (bridge->stats.strangers >= BRIDGE_STRANGERS_MAX)
        evict_stranger(bridge);
    *pair = (struct pair){.ws = ws, .since_ms = loop_now_ms()};
    (void)lws_get_peer_simple(ws, pair->peer, sizeof pair->peer);
    pair->broker = (struct loop_fd){.context = pair, .event = broker_event};
    pair->login = (struct loop_timer){.context = pair, .expired = login_expired};
    pair->broker.fd = broker_connect(&bridge->broker);
    if (pair->broker.fd < 0 || loop_watch(bridge->loop, &pair->broker) < 0)
        return NULL;
    pair->bridge = bridge;
    loop_want_write(&pair->broker);
    loop_timer_start(bridge->loop, &pair->login, BRIDGE_LOGIN_MS);
    if (bridge->stats.connections++ == 0)
        loop_timer_start(bridge->loop, &bridge->tick, PACE_TICK_MS);
    pair->pace.received = pace_received(lws_get_socket_fd(ws));
    pair->stranger = true;
    bridge->stats.strangers++;
    bridge->stats.accepted++;
    return pair;
}

static void release(struct pair *pair)
{
    struct bridge *bridge = pair->bridge;
    login_ended(pair, GUESS_UNKNOWN);
    if (pair->up_size > 0 && pair->connected && pair->introduced &&
        !pair->broker_gone) /* often a DISCONNECT */
        (void)!send(pair->broker.fd, pair->up, pair->up_size, MSG_NOSIGNAL);
    loop_timer_stop(&pair->login);
    loop_unwatch(&pair->broker);
    bridge->stats.connections--;
    no_stranger(pair);
    pair->bridge = NULL;
    pair->ws = NULL;
}

/* Too many wrong logins: the broker is not asked. */
static void refuse_for_now(struct pair *pair)
{
    pair->down_size = mqtt_connack_later(pair->up, pair->down + LWS_PRE);
    pair->up_size = 0;
    pair->bridge->stats.refused++;
    end(pair, LWS_CLOSE_STATUS_POLICY_VIOLATION);
}

static int from_browser(struct pair *pair, const void *data, size_t size)
{
    if (!lws_frame_is_binary(pair->ws)) {
        lws_close_reason(pair->ws, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
        return -1;
    }
    if (pair->broker_gone)
        return 0; /* nobody is there to read it; the close is on its way */
    if (size > sizeof pair->up - pair->up_size) {
        lws_close_reason(pair->ws, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    pace_frame(&pair->pace, (uint32_t)size);
    memcpy(pair->up + pair->up_size, data, size);
    pair->up_size += size;
    if (!pair->introduced) { /* the broker gets nothing before that */
        enum mqtt_connect first = mqtt_connect_parse(pair->up, pair->up_size, pair->user);
        if (first == MQTT_CONNECT_BAD) {
            lws_close_reason(pair->ws, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
            return -1;
        }
        if (first == MQTT_CONNECT_MORE)
            return 0;
        if (guess_begin(pair->bridge->guess, pair->user, pair->peer, loop_now_ms()) > 0) {
            refuse_for_now(pair);
            return 0;
        }
        pair->introduced = true;
        pair->guessing = true;
    }
    if (!pair->connected)
        lws_rx_flow_control(pair->ws, 0);
    flush_up(pair);
    return 0;
}

static int to_browser(struct pair *pair)
{
    if (pair->down_size > 0) {
        if (http_write(pair->ws, pair->down + LWS_PRE, pair->down_size, LWS_WRITE_BINARY) < 0)
            return -1;
        pair->bridge->stats.bytes_out += pair->down_size;
        pair->down_size = 0;
        if (pair->broker_gone)
            lws_callback_on_writable(pair->ws);
        else
            loop_want_read(&pair->broker, true);
        return 0;
    }
    if (pair->broker_gone) {
        lws_close_reason(pair->ws, pair->why, NULL, 0);
        return -1;
    }
    loop_want_read(&pair->broker, true);
    return 0;
}

int bridge_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    struct pair **slot = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *slot = take(bridge_of(wsi), wsi);
        return *slot != NULL ? 0 : -1;
    case LWS_CALLBACK_RECEIVE:
        return *slot != NULL ? from_browser(*slot, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return *slot != NULL ? to_browser(*slot) : -1;
    case LWS_CALLBACK_CLOSED:
        if (*slot != NULL)
            release(*slot);
        *slot = NULL;
        return 0;
    default:
        return 0;
    }
}
