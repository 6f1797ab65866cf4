/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker refuses for good, kept aside for a person to look at: the newest rows, as many as
 * fit. A record that drops out is reported as a gap (purged_ranges.h), in the transaction that
 * drops it: from then on no one tries to give it to that broker. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/purged_ranges.h"

#define ROWS_MOST  1000
#define BYTES_MOST 1048576

struct refused {
    struct task task;
    uint64_t id;
    int reason;
    char broker[CONFIG_NAME_SIZE];
    uint32_t size;
    char payload[];
};

static int insert(struct store *store, const struct refused *refused)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_QUARANTINE_INSERT);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, clock_now().wall_ms);
        sqlite3_bind_text(s, 2, refused->broker, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, (int64_t)refused->id);
        sqlite3_bind_int(s, 4, refused->reason);
        sqlite3_bind_text(s, 5, refused->payload, (int)refused->size, SQLITE_STATIC);
    }
    return db_run(&store->db, s);
}

static int measure(struct store *store, int64_t *rows, int64_t *bytes)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_QUARANTINE_SIZE);
    int rc = s == NULL ? db_run(&store->db, NULL) : sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *rows = sqlite3_column_int64(s, 0);
        *bytes = sqlite3_column_int64(s, 1);
        rc = SQLITE_OK;
    }
    if (s != NULL)
        sqlite3_reset(s);
    return rc;
}

/* Whose it was says the batch; without one its number was reported when that went. */
static int publish_gone(struct store *store, uint64_t id)
{
    struct body_reader reader;
    struct record record = {.kind = RECORD_CORRECTION};
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_RANGE);
    if (s == NULL)
        return db_run(&store->db, NULL);
    sqlite3_bind_int64(s, 1, (int64_t)id);
    sqlite3_bind_int64(s, 2, (int64_t)id);
    int rc = sqlite3_step(s);
    uint64_t at = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    bool found = rc == SQLITE_ROW &&
                 body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    while (found && at <= id) {
        found = body_next(&reader, &record);
        at++;
    }
    sqlite3_reset(s);
    const struct stream *stream =
        found && record.kind != RECORD_CORRECTION ? stream_find(store, record.stream) : NULL;
    if (stream != NULL)
        return purged_ranges_add(&store->db, stream->device, record.boot, record.seq,
                                 record.last_seq);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int drop_oldest(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_QUARANTINE_FIRST);
    int rc = s == NULL ? db_run(&store->db, NULL) : sqlite3_step(s);
    int64_t row = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    uint64_t id = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 1) : 0;
    if (s != NULL)
        sqlite3_reset(s);
    if (rc != SQLITE_ROW)
        return rc;
    rc = publish_gone(store, id);
    s = rc == SQLITE_OK ? db_statement(&store->db, DB_QUARANTINE_DELETE) : NULL;
    if (s != NULL)
        sqlite3_bind_int64(s, 1, row);
    return rc == SQLITE_OK ? db_run(&store->db, s) : rc;
}

static void note(struct store *store, int64_t rows, uint64_t dropped)
{
    pthread_mutex_lock(&store->lock);
    store->stats.quarantined = (uint64_t)rows;
    store->stats.quarantine_dropped += dropped;
    pthread_mutex_unlock(&store->lock);
    if (dropped > 0)
        retain_publish_gaps(store);
}

static int keep(struct store *store, const struct refused *refused)
{
    int64_t rows = 0, bytes = 0;
    uint64_t dropped = 0;
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = insert(store, refused);
    if (rc == SQLITE_OK)
        rc = measure(store, &rows, &bytes);
    while (rc == SQLITE_OK && (rows > ROWS_MOST || (bytes > BYTES_MOST && rows > 1))) {
        rc = drop_oldest(store);
        dropped++;
        if (rc == SQLITE_OK)
            rc = measure(store, &rows, &bytes);
    }
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    else
        db_rollback(&store->db);
    if (rc == SQLITE_OK)
        note(store, rows, dropped);
    return rc;
}

/* When it cannot be kept aside it is still in its batch for as long as that is kept. */
static bool refused_run(struct store *store, struct task *task, enum store_result state)
{
    struct refused *refused = (struct refused *)task;
    bool kept = state == STORE_OK && file_ready(store);
    if (kept) {
        int rc = keep(store, refused);
        kept = file_result(store, rc, "keeping a refused record") && rc == SQLITE_OK;
    }
    if (!kept)
        log_write(LOG_LEVEL_ERROR,
                  "store: record %" PRIu64 ", refused by %s, could not be kept aside", refused->id,
                  refused->broker);
    free(refused);
    return false;
}

void store_quarantine(struct store *store, uint16_t broker, uint64_t id, int reason,
                      const void *payload, uint32_t size)
{
    struct refused *refused = calloc(1, sizeof *refused + size);
    if (refused != NULL) {
        refused->task.run = refused_run;
        refused->id = id;
        refused->reason = reason;
        memcpy(refused->broker, store->config->brokers[broker].name, sizeof refused->broker);
        refused->size = size;
        memcpy(refused->payload, payload, size);
    }
    if (refused != NULL && task_post(store, &refused->task) == STORE_OK)
        return;
    free(refused);
    log_write(LOG_LEVEL_ERROR, "store: record %" PRIu64 " was refused and could not be kept aside",
              id);
}

int quarantine_load(struct store *store)
{
    int64_t rows = 0, bytes = 0;
    int rc = measure(store, &rows, &bytes);
    if (rc == SQLITE_OK)
        note(store, rows, 0);
    return rc;
}
