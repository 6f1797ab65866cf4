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
#include "gateway/daemon/publish/worker/sender.h"
#include "protocols/mqtt/topic.h"

#define WINDOW       16u /* QoS 1 messages in flight: below the brokers' usual 20 */
#define WINDOW_LANES 12u /* messages of readings in flight, of the window */
#define GATHER_MS    300 /* a batch is complete when nothing came for so long */

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

void send_ended_soon(struct publisher *p)
{
    flow_ended_soon(&p->sender->flow);
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

bool send_has_room(const struct publisher *p)
{
    return p->sender->in_flight < (flow_goes_alone(&p->sender->flow) ? 1 : p->sender->window);
}

/* Is there a reading that is not under way: in a message that is made, or in one yet to be made? */
static bool readings_wait(const struct publisher *p)
{
    bool wait = p->sender->ready.count > 0;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        wait = wait || lane_waits(&p->lanes[lane]);
    return wait;
}

/* Documents come first, but a quarter of the window is left to readings that wait: where a round
 * trip takes longer than the live values' second, they would never get a turn. */
static bool doc_may_go(const struct publisher *p, const struct queued_doc *doc)
{
    if (flow_goes_alone(&p->sender->flow) && !send_has_room(p))
        return false;
    if (doc->head.qos == 0 || p->sender->qos == 0)
        return p->sender->scalars < SCALARS;
    uint32_t kept =
        readings_wait(p) && !flow_goes_alone(&p->sender->flow) ? (p->sender->window + 3) / 4 : 0;
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
    if (ready == NULL || p->sender->lanes_in_flight >= most || !send_has_room(p) ||
        flow_is_full(&p->sender->flow))
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
            sender_settle_lane(p, lane);
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
    return readings_wait(p) && batch_open(p) ? p->sender->last_body_ms + GATHER_MS : INT64_MAX;
}

/* Paho's lock is held while it writes a message, and it is wanted for each that is given to it: who
 * makes one and gives it, makes one and gives it, stands there while the one before is written. So
 * they are given several at a time, by one wake, and written while the next are made. */
static void give_ready(struct publisher *p)
{
    paho_hold();
    while (send_ready(p)) {
    }
    paho_release();
}

/* As many as are under way: these keep the connection busy meanwhile. */
static bool enough_ready(const struct publisher *p)
{
    uint32_t count = p->sender->ready.count;
    return count == READY_MOST || count >= p->sender->lanes_in_flight;
}

static void send_lanes(struct publisher *p)
{
    do {
        if (enough_ready(p))
            give_ready(p);
        if (publisher_is_called(p))
            return;
    } while (make_next(p));
    give_ready(p);
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
    if (now_ms() >= p->sender->refused_until_ms && !batch_open(p))
        send_lanes(p);
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
    return p->stopping || p->phase != PHASE_UP || waits || flow_goes_alone(&p->sender->flow) ||
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
