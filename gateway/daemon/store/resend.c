/* SPDX-License-Identifier: Apache-2.0 */
/* Readings that a consumer asks for again: found by the hours that hold them, counted, and noted
 * for the brokers' feeds, which send them in addition to the backlog. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/store.h"

#define RESEND_MOST STORE_RESEND_MOST

struct resend_task {
    struct task task;
    struct store_resend_query query;
    store_resend_done done;
    void *context;
};

/* One stream's. First the batches that are known to have its readings are looked through; unless
 * each number is one of these, and taken at a time that was trusted, gaps and corrections belong to
 * the answer, too, and may lie in any batch between. */
struct resend_search {
    struct store *store;
    const struct store_resend_query *query;
    const struct stream *stream;
    uint64_t first, last; /* batches that may hold some */
    uint32_t found, untrusted;
    bool listed; /* `batches` are all of them: to look through, then that have some */
    uint32_t count;
    uint64_t *batches; /* room for AGAIN_BATCHES_MAX */
    uint64_t read;
};

static void note_batch(void *context, uint64_t batch)
{
    struct resend_search *search = context;
    if (search->count == AGAIN_BATCHES_MAX)
        search->listed = false;
    else
        search->batches[search->count++] = batch;
}

static void resend_hour(void *context, const struct rollup_row *row)
{
    struct resend_search *search = context;
    search->first = row->first_id < search->first ? row->first_id : search->first;
    search->last = row->last_id > search->last ? row->last_id : search->last;
    if (search->listed && !rollup_places(search->store->rollup, &search->store->db,
                                         search->stream->id, row, note_batch, search))
        search->listed = false;
}

static bool is_wanted(const struct resend_search *search, const struct record *record)
{
    const struct store_resend_query *query = search->query;
    return record->kind == RECORD_CORRECTION ||
           (record->stream == search->stream->id && record->boot == query->boot &&
            record->seq <= query->last_seq && record->last_seq >= query->first_seq);
}

/* Counts what is wanted of the batches that `s` gives, and notes those that have some. */
static void look_through(struct resend_search *search, sqlite3_stmt *s)
{
    for (; sqlite3_step(s) == SQLITE_ROW; search->read++) {
        struct body_reader reader;
        struct record record;
        bool has_some = false;
        if (!body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)))
            continue;
        while (body_next(&reader, &record)) {
            if (!is_wanted(search, &record))
                continue;
            has_some = true;
            search->found += record.kind == RECORD_READING;
            search->untrusted += record.kind == RECORD_READING && !record.trusted;
        }
        if (has_some)
            note_batch(search, (uint64_t)sqlite3_column_int64(s, 0));
    }
    sqlite3_reset(s);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Those of the list, each once: hours share batches. False: there is more to it. */
static bool look_through_listed(struct resend_search *search)
{
    uint32_t count = search->count;
    sqlite3_stmt *s = search->listed ? db_statement(&search->store->db, DB_BATCH_ONE) : NULL;
    if (s == NULL)
        return false;
    qsort(search->batches, count, sizeof search->batches[0], by_number);
    search->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t batch = search->batches[i];
        if (i + 1 < count && search->batches[i + 1] == batch)
            continue;
        sqlite3_bind_int64(s, 1, (int64_t)batch);
        look_through(search, s); /* notes in a place that was looked at */
    }
    const struct store_resend_query *query = search->query;
    return search->found == query->last_seq - query->first_seq + 1 && search->untrusted == 0;
}

static void look_through_all(struct resend_search *search)
{
    sqlite3_stmt *s = db_statement(&search->store->db, DB_BATCH_RANGE);
    if (s == NULL)
        return;
    search->found = search->untrusted = search->count = 0;
    search->listed = true;
    sqlite3_bind_int64(s, 1, (int64_t)search->first);
    sqlite3_bind_int64(s, 2, (int64_t)search->last);
    look_through(search, s);
}

/* How many of its readings there are, and in which batches. */
static void resend_search_stream(struct resend_search *search)
{
    search->first = UINT64_MAX;
    search->last = search->found = search->untrusted = search->count = 0;
    search->listed = true;
    rollup_find_seq(search->store->rollup, &search->store->db, search->stream->id,
                    search->query->boot, search->query->first_seq, search->query->last_seq,
                    resend_hour, search);
    if (search->last != 0 && !look_through_listed(search))
        look_through_all(search);
}

/* NULL: they are too many, or there is no memory for them. */
static uint32_t *offsets(const struct resend_search *search, uint64_t from)
{
    uint32_t *batches = search->listed ? malloc(search->count * sizeof *batches) : NULL;
    for (uint32_t i = 0; batches != NULL && i < search->count; i++)
        batches[i] = (uint32_t)(search->batches[i] - from);
    return batches;
}

/* For each broker that it is for. */
static enum store_result send_again(struct resend_search *search)
{
    struct store *store = search->store;
    const struct store_resend_query *query = search->query;
    uint64_t first = search->first;
    if (search->listed && search->batches[0] < first)
        first = search->batches[0]; /* the batch begins with others' records */
    if (search->last - first > UINT32_MAX)
        search->listed = false;
    struct again again = {.first_id = search->first,
                          .last_id = search->last,
                          .filtered = true,
                          .boot = query->boot,
                          .first_seq = query->first_seq,
                          .last_seq = query->last_seq};
    memcpy(again.device, search->stream->device, sizeof again.device);
    for (uint16_t b = 0; b < store->config->broker_count && b < STORE_BROKERS_MAX; b++) {
        if (query->broker >= 0 && query->broker != b)
            continue;
        again.broker = b;
        again.batches = offsets(search, first);
        again.batches_from = first;
        again.batch_count = again.batches != NULL ? search->count : 0;
        if (!feed_add_again(store, &again)) {
            free(again.batches);
            return STORE_BUSY;
        }
    }
    return STORE_OK;
}

