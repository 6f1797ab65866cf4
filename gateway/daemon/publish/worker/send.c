/* SPDX-License-Identifier: Apache-2.0 */
/* Order of sending: documents marked live, other documents, then the lanes of readings, which may
 * use only a share of the window and only as many bytes as the link acknowledges within about a
 * second, so that live values never queue behind a backlog in a socket. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/daemon/publish/worker/doc_queue.h"
#include "gateway/daemon/publish/worker/flow.h"
#include "gateway/daemon/publish/worker/paho.h"
#include "gateway/daemon/publish/worker/publisher.h"
#include "gateway/daemon/publish/worker/ready.h"
#include "protocols/mqtt/topic.h"

#define WINDOW            16u /* QoS 1 messages in flight: below the brokers' usual 20 */
#define WINDOW_LANES      12u /* messages of readings in flight, of the window */
#define SCALARS           24u /* QoS 0 messages inside Paho */
#define REFUSED_FIRST_MS  1000
#define REFUSED_MOST_MS   300000
#define GIVE_UP_TRIES     3u
#define NOBODY_SUBSCRIBES 0x10
#define GATHER_MS         300 /* a batch is complete when nothing came for so long */

struct slot {
    bool used;
    bool doc; /* else readings of `lane` */
    bool quality;
    uint8_t lane;
    uint16_t ask; /* of a document */
    uint32_t generation, epoch, records;
    uint64_t first_id, end_id;
    size_t bytes;
    int64_t sent_ms;
};

struct sender {
    uint8_t qos;     /* the most that the broker takes, 0 or 1 */
    bool retain;     /* it keeps retained messages */
    uint32_t window; /* QoS 1 messages in flight, at most */
    struct flow flow;
    bool large_reported;
    struct doc_queue live, docs;
    struct slot slots[SESSION_SLOTS];
    uint32_t generation;
    uint32_t in_flight, lanes_in_flight, scalars;
    int64_t refused_until_ms;
    uint32_t refused_ms;
    bool unheard;      /* what is refused is so since nobody subscribes to it */
    uint32_t tries;    /* of the record at small_until - 1 */
    uint8_t next_lane; /* whose turn it is to have a message made */
    int64_t last_body_ms;
    char readings_topic[TOPIC_SIZE];
    struct ready_style style;
    struct ready_ring ready;
    struct log_rate refused_log;
};

struct sender *sender_create(const struct publisher *p)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        return NULL;
    if (!topic_make(sender->readings_topic, TOPIC_SIZE, p->hello.site, TOPIC_READINGS)) {
        free(sender);
        return NULL;
    }
    sender->style = (struct ready_style){
        .streams = p->streams, .gateway = p->hello.uuid, .deflate = p->hello.broker.encoding == 1};
    flow_init(&sender->flow);
    sender->window = WINDOW;
    return sender;
}

