/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher process: one broker, its connection and its keys, nothing else. It holds no state
 * worth keeping: when it dies, the daemon starts another, and what was not acknowledged comes
 * again from the store.
 *
 * Order of sending: documents marked live, other documents, then the lanes of readings, which may
 * use only a share of the window and only as many bytes as the link acknowledges within about a
 * second, so that live values never queue behind a backlog in a socket. */
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
#include <zlib.h>

#include "gateway/daemon/log.h"
#include "gateway/daemon/publish/backoff.h"
#include "gateway/daemon/publish/doc_queue.h"
#include "gateway/daemon/publish/lane.h"
#include "gateway/daemon/publish/session.h"
#include "gateway/daemon/publish/tls_why.h"
#include "gateway/daemon/publish/wire.h"
#include "gateway/daemon/store/clock.h"
#include "protocols/mqtt/topic.h"

#define WINDOW           16u /* QoS 1 messages in flight: below the brokers' usual 20 */
#define WINDOW_LANES     12u /* of them, at most this many readings */
#define SCALARS          24u /* QoS 0 messages inside Paho */
#define MESSAGE_MOST     49152u
#define MESSAGE_LEAST    2048u
#define FLOW_FIRST       32768u /* bytes of readings in flight */
#define FLOW_LEAST       4096u
#define FLOW_MOST        (1u << 20)
#define FLOW_FAST_MS     300
#define FLOW_SLOW_MS     1000
#define FASTEST_MOST_MS  3000
#define STEADY_MS        10000
#define CONNECT_MOST_MS  30000
#define END_MOST_MS      5000
#define STOP_MOST_MS     1500
#define REFUSED_FIRST_MS 1000
#define REFUSED_MOST_MS  300000
#define GIVE_UP_TRIES    3u
#define READY_MOST       4u  /* messages made ahead */
#define ACK_EVERY_MS     5   /* while more is in flight */
#define GATHER_MS        300 /* a batch is complete when nothing came for so long */

enum phase { PHASE_WAITING, PHASE_CONNECTING, PHASE_UP, PHASE_ENDING };

struct slot {
    bool used;
    bool doc; /* else readings of `lane` */
    bool quality;
    uint8_t lane;
    uint32_t generation, epoch, records;
    uint64_t first_id, end_id;
    size_t bytes;
    int64_t sent_ms;
};

/* A message of readings that waits for room in the window: made while others are on their way, so
 * that an acknowledgement is answered by a message and not by the making of one. */
struct ready {
    uint8_t lane;
    bool packed;
    struct lane_message made;
    size_t size;
    char data[MESSAGE_MOST];
};

struct publisher {
    int fd, wake_fd;
    struct wire_hello hello;
    struct session *session;
    struct streams *streams;
    enum phase phase;
    int64_t phase_ms, retry_ms;
    uint32_t backoff_ms;
    bool gone_before; /* the broker closed or was not there since it was last up */
    struct tls_verdict tls;
    bool stopping, stopped;
    uint32_t window, max_message;
    struct lane lanes[LANE_COUNT];
    uint64_t told[LANE_COUNT]; /* watermarks */
    int64_t told_ms;
    uint8_t next_lane; /* whose turn it is to have a message made */
    int64_t last_body_ms;
    struct doc_queue live, docs;
    struct slot slots[SESSION_SLOTS];
    uint32_t in_flight, lanes_in_flight, scalars;
    size_t flow, flow_used;
    int64_t fastest_ms; /* acknowledgement of this connection */
    int64_t slowed_ms;
    int64_t refused_until_ms;
    uint32_t refused_ms;
    uint32_t tries; /* of the record at small_until - 1 */
    struct wire_counts counts;
    int64_t counts_ms;
    uint32_t generation;
    char readings_topic[TOPIC_SIZE], status_topic[TOPIC_SIZE];
    char json[MESSAGE_MOST];
    struct ready ready[READY_MOST]; /* a ring, in the order of making */
    uint32_t ready_first, ready_count;
};

static int64_t now_ms(void)
{
    return clock_now().mono_ms;
}

/* ---- To the daemon ------------------------------------------------------------------------------
 */

