/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/link/downsample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/angle.h"
#include "gateway/common/grow.h"
#include "gateway/daemon/store/rollup.h"

#define ROWS_MOST  4096u  /* hours of devices in a block: about 1 MiB */
#define ITEMS_MOST 16384u /* gaps and corrections */
#define GRACE_MS   120000
#define STREAMS    65536u
#define NONE       UINT32_MAX

/* An hour of one stream in one boot. */
struct row {
    uint32_t stream, boot, first_seq, last_seq;
    int64_t t_ms;
    uint8_t count;
    struct cell {
        uint32_t n, bad;
        float min, max;
        double sum;
        struct angle_sum angle;
    } cells[];
};

struct item {
    uint32_t stream, boot, first, last;
    int64_t add_ms;
    bool correction;
    uint8_t why; /* gap */
};

struct items {
    struct item *items;
    size_t room;
    uint32_t count;
};

struct known {
    const struct stream_schema *schema;
    uint32_t row, gap; /* last used, NONE: there is none in this block */
};

struct downsample {
    downsample_schema schema;
    void *context;
    struct known *streams; /* by number */
    size_t stream_room;
    uint64_t first_id, next_id; /* of the block: [first, next) */
    int64_t end_ms;             /* of its hour; 0: nothing in it */
    struct items passed, gaps;
    struct row **rows;
    size_t row_room;
    uint32_t row_count, readings;
    bool closed;
    uint32_t at, then; /* of all that is given out: the next, and the one after the body at hand */
};

struct downsample *downsample_create(downsample_schema schema, void *context)
{
    struct downsample *downsample = calloc(1, sizeof *downsample);
    if (downsample != NULL) {
        downsample->schema = schema;
        downsample->context = context;
    }
    return downsample;
}

void downsample_begin(struct downsample *downsample, uint64_t id)
{
    for (uint32_t i = 0; i < downsample->row_count; i++)
        free(downsample->rows[i]);
    for (size_t i = 0; i < downsample->stream_room; i++)
        downsample->streams[i].row = downsample->streams[i].gap = NONE;
    downsample->row_count = downsample->readings = downsample->at = downsample->then = 0;
    downsample->passed.count = downsample->gaps.count = 0;
    downsample->first_id = downsample->next_id = id;
    downsample->end_ms = 0;
    downsample->closed = false;
}

void downsample_destroy(struct downsample *downsample)
{
    if (downsample == NULL)
        return;
    downsample_begin(downsample, 0);
    free(downsample->streams);
    free(downsample->passed.items);
    free(downsample->gaps.items);
    free(downsample->rows);
    free(downsample);
}

uint64_t downsample_first(const struct downsample *downsample)
{
    return downsample->first_id;
}

bool downsample_empty(const struct downsample *downsample)
{
    return downsample->next_id == downsample->first_id;
}

uint32_t downsample_readings(const struct downsample *downsample)
{
    return downsample->readings;
}

/* ---- Gathering ---- */

static struct known *stream_of(struct downsample *downsample, uint32_t id)
{
    if (id >= STREAMS)
        return NULL;
    if (id >= downsample->stream_room) {
        size_t before = downsample->stream_room;
        struct known *grown =
            grow_array(downsample->streams, &downsample->stream_room, id + 1u, sizeof *grown);
        if (grown == NULL)
            return NULL;
        for (size_t i = before; i < downsample->stream_room; i++)
            grown[i] = (struct known){.row = NONE, .gap = NONE};
        downsample->streams = grown;
    }
    struct known *known = &downsample->streams[id];
    if (known->schema == NULL)
        known->schema = downsample->schema(downsample->context, id);
    return known;
}

static struct item *new_item(struct items *items)
{
    struct item *grown = grow_array(items->items, &items->room, items->count + 1u, sizeof *grown);
    if (grown == NULL)
        return NULL;
    items->items = grown;
    return &items->items[items->count++];
}

static bool pass(struct downsample *downsample, const struct record *record)
{
    struct item *item = new_item(&downsample->passed);
    if (item != NULL)
        *item = (struct item){.stream = record->stream,
                              .boot = record->boot,
                              .first = record->seq,
                              .last = record->last_seq,
                              .add_ms = record->add_ms,
                              .correction = record->kind == RECORD_CORRECTION,
                              .why = record->why};
    return item != NULL;
}

static bool add_to_gap(struct downsample *downsample, struct known *known,
                       const struct record *record)
{
    struct item *gap = known->gap != NONE ? &downsample->gaps.items[known->gap] : NULL;
    if (gap != NULL && gap->boot == record->boot && gap->last + 1 == record->seq) {
        gap->last = record->seq;
        return true;
    }
    gap = new_item(&downsample->gaps);
    if (gap == NULL)
        return false;
    *gap = (struct item){.stream = record->stream,
                         .boot = record->boot,
                         .first = record->seq,
                         .last = record->seq,
                         .why = GAP_QUOTA};
    known->gap = downsample->gaps.count - 1;
    return true;
}

