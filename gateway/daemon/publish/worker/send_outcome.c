/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message: acknowledged, refused or never sent, and what is sent again for it. */
#include "gateway/daemon/publish/worker/publisher.h"
#include "gateway/daemon/publish/worker/sender.h"

#define REFUSED_FIRST_MS  1000
#define REFUSED_MOST_MS   300000
#define GIVE_UP_TRIES     3u
#define NOBODY_SUBSCRIBES 0x10

void sender_settle_lane(struct publisher *p, uint8_t lane)
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

/* Refused for who we are or how much we send, or heard by no one: kept, and tried again later. What
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
        sender_settle_lane(p, was.lane);
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
