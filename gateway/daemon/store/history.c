/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from what is kept. Hourly means tell between which batches a stream's readings of an hour
 * lie, and places.h in which of them. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/unit_convert.h"
#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/store.h"

#define SCAN_MOST  (48u << 20) /* bytes of batches one question may read, */
#define SCAN_SLICE (1u << 20)  /* and how many of them in one turn */

/* A question, and what of its answer is found. */
struct history_task {
    struct task task;
    struct store_history_query query; /* from_ms moves on, max_points shrinks */
    store_history_done done;
    void *context;
    struct store_point *points; /* room for what was asked for; NULL until its first turn */
    uint32_t count;
    uint64_t scanned;
};

/* One question at work. */
struct search {
    struct store *store;
    const struct store_history_query *query;
    uint16_t *devices;
    uint16_t device_count;
    uint16_t one;                /* what `devices` points to for a single one */
    const char *unit, *shown;    /* of the device being read: its own, and in which it is shown */
    const struct stream *stream; /* the one being read */
    unsigned field;
    uint16_t source;            /* the device being read, of those of the plot */
    uint8_t kind;               /* enum metric_kind */
    struct store_point *points; /* room for twice STORE_HISTORY_MAX */
    uint32_t count;
    int64_t limit_ms;           /* points from here on do not fit */
    int64_t cut_ms;             /* or were dropped: what is left out begins here */
    int64_t day_ms, day_end_ms; /* the site's day that was last looked up */
    uint64_t scanned;           /* of this stream */
    uint64_t scanned_in_all;
    uint64_t batches;   /* read */
    uint64_t scan_most; /* of one stream */
    uint64_t done_to;   /* batches of this stream read so far */
    bool stopped;       /* read enough: what is beyond limit_ms has to be asked for again */
};

static int by_time(const void *a, const void *b)
{
    const struct store_point *x = a, *y = b;
    if (x->t_ms == y->t_ms)
        return (x->source > y->source) - (x->source < y->source);
    return x->t_ms > y->t_ms ? 1 : -1;
}

/* What fell on a plot is what its gauges say on average; what one says of two parts of a time adds
 * up. Of devices, one after the other is read. */
static void join_sum(struct store_point *to, const struct store_point *from)
{
    double all = to->sum * to->sources + from->sum * from->sources;
    if (from->source != to->source)
        to->sources += from->sources;
    to->sum = to->sources > 0 ? all / to->sources : 0;
    to->source = from->source;
}

static void join_point(struct store_point *to, const struct store_point *from, uint8_t kind)
{
    to->bad += from->bad;
    if (from->n == 0)
        return;
    if (to->n == 0) {
        uint32_t bad = to->bad;
        *to = *from;
        to->bad = bad;
        return;
    }
    join_sum(to, from);
    to->angle = (struct angle_sum){to->angle.x + from->angle.x, to->angle.y + from->angle.y};
    to->min = to->n == 0 || from->min < to->min ? from->min : to->min;
    to->max = to->n == 0 || from->max > to->max ? from->max : to->max;
    to->mean = (to->mean * to->n + from->mean * from->n) / (to->n + from->n);
    to->n += from->n;
    if (kind == METRIC_ANGLE)
        to->mean = angle_mean(&to->angle, to->n);
}

/* Points of the same hour or day, of several devices or of two halves, become one. */
static void join_equal(struct search *search)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < search->count; i++) {
        const struct store_point *point = &search->points[i];
        struct store_point *last = kept > 0 ? &search->points[kept - 1] : NULL;
        if (last == NULL || last->t_ms != point->t_ms || search->query->step == STORE_RAW) {
            search->points[kept++] = *point;
            continue;
        }
        join_point(last, point, search->kind);
    }
    search->count = kept;
}

/* Keeps the oldest max_points and remembers where the rest begins. */
static void squeeze(struct search *search)
{
    qsort(search->points, search->count, sizeof search->points[0], by_time);
    join_equal(search);
    uint32_t most = search->query->max_points;
    if (search->count <= most)
        return;
    int64_t next = search->points[most].t_ms;
    while (most > 1 && search->points[most - 1].t_ms == next)
        most--; /* points of one moment stay together */
    if (next < search->cut_ms)
        search->cut_ms = next;
    if (next < search->limit_ms)
        search->limit_ms = next;
    search->count = most;
}

