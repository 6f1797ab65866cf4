/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the file below max_size, by the order that retain.h gives. SQLite reuses the pages; the
 * file itself never shrinks and never grows beyond the quota. */
#include "gateway/daemon/store/retain.h"

#include <string.h>

#include "gateway/daemon/store/impl.h"

#define LOOK_EVERY_MS  10000
#define ALARM_MS       3600000 /* an alarm stands so long after the last loss */
#define BATCHES_A_STEP 256     /* of one transaction: bounds the WAL */
#define HOURS_A_STEP   512
#define DAY_MS         86400000

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

static uint64_t lowest_cursor(struct store *store)
{
    uint64_t lowest = UINT64_MAX;
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < store->config->broker_count && i < STORE_BROKERS_MAX; i++)
        lowest = store->acked[i] < lowest ? store->acked[i] : lowest;
    pthread_mutex_unlock(&store->lock);
    return lowest;
}

/* ---- Batches -----------------------------------------------------------------------------------
 */

/* A run of one device's records that are dropped undelivered. */
struct run {
    uint16_t device;
    uint32_t boot, first, last;
    bool used;
};

static void tell_run(struct store *store, struct run *run)
{
    struct reading_gap gap = {.device = run->device,
                              .why = GAP_QUOTA,
                              .boot = run->boot,
                              .first_seq = run->first,
                              .last_seq = run->last};
    if (run->used)
        intake_gap(store->intake, &gap);
    run->used = false;
}

#define RUNS_MAX 64u

struct runs {
    struct run runs[RUNS_MAX];
    uint64_t records;
};

static void lose_record(struct store *store, struct runs *runs, const struct record *record)
{
    const struct stream *stream =
        record->kind == RECORD_READING ? stream_find(store, record->stream) : NULL;
    int device = stream != NULL ? stream_device(store, stream) : -1;
    runs->records++;
    if (device < 0)
        return;
    struct run *run = &runs->runs[(unsigned)device % RUNS_MAX];
    if (run->used && run->device == device && run->boot == record->boot &&
        record->seq == run->last + 1) {
        run->last = record->seq;
        return;
    }
    tell_run(store, run);
    *run = (struct run){(uint16_t)device, record->boot, record->seq, record->seq, true};
}

static void lose_body(struct store *store, struct runs *runs, uint64_t id, uint64_t cursor,
                      const void *data, size_t size)
{
    struct body_reader reader;
    struct record record;
    if (!body_open(&reader, data, size) || id + reader.count <= cursor)
        return;
    while (body_next(&reader, &record)) {
        if (id + reader.index > cursor)
            lose_record(store, runs, &record);
    }
}

