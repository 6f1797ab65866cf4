/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding a publisher with what the store has committed. The daemon sends ahead only as much as a
 * credit allows, so a slow broker bounds the publisher's memory; the credit comes back with the
 * acknowledgements, which also move the broker's cursor in the store. */
#include <string.h>

#include "gateway/daemon/publish/link.h"

#define REPLAY_MS 60000 /* a PUBACK is not durability: what a restarted broker may have lost */

static void loan_clear(struct loans *loans)
{
    loans->first = loans->used = loans->bytes = 0;
}

static bool loan_room(const struct loans *loans)
{
    return loans->used < WIRE_BODIES && loans->bytes < WIRE_BODY_BYTES;
}

static void loan_add(struct loans *loans, uint64_t end_id, uint32_t bytes)
{
    loans->loans[(loans->first + loans->used++) % WIRE_BODIES] = (struct loan){end_id, bytes};
    loans->bytes += bytes;
}

static void loan_return(struct loans *loans, uint64_t id)
{
    while (loans->used > 0 && loans->loans[loans->first].end_id <= id) {
        loans->bytes -= loans->loans[loans->first].bytes;
        loans->first = (loans->first + 1) % WIRE_BODIES;
        loans->used--;
    }
}

static void reset_lane(struct broker *broker, enum wire_lane lane, uint64_t id)
{
    struct wire_reset reset = {.type = WIRE_RESET, .lane = (uint8_t)lane, .id = id};
    loan_clear(&broker->loans[lane]);
    (void)wire_send(broker, &reset, sizeof reset, NULL, 0);
}

/* A publisher has been started. Its socket is empty: nothing here can be blocked. */
void backlog_begin(struct publish *publish, struct broker *broker)
{
    broker->last_stream = 0;
    broker->fed_id = store_cursor(publish->store, broker->index);
    broker->again_id = 1;
    reset_lane(broker, LANE_BACKLOG, broker->fed_id);
    reset_lane(broker, LANE_AGAIN, broker->again_id);
}

void backlog_down(struct publish *publish, struct broker *broker)
{
    uint64_t id = store_id_at(publish->store, clock_now().mono_ms - REPLAY_MS);
    if (broker->replay_id == 0 || id < broker->replay_id)
        broker->replay_id = id;
}

void backlog_up(struct publish *publish, struct broker *broker, bool may_have_forgotten)
{
    uint64_t from = store_cursor(publish->store, broker->index);
    if (may_have_forgotten && broker->replay_id != 0 && broker->replay_id < from) {
        from = broker->replay_id;
        broker->fed_id = from;
        reset_lane(broker, LANE_BACKLOG, from);
    }
    broker->replay_id = 0;
    broker->batch_ms = 0;
}

void backlog_ack(struct publish *publish, struct broker *broker, const struct wire_ack *ack)
{
    if (ack->lane >= LANE_COUNT)
        return;
    loan_return(&broker->loans[ack->lane], ack->id);
    if (ack->lane == LANE_BACKLOG)
        store_ack(publish->store, broker->index, ack->id);
}

/* ---- Streams: told once, before the first record that needs them ---- */

static bool know_streams(struct publish *publish, struct broker *broker)
{
    struct wire_stream message = {.type = WIRE_STREAM};
    while (store_stream_after(publish->store, broker->last_stream, &message.stream)) {
        message.shape = *message.stream.shape;
        message.stream.shape = NULL;
        if (!wire_send(broker, &message, sizeof message, NULL, 0))
            return false;
        broker->last_stream = message.stream.id;
    }
    return true;
}

/* ---- Bodies ---- */

static bool give_body(struct publish *publish, struct broker *broker, enum wire_lane lane,
                      uint64_t first_id, const struct feed_body *body, const uint8_t *data)
{
    struct wire_body head = {.type = WIRE_BODY,
                             .lane = (uint8_t)lane,
                             .offset_known = body->offset_known,
                             .count = body->count,
                             .first_id = first_id,
                             .offset_ms = body->offset_ms};
    if (!know_streams(publish, broker) || !wire_send(broker, &head, sizeof head, data, body->size))
        return false;
    loan_add(&broker->loans[lane], first_id + body->count, body->size);
    return true;
}

static void feed_backlog(struct publish *publish, struct broker *broker)
{
    static uint8_t data[BODY_MAX]; /* the one link thread's */
    struct feed_body body;
    while (loan_room(&broker->loans[LANE_BACKLOG])) {
        enum feed_result result =
            store_feed(publish->store, broker->index, broker->fed_id, data, &body);
        broker->pausing = result == FEED_HELD;
        if (result != FEED_BODY) {
            broker->feeding = result == FEED_LATER;
            return;
        }
        if (!give_body(publish, broker, LANE_BACKLOG, body.first_id, &body, data))
            return;
        broker->fed_id = body.first_id + body.count;
    }
}

static void feed_again(struct publish *publish, struct broker *broker)
{
    static uint8_t data[BODY_MAX]; /* a body that could not be sent waits here */
    static struct feed_body body;
    static uint16_t waiting_for = UINT16_MAX;
    while (loan_room(&broker->loans[LANE_AGAIN])) {
        if (waiting_for != UINT16_MAX && waiting_for != broker->index)
            return;
        if (waiting_for == UINT16_MAX &&
            store_feed_again(publish->store, broker->index, data, &body) != FEED_BODY)
            return;
        waiting_for = broker->index;
        if (!give_body(publish, broker, LANE_AGAIN, broker->again_id, &body, data))
            return;
        broker->again_id += body.count;
        waiting_for = UINT16_MAX;
    }
}

void backlog_pump(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    if (now_ms >= broker->batch_ms) {
        broker->feeding = true;
        broker->batch_ms = now_ms + broker->config->batch_ms;
    }
    if (broker->feeding || broker->config->batch_ms == 0)
        feed_backlog(publish, broker);
    feed_again(publish, broker);
}