/* The device's own unit becomes that of the answer. */
static void convert(const struct search *search, struct store_point *point)
{
    if (point->n == 0 || strcmp(search->unit, search->shown) == 0)
        return;
    (void)unit_convert(search->unit, search->shown, &point->min);
    (void)unit_convert(search->unit, search->shown, &point->mean);
    (void)unit_convert(search->unit, search->shown, &point->max);
    if (search->kind == METRIC_SUM)
        (void)unit_convert(search->unit, search->shown, &point->sum);
}

static void add_point(struct search *search, const struct store_point *point)
{
    if (point->t_ms < search->query->from_ms || point->t_ms >= search->limit_ms ||
        point->n + point->bad == 0)
        return;
    search->points[search->count++] = *point;
    if (search->count == 2 * STORE_HISTORY_MAX)
        squeeze(search);
}

/* ---- Raw ---- */

static void scan_body(struct search *search, const void *data, size_t size)
{
    struct body_reader reader;
    struct record record;
    if (!body_intact(data, size) || !body_open(&reader, data, size))
        return;
    while (body_next_of(&reader, search->stream->id, &record)) {
        struct payload_value values[READING_VALUES_MAX];
        struct store_point point = {.n = 1};
        if (!store_wall(search->store, reader.base.boot, &record, &point.t_ms) ||
            point.t_ms < search->query->from_ms || point.t_ms >= search->limit_ms ||
            !record_values(&record, search->stream->schema, values) ||
            !values[search->field].present)
            continue;
        point.min = point.mean = point.max = payload_value_number(&values[search->field]);
        point.sum = search->kind == METRIC_SUM ? point.mean : 0;
        point.flag = values[search->field].flag;
        convert(search, &point);
        add_point(search, &point);
    }
}

static void scan_rows(struct search *search, sqlite3_stmt *s)
{
    while (sqlite3_step(s) == SQLITE_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(s, 1);
        uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
        if (id < search->done_to)
            continue;
        scan_body(search, sqlite3_column_blob(s, 1), size);
        search->scanned += size;
        search->batches++;
        search->done_to = id + 1;
    }
    sqlite3_reset(s);
}

static void scan_batches(struct search *search, uint64_t first, uint64_t last)
{
    sqlite3_stmt *s = db_statement(&search->store->db, DB_BATCH_RANGE);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, (int64_t)first);
    sqlite3_bind_int64(s, 2, (int64_t)last);
    scan_rows(search, s);
}

static void scan_place(void *context, uint64_t batch)
{
    struct search *search = context;
    sqlite3_stmt *s = db_statement(&search->store->db, DB_BATCH_ONE);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, (int64_t)batch);
    scan_rows(search, s);
}

/* Hours come in order of time, their batches mostly too: a batch is read once. */
static void raw_hour(void *context, const struct rollup_row *row)
{
    struct search *search = context;
    if (search->stopped || row->t_ms >= search->limit_ms || row->last_id == 0)
        return;
    if (search->scanned > search->scan_most) {
        search->stopped = true;
        search->limit_ms = row->t_ms < search->limit_ms ? row->t_ms : search->limit_ms;
        return;
    }
    search->done_to = 0;
    int64_t from = search->query->from_ms, limit = search->limit_ms;
    struct store_history_query hour = *search->query;
    const struct store_history_query *whole = search->query;
    hour.from_ms = row->t_ms > from ? row->t_ms : from;
    search->query = &hour;
    search->limit_ms = row->t_ms + HOUR_MS < limit ? row->t_ms + HOUR_MS : limit;
    int64_t hour_limit = search->limit_ms;
    if (!rollup_places(search->store->rollup, &search->store->db, search->stream->id, row,
                       scan_place, search))
        scan_batches(search, row->first_id, row->last_id);
    search->query = whole;
    if (search->limit_ms == hour_limit) /* nothing of this hour had to be left out */
        search->limit_ms = limit < search->cut_ms ? limit : search->cut_ms;
}

