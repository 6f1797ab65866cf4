/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/lane.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"
#include "protocols/mqtt/payload.h"

#define STREAMS_MOST 65536u

/* ---- Streams ---- */

struct known_schema {
    struct stream_schema schema;
    const char *names[READING_VALUES_MAX];
    struct payload_fields fields;
};

struct known_boards {
    struct known_boards *next;
    struct ipc_boards boards;
};

struct known_stream {
    char device[CONFIG_NAME_SIZE];
    const struct ipc_boards *boards;   /* NULL: it is none of our nodes, or no record came yet */
    const struct known_schema *schema; /* NULL: unknown */
};

struct streams {
    struct known_stream *by_id;
    size_t room;
    struct known_boards *boards;
    struct known_schema **schemas;
    size_t schema_room;
    uint32_t stream_schema_count;
};

struct streams *streams_create(void)
{
    return calloc(1, sizeof(struct streams));
}

void streams_destroy(struct streams *streams)
{
    for (uint32_t i = 0; i < streams->stream_schema_count; i++)
        free(streams->schemas[i]);
    while (streams->boards != NULL) {
        struct known_boards *boards = streams->boards;
        streams->boards = boards->next;
        free(boards);
    }
    free(streams->schemas);
    free(streams->by_id);
    free(streams);
}

static const struct known_schema *intern(struct streams *streams,
                                         const struct stream_schema *schema)
{
    for (uint32_t i = 0; i < streams->stream_schema_count; i++) {
        if (memcmp(&streams->schemas[i]->schema, schema, sizeof *schema) == 0)
            return streams->schemas[i];
    }
    struct known_schema **grown =
        grow_array(streams->schemas, &streams->schema_room, streams->stream_schema_count + 1u,
                   sizeof(struct known_schema *));
    struct known_schema *own = malloc(sizeof *own);
    if (grown != NULL)
        streams->schemas = grown;
    if (grown == NULL || own == NULL) {
        free(own);
        return NULL;
    }
    own->schema = *schema;
    for (unsigned i = 0; i < READING_VALUES_MAX; i++)
        own->names[i] = own->schema.fields[i].metric;
    payload_fields_make(&own->fields, own->names, own->schema.count);
    streams->schemas[streams->stream_schema_count++] = own;
    return own;
}

static struct known_boards *find_boards(const struct streams *streams, const char *device)
{
    struct known_boards *boards = streams->boards;
    while (boards != NULL && strcmp(boards->boards.device, device) != 0)
        boards = boards->next;
    return boards;
}

bool streams_boards(struct streams *streams, const struct ipc_boards *boards)
{
    struct known_boards *known = find_boards(streams, boards->device);
    if (known == NULL) {
        known = malloc(sizeof *known);
        if (known == NULL)
            return false;
        known->next = streams->boards;
        streams->boards = known;
    }
    known->boards = *boards;
    known->boards.device[sizeof known->boards.device - 1] = '\0';
    for (size_t i = 0; i < streams->room; i++) {
        if (strcmp(streams->by_id[i].device, known->boards.device) == 0)
            streams->by_id[i].boards = &known->boards;
    }
    return true;
}

/* 0: not known. */
static uint32_t serial_of(const struct known_stream *stream, uint32_t boot)
{
    uint32_t index = boot >> BOARD_BOOT_BITS;
    if (stream->boards == NULL || index >= stream->boards->count || index >= STORE_BOARDS_MOST)
        return 0;
    return stream->boards->serials[index];
}

bool streams_add(struct streams *streams, const struct ipc_stream *stream)
{
    uint32_t id = stream->stream.id;
    if (id >= STREAMS_MOST)
        return true; /* its records are counted as unknown */
    if (id >= streams->room) {
        size_t before = streams->room;
        struct known_stream *grown =
            grow_array(streams->by_id, &streams->room, id + 1u, sizeof *grown);
        if (grown == NULL)
            return false;
        memset(grown + before, 0, (streams->room - before) * sizeof *grown);
        streams->by_id = grown;
    }
    memcpy(streams->by_id[id].device, stream->stream.device, sizeof streams->by_id[id].device);
    const struct known_boards *boards = find_boards(streams, streams->by_id[id].device);
    streams->by_id[id].boards = boards != NULL ? &boards->boards : NULL;
    streams->by_id[id].schema = intern(streams, &stream->schema);
    return streams->by_id[id].schema != NULL;
}

