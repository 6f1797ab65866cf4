/* SPDX-License-Identifier: Apache-2.0 */
/* Order of sending: documents marked live, other documents, then the lanes of readings, which may
 * use only a share of the window and only as many bytes as the link acknowledges within about a
 * second, so that live values never queue behind a backlog in a socket. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/daemon/publish/worker/paho.h"
#include "gateway/daemon/publish/worker/publisher.h"

#define WINDOW_LANES      12u /* messages of readings in flight, of the window */
#define SCALARS           24u /* QoS 0 messages inside Paho */
#define FLOW_MOST         (1u << 20)
#define FLOW_FAST_MS      300
#define FLOW_SLOW_MS      1000
#define REFUSED_FIRST_MS  1000
#define REFUSED_MOST_MS   300000
#define GIVE_UP_TRIES     3u
#define NOBODY_SUBSCRIBES 0x10
#define PACKET_FRAME      24u /* of a message, beside its texts: header, lengths, properties */
#define GATHER_MS         300 /* a batch is complete when nothing came for so long */

static void settle_lane(struct publisher *p, uint8_t lane)
{
    uint64_t lowest = ready_lowest(&p->ready, lane);
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        const struct slot *slot = &p->slots[i];
        if (slot->used && !slot->doc && slot->lane == lane && slot->epoch == p->lanes[lane].epoch &&
            slot->first_id < lowest)
            lowest = slot->first_id;
    }
    lane_settle(&p->lanes[lane], lowest);
}

/* ---- Documents ---- */

static void take_one(struct publisher *p, struct queued_doc *doc)
{
    if (p->phase != PHASE_UP) { /* it comes again when there is a connection */
        free(doc);
        count_docs_done(p, 1);
    } else if (!doc->head.live) {
        doc_push(&p->docs, doc);
    } else if (doc_push_newest(&p->live, doc)) {
        count_docs_done(p, 1);
    }
}

void send_take_docs(struct publisher *p, const uint8_t *message, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct queued_doc *doc = doc_take(message, size, &at);
        if (doc == NULL)
            _exit(EX_OSERR); /* no memory: start anew, and be given all of them again */
        take_one(p, doc);
    }
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

bool send_message(struct publisher *p, const struct slot *what,
                  const struct session_message *message)
{
    uint16_t index = 0;
    struct slot *slot = free_slot(p, &index);
    if (slot == NULL)
        return false;
    uint32_t generation = ++p->generation;
    struct session_message out = *message; /* as the broker can take it */
    out.qos = out.qos < p->qos ? out.qos : p->qos;
    out.retain = out.retain && p->retain;
    if (!session_publish(p->session, index, generation, &out))
        return false;
    *slot = *what;
    slot->used = true;
    slot->quality = out.qos > 0;
    slot->generation = generation;
    slot->bytes = message->size;
    slot->sent_ms = now_ms();
    p->in_flight += slot->quality;
    p->scalars += !slot->quality;
    if (message->size > p->largest)
        p->largest = (uint32_t)message->size;
    p->counts.messages++;
    p->counts.bytes += message->size + strlen(message->topic) + 9 + (slot->quality ? 6 : 0);
    return true;
}

uint32_t send_largest(const struct publisher *p)
{
    size_t largest = 0;
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        if (p->slots[i].used && p->slots[i].bytes > largest)
            largest = p->slots[i].bytes;
    }
    return largest > 0 ? (uint32_t)largest : p->largest;
}

/* Documents come first, but a quarter of the window is left to readings that wait: where a round
 * trip takes longer than the live values' second, they would never get a turn. */
static bool doc_may_go(const struct publisher *p, const struct queued_doc *doc)
{
    if (doc->head.qos == 0 || p->qos == 0)
        return p->scalars < SCALARS;
    bool lanes = p->ready.count > 0;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        lanes = lanes || lane_waits(&p->lanes[lane]);
    uint32_t kept = lanes ? (p->window + 3) / 4 : 0;
    return p->in_flight < p->window && p->in_flight - p->lanes_in_flight + kept < p->window;
}

