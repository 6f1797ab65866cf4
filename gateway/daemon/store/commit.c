/* SPDX-License-Identifier: Apache-2.0 */
/* From the write queue into the file. A chunk is first prepared (duplicates left out, stream
 * numbers translated, hourly means counted, record numbers given), exactly once; then it is
 * inserted, in one transaction with others and with the brokers' cursors, as often as it takes. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/store/impl.h"

#define CHUNKS_A_COMMIT 48u /* 768 KiB: bounds the WAL and the time a commit takes */
#define CHUNKS_AT_ONCE  32u /* full chunks that do not wait for commit_every */
#define FLUSH_EVERY_MS  600000
#define FLUSH_RECORDS   200000u
#define IDLE_ACK_MS     5000
#define LOST_MOST       100000u /* of one gap: far more than a log holds */
#define COMMIT_SAMPLES  256u

struct committer {
    uint64_t prepared_id;       /* the next record number to give */
    struct chunk *first, *last; /* prepared, not yet committed */
    uint32_t count;             /* of these */
    int64_t last_ms;            /* monotonic: last commit */
    int64_t flush_ms;           /* monotonic: last flush of means and numbers seen */
    uint64_t flush_id;          /* they are in the file up to here */
    int64_t takes_us;           /* a commit, as of late */
    uint8_t scratch[CHUNK_SIZE * 2];
    uint32_t samples_us[COMMIT_SAMPLES]; /* these two under the lock */
    uint32_t sample_next;
};

struct committer *committer_create(void)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (committer != NULL)
        committer->flush_ms = clock_now().mono_ms;
    return committer;
}

void committer_destroy(struct committer *committer)
{
    free(committer);
}

bool commit_waits(const struct store *store)
{
    return store->committer->count > 0;
}

uint64_t commit_next_id(const struct store *store)
{
    return store->committer->prepared_id;
}

void commit_number_from(struct store *store, uint64_t id)
{
    store->committer->prepared_id = id;
}

uint64_t commit_flushed_to(const struct store *store)
{
    return store->committer->flush_id;
}