static bool is_row(const struct row *row, const struct record *record, int64_t t_ms)
{
    return row->stream == record->stream && row->boot == record->boot && row->t_ms == t_ms;
}

static struct row *new_row(struct downsample *downsample, const struct record *record, int64_t t_ms,
                           uint8_t count)
{
    struct row **grown = grow_array(downsample->rows, &downsample->row_room,
                                    downsample->row_count + 1u, sizeof(struct row *));
    if (grown == NULL)
        return NULL;
    downsample->rows = grown;
    struct row *row = calloc(1, sizeof *row + count * sizeof row->cells[0]);
    if (row == NULL)
        return NULL;
    *row = (struct row){.stream = record->stream,
                        .boot = record->boot,
                        .first_seq = record->seq,
                        .last_seq = record->seq,
                        .t_ms = t_ms,
                        .count = count};
    downsample->rows[downsample->row_count++] = row;
    return row;
}

static struct row *row_of(struct downsample *downsample, struct known *known,
                          const struct record *record, int64_t t_ms)
{
    if (known->row != NONE && is_row(downsample->rows[known->row], record, t_ms))
        return downsample->rows[known->row];
    for (uint32_t i = downsample->row_count; i > 0; i--) { /* seldom: logs, another boot */
        if (is_row(downsample->rows[i - 1], record, t_ms)) {
            known->row = i - 1;
            return downsample->rows[i - 1];
        }
    }
    struct row *row = new_row(downsample, record, t_ms, known->schema->count);
    if (row != NULL)
        known->row = downsample->row_count - 1;
    return row;
}

static void add_values(struct row *row, const struct stream_schema *schema,
                       const struct payload_value *values)
{
    for (unsigned i = 0; i < row->count; i++) {
        struct cell *cell = &row->cells[i];
        if (!rollup_believe(&values[i])) {
            cell->bad += values[i].flag != METRIC_ABSENT && values[i].flag != METRIC_GOOD;
            continue;
        }
        double value = payload_value_number(&values[i]);
        cell->min = cell->n == 0 || (float)value < cell->min ? (float)value : cell->min;
        cell->max = cell->n == 0 || (float)value > cell->max ? (float)value : cell->max;
        cell->sum += value;
        if (schema->fields[i].kind == METRIC_ANGLE)
            angle_add(&cell->angle, value, 1);
        cell->n++;
    }
}

static bool add_reading(struct downsample *downsample, const struct record *record, int64_t wall_ms)
{
    struct payload_value values[READING_VALUES_MAX];
    struct known *known = stream_of(downsample, record->stream);
    if (known == NULL)
        return false;
    if (known->schema == NULL || !record_values(record, known->schema, values))
        return true; /* it could not be sent either */
    int64_t t_ms = wall_ms - (wall_ms % HOUR_MS + HOUR_MS) % HOUR_MS;
    struct row *row = row_of(downsample, known, record, t_ms);
    if (row == NULL || !add_to_gap(downsample, known, record))
        return false;
    row->first_seq = record->seq < row->first_seq ? record->seq : row->first_seq;
    row->last_seq = record->seq > row->last_seq ? record->seq : row->last_seq;
    add_values(row, known->schema, values);
    downsample->readings++;
    return true;
}

static bool time_known(const struct feed_body *body, const uint8_t *data)
{
    struct body_reader reader;
    struct record record;
    bool known = body->offset_known;
    if (known || !body_open(&reader, data, body->size))
        return true; /* what cannot be read is left out either way */
    known = true;
    while (known && body_next(&reader, &record))
        known = record.kind != RECORD_READING || record.trusted;
    return known;
}

static bool add_records(struct downsample *downsample, const struct feed_body *body,
                        const uint8_t *data)
{
    struct body_reader reader;
    struct record record;
    bool good = true;
    if (!body_open(&reader, data, body->size))
        return true;
    while (good && body_next(&reader, &record)) {
        if (body->first_id + reader.index <= downsample->next_id) /* the block begins behind it */
            continue;
        if (record.kind != RECORD_READING)
            good = record.kind == RECORD_MEAN || pass(downsample, &record);
        else
            good = add_reading(downsample, &record,
                               record.trusted ? record.wall_ms : record.mono_ms + body->offset_ms);
    }
    return good;
}

/* When the first of its readings was taken in, 0: there is none. Not by the offset of its boot
 * where the clock was trusted: that clock may have been set since. */