/* It would end the connection, again and again. */
static bool is_too_large(const struct publisher *p, const struct session_message *message)
{
    size_t packet =
        message->size + strlen(message->topic) + message->correlation_size + PACKET_FRAME;
    return packet > p->packet_most || message->size >= p->refused_size;
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
                                      .correlation_size = doc->head.correlation_size,
                                      .idle = true};
    struct slot what = {.doc = true, .ask = doc->head.ask};
    if (is_too_large(p, &message)) {
        if (!p->large_told)
            log_write(LOG_LEVEL_WARNING,
                      "%s: the broker takes no message of %zu bytes: left out, as others so large",
                      message.topic, message.size);
        p->large_told = true;
    } else if (!send_message(p, &what, &message)) {
        return false;
    }
    (void)doc_pop(queue);
    free(doc);
    count_docs_done(p, 1);
    return true;
}

static size_t message_limit(const struct publisher *p)
{
    size_t limit = p->flow / 4;
    limit = limit < MESSAGE_LEAST ? MESSAGE_LEAST : limit;
    return limit < p->max_message ? limit : p->max_message;
}

static bool send_ready(struct publisher *p)
{
    const struct ready_message *ready = ready_head(&p->ready);
    /* What was refused is tried again by one message. */
    uint32_t most = p->refused_ms > 0 ? 1 : WINDOW_LANES;
    if (ready == NULL || p->lanes_in_flight >= most || p->in_flight >= p->window ||
        p->flow_used >= p->flow)
        return false;
    struct session_message message = {.topic = p->readings_topic,
                                      .payload = ready->data,
                                      .size = ready->size,
                                      .qos = 1,
                                      .background = true};
    if (p->hello.broker.encoding != 0)
        message.content_type = ready->packed ? "application/json+deflate" : "application/json";
    struct slot what = {.lane = ready->lane,
                        .epoch = p->lanes[ready->lane].epoch,
                        .records = ready->made.records,
                        .first_id = ready->made.first_id,
                        .end_id = ready->made.end_id};
    if (!send_message(p, &what, &message))
        return false;
    p->lanes_in_flight++;
    p->flow_used += message.size;
    ready_pop(&p->ready);
    return true;
}

/* The lanes in turn. */
static bool make_next(struct publisher *p)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        uint8_t lane = p->next_lane;
        p->next_lane = (uint8_t)((lane + 1u) % LANE_COUNT);
        enum ready_result result =
            ready_make(&p->ready, &p->lanes[lane], lane, &p->style, message_limit(p));
        if (result == READY_PASSED)
            settle_lane(p, lane);
        if (result != READY_NONE)
            return true;
    }
    return false;
}

static bool batch_open(const struct publisher *p)
{
    return p->hello.broker.batch_ms > 0 && now_ms() - p->last_body_ms < GATHER_MS;
}

int64_t send_batch_due_ms(const struct publisher *p)
{
    bool waits = lane_waits(&p->lanes[LANE_BACKLOG]) || lane_waits(&p->lanes[LANE_MEANS]);
    return waits && batch_open(p) ? p->last_body_ms + GATHER_MS : INT64_MAX;
}

void send_all(struct publisher *p)
{
    if (p->phase != PHASE_UP || p->stopping)
        return;
    paho_hold();
    while (send_doc(p, &p->live)) {
    }
    while (send_doc(p, &p->docs)) {
    }
    paho_release();
    if (now_ms() < p->refused_until_ms || batch_open(p))
        return;
    do { /* the connection is busy with one while the next is made */
        while (send_ready(p)) {
        }
    } while (make_next(p));
}

/* ---- What became of it ---- */

/* Messages of a lane are made anew, from the first of them on. */
void send_unmake_lane(struct publisher *p, uint8_t lane)
{
    ready_drop(&p->ready, &p->lanes[lane], lane);
}

void send_unmake_all(struct publisher *p)
{
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        send_unmake_lane(p, (uint8_t)lane);
    count_docs_done(p, doc_drop_all(&p->live) + doc_drop_all(&p->docs));
}

/* A long way is no full one: what counts is how much longer than the fastest it took. What was
 * under way together when the link stood still slows it down once. */
static void adapt_flow(struct publisher *p, const struct slot *slot, int64_t acked_ms)
{
    int64_t queued = acked_ms - slot->sent_ms - p->fastest_ms;
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
    if (lane_encode(lane, p->streams, p->hello.uuid, p->ready.json, sizeof p->ready.json, &made) &&
        made.records == 1) {
        tell_quarantine(p, made.first_id, reason, p->ready.json, made.size);
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: one record is refused for good (0x%02x) and kept aside",
                  p->hello.broker.name, (unsigned)reason);
    }
    lane->skip_id = made.end_id - 1;
    p->tries = 0;
}