static const struct known_stream *find_stream(const struct streams *streams, uint32_t id)
{
    if (id >= streams->room || streams->by_id[id].schema == NULL)
        return NULL;
    return &streams->by_id[id];
}

/* ---- Bodies ---- */

void lane_reset(struct lane *lane, uint64_t id)
{
    while (lane->first != NULL) {
        struct lane_body *body = lane->first;
        lane->first = body->next;
        free(body);
    }
    *lane = (struct lane){.next = id, .watermark = id, .epoch = lane->epoch + 1};
}

bool lane_add(struct lane *lane, const struct ipc_body *head, const void *data, size_t size)
{
    struct lane_body *body = malloc(sizeof *body + size);
    if (body == NULL)
        return false;
    *body = (struct lane_body){.first_id = head->first_id,
                               .original_id = head->original_id,
                               .size = (uint32_t)size,
                               .count = head->count,
                               .offset_known = head->offset_known,
                               .offset_ms = head->offset_ms};
    memcpy(body->data, data, size);
    if (lane->last != NULL && lane->first != NULL)
        lane->last->next = body;
    else
        lane->first = body;
    lane->last = body;
    return true;
}

static uint64_t body_end(const struct lane_body *body)
{
    return body->first_id + body->count;
}

bool lane_waits(const struct lane *lane)
{
    return lane->first != NULL && lane->next < body_end(lane->last);
}

/* Stands the reader on record `next`; false when there is none. */
static bool locate(struct lane *lane)
{
    if (lane->at == NULL) {
        lane->at = lane->first;
        while (lane->at != NULL && body_end(lane->at) <= lane->next)
            lane->at = lane->at->next;
    } else if (body_end(lane->at) <= lane->next) {
        lane->at = lane->at->next;
    } else {
        return true;
    }
    if (lane->at == NULL)
        return false;
    struct record skipped;
    if (lane->at->first_id > lane->next)
        lane->next = lane->at->first_id; /* what was between is gone, and was reported as a gap */
    (void)body_open(&lane->reader, lane->at->data, lane->at->size);
    while (lane->at->first_id + lane->reader.index < lane->next &&
           body_next(&lane->reader, &skipped)) {
    }
    return true;
}

/* ---- Records into JSON ---- */

static bool put_reading(struct json_out *o, const struct lane_body *body, uint32_t boot,
                        const struct known_stream *stream, const struct record *record)
{
    struct payload_reading reading;
    const struct stream_schema *schema = &stream->schema->schema;
    if (!record_values(record, schema, reading.values))
        return false;
    reading.device = stream->device;
    reading.serial = serial_of(stream, record->boot);
    reading.metrics = stream->schema->names;
    reading.fields = &stream->schema->fields;
    reading.count = schema->count;
    reading.boot = record->boot;
    reading.seq = record->seq;
    reading.gateway_boot = boot;
    reading.ts_ms = record->wall_ms;
    reading.clock_untrusted = !record->trusted && !body->offset_known;
    if (!record->trusted && body->offset_known)
        reading.ts_ms = record->mono_ms + body->offset_ms;
    payload_item(o, &reading);
    return true;
}

static bool put_mean(struct json_out *o, const struct known_stream *stream,
                     const struct record *record)
{
    const struct stream_schema *schema = &stream->schema->schema;
    struct record_mean mean;
    struct payload_mean payload = {.device = stream->device};
    if (!record_mean(record, &mean) || mean.from + mean.count > schema->count)
        return false;
    payload.boot = mean.boot;
    payload.first = mean.first_seq;
    payload.last = mean.last_seq;
    payload.hour_ms = mean.t_ms;
    payload.count = mean.count;
    for (unsigned i = 0; i < mean.count; i++) {
        const struct stream_schema_field *field = &schema->fields[mean.from + i];
        const struct record_mean_cell *cell = &mean.cells[i];
        payload.values[i] = (struct payload_mean_value){.metric = field->metric,
                                                        .form = field->form,
                                                        .decimals = field->decimals,
                                                        .n = cell->n,
                                                        .bad = cell->bad,
                                                        .min = (double)cell->min,
                                                        .mean = (double)cell->mean,
                                                        .max = (double)cell->max};
    }
    payload_mean(o, &payload);
    return true;
}

