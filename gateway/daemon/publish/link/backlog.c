/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding a publisher with what the store has committed. The daemon sends ahead only as much as a
 * credit allows, so a slow broker bounds the publisher's memory; the credit comes back with the
 * acknowledgements, which also move the broker's cursor in the store.
 *
 * When the month's budget is short, readings are gathered into hourly means (downsample.h) and
 * those are fed, in a lane of their own. Backlog and means are never under way together: each
 * begins when all of the other is acknowledged, so that the cursor only moves over what was
 * delivered. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"

#define PLAN_SHARE 800

/* What a body in the publisher's hands costs; given back when it is acknowledged. */
struct credit {
    uint64_t end_id;
    uint32_t bytes;
    uint64_t cursor; /* of means: what the store may then take for delivered, 0: nothing yet */
};
struct credits {
    struct credit credits[IPC_BODIES];
    uint32_t first, used, bytes;
};

struct backlog {
    uint64_t fed_id, again_id, means_id;
    uint64_t lent_id;              /* records before it were given as readings, not as means */
    struct downsample *downsample; /* what is gathered instead of a backlog */
    struct credits credits[LANE_COUNT];
    uint64_t replay_id; /* 0: none noted */
    int64_t batch_ms;   /* monotonic: when the backlog is fed next */
    bool feeding;
    uint32_t last_stream;    /* the publisher knows those up to here */
    uint8_t *boards;         /* by device: how many of its boards it knows .. */
    uint32_t boards_version; /* .. at this version of all */
    bool again_waits;        /* a body that the publisher had no room for */
    struct feed_body again_body;
    uint8_t again_data[BODY_MAX];
    uint8_t data[BODY_MAX]; /* of the body that is given now */
};

static void credits_clear(struct credits *credits)
{
    credits->first = credits->used = credits->bytes = 0;
}

/* What is lent goes out even when the budget becomes short meanwhile: of a plan it is about 1 %, as
 * a body grows eightfold when it is written as JSON. */
static bool credits_room(const struct broker *broker, enum ipc_lane lane)
{
    const struct credits *credits = &broker->backlog->credits[lane];
    uint64_t most = broker->config->budget_bytes_month / PLAN_SHARE;
    most = broker->config->budget_bytes_month == 0 || most > IPC_BODY_BYTES ? IPC_BODY_BYTES : most;
    return credits->used == 0 || (credits->used < IPC_BODIES && credits->bytes < most);
}

static void credits_add(struct credits *credits, const struct credit *credit)
{
    credits->credits[(credits->first + credits->used++) % IPC_BODIES] = *credit;
    credits->bytes += credit->bytes;
}

/* The highest cursor of those that came back, 0: none. */
static uint64_t credits_return(struct credits *credits, uint64_t id)
{
    uint64_t cursor = 0;
    while (credits->used > 0 && credits->credits[credits->first].end_id <= id) {
        const struct credit *credit = &credits->credits[credits->first];
        cursor = credit->cursor > cursor ? credit->cursor : cursor;
        credits->bytes -= credit->bytes;
        credits->first = (credits->first + 1) % IPC_BODIES;
        credits->used--;
    }
    return cursor;
}

static void reset_lane(struct broker *broker, enum ipc_lane lane, uint64_t id)
{
    struct ipc_reset reset = {.type = IPC_RESET, .lane = (uint8_t)lane, .id = id};
    credits_clear(&broker->backlog->credits[lane]);
    (void)ipc_send(broker, &reset, sizeof reset, NULL, 0);
}

/* A publisher has been started. Its socket is empty: nothing here can be blocked. */
void backlog_begin(struct publish *publish, struct broker *broker)
{
    broker->backlog->last_stream = 0;
    memset(broker->backlog->boards, 0, publish->config->device_count);
    broker->backlog->boards_version = 0;
    broker->backlog->fed_id = store_cursor(publish->store, broker->index);
    broker->backlog->again_id = broker->backlog->means_id = 1;
    downsample_begin(broker->backlog->downsample, broker->backlog->fed_id);
    reset_lane(broker, LANE_BACKLOG, broker->backlog->fed_id);
    reset_lane(broker, LANE_AGAIN, broker->backlog->again_id);
    reset_lane(broker, LANE_MEANS, broker->backlog->means_id);
}