static int64_t taken_ms(const struct feed_body *body, const uint8_t *data)
{
    struct body_reader reader;
    struct record record;
    if (!body_open(&reader, data, body->size))
        return 0;
    while (body_next(&reader, &record)) {
        if (record.kind == RECORD_READING)
            return record.trusted ? reader.base.wall_ms : reader.base.mono_ms + body->offset_ms;
    }
    return 0;
}

enum downsample_result downsample_add(struct downsample *downsample, const struct feed_body *body,
                                      const uint8_t *data)
{
    bool empty = downsample_empty(downsample), known = time_known(body, data);
    if (!known)
        return empty ? DOWNSAMPLE_WHOLE : DOWNSAMPLE_CLOSE;
    int64_t taken = taken_ms(body, data);
    uint32_t items = downsample->passed.count > downsample->gaps.count ? downsample->passed.count
                                                                       : downsample->gaps.count;
    if (!empty &&
        ((downsample->end_ms != 0 && taken >= downsample->end_ms) ||
         downsample->row_count + body->count > ROWS_MOST || items + body->count > ITEMS_MOST))
        return DOWNSAMPLE_CLOSE;
    if (!add_records(downsample, body, data)) {
        downsample_begin(downsample, downsample->first_id);
        return DOWNSAMPLE_FAILED;
    }
    downsample->next_id = body->first_id + body->count;
    if (downsample->end_ms == 0 && taken != 0)
        downsample->end_ms = taken - taken % HOUR_MS + HOUR_MS;
    return DOWNSAMPLE_TAKEN;
}

bool downsample_due(const struct downsample *downsample, int64_t wall_ms)
{
    return !downsample_empty(downsample) && wall_ms >= downsample->end_ms + GRACE_MS;
}

/* ---- Giving out ---- */

void downsample_close(struct downsample *downsample)
{
    downsample->closed = !downsample_empty(downsample);
    downsample->at = downsample->then = 0;
}

bool downsample_closed(const struct downsample *downsample)
{
    return downsample->closed;
}

static bool put_item(struct body *body, const struct item *item)
{
    struct reading_gap gap = {
        .why = item->why, .boot = item->boot, .first_seq = item->first, .last_seq = item->last};
    return item->correction ? body_correction(body, item->boot, item->add_ms)
                            : body_gap(body, item->stream, &gap);
}

static float mean_of(const struct cell *cell)
{
    if (cell->n == 0)
        return 0;
    double direction = angle_mean(&cell->angle, cell->n);
    bool angles = cell->angle.x != 0 || cell->angle.y != 0;
    return (float)(angles && !isnan(direction) ? direction : cell->sum / cell->n);
}

/* Whole, or not at all. */
static bool put_row(struct body *body, const struct row *row)
{
    struct body before = *body;
    for (unsigned from = 0; from < row->count; from += RECORD_MEAN_CELLS) {
        struct record_mean mean = {.t_ms = row->t_ms,
                                   .boot = row->boot,
                                   .first_seq = row->first_seq,
                                   .last_seq = row->last_seq,
                                   .from = (uint8_t)from};
        for (unsigned i = from; i < row->count && mean.count < RECORD_MEAN_CELLS; i++) {
            const struct cell *cell = &row->cells[i];
            mean.cells[mean.count++] = (struct record_mean_cell){.n = cell->n,
                                                                 .bad = cell->bad,
                                                                 .min = cell->min,
                                                                 .mean = mean_of(cell),
                                                                 .max = cell->max};
        }
        if (!body_mean(body, row->stream, &mean)) {
            body_undo(body, &before);
            return false;
        }
    }
    return true;
}

/* Everything in one row: passed, gaps, rows. */
static bool put_at(const struct downsample *downsample, struct body *body, uint32_t at)
{
    if (at < downsample->passed.count)
        return put_item(body, &downsample->passed.items[at]);
    at -= downsample->passed.count;
    if (at < downsample->gaps.count)
        return put_item(body, &downsample->gaps.items[at]);
    return put_row(body, downsample->rows[at - downsample->gaps.count]);
}

void downsample_next(struct downsample *downsample, uint8_t *data, struct body *body,
                     uint64_t *cursor)
{
    static const struct body_base base = {0, 0, 0}; /* no record in it is relative */
    uint32_t end = downsample->passed.count + downsample->gaps.count + downsample->row_count;
    body_begin(body, data, BODY_MAX, &base);
    downsample->then = downsample->at;
    while (downsample->then < end && put_at(downsample, body, downsample->then))
        downsample->then++;
    body_seal(body);
    *cursor = downsample->then == end ? downsample->next_id : 0;
}

void downsample_given(struct downsample *downsample)
{
    downsample->at = downsample->then;
    if (downsample->at == downsample->passed.count + downsample->gaps.count + downsample->row_count)
        downsample_begin(downsample, downsample->next_id);
}
