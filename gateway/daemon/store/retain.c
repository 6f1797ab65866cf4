/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the file below max_size, by the order that retain.h gives. SQLite reuses the pages; the
 * file itself never shrinks and never grows beyond the quota. */
#include "gateway/daemon/store/retain.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/purged_ranges.h"
#include "gateway/daemon/store/store.h"

#define LOOK_EVERY_MS   10000
#define ALARM_MS        3600000 /* an alarm stands so long after the last loss */
#define REPORT_EVERY_MS 10000   /* gaps, so that neighbours become one */
#define BATCHES_A_STEP  256     /* of one transaction: bounds the WAL */
#define BATCHES_FULL    8       /* when a commit had no room: at least so many */
#define HOURS_A_STEP    512
#define DAY_MS          INT64_C(86400000)
#define QUOTA_ALARM     "max_size is used up"

/* A run of one device's numbers that are dropped. */
struct run {
    const char *device;
    uint32_t boot, first, last;
};

/* Those of one step: neighbours meet here, so that the table of what is gone is written seldom. A
 * place for each device, and some more: two in one would end each other's run at each record. */
struct runs {
    struct run *runs; /* by stream, modulo `count` */
    uint32_t count;
    uint64_t lost; /* readings of which more was promised */
};
#define RUNS_MORE 64u /* former streams of devices */

struct retention {
    bool begun, losing; /* see struct retain_state */
    bool unreported;    /* table `gone` may hold rows that no gap reports */
    int64_t report_ms;  /* monotonic: not before */
    int64_t alarm_ms;   /* monotonic: last loss for want of room; 0: no alarm of it stands */
    int64_t looked_ms;  /* monotonic: last look at the size */
    struct runs runs;   /* of one step */
    struct rollup_row day;
};

struct retention *retention_create(const struct config *config)
{
    struct retention *retention = calloc(1, sizeof *retention);
    if (retention == NULL)
        return NULL;
    retention->unreported = true;
    retention->runs.count = config->device_count + RUNS_MORE;
    retention->runs.runs = calloc(retention->runs.count, sizeof *retention->runs.runs);
    if (retention->runs.runs != NULL)
        return retention;
    free(retention);
    return NULL;
}

void retention_destroy(struct retention *retention)
{
    if (retention == NULL)
        return;
    free(retention->runs.runs);
    free(retention);
}

void retain_publish_gaps(struct store *store)
{
    store->retention->unreported = true;
}

static int pages_in_use(struct store *store, int64_t *used, int64_t *total)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PAGES);
    if (s == NULL)
        return db_run(&store->db, NULL);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *total = sqlite3_column_int64(s, 0);
        *used = *total - sqlite3_column_int64(s, 1);
        rc = SQLITE_OK;
    }
    sqlite3_reset(s);
    return rc;
}

static int64_t quota_pages(const struct store *store)
{
    return (int64_t)(store->config->store_max_bytes / DB_PAGE_SIZE);
}

/* ---- Batches ---- */

static int close_run(struct store *store, struct run *run)
{
    int rc = SQLITE_OK;
    if (run->device != NULL)
        rc = purged_ranges_add(&store->db, run->device, run->boot, run->first, run->last);
    run->device = NULL;
    return rc;
}

/* `heard`: all brokers have it. */
static int drop_record(struct store *store, struct runs *runs, const struct record *record,
                       bool heard)
{
    const struct stream *stream =
        record->kind == RECORD_CORRECTION ? NULL : stream_find(store, record->stream);
    if (stream == NULL)
        return SQLITE_OK;
    if (record->kind == RECORD_GAP && record->why == GAP_QUOTA) /* its numbers are recorded */
        return heard ? SQLITE_OK
                     : purged_ranges_report_again(&store->db, stream->device, record->boot,
                                                  record->seq, record->last_seq);
    struct run *run = &runs->runs[record->stream % runs->count];
    if (run->device != NULL && strcmp(run->device, stream->device) == 0 &&
        run->boot == record->boot && record->seq == run->last + 1) {
        run->last = record->last_seq;
        return SQLITE_OK;
    }
    int rc = close_run(store, run);
    *run = (struct run){stream->device, record->boot, record->seq, record->last_seq};
    return rc;
}

/* The numbers of a body are recorded; the readings from `lost_from` on are counted as lost. Brokers
 * have what is before `cursor`. */