static void settle_lane(struct publisher *p, uint8_t lane)
{
    uint64_t lowest = ready_lowest(&p->sender->ready, lane);
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        const struct slot *slot = &p->sender->slots[i];
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
        report_count_docs(p, 1);
    } else if (!doc->head.live) {
        doc_push(&p->sender->docs, doc);
    } else if (doc_push_newest(&p->sender->live, doc)) {
        report_count_docs(p, 1);
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

void send_take_body(struct publisher *p, const uint8_t *message, size_t size)
{
    struct ipc_body head;
    memcpy(&head, message, sizeof head);
    if (head.lane < LANE_COUNT &&
        !lane_add(&p->lanes[head.lane], &head, message + sizeof head, size - sizeof head))
        _exit(EX_OSERR); /* no memory: start anew, the store has it all */
    p->sender->last_body_ms = now_ms();
}

/* ---- Sending ---- */

static struct slot *free_slot(struct publisher *p, uint16_t *index)
{
    for (uint16_t i = 0; i < SESSION_SLOTS; i++) {
        if (!p->sender->slots[i].used) {
            *index = i;
            return &p->sender->slots[i];
        }
    }
    return NULL;
}

static bool send_as(struct publisher *p, const struct slot *what,
                    const struct session_message *message)
{
    uint16_t index = 0;
    struct slot *slot = free_slot(p, &index);
    if (slot == NULL)
        return false;
    uint32_t generation = ++p->sender->generation;
    struct session_message out = *message; /* as the broker can take it */
    out.qos = out.qos < p->sender->qos ? out.qos : p->sender->qos;
    out.retain = out.retain && p->sender->retain;
    if (!session_publish(p->session, index, generation, &out))
        return false;
    *slot = *what;
    slot->used = true;
    slot->quality = out.qos > 0;
    slot->generation = generation;
    slot->bytes = message->size;
    slot->sent_ms = now_ms();
    p->sender->in_flight += slot->quality;
    p->sender->scalars += !slot->quality;
    flow_sent(&p->sender->flow, message->size);
    p->counts.messages++;
    p->counts.bytes += message->size + strlen(message->topic) + 9 + (slot->quality ? 6 : 0);
    return true;
}

bool send_message(struct publisher *p, const struct session_message *message)
{
    return send_as(p, &(struct slot){.doc = true}, message);
}

/* Bytes of the largest message that is not acknowledged; 0: none waits. */
static uint32_t largest_waiting(const struct publisher *p)
{
    size_t largest = 0;
    for (unsigned i = 0; i < SESSION_SLOTS; i++) {
        if (p->sender->slots[i].used && p->sender->slots[i].bytes > largest)
            largest = p->sender->slots[i].bytes;
    }
    return (uint32_t)largest;
}

void send_too_large(struct publisher *p)
{
    flow_too_large(&p->sender->flow, largest_waiting(p));
}

void send_begin(struct publisher *p, const struct session_event *event)
{
    struct sender *sender = p->sender;
    sender->window = event->window > 0 && event->window < WINDOW ? event->window : WINDOW;
    sender->qos = session_may_confirm(p->session) ? event->qos : 0;
    sender->retain = event->retain && session_may_retain(p->session);
    flow_begin(&sender->flow, event->max_packet);
    sender->refused_until_ms = 0;
}

bool send_is_confirmed(const struct publisher *p)
{
    return p->sender->qos > 0;
}

/* Documents come first, but a quarter of the window is left to readings that wait: where a round
 * trip takes longer than the live values' second, they would never get a turn. */
static bool doc_may_go(const struct publisher *p, const struct queued_doc *doc)
{
    if (doc->head.qos == 0 || p->sender->qos == 0)
        return p->sender->scalars < SCALARS;
    bool lanes = p->sender->ready.count > 0;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        lanes = lanes || lane_waits(&p->lanes[lane]);
    uint32_t kept = lanes ? (p->sender->window + 3) / 4 : 0;
    return p->sender->in_flight < p->sender->window &&
           p->sender->in_flight - p->sender->lanes_in_flight + kept < p->sender->window;
}

static bool is_too_large(const struct publisher *p, const struct session_message *message)
{
    return !flow_takes(&p->sender->flow, message->size,
                       strlen(message->topic) + message->correlation_size);
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
        if (!p->sender->large_reported)
            log_write(LOG_LEVEL_WARNING,
                      "%s: the broker takes no message of %zu bytes: left out, as others so large",
                      message.topic, message.size);
        p->sender->large_reported = true;
    } else if (!send_as(p, &what, &message)) {
        return false;
    }
    (void)doc_pop(queue);
    free(doc);
    report_count_docs(p, 1);
    return true;
}

static bool send_ready(struct publisher *p)
{
    const struct ready_message *ready = ready_head(&p->sender->ready);
    /* What was refused is tried again by one message. */
    uint32_t most = p->sender->refused_ms > 0 ? 1 : WINDOW_LANES;
    if (ready == NULL || p->sender->lanes_in_flight >= most ||
        p->sender->in_flight >= p->sender->window || flow_is_full(&p->sender->flow))
        return false;
    struct session_message message = {.topic = p->sender->readings_topic,
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
    if (!send_as(p, &what, &message))
        return false;
    p->sender->lanes_in_flight++;
    flow_add(&p->sender->flow, message.size);
    ready_pop(&p->sender->ready);
    return true;
}

/* The lanes in turn. */
static bool make_next(struct publisher *p)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        uint8_t lane = p->sender->next_lane;
        p->sender->next_lane = (uint8_t)((lane + 1u) % LANE_COUNT);
        enum ready_result result =
            ready_make(&p->sender->ready, &p->lanes[lane], lane, &p->sender->style,
                       flow_message_most(&p->sender->flow));
        if (result == READY_PASSED)
            settle_lane(p, lane);
        if (result != READY_NONE)
            return true;
    }
    return false;
}

static bool batch_open(const struct publisher *p)
{
    return p->hello.broker.batch_ms > 0 && now_ms() - p->sender->last_body_ms < GATHER_MS;
}

int64_t send_batch_due_ms(const struct publisher *p)
{
    bool waits = lane_waits(&p->lanes[LANE_BACKLOG]) || lane_waits(&p->lanes[LANE_MEANS]);
    return waits && batch_open(p) ? p->sender->last_body_ms + GATHER_MS : INT64_MAX;
}

void send_all(struct publisher *p)
{
    if (p->phase != PHASE_UP || p->stopping)
        return;
    paho_hold();
    while (send_doc(p, &p->sender->live)) {
    }
    while (send_doc(p, &p->sender->docs)) {
    }
    paho_release();
    if (now_ms() < p->sender->refused_until_ms || batch_open(p))
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
    ready_drop(&p->sender->ready, &p->lanes[lane], lane);
}