/* The store's number of the record at `next`, 0: none. */
static uint64_t original_of(const struct lane *lane)
{
    uint64_t first = lane->at->original_id;
    return first != 0 ? first + (lane->next - lane->at->first_id) : 0;
}

/* false: the record cannot be read. */
static bool put_record(struct json_out *o, const struct lane *lane, const struct streams *streams,
                       const struct record *record)
{
    if (record->kind == RECORD_CORRECTION) {
        payload_correction(o, record->boot, record->add_ms, original_of(lane));
        return true;
    }
    const struct known_stream *stream = find_stream(streams, record->stream);
    if (stream == NULL)
        return false;
    if (record->kind == RECORD_GAP) {
        payload_gap(o, stream->device, serial_of(stream, record->boot), record->boot, record->seq,
                    record->last_seq, gap_why_name((enum gap_why)record->why));
        return true;
    }
    if (record->kind == RECORD_MEAN)
        return put_mean(o, stream, record);
    return put_reading(o, lane->at, lane->reader.base.boot, stream, record);
}

enum put_result { PUT_DONE, PUT_LEFT_OUT, PUT_FULL };

/* The record at `next`; when it does not fit, everything is as before. */
static enum put_result put_next(struct lane *lane, const struct streams *streams,
                                struct json_out *o, size_t end)
{
    struct body_reader before = lane->reader;
    struct json_out mark = *o;
    struct record record;
    enum put_result result = PUT_DONE;
    if (!body_next(&lane->reader, &record)) { /* damaged: the rest of this body is lost */
        lane->unknown += body_end(lane->at) - lane->next;
        lane->next = body_end(lane->at);
        return PUT_LEFT_OUT;
    }
    if (lane->next == lane->skip_id) {
        result = PUT_LEFT_OUT;
    } else if (!put_record(o, lane, streams, &record)) {
        *o = mark;
        lane->unknown++;
        result = PUT_LEFT_OUT;
    }
    if (o->failed || o->at > end) {
        *o = mark;
        lane->reader = before;
        return PUT_FULL;
    }
    lane->next++;
    return result;
}

bool lane_encode(struct lane *lane, const struct streams *streams, const char *gateway, char *out,
                 size_t size, struct lane_message *message)
{
    struct json_out o = json_out_init(out, size);
    uint32_t records = 0;
    payload_batch_begin(&o, gateway);
    if (!locate(lane))
        return false;
    uint64_t first = lane->next, first_original = original_of(lane);
    uint64_t next_original = first_original;
    bool small = lane->next < lane->small_until;
    /* What a message says of the store's numbers it says of all between them. */
    while (locate(lane) && original_of(lane) == next_original) {
        enum put_result result = put_next(lane, streams, &o, size - PAYLOAD_BATCH_END_SIZE);
        if (result == PUT_FULL)
            break;
        if (first_original != 0)
            next_original = first_original + (lane->next - first);
        records += result == PUT_DONE;
        if (small && records >= lane->small_records)
            break;
    }
    payload_batch_end(&o, first_original, next_original - 1);
    *message = (struct lane_message){
        .first_id = first, .end_id = lane->next, .records = records, .size = o.at};
    return records > 0 && !o.failed;
}

void lane_rewind(struct lane *lane, uint64_t first_id)
{
    if (first_id < lane->next) {
        lane->next = first_id;
        lane->at = NULL;
    }
}

void lane_settle(struct lane *lane, uint64_t lowest_in_flight)
{
    uint64_t mark = lane->next < lowest_in_flight ? lane->next : lowest_in_flight;
    if (mark > lane->watermark)
        lane->watermark = mark;
    while (lane->first != NULL && body_end(lane->first) <= lane->watermark) {
        struct lane_body *body = lane->first;
        if (lane->at == body)
            lane->at = NULL;
        lane->first = body->next;
        free(body);
    }
    if (lane->first == NULL)
        lane->last = NULL;
}