/* The daemon reads all the time; when it does not, it is gone or stuck, and so should we be. */
static void tell(const struct publisher *p, const void *message, size_t size)
{
    if (send(p->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        _exit(EX_IOERR);
}

static void tell_state(struct publisher *p, bool up, const char *state, const char *why)
{
    struct wire_state message = {.type = WIRE_STATE, .up = up, .refused_before = p->gone_before};
    (void)snprintf(message.state, sizeof message.state, "%s", state);
    (void)snprintf(message.why, sizeof message.why, "%s", why);
    tell(p, &message, sizeof message);
}

static void tell_docs_done(const struct publisher *p, uint32_t count)
{
    struct wire_done message = {.type = WIRE_DOC_DONE, .count = count};
    if (count > 0)
        tell(p, &message, sizeof message);
}

static void tell_counts(struct publisher *p)
{
    p->counts.type = WIRE_COUNTS;
    p->counts.lane_refused = p->refused_ms > 0;
    tell(p, &p->counts, sizeof p->counts);
    p->counts_ms = now_ms();
}

static void tell_quarantine(struct publisher *p, uint64_t id, int reason, const char *payload,
                            size_t size)
{
    static uint8_t message[sizeof(struct wire_quarantine) + MESSAGE_MOST];
    struct wire_quarantine head = {.type = WIRE_QUARANTINE, .id = id, .reason = reason};
    memcpy(message, &head, sizeof head);
    memcpy(message + sizeof head, payload, size);
    tell(p, message, sizeof head + size);
}

static void settle_lane(struct publisher *p, uint8_t lane)
{
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        const struct slot *slot = &p->slots[i];
        if (slot->used && !slot->doc && slot->lane == lane && slot->epoch == p->lanes[lane].epoch &&
            slot->first_id < lowest)
            lowest = slot->first_id;
    }
    for (uint32_t i = 0; i < p->ready_count; i++) {
        const struct ready *ready = &p->ready[(p->ready_first + i) % READY_MOST];
        if (ready->lane == lane && ready->made.first_id < lowest)
            lowest = ready->made.first_id;
    }
    lane_settle(&p->lanes[lane], lowest);
}

static bool acks_wait(const struct publisher *p)
{
    bool wait = false;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        wait = wait || p->lanes[lane].watermark > p->told[lane];
    return wait;
}

/* Under load one word for many messages: each wakes the daemon. */
static void tell_acks(struct publisher *p)
{
    if (!acks_wait(p) || p->fd < 0 ||
        (p->lanes_in_flight > 0 && now_ms() - p->told_ms < ACK_EVERY_MS))
        return;
    p->told_ms = now_ms();
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
        struct wire_ack ack = {
            .type = WIRE_ACK, .lane = (uint8_t)lane, .id = p->lanes[lane].watermark};
        if (ack.id <= p->told[lane])
            continue;
        p->told[lane] = ack.id;
        tell(p, &ack, sizeof ack);
    }
}

/* ---- Documents ---- */

/* The connection is gone: the daemon sends them anew when it is back. */
static void drop_docs(struct publisher *p)
{
    tell_docs_done(p, doc_drop_all(&p->live) + doc_drop_all(&p->docs));
}

static void take_doc(struct publisher *p, const uint8_t *message, size_t size)
{
    struct queued_doc *doc = p->phase == PHASE_UP ? doc_take(message, size) : NULL;
    if (doc != NULL && !doc->head.live)
        doc_push(&p->docs, doc);
    else if (doc == NULL || doc_push_newest(&p->live, doc))
        tell_docs_done(p, 1);
}

/* ---- Sending ---- */

static struct slot *free_slot(struct publisher *p, uint16_t *index)
{
    for (uint16_t i = 0; i < SESSION_SLOTS; i++) {
        if (!p->slots[i].used) {
            *index = i;
            return &p->slots[i];
        }
    }
    return NULL;
}

static bool send_message(struct publisher *p, const struct slot *what,
                         const struct session_message *message)
{
    uint16_t index = 0;
    struct slot *slot = free_slot(p, &index);
    if (slot == NULL)
        return false;
    uint32_t generation = ++p->generation;
    if (!session_publish(p->session, index, generation, message))
        return false;
    *slot = *what;
    slot->used = true;
    slot->quality = message->qos > 0;
    slot->generation = generation;
    slot->bytes = message->size;
    slot->sent_ms = now_ms();
    p->in_flight += slot->quality;
    p->scalars += !slot->quality;
    p->counts.messages++;
    p->counts.bytes += message->size + strlen(message->topic) + 9 + (slot->quality ? 6 : 0);
    return true;
}