void commit_count_from(struct store *store, uint64_t id)
{
    store->committer->flush_id = id;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t commit_p99_us(struct store *store)
{
    uint32_t samples[COMMIT_SAMPLES];
    pthread_mutex_lock(&store->lock);
    uint32_t next = store->committer->sample_next;
    uint32_t count = next < COMMIT_SAMPLES ? next : COMMIT_SAMPLES;
    memcpy(samples, store->committer->samples_us, count * sizeof samples[0]);
    pthread_mutex_unlock(&store->lock);
    if (count == 0)
        return 0;
    qsort(samples, count, sizeof samples[0], by_size);
    return samples[(count - 1) * 99 / 100];
}

/* ---- Preparing ---- */

/* A reading that is looked at: its values are decoded once. */
struct looked_at {
    const struct record *record;
    const struct stream *stream;
    bool whole; /* the values fit the stream */
    struct payload_value values[READING_VALUES_MAX];
};

static void look_at(struct looked_at *reading, const struct record *record,
                    const struct stream *stream)
{
    reading->record = record;
    reading->stream = stream;
    reading->whole = record_values(record, stream->schema, reading->values);
}

static void count_reading(struct store *store, const struct body_reader *reader,
                          const struct looked_at *reading, struct rollup_at at)
{
    int64_t wall_ms = 0;
    if (!store_wall(store, reader->base.boot, reading->record, &wall_ms)) {
        wall_time_owes(store->wall_time, at.id);
        return; /* counted when the time is known */
    }
    if (reading->whole)
        rollup_add(store->rollup, &store->db, reading->stream, at, reading->record, wall_ms,
                   reading->values);
}

static bool is_watched(const struct store *store, const struct stream *stream)
{
    return stream->index >= 0 && dedup_watches(store->dedup, (uint16_t)stream->index);
}

static bool is_duplicate(struct store *store, const struct looked_at *reading)
{
    const struct record *record = reading->record;
    uint16_t device = (uint16_t)reading->stream->index;
    if (!is_watched(store, reading->stream))
        return false;
    if (!dedup_add(store->dedup, &store->db, device, record->boot, record->seq))
        return true;
    if (reading->whole)
        dedup_note(store->dedup, device, record->boot, reading->stream->schema, reading->values);
    return false;
}

/* What a node's log has lost can't come any more: it is not looked for after the next start. */
static void note_lost(struct store *store, const struct stream *stream, const struct record *record)
{
    if (record->kind != RECORD_GAP || record->why != GAP_NODE_LOG || !is_watched(store, stream) ||
        record->last_seq - record->seq >= LOST_MOST)
        return;
    dedup_lost(store->dedup, &store->db, (uint16_t)stream->index, record->boot, record->seq,
               record->last_seq);
}

/* Keeps `record` in the body under the right stream number, and counts it. */
static void keep(struct store *store, struct body *to, const struct body_reader *reader,
                 const struct record *record, uint64_t *duplicates)
{
    struct looked_at reading;
    const struct stream *stream = NULL;
    uint32_t id = record->stream;
    if (record->kind != RECORD_CORRECTION) {
        id = streams_real_id(store->streams, record->stream);
        stream = stream_find(store, id);
    }
    bool is_reading = record->kind == RECORD_READING && stream != NULL;
    if (is_reading)
        look_at(&reading, record, stream);
    if (is_reading && is_duplicate(store, &reading)) {
        ++*duplicates;
        return;
    }
    if (stream != NULL)
        note_lost(store, stream, record);
    struct rollup_at at = {.id = store->committer->prepared_id + to->count,
                           .batch = store->committer->prepared_id};
    if (body_copy(to, reader, record, id) && is_reading)
        count_reading(store, reader, &reading, at);
}

/* Rewrites the chunk in place: what is left out only makes it shorter, but a translated stream
 * number may be longer, so it goes through a second body. */
static void prepare(struct store *store, struct chunk *chunk)
{
    uint8_t *scratch = store->committer->scratch;
    struct body_reader reader;
    struct record record;
    struct body to;
    uint64_t duplicates = 0;
    if (!body_open(&reader, chunk->body.data, chunk->body.used))
        return;
    body_begin(&to, scratch, sizeof store->committer->scratch, &reader.base);
    while (body_next(&reader, &record))
        keep(store, &to, &reader, &record, &duplicates);
    bool same =
        to.used == chunk->body.used && duplicates == 0 && !streams_translated(store->streams);
    if (!same && to.used <= CHUNK_SIZE - sizeof *chunk) {
        memcpy(chunk->body.data, scratch, to.used);
        chunk->body.used = to.used;
        chunk->body.count = to.count;
    }
    body_seal(&chunk->body);
    store->committer->prepared_id += chunk->body.count;
    if (duplicates > 0) {
        pthread_mutex_lock(&store->lock);
        store->stats.duplicates += duplicates;
        pthread_mutex_unlock(&store->lock);
    }
}

static void take_marks(struct store *store, uint64_t serial)
{
    struct reading_mark mark;
    uint16_t device = 0;
    while (write_queue_mark(store->write_queue, serial, &device, &mark))
        counter_marks_put(store->counter_marks, device, &mark);
}

static bool is_pressed(const struct store *store)
{
    return rollup_pressed(store->rollup) || dedup_pressed(store->dedup);
}

static void prepare_more(struct store *store, bool partial)
{
    struct write_queue_level level;
    /* Of a small file a commit takes no more than retention keeps free. */
    uint64_t fit = store->config->store_max_bytes / 32 / CHUNK_SIZE + 1;
    write_queue_level(store->write_queue, &level);
    for (uint32_t most = level.full_chunks + 1; most > 0; most--) {
        if (store->committer->count >= CHUNKS_A_COMMIT || store->committer->count >= fit ||
            is_pressed(store))
            return;
        struct chunk *chunk = write_queue_take(store->write_queue, 1, partial);
        if (chunk == NULL)
            return;
        prepare(store, chunk);
        take_marks(store, chunk->serial);
        chunk->next = NULL;
        if (store->committer->last != NULL)
            store->committer->last->next = chunk;
        else
            store->committer->first = chunk;
        store->committer->last = chunk;
        store->committer->count++;
    }
}

/* ---- Inserting ---- */

static int insert_batches(struct store *store, uint64_t *id)
{
    int rc = SQLITE_OK;
    for (struct chunk *c = store->committer->first; c != NULL && rc == SQLITE_OK; c = c->next) {
        if (c->body.count == 0)
            continue;
        sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_INSERT);
        if (s != NULL) {
            sqlite3_bind_int64(s, 1, (int64_t)*id);
            sqlite3_bind_blob(s, 2, c->body.data, (int)c->body.used, SQLITE_STATIC);
        }
        rc = db_run(&store->db, s);
        *id += c->body.count;
    }
    return rc;
}

