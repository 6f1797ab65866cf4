/* SPDX-License-Identifier: Apache-2.0 */
/* Readings that a consumer asks for again: found by the hours that hold them, counted, and noted
 * for the brokers' feeds, which send them in addition to the backlog. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"

#define RESEND_MOST STORE_RESEND_MOST

struct resend_task {
    struct task task;
    struct store_resend_query query;
    store_resend_done done;
    void *context;
};

struct resend_search {
    struct store *store;
    const struct store_resend_query *query;
    const struct stream *stream;
    uint64_t first, last; /* batches that may hold some */
    uint32_t found;
};

static void resend_hour(void *context, const struct rollup_row *row)
{
    struct resend_search *search = context;
    search->first = row->first_id < search->first ? row->first_id : search->first;
    search->last = row->last_id > search->last ? row->last_id : search->last;
}

static void resend_count(struct resend_search *search)
{
    sqlite3_stmt *s = db_statement(&search->store->db, DB_BATCH_RANGE);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, (int64_t)search->first);
    sqlite3_bind_int64(s, 2, (int64_t)search->last);
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct body_reader reader;
        struct record record;
        if (!body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)))
            continue;
        while (body_next(&reader, &record)) {
            if (record.kind == RECORD_READING && record.stream == search->stream->id &&
                record.boot == search->query->boot && record.seq >= search->query->first_seq &&
                record.seq <= search->query->last_seq)
                search->found++;
        }
    }
    sqlite3_reset(s);
}

static enum store_result resend_plan(struct store *store, const struct store_resend_query *query,
                                     uint32_t *found)
{
    const char *name = store->config->devices[query->device].name;
    struct resend_search search = {.store = store, .query = query, .first = UINT64_MAX, .last = 0};
    for (uint32_t i = 0; (search.stream = stream_at(store, i)) != NULL; i++) {
        if (strcmp(search.stream->device, name) != 0)
            continue;
        search.first = UINT64_MAX;
        search.last = 0;
        rollup_find_seq(store->rollup, &store->db, search.stream->id, query->boot, query->first_seq,
                        query->last_seq, resend_hour, &search);
        uint32_t before = search.found;
        if (search.last != 0)
            resend_count(&search);
        if (search.found == before)
            continue;
        struct again again = {.first_id = search.first,
                              .last_id = search.last,
                              .filtered = true,
                              .boot = query->boot,
                              .first_seq = query->first_seq,
                              .last_seq = query->last_seq};
        memcpy(again.device, search.stream->device, sizeof again.device);
        for (uint16_t b = 0; b < store->config->broker_count && b < STORE_BROKERS_MAX; b++) {
            again.broker = b;
            if ((query->broker < 0 || query->broker == b) && !feed_add_again(store, &again))
                return STORE_BUSY;
        }
    }
    *found = search.found;
    return STORE_OK;
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