/* Documents come first, but a quarter of the window is left to readings that wait: where a round
 * trip takes longer than the live values' second, they would never get a turn. */
static bool doc_may_go(const struct publisher *p, const struct queued_doc *doc)
{
    if (doc->head.qos == 0)
        return p->scalars < SCALARS;
    bool lanes = p->ready_count > 0 || lane_waits(&p->lanes[LANE_BACKLOG]) ||
                 lane_waits(&p->lanes[LANE_AGAIN]);
    uint32_t kept = lanes ? (p->window + 3) / 4 : 0;
    return p->in_flight < p->window && p->in_flight - p->lanes_in_flight + kept < p->window;
}

static bool send_doc(struct publisher *p, struct doc_queue *queue)
{
    struct queued_doc *doc = queue->first;
    if (doc == NULL || !doc_may_go(p, doc))
        return false;
    const char *correlation = doc->bytes + doc->head.topic_size + 1;
    struct session_message message = {.topic = doc->bytes,
                                      .payload = correlation + doc->head.correlation_size,
                                      .size = doc->size,
                                      .qos = doc->head.qos,
                                      .retain = doc->head.retain,
                                      .correlation = correlation,
                                      .correlation_size = doc->head.correlation_size};
    struct slot what = {.doc = true};
    if (!send_message(p, &what, &message))
        return false;
    (void)doc_pop(queue);
    free(doc);
    tell_docs_done(p, 1);
    return true;
}

static size_t message_limit(const struct publisher *p)
{
    size_t limit = p->flow / 4;
    limit = limit < MESSAGE_LEAST ? MESSAGE_LEAST : limit;
    return limit < p->max_message ? limit : p->max_message;
}

/* Compresses `json` into `ready` when the entry asks and it helps. */
static void pack(const struct publisher *p, struct ready *ready)
{
    uLongf size = ready->made.size;
    ready->packed =
        p->hello.broker.encoding == 1 &&
        compress2((Bytef *)ready->data, &size, (const Bytef *)p->json, ready->made.size, 6) == Z_OK;
    if (!ready->packed)
        memcpy(ready->data, p->json, ready->made.size);
    ready->size = ready->packed ? size : ready->made.size;
}

/* false: no room, or nothing to make one of. */
static bool make_ready(struct publisher *p, uint8_t lane)
{
    if (p->ready_count == READY_MOST || !lane_waits(&p->lanes[lane]))
        return false;
    struct ready *ready = &p->ready[(p->ready_first + p->ready_count) % READY_MOST];
    bool plain = p->hello.broker.encoding == 0;
    ready->lane = lane;
    ready->made = (struct lane_message){0};
    if (!lane_encode(&p->lanes[lane], p->streams, p->hello.uuid, plain ? ready->data : p->json,
                     message_limit(p), &ready->made)) {
        if (ready->made.end_id == ready->made.first_id)
            return false;
        settle_lane(p, lane); /* only records that cannot be sent */
        return true;
    }
    ready->packed = false;
    ready->size = ready->made.size;
    if (!plain)
        pack(p, ready);
    p->ready_count++;
    return true;
}

/* Those of a lane are made anew, from the first of them on. */
static void drop_ready(struct publisher *p, uint8_t lane)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->ready_count; i++) {
        struct ready *ready = &p->ready[(p->ready_first + i) % READY_MOST];
        if (ready->lane == lane) {
            lane_rewind(&p->lanes[lane], ready->made.first_id);
            continue;
        }
        struct ready *to = &p->ready[(p->ready_first + kept++) % READY_MOST];
        if (to != ready)
            memcpy(to, ready, sizeof *to);
    }
    p->ready_count = kept;
}

static bool send_ready(struct publisher *p)
{
    const struct ready *ready = &p->ready[p->ready_first];
    if (p->ready_count == 0 || p->lanes_in_flight >= WINDOW_LANES || p->in_flight >= p->window ||
        p->flow_used >= p->flow)
        return false;
    struct session_message message = {
        .topic = p->readings_topic, .payload = ready->data, .size = ready->size, .qos = 1};
    if (p->hello.broker.encoding != 0)
        message.content_type = ready->packed ? "application/json+deflate" : "application/json";
    struct slot what = {.lane = ready->lane,
                        .epoch = p->lanes[ready->lane].epoch,
                        .records = ready->made.records,
                        .first_id = ready->made.first_id,
                        .end_id = ready->made.end_id};
    if (!send_message(p, &what, &message))
        return false;
    p->ready_first = (p->ready_first + 1) % READY_MOST;
    p->ready_count--;
    p->lanes_in_flight++;
    p->flow_used += message.size;
    return true;
}