/* ---- Means ---- */

/* Where the day of an hour begins. Time zones are slow, and most hours are of the day of the one
 * before; no day has more than 25. */
static int64_t day_of(struct search *search, int64_t t_ms)
{
    if (t_ms < search->day_ms || t_ms >= search->day_end_ms) {
        search->day_ms = rollup_day_start(t_ms);
        search->day_end_ms = rollup_day_start(search->day_ms + 26 * HOUR_MS);
    }
    return search->day_ms;
}

static void mean_hour(void *context, const struct rollup_row *row)
{
    struct search *search = context;
    const struct rollup_cell *cell = &row->cells[search->field];
    if (search->field >= row->count || cell->n + cell->bad == 0)
        return;
    struct store_point point = {
        .t_ms = row->t_ms, .n = cell->n, .bad = cell->bad, .source = search->source, .sources = 1};
    if (cell->n > 0) {
        point.sum = search->kind == METRIC_SUM ? cell->sum : 0;
        point.min = cell->min;
        point.mean = cell->sum / cell->n;
        point.max = cell->max;
    }
    if (cell->n > 0 && search->kind == METRIC_ANGLE) {
        point.angle = rollup_angle(cell);
        point.mean = angle_mean(&point.angle, cell->n);
    }
    convert(search, &point);
    if (search->query->step == STORE_DAY) {
        point.t_ms = day_of(search, row->t_ms);
        bool more = search->count > 0 && search->points[search->count - 1].t_ms == point.t_ms &&
                    search->points[search->count - 1].source == point.source;
        if (more) {
            join_point(&search->points[search->count - 1], &point, search->kind);
            return;
        }
    }
    add_point(search, &point);
}

/* ---- One question ---- */

static bool find_field(const struct stream_schema *schema, const char *metric, unsigned *field)
{
    for (unsigned i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].metric, metric) == 0) {
            *field = i;
            return true;
        }
    }
    return false;
}

static int read_stream(struct search *search, const struct stream *stream)
{
    struct store *store = search->store;
    const struct store_history_query *query = search->query;
    int64_t from = query->from_ms - ((query->from_ms % HOUR_MS) + HOUR_MS) % HOUR_MS;
    search->stream = stream;
    search->done_to = 0;
    search->scanned_in_all += search->scanned;
    search->scanned = 0;
    search->stopped = false; /* the one before ends where limit_ms is now */
    if (query->step == STORE_RAW)
        return rollup_read(store->rollup, &store->db, stream, ROLLUP_HOUR, from, search->limit_ms,
                           raw_hour, search);
    int rc = SQLITE_OK;
    if (query->step == STORE_DAY) {
        rc = rollup_read(store->rollup, &store->db, stream, ROLLUP_DAY, query->from_ms,
                         search->limit_ms, mean_hour, search);
    }
    if (rc == SQLITE_OK)
        rc = rollup_read(store->rollup, &store->db, stream, ROLLUP_HOUR, query->from_ms,
                         search->limit_ms, mean_hour, search);
    return rc;
}

static enum store_result find_devices(struct search *search)
{
    const struct config *config = search->store->config;
    const struct store_history_query *query = search->query;
    if (query->device >= 0 && query->device < config->device_count) {
        search->one = (uint16_t)query->device;
        search->devices = &search->one;
        search->device_count = 1;
        return STORE_OK;
    }
    if (query->device >= 0 || query->plot < 0 || query->plot >= config->plot_count)
        return STORE_UNKNOWN;
    search->devices = config->plots[query->plot].devices;
    search->device_count = config->plots[query->plot].device_count;
    return STORE_OK;
}

/* The units of the device's values. false: what it measures is not the plot's quantity. */
static bool choose_units(struct search *search, const struct device_config *device)
{
    const struct store_history_query *query = search->query;
    search->unit = search->shown = "";
    for (unsigned i = 0; i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, query->metric) == 0) {
            search->unit = device->metrics[i]->unit;
            search->shown = config_shown_unit(device, i);
        }
    }
    return query->device >= 0 || search->unit[0] == '\0' ||
           strcmp(search->shown, config_metric_unit(search->store->config, query->metric)) == 0;
}