/* ---- A broker that was restarted ---- */

/* A PUBACK is not durability: what was acknowledged in the last minute may be lost. */
void backlog_down(struct publish *publish, struct broker *broker)
{
    uint64_t back = store_cursor_back(publish->store, broker->index);
    if (back != 0 && (broker->backlog->replay_id == 0 || back < broker->backlog->replay_id))
        broker->backlog->replay_id = back;
}

bool backlog_create(struct publish *publish, struct broker *broker)
{
    struct backlog *backlog = calloc(1, sizeof *backlog);
    broker->backlog = backlog;
    if (backlog == NULL)
        return false;
    backlog->boards = calloc(publish->config->device_count + 1u, sizeof *backlog->boards);
    backlog->downsample = downsample_create(backlog_schema, publish->store);
    if (backlog->boards == NULL || backlog->downsample == NULL)
        return false;
    backlog_down(publish, broker);
    broker->doubtful = store_unclean(publish->store);
    broker->backlog->lent_id = store_cursor(publish->store, broker->index);
    return true;
}

void backlog_destroy(struct backlog *backlog)
{
    if (backlog == NULL)
        return;
    downsample_destroy(backlog->downsample);
    free(backlog->boards);
    free(backlog);
}

/* Where it is sent again from. When the budget is short that is the means: readings wait for the
 * next month, as those do that somebody asks for. */
static uint64_t replay_from(struct publish *publish, struct broker *broker, uint64_t cursor)
{
    uint64_t from = broker->backlog->replay_id;
    uint64_t readings_end = broker->backlog->lent_id < cursor ? broker->backlog->lent_id : cursor;
    if (broker->stage == DATA_PLAN_NONE || from >= readings_end)
        return from;
    if (!store_feed_later(publish->store, broker->index, from, readings_end - 1))
        log_write(
            LOG_LEVEL_WARNING,
            "publish %s: the broker may have lost the last minute, but too much waits already: "
            "that comes only when it is asked for",
            broker->config->name);
    return readings_end;
}

void backlog_up(struct publish *publish, struct broker *broker, bool may_have_forgotten)
{
    uint64_t cursor = store_cursor(publish->store, broker->index);
    if (may_have_forgotten && broker->backlog->replay_id != 0 &&
        broker->backlog->replay_id < cursor) {
        broker->backlog->fed_id = replay_from(publish, broker, cursor);
        downsample_begin(broker->backlog->downsample, broker->backlog->fed_id);
        reset_lane(broker, LANE_BACKLOG, broker->backlog->fed_id);
        reset_lane(broker, LANE_MEANS, broker->backlog->means_id);
    }
    broker->backlog->replay_id = 0;
    broker->backlog->batch_ms = 0;
}

void backlog_ack(struct publish *publish, struct broker *broker, const struct ipc_ack *ack)
{
    if (ack->lane >= LANE_COUNT)
        return;
    uint64_t cursor = credits_return(&broker->backlog->credits[ack->lane], ack->id);
    if (ack->lane == LANE_BACKLOG)
        cursor = ack->id;
    if (cursor == 0)
        return;
    store_ack(publish->store, broker->index, cursor);
    record_log_acked(broker, clock_now().mono_ms);
}

/* ---- Streams: described once, before the first record that needs them ---- */

static bool know_streams(struct publish *publish, struct broker *broker)
{
    struct ipc_stream message = {.type = IPC_STREAM};
    while (store_stream_after(publish->store, broker->backlog->last_stream, &message.stream)) {
        message.schema = *message.stream.schema;
        message.stream.schema = NULL;
        if (!ipc_send(broker, &message, sizeof message, NULL, 0))
            return false;
        broker->backlog->last_stream = message.stream.id;
    }
    return true;
}