/* Both lanes in turn. */
static bool make_next(struct publisher *p)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        uint8_t lane = p->next_lane;
        p->next_lane = (uint8_t)((lane + 1u) % LANE_COUNT);
        if (make_ready(p, lane))
            return true;
    }
    return false;
}

static bool batch_open(const struct publisher *p)
{
    return p->hello.broker.batch_ms > 0 && now_ms() - p->last_body_ms < GATHER_MS;
}

static void send_all(struct publisher *p)
{
    if (p->phase != PHASE_UP || p->stopping)
        return;
    while (send_doc(p, &p->live)) {
    }
    while (send_doc(p, &p->docs)) {
    }
    if (now_ms() < p->refused_until_ms || batch_open(p))
        return;
    do {
        while (send_ready(p)) {
        }
    } while (make_next(p));
}

/* ---- What became of it ---- */

/* A long way is no full one: what counts is how much longer than the fastest it took. What was
 * under way together when the link stood still slows it down once. */
static void adapt_flow(struct publisher *p, const struct slot *slot)
{
    int64_t queued = now_ms() - slot->sent_ms - p->fastest_ms;
    if (queued <= FLOW_FAST_MS) {
        p->flow += slot->bytes;
    } else if (queued > FLOW_SLOW_MS && slot->sent_ms >= p->slowed_ms) {
        p->flow /= 2;
        p->slowed_ms = now_ms();
    }
    p->flow = p->flow < FLOW_LEAST ? FLOW_LEAST : p->flow;
    p->flow = p->flow > FLOW_MOST ? FLOW_MOST : p->flow;
}

static void free_the_slot(struct publisher *p, struct slot *slot)
{
    slot->used = false;
    p->in_flight -= slot->quality;
    p->scalars -= !slot->quality;
    if (!slot->doc) {
        p->lanes_in_flight--;
        p->flow_used -= slot->bytes < p->flow_used ? slot->bytes : p->flow_used;
    }
}

static bool is_too_much(int reason)
{
    return reason == 0x90 || reason == 0x95 || reason == 0x99;
}

/* Readings were refused for what they are: smaller messages, and at last the one record aside. */
static void shrink(struct publisher *p, const struct slot *slot, int reason)
{
    struct lane *lane = &p->lanes[slot->lane];
    bool known = lane->small_until == slot->end_id && slot->records == 1;
    p->tries = known ? p->tries + 1 : 1;
    lane->small_until = slot->end_id;
    lane->small_records = slot->records > 1 ? slot->records / 2 : 1;
    if (slot->records > 1 || p->tries < GIVE_UP_TRIES)
        return;
    struct lane_message made = {.end_id = slot->end_id};
    if (lane_encode(lane, p->streams, p->hello.uuid, p->json, sizeof p->json, &made) &&
        made.records == 1) {
        tell_quarantine(p, made.first_id, reason, p->json, made.size);
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: one record is refused for good (0x%02x) and kept aside",
                  p->hello.broker.name, (unsigned)reason);
    }
    lane->skip_id = made.end_id - 1;
    p->tries = 0;
}

/* Refused for who we are or how much we send: kept, and tried again later. */
static void hold_back(struct publisher *p, int reason, const char *text)
{
    p->refused_ms = p->refused_ms == 0 ? REFUSED_FIRST_MS : p->refused_ms * 2;
    p->refused_ms = p->refused_ms < REFUSED_MOST_MS ? p->refused_ms : REFUSED_MOST_MS;
    p->refused_until_ms = now_ms() + p->refused_ms;
    if (p->refused_ms == REFUSED_FIRST_MS)
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: the broker refuses readings (0x%02x %s); they are kept and sent "
                  "again later: look at its ACL and quota",
                  p->hello.broker.name, (unsigned)reason, text);
}