static enum store_result run_search(struct search *search)
{
    struct store *store = search->store;
    bool known = false;
    enum store_result result = find_devices(search);
    for (unsigned d = 0; result == STORE_OK && d < search->device_count; d++) {
        const struct device_config *device = &store->config->devices[search->devices[d]];
        const char *name = device->name;
        const struct stream *stream = NULL;
        if (!choose_units(search, device))
            continue;
        for (uint32_t i = 0; result == STORE_OK && (stream = stream_at(store, i)) != NULL; i++) {
            if (strcmp(stream->device, name) != 0 ||
                !find_field(stream->schema, search->query->metric, &search->field))
                continue;
            known = true;
            search->source = (uint16_t)d;
            search->kind = stream->schema->fields[search->field].kind;
            if (!file_result(store, read_stream(search, stream), "reading history"))
                result = STORE_UNAVAILABLE;
        }
    }
    squeeze(search);
    while (search->count > 0 && search->points[search->count - 1].t_ms >= search->limit_ms)
        search->count--; /* of a stream that was read further than another */
    search->scanned_in_all += search->scanned;
    return result == STORE_OK && !known ? STORE_UNKNOWN : result;
}

/* One turn: what it finds is put behind what is known. True: there is more to find. */
static bool history_slice(struct store *store, struct history_task *own,
                          struct store_history *answer)
{
    struct search search = {.store = store,
                            .query = &own->query,
                            .limit_ms = own->query.to_ms,
                            .cut_ms = own->query.to_ms};
    search.points = calloc(2 * STORE_HISTORY_MAX, sizeof *search.points);
    if (search.points == NULL) {
        answer->result = STORE_BUSY;
        return false;
    }
    answer->result = find_devices(&search);
    search.scan_most = SCAN_SLICE / (search.device_count > 0 ? search.device_count : 1);
    if (answer->result == STORE_OK)
        answer->result = run_search(&search);
    memcpy(own->points + own->count, search.points, search.count * sizeof *search.points);
    free(search.points);
    pthread_mutex_lock(&store->lock);
    store->stats.history_batches += search.batches;
    pthread_mutex_unlock(&store->lock);
    own->count += search.count;
    own->scanned += search.scanned_in_all;
    own->query.max_points -= search.count;
    bool goes_on = search.limit_ms > own->query.from_ms;
    own->query.from_ms = search.limit_ms;
    answer->next_ms = search.limit_ms < own->query.to_ms ? search.limit_ms : 0;
    return answer->result == STORE_OK && goes_on && answer->next_ms != 0 &&
           own->query.max_points > 0 && own->query.step == STORE_RAW && own->scanned < SCAN_MOST;
}

static bool history_run(struct store *store, struct task *task, enum store_result state)
{
    struct history_task *own = (struct history_task *)task;
    struct store_history answer = {.result = state};
    if (state == STORE_OK && !file_ready(store))
        answer.result = STORE_UNAVAILABLE;
    if (own->points == NULL && answer.result == STORE_OK) {
        own->points = calloc(own->query.max_points, sizeof *own->points);
        if (own->points == NULL)
            answer.result = STORE_BUSY;
        if (own->query.step == STORE_DAY) /* whole days: the first one from its beginning */
            own->query.from_ms = rollup_day_start(own->query.from_ms);
    }
    if (answer.result == STORE_OK && history_slice(store, own, &answer))
        return true;
    answer.points = own->points;
    answer.count = answer.result == STORE_OK ? own->count : 0;
    own->done(own->context, &answer);
    free(own->points);
    free(own);
    return false;
}

enum store_result store_history(struct store *store, const struct store_history_query *query,
                                store_history_done done, void *context)
{
    if (query->from_ms >= query->to_ms || query->max_points == 0 ||
        query->max_points > STORE_HISTORY_MAX || query->step > STORE_DAY)
        return STORE_INVALID;
    struct history_task task = {.task = {.run = history_run, .asker = query->asker},
                                .query = *query,
                                .done = done,
                                .context = context};
    return task_post_copy(store, &task.task, sizeof task);
}