static int drop_body(struct store *store, struct runs *runs, uint64_t id, uint64_t cursor,
                     uint64_t lost_from, const void *data, size_t size)
{
    struct body_reader reader;
    struct record record;
    int rc = SQLITE_OK;
    if (!body_open(&reader, data, size))
        return SQLITE_OK;
    while (rc == SQLITE_OK && body_next(&reader, &record)) {
        rc = drop_record(store, runs, &record, id + reader.index <= cursor);
        runs->lost += record.kind == RECORD_READING && id + reader.index > lost_from;
    }
    return rc;
}

/* When the batch was taken in, as well as it can be known. */
static int64_t taken_ms(struct store *store, const struct body_base *base)
{
    int64_t offset_ms = 0;
    return wall_time_of_boot(store->wall_time, base->boot, &offset_ms) ? base->mono_ms + offset_ms
                                                                       : base->wall_ms;
}

/* The oldest batch, unless it is the newest too. Leaves the statement on its row for the caller to
 * reset; NULL: there is none. */
static sqlite3_stmt *oldest_batch(struct store *store, uint64_t cursor, struct retain_state *state)
{
    struct body_reader reader;
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_FIRST); /* two rows at most */
    if (s == NULL)
        return NULL;
    int64_t now_ms = store_now(store).trust == TIME_TRUSTED ? clock_now().wall_ms : 0;
    bool newer = sqlite3_step(s) == SQLITE_ROW;
    newer = newer && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_reset(s);
    if (!newer || sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_reset(s);
        return NULL;
    }
    uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
    bool open = body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    state->acked = id + (open ? reader.count : 1u) <= cursor;
    state->age_ms = open && now_ms > 0 ? now_ms - taken_ms(store, &reader.base) : -1;
    return s;
}

static unsigned percent_of(const struct store *store, int64_t used)
{
    return (unsigned)(used * 100 / quota_pages(store));
}

/* Deletes the oldest batch if `step` is what its turn is. */
static int drop_oldest(struct store *store, struct runs *runs, uint64_t cursor,
                       enum retain_step step, struct retain_state *state, uint64_t *dropped_id)
{
    static const uint64_t none = UINT64_MAX;
    sqlite3_stmt *s = oldest_batch(store, cursor, state);
    *dropped_id = 0;
    if (s == NULL)
        return SQLITE_OK;
    if (retain_decide(state) != step) {
        sqlite3_reset(s);
        return SQLITE_OK;
    }
    int64_t id = sqlite3_column_int64(s, 0);
    uint64_t lost_from = step == RETAIN_DROP_OLD ? none : step == RETAIN_DROP_MISSED ? cursor : 0;
    int rc = drop_body(store, runs, (uint64_t)id, cursor, lost_from, sqlite3_column_blob(s, 1),
                       (size_t)sqlite3_column_bytes(s, 1));
    sqlite3_reset(s);
    s = rc == SQLITE_OK ? db_statement(&store->db, DB_BATCH_DELETE) : NULL;
    if (s != NULL)
        sqlite3_bind_int64(s, 1, id);
    if (rc == SQLITE_OK)
        rc = db_run(&store->db, s);
    *dropped_id = rc == SQLITE_OK ? (uint64_t)id : 0;
    return rc;
}

/* As many as the step asks for; the newest of them in `*last_id`, 0: none. */
static int drop_some(struct store *store, struct runs *runs, enum retain_step step,
                     struct retain_state *state, uint64_t *last_id)
{
    uint64_t cursor = cursors_lowest(store), id = 0;
    int rc = SQLITE_OK;
    *last_id = 0;
    for (unsigned i = 0; i < BATCHES_A_STEP && rc == SQLITE_OK; i++) {
        int64_t used = 0, total = 0;
        rc = drop_oldest(store, runs, cursor, step, state, &id);
        if (rc != SQLITE_OK || id == 0)
            break;
        *last_id = id;
        rc = pages_in_use(store, &used, &total);
        state->percent = percent_of(store, used);
        state->losing = state->losing || state->full;
        state->full = state->full && i + 1 < BATCHES_FULL;
    }
    for (unsigned i = 0; i < runs->count && rc == SQLITE_OK; i++)
        rc = close_run(store, &runs->runs[i]);
    return rc;
}

static void note_loss(struct store *store, const struct runs *runs, enum retain_step step)
{
    if (runs->lost == 0)
        return;
    pthread_mutex_lock(&store->lock);
    store->stats.dropped_quota += runs->lost;
    pthread_mutex_unlock(&store->lock);
    store->retention->alarm_ms = clock_now().mono_ms;
    store_alarm(store, step == RETAIN_DROP_YOUNG ? QUOTA_ALARM
                           ": readings of the last 7 days were thinned to hourly means"
                                                 : QUOTA_ALARM
                           ": undelivered readings were thinned to hourly means");
}