static void on_refused(struct publisher *p, const struct slot *slot,
                       const struct session_event *event)
{
    static struct log_rate rate;
    p->counts.refused++;
    if (slot->doc) {
        log_limited(&rate, LOG_LEVEL_WARNING, "publish %s: a document was refused (0x%02x %s)",
                    p->hello.broker.name, (unsigned)event->reason, event->text);
        return;
    }
    if (slot->epoch != p->lanes[slot->lane].epoch)
        return;
    drop_ready(p, slot->lane);
    lane_rewind(&p->lanes[slot->lane], slot->first_id);
    if (is_too_much(event->reason))
        shrink(p, slot, event->reason);
    else
        hold_back(p, event->reason, event->text);
    tell_counts(p);
}

static void on_slot(struct publisher *p, const struct session_event *event)
{
    struct slot *slot = &p->slots[event->slot];
    if (!slot->used || slot->generation != event->generation)
        return;
    struct slot was = *slot;
    free_the_slot(p, slot);
    if (event->type == SESSION_ACKED) {
        p->counts.acked += was.quality;
        if (was.quality && now_ms() - was.sent_ms < p->fastest_ms)
            p->fastest_ms = now_ms() - was.sent_ms;
        if (!was.doc) {
            adapt_flow(p, &was);
            if (p->refused_ms > 0)
                log_write(LOG_LEVEL_NOTICE, "publish %s: readings are taken again",
                          p->hello.broker.name);
            p->refused_ms = 0;
        }
    } else if (event->type == SESSION_REFUSED) {
        on_refused(p, &was, event);
    } else if (!was.doc && was.epoch == p->lanes[was.lane].epoch) {
        drop_ready(p, was.lane);
        lane_rewind(&p->lanes[was.lane], was.first_id);
    }
    if (!was.doc)
        settle_lane(p, was.lane);
}

/* ---- The connection ---- */

static void wait_and_retry(struct publisher *p, const char *state, const char *why)
{
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        drop_ready(p, (uint8_t)lane); /* the next connection may want smaller ones */
    p->phase = PHASE_WAITING;
    p->retry_ms = now_ms() + backoff_next(&p->backoff_ms, p->hello.broker.host);
    drop_docs(p);
    tell_state(p, false, state, why);
}

static void connect_now(struct publisher *p)
{
    char why[96] = "";
    p->phase = PHASE_CONNECTING;
    p->phase_ms = now_ms();
    if (!session_connect(p->session, why, sizeof why))
        wait_and_retry(p, "down", why);
}

static void publish_status(struct publisher *p, const char *status)
{
    struct session_message message = {.topic = p->status_topic,
                                      .payload = status,
                                      .size = strlen(status),
                                      .qos = 1,
                                      .retain = true};
    struct slot what = {.doc = true};
    (void)send_message(p, &what, &message); /* fails only when the connection is gone again */
}

static void on_connected(struct publisher *p, const struct session_event *event)
{
    p->phase = PHASE_UP;
    p->phase_ms = now_ms();
    p->counts.connects++;
    p->window = event->window > 0 && event->window < WINDOW ? event->window : WINDOW;
    p->max_message = MESSAGE_MOST;
    if (event->max_packet > 512 && event->max_packet - 256 < MESSAGE_MOST)
        p->max_message = event->max_packet - 256; /* room for topic and properties */
    p->flow = FLOW_FIRST;
    p->fastest_ms = FASTEST_MOST_MS;
    p->refused_until_ms = 0;
    p->tls.said[0] = '\0';
    publish_status(p, "online");
    session_subscribe(p->session);
    tell_state(p, true, "up", "");
    p->gone_before = false;
}

static void on_down(struct publisher *p, const char *state, const char *why)
{
    if (p->stopping) {
        p->stopped = true;
        return;
    }
    if (p->phase == PHASE_UP && now_ms() - p->phase_ms > STEADY_MS)
        p->backoff_ms = BACKOFF_FIRST_MS;
    wait_and_retry(p, state, why);
}

static void on_connect_failed(struct publisher *p, const struct session_event *event)
{
    bool refused = event->reason >= 0x80;
    const char *why = event->text[0] != '\0' ? event->text : "no connection to the broker";
    if (!refused) {
        p->gone_before = true;
        refused = !p->stopping && tls_failed(&p->tls, &p->hello.broker, why, now_ms());
        why = refused ? p->tls.why : why;
    }
    on_down(p, refused ? "refused" : "down", why);
}