/* Refused for who we are or how much we send, or heard by nobody: kept, and tried again later. What
 * was under way together is refused together: that is one time. */
static void hold_back(struct publisher *p, int reason, const char *text)
{
    p->unheard = reason == NOBODY_SUBSCRIBES;
    if (p->refused_ms > 0 && now_ms() < p->refused_until_ms)
        return;
    p->refused_ms = p->refused_ms == 0 ? REFUSED_FIRST_MS : p->refused_ms * 2;
    p->refused_ms = p->refused_ms < REFUSED_MOST_MS ? p->refused_ms : REFUSED_MOST_MS;
    p->refused_until_ms = now_ms() + p->refused_ms;
    if (p->refused_ms == REFUSED_FIRST_MS && p->unheard)
        log_write(LOG_LEVEL_WARNING,
                  "publish %s: nobody at the broker subscribes to the readings (0x10); they are "
                  "kept and sent when somebody does (consumer: required)",
                  p->hello.broker.name);
    else if (p->refused_ms == REFUSED_FIRST_MS)
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: the broker refuses readings (0x%02x %s); they are kept and sent "
                  "again later: look at its ACL and quota",
                  p->hello.broker.name, (unsigned)reason, text);
}

static void on_refused(struct publisher *p, const struct slot *slot,
                       const struct session_event *event)
{
    p->counts.refused++;
    if (slot->doc) {
        log_limited(&p->refused_log, LOG_LEVEL_WARNING,
                    "publish %s: a document was refused (0x%02x %s)", p->hello.broker.name,
                    (unsigned)event->reason, event->text);
        return;
    }
    if (slot->epoch != p->lanes[slot->lane].epoch)
        return;
    send_unmake_lane(p, slot->lane);
    lane_rewind(&p->lanes[slot->lane], slot->first_id);
    if (is_too_much(event->reason))
        shrink(p, slot, event->reason);
    else
        hold_back(p, event->reason, event->text);
    tell_counts(p);
}

/* Acknowledged, but into nothing: where a consumer is required that is no delivery. */
static bool is_unheard(const struct publisher *p, const struct slot *slot,
                       const struct session_event *event)
{
    return p->hello.broker.consumer != 0 && !slot->doc && slot->quality &&
           event->reason == NOBODY_SUBSCRIBES;
}

void send_ended(struct publisher *p, const struct session_event *event)
{
    struct slot *slot = &p->slots[event->slot];
    if (!slot->used || slot->generation != event->generation)
        return;
    struct slot was = *slot;
    free_the_slot(p, slot);
    if (event->type == SESSION_ACKED && !is_unheard(p, &was, event)) {
        p->counts.acked += was.quality;
        if (was.ask != 0 && event->reason != NOBODY_SUBSCRIBES)
            tell_heard(p, was.ask);
        if (was.quality && event->at_ms - was.sent_ms < p->fastest_ms)
            p->fastest_ms = event->at_ms - was.sent_ms;
        if (!was.doc) {
            adapt_flow(p, &was, event->at_ms);
            if (p->refused_ms > 0)
                log_write(LOG_LEVEL_NOTICE, "publish %s: readings are taken again",
                          p->hello.broker.name);
            p->refused_ms = 0;
        }
    } else if (event->type != SESSION_UNSENT) {
        on_refused(p, &was, event);
    } else if (!was.doc && was.epoch == p->lanes[was.lane].epoch) {
        send_unmake_lane(p, was.lane);
        lane_rewind(&p->lanes[was.lane], was.first_id);
    }
    if (!was.doc)
        settle_lane(p, was.lane);
}

int64_t send_oldest_ms(const struct publisher *p)
{
    int64_t oldest = INT64_MAX;
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        if (p->slots[i].used && p->slots[i].quality && p->slots[i].sent_ms < oldest)
            oldest = p->slots[i].sent_ms;
    }
    return oldest;
}

bool send_is_pressed(const struct publisher *p)
{
    bool waits = p->live.first != NULL || p->docs.first != NULL;
    return p->stopping || p->phase != PHASE_UP || waits || 2 * p->in_flight >= p->window ||
           2 * p->scalars >= SCALARS;
}