/* The same for boards: they are known to the store before any record of theirs. */
static bool know_boards(struct publish *publish, struct broker *broker)
{
    uint32_t version = store_boards_version(publish->store);
    for (uint16_t i = 0;
         version != broker->backlog->boards_version && i < publish->config->device_count; i++) {
        struct ipc_boards message = {.type = IPC_BOARDS};
        const struct device_config *device = &publish->config->devices[i];
        unsigned count =
            device->profile->node ? store_boards(publish->store, i, message.serials) : 0;
        if (count == broker->backlog->boards[i])
            continue;
        message.count = (uint8_t)count;
        memcpy(message.device, device->name, sizeof message.device);
        if (!ipc_send(broker, &message, sizeof message, NULL, 0))
            return false;
        broker->backlog->boards[i] = (uint8_t)count;
    }
    broker->backlog->boards_version = version;
    return true;
}

/* ---- Bodies ---- */

static bool give_body(struct publish *publish, struct broker *broker, enum ipc_lane lane,
                      uint64_t first_id, const struct feed_body *body, const uint8_t *data,
                      uint64_t cursor)
{
    struct ipc_body head = {.type = IPC_BODY,
                            .lane = (uint8_t)lane,
                            .offset_known = body->offset_known,
                            .count = body->count,
                            .first_id = first_id,
                            .original_id = body->original_id,
                            .offset_ms = body->offset_ms};
    struct credit credit = {
        .end_id = first_id + body->count, .bytes = body->size, .cursor = cursor};
    if (!know_streams(publish, broker) || !know_boards(publish, broker) ||
        !ipc_send(broker, &head, sizeof head, data, body->size))
        return false;
    credits_add(&broker->backlog->credits[lane], &credit);
    return true;
}

/* Readings before `until`. */
static void feed_backlog(struct publish *publish, struct broker *broker, uint64_t until)
{
    uint8_t *data = broker->backlog->data;
    struct feed_body body;
    while (broker->backlog->fed_id < until && credits_room(broker, LANE_BACKLOG)) {
        enum feed_result result =
            store_feed(publish->store, broker->index, broker->backlog->fed_id, data, &body);
        if (result != FEED_BODY) {
            broker->backlog->feeding = result == FEED_LATER;
            return;
        }
        body.original_id = body.first_id;
        if (!give_body(publish, broker, LANE_BACKLOG, body.first_id, &body, data, 0))
            return;
        broker->backlog->fed_id = body.first_id + body.count;
        if (broker->backlog->fed_id > broker->backlog->lent_id)
            broker->backlog->lent_id = broker->backlog->fed_id;
    }
}

static void feed_again(struct publish *publish, struct broker *broker)
{
    struct feed_body *body = &broker->backlog->again_body;
    while (credits_room(broker, LANE_AGAIN)) {
        if (!broker->backlog->again_waits &&
            store_feed_again(publish->store, broker->index, broker->backlog->again_data, body) !=
                FEED_BODY)
            return;
        broker->backlog->again_waits = true;
        if (!give_body(publish, broker, LANE_AGAIN, broker->backlog->again_id, body,
                       broker->backlog->again_data, 0))
            return;
        broker->backlog->again_id += body->count;
        broker->backlog->again_waits = false;
    }
}

/* ---- Means instead ---- */

const struct stream_schema *backlog_schema(void *store, uint32_t stream)
{
    struct stream found;
    return store_stream(store, stream, &found) ? found.schema : NULL;
}

/* Nothing in it can be sent: delivered as soon as what goes before is. */
static void skip_to(struct publish *publish, struct broker *broker, uint64_t cursor)
{
    struct credits *credits = &broker->backlog->credits[LANE_MEANS];
    if (credits->used == 0)
        store_ack(publish->store, broker->index, cursor);
    else
        credits->credits[(credits->first + credits->used - 1) % IPC_BODIES].cursor = cursor;
}

/* false: no room now. */
static bool give_means(struct publish *publish, struct broker *broker)
{
    uint8_t *data = broker->backlog->data;
    struct body made;
    uint64_t cursor = 0;
    downsample_next(broker->backlog->downsample, data, &made, &cursor);
    struct feed_body body = {.count = made.count, .size = made.used};
    if (made.count == 0)
        skip_to(publish, broker, cursor);
    else if (!give_body(publish, broker, LANE_MEANS, broker->backlog->means_id, &body, data,
                        cursor))
        return false;
    broker->backlog->means_id += made.count;
    if (cursor != 0) {
        pthread_mutex_lock(&publish->lock);
        broker->stats.thinned += downsample_readings(broker->backlog->downsample);
        pthread_mutex_unlock(&publish->lock);
    }
    downsample_given(broker->backlog->downsample);
    return true;
}