int commit_flush(struct store *store)
{
    int rc = rollup_flush(store->rollup, &store->db);
    if (rc == SQLITE_OK)
        rc = dedup_flush(store->dedup, &store->db);
    if (rc == SQLITE_OK)
        rc = db_meta_set(&store->db, "counted", (int64_t)store->committer->prepared_id);
    return rc;
}

void commit_flushed(struct store *store)
{
    rollup_flushed(store->rollup);
    dedup_flushed(store->dedup);
    store->committer->flush_ms = clock_now().mono_ms;
    store->committer->flush_id = store->committer->prepared_id;
}

static void note_commit(struct store *store, int64_t took_us)
{
    int written = 0, highest = 0;
    (void)sqlite3_db_status(store->db.handle, SQLITE_DBSTATUS_CACHE_WRITE, &written, &highest, 1);
    pthread_mutex_lock(&store->lock);
    store->stats.commits++;
    store->stats.bytes_written += (uint64_t)written * (DB_PAGE_SIZE + 24);
    store->committer->samples_us[store->committer->sample_next++ % COMMIT_SAMPLES] =
        took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
    pthread_mutex_unlock(&store->lock);
}

/* One transaction with all that is prepared. */
static void commit_prepared(struct store *store, bool flush)
{
    struct cursors_row saved;
    uint64_t id = store->next_id;
    int64_t began_ns = clock_mono_ns();
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = insert_batches(store, &id);
    if (rc == SQLITE_OK)
        rc = cursors_save(store, false, &saved);
    if (rc == SQLITE_OK)
        rc = counter_marks_save(store->counter_marks, &store->db);
    if (rc == SQLITE_OK)
        rc = boards_save(store->boards, &store->db);
    if (rc == SQLITE_OK && flush)
        rc = commit_flush(store);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    if (rc != SQLITE_OK) {
        (void)file_result(store, rc, "commit");
        return;
    }
    int64_t took_us = (clock_mono_ns() - began_ns) / 1000;
    counter_marks_saved(store->counter_marks);
    boards_saved(store->boards);
    store->committer->takes_us += (took_us - store->committer->takes_us) / 8;
    cursors_saved(store->cursors, &saved);
    note_commit(store, took_us);
    commit_settle(store, id);
    if (flush)
        commit_flushed(store);
    feed_wake(store);
}

void commit_extent(struct store *store, uint64_t next_id)
{
    struct body_reader reader;
    uint64_t first = 0;
    int64_t oldest = 0;
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_FIRST);
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        first = (uint64_t)sqlite3_column_int64(s, 0);
        if (body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)))
            oldest = reader.base.wall_ms;
    }
    if (s != NULL)
        sqlite3_reset(s);
    pthread_mutex_lock(&store->lock);
    store->next_id = next_id;
    store->stats.first_record = first;
    store->stats.oldest_ms = oldest;
    pthread_mutex_unlock(&store->lock);
}

void commit_gaps(struct store *store, const struct body *body)
{
    batch_cache_add(store->batch_cache, store->next_id, body->count, body->data, body->used);
    commit_extent(store, store->next_id + body->count);
    pthread_mutex_lock(&store->lock);
    store->stats.stored += body->count;
    store->stats.gaps += body->count;
    pthread_mutex_unlock(&store->lock);
    store->committer->prepared_id = store->next_id;
    feed_wake(store);
}

/* A reading is durable within commit_every: a commit begins as much earlier as commits take, but
 * not so much that a slow disk would be given one after the other. */