static int drop_batches(struct store *store, enum retain_step step, struct retain_state *state,
                        bool *any)
{
    struct runs *runs = &store->retention->runs;
    uint64_t last_id = 0;
    memset(runs->runs, 0, runs->count * sizeof *runs->runs);
    runs->lost = 0;
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = drop_some(store, runs, step, state, &last_id);
    if (rc == SQLITE_OK) /* of hours whose batches are gone; a late reading is found without */
        rc = places_trim(&store->db, store->stats.oldest_ms - HOUR_MS);
    /* What is only in RAM of their means goes with them: a power cut could not count them again. */
    bool flush = last_id >= commit_flushed_to(store);
    if (rc == SQLITE_OK && flush)
        rc = commit_flush(store);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    else
        db_rollback(&store->db);
    *any = rc == SQLITE_OK && last_id != 0;
    if (!*any)
        return rc;
    commit_extent(store, store->next_id);
    if (flush)
        commit_flushed(store);
    store->retention->unreported = true;
    note_loss(store, runs, step);
    return rc;
}

/* ---- Hourly means into daily ones ---- */

static void add_hour(void *context, const struct rollup_row *row)
{
    struct rollup_row *day = context;
    if (day->count == 0) {
        *day = *row;
        day->t_ms = rollup_day_start(row->t_ms);
        return;
    }
    rollup_merge(day, row);
}

static int fold_hour(struct store *store, uint32_t stream_id, int64_t t_ms)
{
    struct rollup_row *day = &store->retention->day;
    const struct stream *stream = stream_find(store, stream_id);
    int64_t start = rollup_day_start(t_ms);
    day->count = 0;
    int rc = SQLITE_OK;
    if (stream != NULL) {
        rc = rollup_read(store->rollup, &store->db, stream, ROLLUP_DAY, start, start + 1, add_hour,
                         day);
        if (rc == SQLITE_OK)
            rc = rollup_read(store->rollup, &store->db, stream, ROLLUP_HOUR, t_ms, t_ms + 1,
                             add_hour, day);
        if (rc == SQLITE_OK && day->count > 0)
            rc = rollup_save(&store->db, stream_id, ROLLUP_DAY, day);
    }
    sqlite3_stmt *s = rc == SQLITE_OK ? db_statement(&store->db, DB_MEAN_DELETE) : NULL;
    if (s == NULL)
        return rc != SQLITE_OK ? rc : db_run(&store->db, NULL);
    sqlite3_bind_int64(s, 1, stream_id);
    sqlite3_bind_int(s, 2, ROLLUP_HOUR);
    sqlite3_bind_int64(s, 3, t_ms);
    return db_run(&store->db, s);
}

/* The oldest hours, but never those of the last 30 days. They are looked for stream by stream, as
 * the table is ordered, and no further than a step may take: a look at all hours for each step
 * would go with their square. */
static int fold_hours(struct store *store, bool *any)
{
    struct {
        uint32_t stream;
        int64_t t_ms;
    } hours[HOURS_A_STEP];
    unsigned count = 0;
    int64_t newest = clock_now().wall_ms - 30 * DAY_MS;
    sqlite3_stmt *s = db_statement(&store->db, DB_MEAN_OLDEST);
    if (s != NULL) {
        sqlite3_bind_int(s, 1, HOURS_A_STEP);
        sqlite3_bind_int64(s, 2,
                           (int64_t)HOUR_MS * (HOURS_A_STEP / (store->config->device_count + 1)));
    }
    while (s != NULL && count < HOURS_A_STEP && sqlite3_step(s) == SQLITE_ROW) {
        hours[count].stream = (uint32_t)sqlite3_column_int64(s, 0);
        hours[count].t_ms = sqlite3_column_int64(s, 1);
        if (hours[count].t_ms < newest)
            count++;
    }
    if (s != NULL)
        sqlite3_reset(s);
    *any = count > 0;
    int rc = count > 0 ? db_begin(&store->db) : SQLITE_OK;
    for (unsigned i = 0; i < count && rc == SQLITE_OK; i++)
        rc = fold_hour(store, hours[i].stream, hours[i].t_ms);
    if (count == 0)
        return SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = places_trim(&store->db, hours[count - 1].t_ms);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    else
        db_rollback(&store->db);
    for (unsigned i = 0; i < count && rc == SQLITE_OK; i++)
        rollup_forget(store->rollup, hours[i].stream, hours[i].t_ms);
    return rc;
}