static enum store_result resend_plan(struct store *store, const struct store_resend_query *query,
                                     uint32_t *found)
{
    enum store_result result = STORE_OK;
    const char *name = store->config->devices[query->device].name;
    struct resend_search search = {.store = store, .query = query};
    search.batches = malloc(AGAIN_BATCHES_MAX * sizeof search.batches[0]);
    if (search.batches == NULL)
        return STORE_BUSY;
    for (uint32_t i = 0; result == STORE_OK && (search.stream = stream_at(store, i)) != NULL; i++) {
        if (strcmp(search.stream->device, name) != 0)
            continue;
        resend_search_stream(&search);
        *found += search.found;
        if (search.found > 0)
            result = send_again(&search);
    }
    free(search.batches);
    pthread_mutex_lock(&store->lock);
    store->stats.resend_batches += search.read;
    pthread_mutex_unlock(&store->lock);
    return result;
}

static bool resend_run(struct store *store, struct task *task, enum store_result state)
{
    struct resend_task *own = (struct resend_task *)task;
    uint32_t found = 0;
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (state == STORE_OK)
        state = resend_plan(store, &own->query, &found);
    if (own->done != NULL)
        own->done(own->context, state, found);
    free(own);
    return false;
}

enum store_result store_resend(struct store *store, const struct store_resend_query *query,
                               store_resend_done done, void *context)
{
    if (query->device >= store->config->device_count ||
        query->broker >= (int32_t)store->config->broker_count)
        return STORE_UNKNOWN;
    if (query->first_seq > query->last_seq || query->last_seq - query->first_seq >= RESEND_MOST)
        return STORE_INVALID;
    struct resend_task task = {{.run = resend_run, .asker = query->asker}, *query, done, context};
    return task_post_copy(store, &task.task, sizeof task);
}

/* ---- By the numbers of records ---- */

struct resend_ids_task {
    struct task task;
    struct store_resend_ids_query query;
    store_resend_ids_done done;
    void *context;
};

/* false: there is no room for one more. */
static bool note_gone(struct store_resent *resent, uint64_t first, uint64_t last)
{
    if (resent->gone_count == STORE_GONE_MAX)
        return false;
    resent->gone[resent->gone_count++] = (struct store_id_range){first, last};
    return true;
}

/* What is in the file of [first, last], and what is not; `next` behind what was looked at. */
static enum store_result look_at_rows(struct store *store, const struct store_id_range *range,
                                      struct store_resent *resent)
{
    uint64_t at = range->first;
    bool room = true;
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_RANGE);
    if (s == NULL)
        return STORE_UNAVAILABLE;
    sqlite3_bind_int64(s, 1, (int64_t)range->first);
    sqlite3_bind_int64(s, 2, (int64_t)range->last);
    int rc = SQLITE_ROW;
    while (room && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct body_reader reader;
        uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
        if (!body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)) ||
            id + reader.count <= at)
            continue;
        if (id > at)
            room = note_gone(resent, at, id - 1);
        if (!room)
            break;
        uint64_t from = id > at ? id : at, end = id + reader.count;
        end = end <= range->last ? end : range->last + 1;
        resent->found += end - from;
        at = end;
    }
    sqlite3_reset(s);
    if (room && rc == SQLITE_DONE && at <= range->last) {
        room = note_gone(resent, at, range->last);
        at = room ? range->last + 1 : at;
    }
    resent->next = at;
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? STORE_OK : STORE_UNAVAILABLE;
}

static enum store_result plan_ids(struct store *store, const struct store_resend_ids_query *query,
                                  struct store_resent *resent)
{
    struct store_id_range range = query->ids;
    pthread_mutex_lock(&store->lock);
    uint64_t end = store->next_id;
    pthread_mutex_unlock(&store->lock);
    range.last = range.last < end ? range.last : end - 1;
    resent->next = range.first;
    if (range.first > range.last)
        return STORE_OK; /* nothing of it is there yet */
    enum store_result result = look_at_rows(store, &range, resent);
    if (result != STORE_OK || resent->found == 0)
        return result;
    for (uint16_t b = 0; b < store->config->broker_count && b < STORE_BROKERS_MAX; b++) {
        if ((query->broker < 0 || query->broker == b) &&
            !store_feed_later(store, b, range.first, resent->next - 1))
            return STORE_BUSY;
    }
    return STORE_OK;
}

static bool resend_ids_run(struct store *store, struct task *task, enum store_result state)
{
    struct resend_ids_task *own = (struct resend_ids_task *)task;
    struct store_resent resent = {.next = own->query.ids.first};
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (state == STORE_OK)
        state = plan_ids(store, &own->query, &resent);
    own->done(own->context, state, &resent);
    free(own);
    return false;
}

enum store_result store_resend_ids(struct store *store, const struct store_resend_ids_query *query,
                                   store_resend_ids_done done, void *context)
{
    if (query->broker >= (int32_t)store->config->broker_count)
        return STORE_UNKNOWN;
    if (query->ids.first == 0 || query->ids.first > query->ids.last ||
        query->ids.last - query->ids.first >= RESEND_MOST)
        return STORE_INVALID;
    struct resend_ids_task task = {
        {.run = resend_ids_run, .asker = query->asker}, *query, done, context};
    return task_post_copy(store, &task.task, sizeof task);
}