static int64_t commit_wait_ms(const struct store *store)
{
    int64_t every = store->config->commit_every_ms, takes = store->committer->takes_us / 1000;
    return every - (takes < every / 2 ? takes : every / 2);
}

bool commit_due(struct store *store, int64_t now_ms, int *wait_ms)
{
    struct write_queue_level level;
    write_queue_level(store->write_queue, &level);
    if (!file_ready(store))
        return false; /* the readings wait */
    if (store->committer->count > 0 || level.full_chunks >= CHUNKS_AT_ONCE)
        return true;
    int64_t due = INT64_MAX;
    if (level.since_ms != 0)
        due = level.since_ms + commit_wait_ms(store);
    if (due <= now_ms)
        return true;
    if (due - now_ms < *wait_ms)
        *wait_ms = (int)(due - now_ms);
    return false;
}

void commit_run(struct store *store, int64_t now_ms, bool everything)
{
    struct write_queue_level level;
    bool due = commit_due(store, now_ms, &(int){INT_MAX});
    bool idle_acks = now_ms - store->committer->last_ms >= IDLE_ACK_MS && cursors_wait(store);
    bool flush = everything || now_ms - store->committer->flush_ms >= FLUSH_EVERY_MS ||
                 store->committer->prepared_id - store->committer->flush_id >= FLUSH_RECORDS;
    if (!due && !idle_acks && !everything)
        return;
    if (!file_ready(store))
        return;
    do {
        /* While an earlier try waits, the open chunk goes on being filled. */
        prepare_more(store, store->committer->count == 0);
        commit_prepared(store, flush || is_pressed(store));
        store->committer->last_ms = now_ms;
        write_queue_level(store->write_queue, &level);
    } while (file_ready(store) && store->committer->count == 0 &&
             (level.full_chunks >= CHUNKS_AT_ONCE || (everything && level.waiting > 0)));
}

/* ---- After a start ---- */

struct replay {
    struct store *store;
    bool untrusted_only;
};

static void replay_body(struct store *store, const struct replay *replay, uint64_t id,
                        const void *data, size_t size)
{
    struct body_reader reader;
    struct record record;
    if (!body_intact(data, size) || !body_open(&reader, data, size))
        return;
    while (body_next(&reader, &record)) {
        const struct stream *stream =
            record.kind != RECORD_CORRECTION ? stream_find(store, record.stream) : NULL;
        if (stream != NULL && !replay->untrusted_only)
            note_lost(store, stream, &record);
        if (stream == NULL || record.kind != RECORD_READING ||
            (replay->untrusted_only && record.trusted))
            continue;
        struct looked_at reading;
        look_at(&reading, &record, stream);
        if (!replay->untrusted_only)
            (void)is_duplicate(store, &reading); /* only to note it as seen */
        struct rollup_at at = {.id = id + reader.index - 1u, .batch = id};
        count_reading(store, &reader, &reading, at);
    }
}

int commit_replay(struct store *store, uint64_t from_id, uint64_t to_id, bool untrusted_only)
{
    struct replay replay = {.store = store, .untrusted_only = untrusted_only};
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_FROM);
    if (s == NULL)
        return db_run(&store->db, NULL);
    sqlite3_bind_int64(s, 1, (int64_t)from_id);
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
        if (id >= to_id)
            break;
        if (id >= from_id)
            replay_body(store, &replay, id, sqlite3_column_blob(s, 1),
                        (size_t)sqlite3_column_bytes(s, 1));
    }
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

void commit_settle(struct store *store, uint64_t file_next)
{
    uint64_t id = store->next_id;
    while (store->committer->first != NULL &&
           id + store->committer->first->body.count <= file_next) {
        struct chunk *chunk = store->committer->first;
        store->committer->first = chunk->next;
        store->committer->count--;
        if (chunk->body.count > 0)
            batch_cache_add(store->batch_cache, id, chunk->body.count, chunk->body.data,
                            chunk->body.used);
        id += chunk->body.count;
        write_queue_release(store->write_queue, chunk);
    }
    if (store->committer->first == NULL)
        store->committer->last = NULL;
    pthread_mutex_lock(&store->lock);
    store->stats.stored += id - store->next_id;
    pthread_mutex_unlock(&store->lock);
    commit_extent(store, id);
}