void send_unmake_all(struct publisher *p)
{
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        send_unmake_lane(p, (uint8_t)lane);
    report_count_docs(p, doc_drop_all(&p->sender->live) + doc_drop_all(&p->sender->docs));
}

static void free_the_slot(struct publisher *p, struct slot *slot)
{
    slot->used = false;
    p->sender->in_flight -= slot->quality;
    p->sender->scalars -= !slot->quality;
    if (!slot->doc) {
        p->sender->lanes_in_flight--;
        flow_remove(&p->sender->flow, slot->bytes);
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
    p->sender->tries = known ? p->sender->tries + 1 : 1;
    lane->small_until = slot->end_id;
    lane->small_records = slot->records > 1 ? slot->records / 2 : 1;
    if (slot->records > 1 || p->sender->tries < GIVE_UP_TRIES)
        return;
    struct lane_message made = {.end_id = slot->end_id};
    if (lane_encode(lane, p->streams, p->hello.uuid, p->sender->ready.json,
                    sizeof p->sender->ready.json, &made) &&
        made.records == 1) {
        report_quarantine(p, made.first_id, reason, p->sender->ready.json, made.size);
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: one record is refused for good (0x%02x) and kept aside",
                  p->hello.broker.name, (unsigned)reason);
    }
    lane->skip_id = made.end_id - 1;
    p->sender->tries = 0;
}

/* Refused for who we are or how much we send, or heard by nobody: kept, and tried again later. What
 * was under way together is refused together: that is one time. */
static void hold_back(struct publisher *p, int reason, const char *text)
{
    p->sender->unheard = reason == NOBODY_SUBSCRIBES;
    if (p->sender->refused_ms > 0 && now_ms() < p->sender->refused_until_ms)
        return;
    p->sender->refused_ms =
        p->sender->refused_ms == 0 ? REFUSED_FIRST_MS : p->sender->refused_ms * 2;
    p->sender->refused_ms =
        p->sender->refused_ms < REFUSED_MOST_MS ? p->sender->refused_ms : REFUSED_MOST_MS;
    p->sender->refused_until_ms = now_ms() + p->sender->refused_ms;
    if (p->sender->refused_ms == REFUSED_FIRST_MS && p->sender->unheard)
        log_write(LOG_LEVEL_WARNING,
                  "publish %s: nobody at the broker subscribes to the readings (0x10); they are "
                  "kept and sent when somebody does (consumer: required)",
                  p->hello.broker.name);
    else if (p->sender->refused_ms == REFUSED_FIRST_MS)
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
        log_limited(&p->sender->refused_log, LOG_LEVEL_WARNING,
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
    report_counts(p);
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
    struct slot *slot = &p->sender->slots[event->slot];
    if (!slot->used || slot->generation != event->generation)
        return;
    struct slot was = *slot;
    free_the_slot(p, slot);
    if (event->type == SESSION_ACKED && !is_unheard(p, &was, event)) {
        p->counts.acked += was.quality;
        if (was.ask != 0 && event->reason != NOBODY_SUBSCRIBES)
            report_heard(p, was.ask);
        if (was.quality)
            flow_timed(&p->sender->flow, event->at_ms - was.sent_ms);
        if (!was.doc) {
            flow_acked(&p->sender->flow, was.bytes, was.sent_ms, event->at_ms, now_ms());
            if (p->sender->refused_ms > 0)
                log_write(LOG_LEVEL_NOTICE, "publish %s: readings are taken again",
                          p->hello.broker.name);
            p->sender->refused_ms = 0;
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
        if (p->sender->slots[i].used && p->sender->slots[i].quality &&
            p->sender->slots[i].sent_ms < oldest)
            oldest = p->sender->slots[i].sent_ms;
    }
    return oldest;
}

bool send_is_pressed(const struct publisher *p)
{
    bool waits = p->sender->live.first != NULL || p->sender->docs.first != NULL;
    return p->stopping || p->phase != PHASE_UP || waits ||
           2 * p->sender->in_flight >= p->sender->window || 2 * p->sender->scalars >= SCALARS;
}

uint32_t send_in_flight(const struct publisher *p)
{
    return p->sender->in_flight;
}

uint32_t send_lanes_in_flight(const struct publisher *p)
{
    return p->sender->lanes_in_flight;
}

bool send_has_room(const struct publisher *p)
{
    return p->sender->in_flight < p->sender->window;
}

int64_t send_refused_until_ms(const struct publisher *p)
{
    return p->sender->refused_until_ms;
}

bool send_holds_back(const struct publisher *p, bool *unheard)
{
    *unheard = p->sender->unheard;
    return p->sender->refused_ms > 0;
}