/* When the batch was taken in, as well as it can be known. */
static int64_t taken_ms(struct store *store, const struct body_base *base)
{
    int64_t offset_ms = 0;
    return feed_offset(store, base->boot, &offset_ms) ? base->mono_ms + offset_ms : base->wall_ms;
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

/* Deletes the oldest batch if `step` is what its turn is. */
static int drop_oldest(struct store *store, struct runs *runs, uint64_t cursor,
                       enum retain_step step, struct retain_state *state, bool *dropped)
{
    sqlite3_stmt *s = oldest_batch(store, cursor, state);
    *dropped = false;
    if (s == NULL)
        return SQLITE_OK;
    if (retain_decide(state) != step) {
        sqlite3_reset(s);
        return SQLITE_OK;
    }
    int64_t id = sqlite3_column_int64(s, 0);
    if (step != RETAIN_DROP_OLD)
        lose_body(store, runs, (uint64_t)id, step == RETAIN_DROP_MISSED ? cursor : 0,
                  sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    sqlite3_reset(s);
    s = db_statement(&store->db, DB_BATCH_DELETE);
    if (s != NULL)
        sqlite3_bind_int64(s, 1, id);
    int rc = db_run(&store->db, s);
    *dropped = rc == SQLITE_OK;
    return rc;
}

static void tell_loss(struct store *store, struct runs *runs, enum retain_step step)
{
    for (unsigned i = 0; i < RUNS_MAX; i++)
        tell_run(store, &runs->runs[i]);
    if (runs->records == 0)
        return;
    pthread_mutex_lock(&store->lock);
    store->stats.dropped_quota += runs->records;
    pthread_mutex_unlock(&store->lock);
    store->quota_alarm_ms = clock_now().mono_ms;
    store_alarm(store, step == RETAIN_DROP_YOUNG
                           ? "max_size is used up: readings of the last 7 days were thinned to "
                             "hourly means"
                           : "max_size is used up: undelivered readings were thinned to hourly "
                             "means");
}

static int drop_batches(struct store *store, enum retain_step step, struct retain_state *state,
                        bool *any)
{
    static struct runs runs; /* the one store thread's */
    uint64_t cursor = lowest_cursor(store);
    bool dropped = true;
    memset(&runs, 0, sizeof runs);
    *any = false;
    int rc = db_begin(&store->db);
    for (unsigned i = 0; i < BATCHES_A_STEP && rc == SQLITE_OK && dropped; i++) {
        rc = drop_oldest(store, &runs, cursor, step, state, &dropped);
        *any = *any || dropped;
    }
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    else
        db_rollback(&store->db);
    if (rc == SQLITE_OK)
        tell_loss(store, &runs, step);
    return rc;
}

/* ---- Hourly means into daily ones ---- */

static void add_hour(void *context, const struct mean_row *row)
{
    struct mean_row *day = context;
    if (day->count == 0) {
        *day = *row;
        day->t_ms = row->t_ms - row->t_ms % DAY_MS;
        return;
    }
    mean_merge(day, row);
}

static int fold_hour(struct store *store, uint32_t stream_id, int64_t t_ms)
{
    static struct mean_row day; /* the one store thread's */
    const struct stream *stream = stream_find(store, stream_id);
    int64_t start = t_ms - t_ms % DAY_MS;
    day.count = 0;
    int rc = SQLITE_OK;
    if (stream != NULL) {
        rc = means_read(store->means, &store->db, stream, MEAN_DAY, start, start + 1, add_hour,
                        &day);
        if (rc == SQLITE_OK)
            rc = means_read(store->means, &store->db, stream, MEAN_HOUR, t_ms, t_ms + 1, add_hour,
                            &day);
        if (rc == SQLITE_OK && day.count > 0)
            rc = mean_save(&store->db, stream_id, MEAN_DAY, &day);
    }
    sqlite3_stmt *s = rc == SQLITE_OK ? db_statement(&store->db, DB_MEAN_DELETE) : NULL;
    if (s == NULL)
        return rc != SQLITE_OK ? rc : db_run(&store->db, NULL);
    sqlite3_bind_int64(s, 1, stream_id);
    sqlite3_bind_int(s, 2, MEAN_HOUR);
    sqlite3_bind_int64(s, 3, t_ms);
    return db_run(&store->db, s);
}

/* The oldest hours, but never those of the last 30 days. */
static int fold_hours(struct store *store, bool *any)
{
    struct {
        uint32_t stream;
        int64_t t_ms;
    } hours[HOURS_A_STEP];
    unsigned count = 0;
    int64_t newest = clock_now().wall_ms - INT64_C(30) * DAY_MS;
    sqlite3_stmt *s = db_statement(&store->db, DB_MEAN_OLDEST);
    if (s != NULL)
        sqlite3_bind_int(s, 1, HOURS_A_STEP);
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
        return db_commit(&store->db);
    db_rollback(&store->db);
    return rc;
}

/* ---- When ---- */

enum retain_step retain_decide(const struct retain_state *state)
{
    if (!state->full && state->percent < (state->begun ? RETAIN_LOW_PERCENT : RETAIN_HIGH_PERCENT))
        return RETAIN_NOTHING;
    if (state->acked && state->age_ms >= RETAIN_KEPT_MS)
        return RETAIN_DROP_OLD;
    if (state->may_fold)
        return RETAIN_FOLD_HOURS;
    if (!state->full && state->percent < RETAIN_FULL_PERCENT)
        return RETAIN_NOTHING;
    return state->acked ? RETAIN_DROP_YOUNG : RETAIN_DROP_MISSED;
}

/* One step; false: nothing could be done, or nothing need be. */
static bool make_room(struct store *store, struct retain_state *state)
{
    bool any = false;
    sqlite3_stmt *s = oldest_batch(store, lowest_cursor(store), state);
    if (s == NULL)
        state->acked = false;
    else
        sqlite3_reset(s);
    state->may_fold = true;
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

static void note_size(struct store *store, int64_t total)
{
    int64_t oldest = 0;
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_FIRST);
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        struct body_reader reader;
        if (body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)))
            oldest = reader.base.wall_ms;
    }
    if (s != NULL)
        sqlite3_reset(s);
    pthread_mutex_lock(&store->lock);
    store->stats.file_bytes = (uint64_t)total * DB_PAGE_SIZE;
    store->stats.oldest_ms = oldest;
    pthread_mutex_unlock(&store->lock);
}

void retain_run(struct store *store, int64_t now_ms)
{
    int64_t used = 0, total = 0;
    if (store->db.handle == NULL || now_ms - store->retain_ms < LOOK_EVERY_MS)
        return;
    store->retain_ms = now_ms;
    int rc = pages_in_use(store, &used, &total);
    if (!file_result(store, rc, "looking at the size") || rc != SQLITE_OK)
        return;
    note_size(store, total);
    if (store->quota_alarm_ms != 0 && now_ms - store->quota_alarm_ms >= ALARM_MS) {
        store->quota_alarm_ms = 0;
        store_alarm(store, "%s", "");
    }
    struct retain_state state = {.percent = (unsigned)(used * 100 / quota_pages(store)),
                                 .begun = store->retain_begun};
    store->retain_begun = state.percent >= (state.begun ? RETAIN_LOW_PERCENT : RETAIN_HIGH_PERCENT);
    /* A step at a time: the next one at the next turn of the store thread. */
    if (store->retain_begun && make_room(store, &state))
        store->retain_ms = now_ms - LOOK_EVERY_MS;
}