/* One body more into the block, or what it is of itself. false: it has to wait. */
static bool gather(struct publish *publish, struct broker *broker, const struct feed_body *body,
                   const uint8_t *data)
{
    uint64_t end = body->first_id + body->count;
    switch (downsample_add(broker->backlog->downsample, body, data)) {
    case DOWNSAMPLE_TAKEN:
        broker->backlog->fed_id = end;
        return true;
    case DOWNSAMPLE_CLOSE:
        downsample_close(broker->backlog->downsample);
        return true;
    case DOWNSAMPLE_WHOLE:
        if (!give_body(publish, broker, LANE_MEANS, broker->backlog->means_id, body, data, end))
            return false;
        broker->backlog->means_id += body->count;
        broker->backlog->fed_id = end;
        downsample_begin(broker->backlog->downsample, end);
        return true;
    default:
        broker->backlog->fed_id = downsample_first(broker->backlog->downsample);
        return false;
    }
}

/* What was lent as readings goes out as such also when its process has died: means tell of what
 * begins behind it. false: it is still under way. */
static bool readings_first(struct publish *publish, struct broker *broker)
{
    if (broker->backlog->credits[LANE_MEANS].used == 0)
        feed_backlog(publish, broker, broker->backlog->lent_id);
    if (broker->backlog->fed_id < broker->backlog->lent_id ||
        broker->backlog->credits[LANE_BACKLOG].used > 0)
        return false;
    if (downsample_empty(broker->backlog->downsample) &&
        downsample_first(broker->backlog->downsample) != broker->backlog->fed_id)
        downsample_begin(broker->backlog->downsample, broker->backlog->fed_id);
    return true;
}

static void feed_means(struct publish *publish, struct broker *broker)
{
    uint8_t *data = broker->backlog->data;
    struct feed_body body = {0};
    if (!readings_first(publish, broker))
        return;
    while (credits_room(broker, LANE_MEANS)) {
        if (downsample_closed(broker->backlog->downsample)) {
            if (!give_means(publish, broker))
                return;
            continue;
        }
        enum feed_result result =
            store_feed(publish->store, broker->index, broker->backlog->fed_id, data, &body);
        body.original_id = body.first_id;
        if (result == FEED_BODY && gather(publish, broker, &body, data))
            continue;
        if (result == FEED_BODY || result == FEED_LATER ||
            !downsample_due(broker->backlog->downsample, store_now(publish->store).ms))
            return;
        downsample_close(broker->backlog->downsample);
    }
}

/* The budget is no longer short: a block that is being gathered goes out as readings, one that is
 * being given out goes on. true: the backlog may be fed. */
static bool leave_means(struct publish *publish, struct broker *broker)
{
    while (downsample_closed(broker->backlog->downsample)) {
        if (!credits_room(broker, LANE_MEANS) || !give_means(publish, broker))
            return false;
    }
    if (!downsample_empty(broker->backlog->downsample)) {
        broker->backlog->fed_id = downsample_first(broker->backlog->downsample);
        downsample_begin(broker->backlog->downsample, broker->backlog->fed_id);
    }
    return broker->backlog->credits[LANE_MEANS].used == 0;
}

void backlog_pump(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    if (broker->stage == DATA_PLAN_MEANS)
        feed_means(publish, broker);
    if (broker->stage != DATA_PLAN_NONE)
        return;
    if (now_ms >= broker->backlog->batch_ms) {
        broker->backlog->feeding = true;
        broker->backlog->batch_ms = now_ms + broker->config->batch_ms;
    }
    if (leave_means(publish, broker) && (broker->backlog->feeding || broker->config->batch_ms == 0))
        feed_backlog(publish, broker, UINT64_MAX);
    feed_again(publish, broker);
}
