/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over what can be read of a damaged file, in the background: a few rows at each turn of
 * the store thread, over a second connection (to the damaged file only). Rows keep their record
 * numbers, which lie below those of the new file, so nothing collides and a repetition after a
 * crash does no harm; what no broker has acknowledged is then sent again. Ranges that cannot be
 * read are stepped over in growing strides. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"
#include "gateway/daemon/store/impl.h"

#define ROWS_A_STEP 64
#define STRIDE_MOST (UINT64_C(1) << 30)

struct salvage {
    bool active;
    char path[DB_PATH_SIZE + 32];
    sqlite3 *old;
    uint64_t next_id; /* still to be looked at: what lies between it and the floor */
    uint64_t stride;  /* of the last step over damage */
    uint64_t floor;   /* rows below go over; the new file begins here */
    uint64_t saved;
    uint64_t cursors[STORE_BROKERS_MAX];
    struct stream_pair {
        uint32_t old_id, new_id;
        uint32_t boot, last_seq; /* of the newest record taken over, if `any` */
        bool any;
    } * streams;
    size_t stream_room;
    uint32_t stream_count;
    uint8_t copy[BODY_MAX * 2]; /* of one row */
};

struct salvage *salvage_create(void)
{
    return calloc(1, sizeof(struct salvage));
}

static void end(struct salvage *job)
{
    sqlite3_close(job->old);
    free(job->streams);
    memset(job, 0, sizeof *job);
}

void salvage_destroy(struct salvage *job)
{
    if (job != NULL)
        end(job);
    free(job);
}

void salvage_plan(struct store *store, const char *damaged)
{
    struct salvage *job = store->salvage;
    end(job);
    (void)snprintf(job->path, sizeof job->path, "%s", damaged);
    job->active = true;
    cursors_copy(store, job->cursors);
}

static sqlite3_stmt *ask(const struct salvage *job, const char *text)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(job->old, text, -1, &s, NULL) != SQLITE_OK)
        return NULL;
    return s;
}

/* The new file's number of an old stream; added when it has none. */
static uint32_t adopt_stream(struct store *store, const char *device, const char *text)
{
    const struct stream *stream = NULL;
    for (uint32_t i = 0; (stream = stream_at(store, i)) != NULL; i++) {
        char known[STREAM_SCHEMA_TEXT_MAX];
        stream_schema_text(stream->schema, known);
        if (strcmp(stream->device, device) == 0 && strcmp(known, text) == 0)
            return stream->id;
    }
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_INSERT);
    if (s == NULL)
        return 0;
    sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    if (db_run(&store->db, s) != SQLITE_OK || streams_load(store) != SQLITE_OK)
        return 0;
    return (uint32_t)sqlite3_last_insert_rowid(store->db.handle);
}

static void read_streams(struct store *store)
{
    struct salvage *job = store->salvage;
    sqlite3_stmt *s = ask(job, "SELECT id, device, shape FROM stream ORDER BY id");
    while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        const char *device = (const char *)sqlite3_column_text(s, 1);
        const char *text = (const char *)sqlite3_column_text(s, 2);
        struct stream_pair *grown =
            grow_array(job->streams, &job->stream_room, job->stream_count + 1u, sizeof *grown);
        struct stream_schema schema;
        if (grown == NULL)
            break;
        job->streams = grown;
        if (device == NULL || text == NULL || strlen(device) >= CONFIG_NAME_SIZE ||
            !stream_schema_parse(text, &schema))
            continue;
        uint32_t id = adopt_stream(store, device, text);
        if (id != 0)
            job->streams[job->stream_count++] =
                (struct stream_pair){.old_id = (uint32_t)sqlite3_column_int64(s, 0), .new_id = id};
    }
    sqlite3_finalize(s);
}

static void read_cursors(struct store *store)
{
    struct salvage *job = store->salvage;
    sqlite3_stmt *s = ask(job, "SELECT name, cursor FROM broker");
    while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        for (unsigned i = 0; name != NULL && i < store->config->broker_count; i++) {
            if (i < STORE_BROKERS_MAX && strcmp(name, store->config->brokers[i].name) == 0)
                job->cursors[i] = (uint64_t)sqlite3_column_int64(s, 1);
        }
    }
    sqlite3_finalize(s);
}

/* What went for want of room is no hole. */
static void read_gone(struct store *store)
{
    struct salvage *job = store->salvage;
    sqlite3_stmt *s = ask(job, "SELECT device, boot, first, last, told FROM gone");
    int rc = s != NULL ? db_begin(&store->db) : SQLITE_ERROR; /* older files have no such table */
    while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        sqlite3_stmt *to = db_statement(&store->db, DB_GONE_SET);
        for (int i = 0; to != NULL && i < 5; i++)
            sqlite3_bind_value(to, i + 1, sqlite3_column_value(s, i));
        rc = db_run(&store->db, to);
    }
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    if (rc != SQLITE_OK)
        db_rollback(&store->db);
    sqlite3_finalize(s);
}