static void on_lost(struct publisher *p, const struct session_event *event)
{
    if (p->phase != PHASE_UP && p->phase != PHASE_ENDING)
        return;
    p->gone_before = p->gone_before || p->phase == PHASE_UP;
    if (event->reason == 0x95) { /* packet too large: the oldest message is the likely one */
        p->max_message = p->max_message / 2 > MESSAGE_LEAST ? p->max_message / 2 : MESSAGE_LEAST;
        p->flow = FLOW_LEAST;
    }
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
            p->stopped = true;
        else if (p->phase == PHASE_ENDING)
            on_down(p, "down", "no acknowledgement for too long");
        break;
    default:
        on_slot(p, event);
        break;
    }
}

static int64_t oldest_sent(const struct publisher *p)
{
    int64_t oldest = INT64_MAX;
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        if (p->slots[i].used && p->slots[i].quality && p->slots[i].sent_ms < oldest)
            oldest = p->slots[i].sent_ms;
    }
    return oldest;
}

/* Deadlines of the connection. A Paho that does not even end one is ended with the process. */
static void watch(struct publisher *p)
{
    int64_t now = now_ms();
    int64_t patience = (int64_t)p->hello.broker.keepalive_s * 2000;
    if (p->phase == PHASE_WAITING && now >= p->retry_ms && !p->stopping) {
        connect_now(p);
    } else if (p->phase == PHASE_CONNECTING && now - p->phase_ms > CONNECT_MOST_MS) {
        log_write(LOG_LEVEL_WARNING, "publish %s: connecting hangs; the process starts anew",
                  p->hello.broker.name);
        _exit(EX_TEMPFAIL);
    } else if (p->phase == PHASE_UP && oldest_sent(p) < now - patience) {
        log_write(LOG_LEVEL_WARNING, "publish %s: nothing acknowledged for %lld s; connecting anew",
                  p->hello.broker.name, (long long)(patience / 1000));
        p->phase = PHASE_ENDING;
        p->phase_ms = now;
        session_disconnect(p->session, 0);
    } else if ((p->phase == PHASE_ENDING && now - p->phase_ms > END_MOST_MS) ||
               (p->phase == PHASE_WAITING && oldest_sent(p) < now - 3 * patience / 2)) {
        _exit(EX_TEMPFAIL); /* a disconnect that does not end, callbacks that never came */
    }
}

/* ---- From the daemon ---- */

static void take_body(struct publisher *p, const uint8_t *message, size_t size)
{
    struct wire_body head;
    memcpy(&head, message, sizeof head);
    if (head.lane < LANE_COUNT &&
        !lane_add(&p->lanes[head.lane], &head, message + sizeof head, size - sizeof head))
        _exit(EX_OSERR); /* no memory: start anew, the store has it all */
    p->last_body_ms = now_ms();
}

static void take_reset(struct publisher *p, const uint8_t *message)
{
    struct wire_reset reset;
    memcpy(&reset, message, sizeof reset);
    if (reset.lane >= LANE_COUNT)
        return;
    drop_ready(p, reset.lane);
    lane_reset(&p->lanes[reset.lane], reset.id);
    p->told[reset.lane] = reset.id;
}

static void begin_stop(struct publisher *p)
{
    p->stopping = true;
    p->phase_ms = now_ms();
    if (p->phase != PHASE_UP) {
        p->stopped = true;
        return;
    }
    publish_status(p, "offline");
}

/* Leaves when the broker has taken the last word, so that it need not speak the will. */
static void leave_when_done(struct publisher *p)
{
    if (p->phase == PHASE_UP && p->in_flight == 0) {
        p->phase = PHASE_ENDING;
        session_disconnect(p->session, 0);
    }
}

static void take_message(struct publisher *p, const uint8_t *message, size_t size)
{
    static const size_t least[] = {[WIRE_STREAM] = sizeof(struct wire_stream),
                                   [WIRE_BODY] = sizeof(struct wire_body),
                                   [WIRE_RESET] = sizeof(struct wire_reset),
                                   [WIRE_DOC] = sizeof(struct wire_doc),
                                   [WIRE_STOP] = 1};
    uint8_t type = message[0];
    if (type >= sizeof least / sizeof least[0] || least[type] == 0 || size < least[type])
        _exit(EX_PROTOCOL);
    if (type == WIRE_STREAM) {
        struct wire_stream stream;
        memcpy(&stream, message, sizeof stream);
        (void)streams_add(p->streams, &stream); /* records of unknown streams are counted */
    } else if (type == WIRE_BODY) {
        take_body(p, message, size);
    } else if (type == WIRE_RESET) {
        take_reset(p, message);
    } else if (type == WIRE_DOC) {
        take_doc(p, message, size);
    } else {
        begin_stop(p);
    }
}