/* ---- When ---- */

enum retain_step retain_decide(const struct retain_state *state)
{
    unsigned high = state->begun ? RETAIN_LOW_PERCENT : RETAIN_HIGH_PERCENT;
    unsigned loss = state->losing ? RETAIN_LOSS_PERCENT : RETAIN_FULL_PERCENT;
    if (!state->full && state->percent < high)
        return RETAIN_NOTHING;
    if (state->acked && state->age_ms >= RETAIN_KEPT_MS)
        return RETAIN_DROP_OLD;
    if (state->may_fold)
        return RETAIN_FOLD_HOURS;
    if (!state->full && state->percent < loss)
        return RETAIN_NOTHING;
    return state->acked ? RETAIN_DROP_YOUNG : RETAIN_DROP_MISSED;
}

/* One step; false: nothing could be done, or nothing need be. */
static bool make_room(struct store *store, struct retain_state *state)
{
    bool any = false;
    sqlite3_stmt *s = oldest_batch(store, cursors_lowest(store), state);
    if (s == NULL)
        state->acked = false;
    else
        sqlite3_reset(s);
    state->may_fold = store_now(store).trust == TIME_TRUSTED; /* else no hour is known to be old */
    enum retain_step step = retain_decide(state);
    int rc = SQLITE_OK;
    if (step == RETAIN_FOLD_HOURS) {
        rc = fold_hours(store, &any);
        if (any || rc != SQLITE_OK)
            return rc == SQLITE_OK;
        state->may_fold = false;
        step = retain_decide(state);
    }
    if (step != RETAIN_NOTHING && s != NULL)
        rc = drop_batches(store, step, state, &any);
    return rc == SQLITE_OK && any;
}

bool retain_make_room(struct store *store)
{
    struct retain_state state = {.percent = 100, .full = true};
    return make_room(store, &state);
}

static void note_size(struct store *store, int64_t used, int64_t total)
{
    pthread_mutex_lock(&store->lock);
    store->stats.file_bytes = (uint64_t)total * DB_PAGE_SIZE;
    store->stats.used_bytes = (uint64_t)used * DB_PAGE_SIZE;
    pthread_mutex_unlock(&store->lock);
}

/* An alarm of another kind may have taken its place meanwhile. */
static void end_alarm(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    if (strncmp(store->stats.alarm, QUOTA_ALARM, strlen(QUOTA_ALARM)) == 0)
        store->stats.alarm[0] = '\0';
    pthread_mutex_unlock(&store->lock);
    store->retention->alarm_ms = 0;
}

static void publish_gone(struct store *store, int64_t now_ms)
{
    bool more = false;
    if (!store->retention->unreported || commit_waits(store) ||
        now_ms < store->retention->report_ms)
        return;
    int rc = purged_ranges_publish(store, &more);
    if (file_result(store, rc, "reporting what was removed") && rc == SQLITE_OK) {
        store->retention->unreported = more;
        store->retention->report_ms = more ? now_ms : now_ms + REPORT_EVERY_MS;
    }
}

void retain_run(struct store *store, int64_t now_ms)
{
    int64_t used = 0, total = 0;
    if (!file_ready(store))
        return;
    if (now_ms - store->retention->looked_ms < LOOK_EVERY_MS) {
        publish_gone(store, now_ms); /* never between two steps */
        return;
    }
    store->retention->looked_ms = now_ms;
    int rc = pages_in_use(store, &used, &total);
    if (!file_result(store, rc, "looking at the size") || rc != SQLITE_OK)
        return;
    note_size(store, used, total);
    if (store->retention->alarm_ms != 0 && now_ms - store->retention->alarm_ms >= ALARM_MS)
        end_alarm(store);
    struct retain_state state = {.percent = percent_of(store, used),
                                 .begun = store->retention->begun,
                                 .losing = store->retention->losing};
    store->retention->begun =
        state.percent >= (state.begun ? RETAIN_LOW_PERCENT : RETAIN_HIGH_PERCENT);
    store->retention->losing =
        state.percent >= (state.losing ? RETAIN_LOSS_PERCENT : RETAIN_FULL_PERCENT);
    state.begun = store->retention->begun;
    state.losing = store->retention->losing;
    /* A step at a time: the next one at the next turn of the store thread. */
    if (store->retention->begun && make_room(store, &state))
        store->retention->looked_ms = now_ms - LOOK_EVERY_MS;
    else
        publish_gone(store, now_ms);
}