static bool begin(struct store *store)
{
    struct salvage *job = store->salvage;
    if (sqlite3_open_v2(job->path, &job->old, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return false;
    sqlite3_extended_result_codes(job->old, 1);
    db_distrust(job->old);
    job->floor = store->next_id;
    job->next_id = 1;
    job->stride = 1;
    read_streams(store);
    read_cursors(store);
    read_gone(store);
    return job->stream_count > 0;
}

static struct stream_pair *pair_of(const struct salvage *job, uint32_t old_id)
{
    for (uint32_t i = 0; i < job->stream_count; i++) {
        if (job->streams[i].old_id == old_id)
            return &job->streams[i];
    }
    return NULL;
}

/* What is missing between two records of one device and boot was in the damaged part. */
static void report_hole(struct store *store, struct stream_pair *pair, const struct record *record)
{
    const struct stream *stream = stream_find(store, pair->new_id);
    int device = stream != NULL ? stream->index : -1;
    bool follows = pair->any && pair->boot == record->boot;
    if (follows && device >= 0 && record->seq > pair->last_seq + 1) {
        struct reading_gap gap = {.device = (uint16_t)device,
                                  .why = GAP_DAMAGED,
                                  .boot = record->boot,
                                  .first_seq = pair->last_seq + 1,
                                  .last_seq = record->seq - 1};
        write_queue_gap(store->write_queue, &gap);
    }
    if (!follows || record->last_seq > pair->last_seq)
        pair->last_seq = record->last_seq;
    pair->boot = record->boot;
    pair->any = true;
}

/* Copies a row under the new stream numbers. */
static int take_row(struct store *store, uint64_t id, struct body_reader *reader)
{
    struct salvage *job = store->salvage;
    struct record record;
    struct body to;
    body_begin(&to, job->copy, sizeof job->copy, &reader->base);
    while (body_next(reader, &record)) {
        struct stream_pair *pair =
            record.kind == RECORD_CORRECTION ? NULL : pair_of(job, record.stream);
        if (!body_copy(&to, reader, &record, pair != NULL ? pair->new_id : 0))
            break;
        if (pair != NULL)
            report_hole(store, pair, &record);
    }
    if (to.count == 0 || to.used > BODY_MAX)
        return SQLITE_OK;
    body_seal(&to);
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_INSERT);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, (int64_t)id);
        sqlite3_bind_blob(s, 2, job->copy, (int)to.used, SQLITE_STATIC);
    }
    int rc = db_run(&store->db, s);
    if (rc == SQLITE_OK) {
        job->saved += to.count;
        return rc;
    }
    return (rc & 0xFF) == SQLITE_CONSTRAINT ? SQLITE_OK : rc; /* taken over before a crash */
}

/* Nothing was found there, though it may hold something: a damaged page has rows of any number. */
static void step_over(struct salvage *job)
{
    job->next_id += job->stride;
    job->stride = job->stride < STRIDE_MOST ? job->stride * 2 : STRIDE_MOST;
}

static int take_rows(struct store *store)
{
    struct salvage *job = store->salvage;
    int taken = 0, rc = SQLITE_OK;
    sqlite3_stmt *s = ask(job, "SELECT id, body FROM batch WHERE id >= ?1 AND id < ?2 ORDER BY id");
    if (s == NULL) {
        job->next_id = job->floor; /* not even the schema can be read */
        return SQLITE_OK;
    }
    sqlite3_bind_int64(s, 1, (int64_t)job->next_id);
    sqlite3_bind_int64(s, 2, (int64_t)job->floor);
    bool good = true;
    while (good && rc == SQLITE_OK && taken < ROWS_A_STEP) {
        struct body_reader reader;
        good = sqlite3_step(s) == SQLITE_ROW;
        const void *data = good ? sqlite3_column_blob(s, 1) : NULL;
        size_t size = good ? (size_t)sqlite3_column_bytes(s, 1) : 0;
        uint64_t id = good ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
        good = data != NULL && body_intact(data, size) && body_open(&reader, data, size);
        if (!good)
            break;
        rc = take_row(store, id, &reader);
        job->next_id = id + 1;
        job->stride = 1;
        taken++;
    }
    sqlite3_finalize(s);
    if (rc == SQLITE_OK && !good)
        step_over(job);
    return rc;
}

static void finish(struct store *store)
{
    struct salvage *job = store->salvage;
    log_write(LOG_LEVEL_WARNING, "store: %" PRIu64 " records of %s were taken over", job->saved,
              job->path);
    store_alarm(store, "was damaged; %" PRIu64 " records were taken over from %.80s", job->saved,
                job->path);
    pthread_mutex_lock(&store->lock);
    store->stats.salvaged += job->saved;
    pthread_mutex_unlock(&store->lock);
    (void)commit_replay(store, 1, job->floor, false);
    for (uint16_t i = 0; i < store->config->broker_count && i < STORE_BROKERS_MAX; i++) {
        struct again again = {.broker = i,
                              .next_id = job->cursors[i] > 0 ? job->cursors[i] : 1,
                              .last_id = job->floor - 1};
        if (again.next_id <= again.last_id && job->saved > 0)
            (void)feed_add_again(store, &again);
    }
    end(job);
}

bool salvage_step(struct store *store)
{
    struct salvage *job = store->salvage;
    if (!job->active || !file_ready(store))
        return false;
    if (job->old == NULL && !begin(store)) {
        log_write(LOG_LEVEL_ERROR, "store: nothing could be read from %s", job->path);
        end(job);
        return false;
    }
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = take_rows(store);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    if (!file_result(store, rc, "salvage"))
        return false;
    commit_extent(store, store->next_id);
    if (job->next_id >= job->floor)
        finish(store);
    return job->active;
}