/* All that is there now. */
static void take_messages(struct publisher *p)
{
    static uint8_t message[WIRE_MAX];
    for (;;) {
        ssize_t got = recv(p->fd, message, sizeof message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            begin_stop(p); /* the daemon is gone: say goodbye to the broker */
            close(p->fd);
            p->fd = -1;
            return;
        }
        take_message(p, message, (size_t)got);
    }
}

static void pass_requests(struct publisher *p)
{
    static uint8_t message[WIRE_MAX];
    struct session_request *request = NULL;
    while ((request = session_next_request(p->session)) != NULL) {
        struct wire_request head = {.type = WIRE_REQUEST, .request = request->head};
        memcpy(message, &head, sizeof head);
        memcpy(message + sizeof head, request->payload, request->size);
        if (p->fd >= 0)
            tell(p, message, sizeof head + request->size);
        free(request);
    }
}

/* ---- Main ---- */

static bool receive_hello(struct publisher *p)
{
    p->fd = WIRE_FD;
    return recv(p->fd, &p->hello, sizeof p->hello, 0) == (ssize_t)sizeof p->hello &&
           p->hello.type == WIRE_HELLO;
}

static int wait_ms(const struct publisher *p)
{
    int64_t now = now_ms(), until = now + 1000;
    if (p->phase == PHASE_WAITING && p->retry_ms < until)
        until = p->retry_ms;
    if (p->refused_until_ms > now && p->refused_until_ms < until)
        until = p->refused_until_ms;
    if (lane_waits(&p->lanes[LANE_BACKLOG]) && batch_open(p))
        until = p->last_body_ms + GATHER_MS;
    if (acks_wait(p) && p->told_ms + ACK_EVERY_MS < until)
        until = p->told_ms + ACK_EVERY_MS;
    return until > now ? (int)(until - now) : 0;
}

static void run(struct publisher *p)
{
    while (!p->stopped) {
        struct pollfd fds[2] = {{.fd = p->wake_fd, .events = POLLIN},
                                {.fd = p->fd, .events = POLLIN}};
        struct session_event event;
        eventfd_t count = 0;
        (void)poll(fds, p->fd >= 0 ? 2 : 1, wait_ms(p));
        if (fds[0].revents != 0)
            (void)eventfd_read(p->wake_fd, &count);
        while (session_next_event(p->session, &event) && p->fd >= 0)
            on_event(p, &event);
        if (p->fd >= 0 && fds[1].revents != 0)
            take_messages(p);
        if (p->stopping && (p->fd < 0 || now_ms() - p->phase_ms > STOP_MOST_MS))
            break;
        if (p->stopping)
            leave_when_done(p);
        pass_requests(p);
        watch(p);
        send_all(p);
        tell_acks(p);
        if (now_ms() - p->counts_ms >= 1000 && p->fd >= 0)
            tell_counts(p);
    }
}

int publisher_main(void)
{
    static struct publisher publisher; /* half a hundred KiB of buffers: not on the stack */
    struct publisher *p = &publisher;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* the daemon says when to stop */
    (void)signal(SIGHUP, SIG_IGN);
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:1", 1);
    if (!receive_hello(p)) {
        (void)fprintf(stderr, "baiyed: --publisher is for baiyed itself\n");
        return EX_USAGE;
    }
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->streams = streams_create();
    p->session = session_create(&p->hello, p->wake_fd);
    if (p->wake_fd < 0 || p->streams == NULL || p->session == NULL ||
        !topic_make(p->readings_topic, TOPIC_SIZE, p->hello.site, TOPIC_READINGS) ||
        !topic_make(p->status_topic, TOPIC_SIZE, p->hello.site, TOPIC_STATUS))
        return EX_OSERR;
    p->backoff_ms = BACKOFF_FIRST_MS;
    p->flow = FLOW_FIRST;
    p->window = WINDOW;
    p->max_message = MESSAGE_MOST;
    p->phase = PHASE_WAITING;
    run(p);
    return EX_OK;
}
