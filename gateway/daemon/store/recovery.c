/* SPDX-License-Identifier: Apache-2.0 */
/* The store file's life: opened, taken over, tried again, set aside when damaged, salvaged. Stands
 * above the parts that work on the file: they note a failure (file.c), and what follows from it is
 * done here. Whatever happens, polling and live values go on; see write_queue.h for what waits
 * meanwhile. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "gateway/daemon/store/impl.h"

#define RETRY_FIRST_MS  500
#define RETRY_MOST_MS   10000
#define CHECK_MOST      (256u << 20) /* larger files are not checked as a whole after a crash */
#define CHECK_TIME_MS   10000
#define UNKNOWN_ID_STEP (UINT64_C(1) << 36) /* beyond any id that a damaged file may have used */

struct recovery {
    bool own_uuid;    /* it is known to be this machine's: the file's is not asked */
    int64_t retry_ms; /* monotonic: when to open it again */
    uint32_t failures;
    bool checked; /* quick_check done, or not needed */
    struct log_state log;
};

struct recovery *recovery_create(void)
{
    return calloc(1, sizeof(struct recovery));
}

void recovery_destroy(struct recovery *recovery)
{
    free(recovery);
}

static void set_available(struct store *store, bool available)
{
    pthread_mutex_lock(&store->lock);
    store->stats.available = available;
    pthread_mutex_unlock(&store->lock);
}

/* ---- What a freshly opened file says ---- */

static int load_uuid(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_META_GET);
    if (s == NULL)
        return db_run(&store->db, NULL);
    sqlite3_bind_text(s, 1, "uuid", -1, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    const char *uuid = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (uuid != NULL && strlen(uuid) == 36)
        memcpy(store->self.uuid, uuid, 37);
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int save_uuid(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_META_SET);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, "uuid", -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, store->self.uuid, -1, SQLITE_STATIC);
    }
    return db_run(&store->db, s);
}

/* The number after the newest record. */
static int load_next_id(struct store *store, uint64_t *next)
{
    int64_t floor = 0;
    int rc = db_meta_get(&store->db, "floor", &floor);
    *next = floor > 0 ? (uint64_t)floor : 1;
    sqlite3_stmt *s = rc == SQLITE_OK ? db_statement(&store->db, DB_BATCH_LAST) : NULL;
    if (s == NULL)
        return rc != SQLITE_OK ? rc : db_run(&store->db, NULL);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        struct body_reader reader;
        size_t size = (size_t)sqlite3_column_bytes(s, 1);
        const void *data = sqlite3_column_blob(s, 1);
        bool good = body_intact(data, size) && body_open(&reader, data, size);
        uint64_t after = (uint64_t)sqlite3_column_int64(s, 0) + (good ? reader.count : UINT16_MAX);
        *next = after > *next ? after : *next;
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int load_offsets(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_BOOT_ALL);
    int rc = s == NULL ? db_run(&store->db, NULL) : SQLITE_ROW;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(s)) == SQLITE_ROW)
        wall_time_add_boot(store->wall_time, (uint32_t)sqlite3_column_int64(s, 0),
                           sqlite3_column_int64(s, 1));
    if (s != NULL)
        sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The first transaction on a file: who it is, who writes it now, since when it is dirty. */
static int settle(struct store *store, uint64_t next)
{
    struct cursors_row saved;
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = save_uuid(store);
    if (rc == SQLITE_OK)
        rc = streams_settle(store);
    boards_unsaved(store->boards); /* the file may be a new one */
    if (rc == SQLITE_OK)
        rc = cursors_save(store, true, &saved);
    if (rc == SQLITE_OK)
        rc = db_meta_set(&store->db, "boot", store->self.boot);
    if (rc == SQLITE_OK)
        rc = db_meta_set(&store->db, "floor", (int64_t)next);
    if (rc == SQLITE_OK)
        rc = db_meta_set(&store->db, "clean", 0);
    if (rc != SQLITE_OK) {
        db_rollback(&store->db);
        return rc;
    }
    rc = db_commit(&store->db);
    if (rc == SQLITE_OK)
        cursors_saved(store->cursors, &saved);
    return rc;
}

static void choose_boot(struct store *store, const struct identity *identity)
{
    int64_t stored = 0;
    if (store->self.boot != 0)
        return; /* the file was only opened again */
    if (store->db.handle != NULL)
        (void)db_meta_get(&store->db, "boot", &stored); /* 0 when it cannot be read */
    uint32_t last =
        stored > identity->boot && stored <= UINT32_MAX ? (uint32_t)stored : identity->boot;
    store->self.boot = last + 1;
}

/* Where the numbers go on. */
static void continue_ids(struct store *store, uint64_t file_next, const struct identity *identity)
{
    if (store->next_id != 0) {
        commit_settle(store, file_next);
        return;
    }
    if (identity->next_id > file_next)
        file_next = identity->next_id;
    commit_number_from(store, file_next);
    commit_extent(store, file_next);
}

/* What the buses ask for at their start is read from the file. */
static int keep_replayed(struct store *store)
{
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = commit_flush(store);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    else
        db_rollback(&store->db);
    if (rc == SQLITE_OK)
        commit_flushed(store);
    return rc;
}

/* Reads what the open file says, and writes what it must know. */
static int take_over(struct store *store, const struct identity *identity)
{
    uint64_t file_next = 1;
    int64_t counted = 0, clean = 0;
    int rc = store->recovery->own_uuid ? SQLITE_OK : load_uuid(store);
    if (rc == SQLITE_OK && store->self.uuid[0] == '\0')
        identity_new_uuid(store->self.uuid);
    if (rc == SQLITE_OK)
        rc = load_next_id(store, &file_next);
    if (rc == SQLITE_OK)
        rc = load_offsets(store);
    if (rc == SQLITE_OK)
        rc = streams_load(store);
    if (rc == SQLITE_OK)
        rc = quarantine_load(store);
    if (rc == SQLITE_OK)
        rc = db_meta_get(&store->db, "counted", &counted);
    if (rc == SQLITE_OK)
        rc = db_meta_get(&store->db, "clean", &clean);
    if (rc != SQLITE_OK)
        return rc;
    continue_ids(store, file_next, identity);
    choose_boot(store, identity);
    rc = cursors_load(store, store->next_id);
    if (rc == SQLITE_OK)
        rc = settle(store, store->next_id);
    store->recovery->checked = clean == 1;
    if (rc == SQLITE_OK && commit_flushed_to(store) == 0) {
        uint64_t from = counted > 0 ? (uint64_t)counted : 1;
        cursors_set_unclean(store, clean != 1);
        commit_count_from(store, from);
        rc = commit_replay(store, from, UINT64_MAX, false);
        if (rc == SQLITE_OK)
            rc = keep_replayed(store);
    }
    return rc;
}

/* ---- Opening ---- */

static struct identity identity_of(const struct store *store)
{
    struct identity identity = {.boot = store->self.boot, .next_id = commit_next_id(store)};
    memcpy(identity.uuid, store->self.uuid, sizeof identity.uuid);
    memcpy(identity.machine, store->self.machine, sizeof identity.machine);
    return identity;
}

/* Sets a damaged file aside and opens a new one. */
static int start_anew(struct store *store, const char *why_damaged, char *why, size_t size,
                      struct identity *identity)
{
    char renamed[DB_PATH_SIZE + 32];
    if (!db_set_aside(store->path, renamed, sizeof renamed)) {
        (void)snprintf(why, size, "damaged (%s) and cannot be renamed: %s", why_damaged,
                       strerror(errno));
        return SQLITE_CANTOPEN;
    }
    log_write(LOG_LEVEL_ERROR,
              "store: %s is damaged (%s); kept as %s, a new one is started and what can be read "
              "is taken over",
              store->path, why_damaged, renamed);
    identity->next_id += UNKNOWN_ID_STEP; /* matters only when nothing else is known */
    int rc = db_open(&store->db, store->path, store->config->store_max_bytes, why, size);
    if (rc == SQLITE_OK) {
        salvage_plan(store, renamed);
        store_alarm(store, "was damaged, kept as %.100s; salvage is under way", renamed);
    }
    return rc;
}

/* A machine that the file does not know has got a copy of another's: two with one identity would
 * have their readings taken for each other's. On its own machine the identity is the one next to
 * the file, whatever was put in the file's place. */
static void choose_uuid(struct store *store, struct identity *identity)
{
    bool known = store->self.machine[0] != '\0' && identity->machine[0] != '\0';
    if (store->self.machine[0] == '\0')
        memcpy(store->self.machine, identity->machine, sizeof store->self.machine);
    store->recovery->own_uuid = known;
    if (!known || strcmp(store->self.machine, identity->machine) == 0) {
        memcpy(store->self.uuid, identity->uuid, sizeof store->self.uuid);
        return;
    }
    identity_new_uuid(store->self.uuid);
    store->stats.copied = true;
    log_write(LOG_LEVEL_WARNING,
              "store: %s comes from another machine; this gateway was %s and is %s from now on. If "
              "it takes the other's place: baiye restore keeps the identity",
              store->path, identity->uuid, store->self.uuid);
    memcpy(identity->uuid, store->self.uuid, sizeof identity->uuid);
    memcpy(identity->machine, store->self.machine, sizeof identity->machine);
    (void)identity_save(store->path, identity); /* before the file has it; again when that has */
}

static bool open_now(struct store *store)
{
    char why[200];
    struct identity identity;
    identity_load(store->path, &identity);
    if (store->self.uuid[0] == '\0')
        choose_uuid(store, &identity);
    int rc = db_open(&store->db, store->path, store->config->store_max_bytes, why, sizeof why);
    if (rc == SQLITE_OK && (rc = take_over(store, &identity)) != SQLITE_OK) {
        (void)snprintf(why, sizeof why, "%s", sqlite3_errmsg(store->db.handle));
        db_close(&store->db);
    }
    if (db_trouble(&store->db, rc) == DB_DAMAGED) {
        char damage[200];
        memcpy(damage, why, sizeof damage);
        rc = start_anew(store, damage, why, sizeof why, &identity);
        if (rc == SQLITE_OK && (rc = take_over(store, &identity)) != SQLITE_OK) {
            (void)snprintf(why, sizeof why, "%s", sqlite3_errmsg(store->db.handle));
            db_close(&store->db);
        }
    }
    if (rc != SQLITE_OK) {
        store_alarm(store, "%.60s cannot be used: %.80s", store->path, why);
        log_change(&store->recovery->log, 0, LOG_LEVEL_ERROR,
                   "store: %s cannot be used: %s; readings wait in memory, it is tried again",
                   store->path, why);
        return false;
    }
    identity = identity_of(store);
    if (!identity_save(store->path, &identity))
        log_write(LOG_LEVEL_WARNING, "store: %s.identity cannot be written: %s", store->path,
                  strerror(errno));
    return true;
}

void recovery_open_first(struct store *store)
{
    bool opened = open_now(store);
    set_available(store, opened);
    if (opened) {
        log_state_init(&store->recovery->log, 1);
        return;
    }
    struct identity identity;
    identity_load(store->path, &identity);
    choose_boot(store, &identity);
    identity.boot = store->self.boot;
    if (store->self.uuid[0] == '\0')
        identity_new_uuid(store->self.uuid);
    memcpy(identity.uuid, store->self.uuid, sizeof identity.uuid);
    memcpy(identity.machine, store->self.machine, sizeof identity.machine);
    if (!identity_save(store->path, &identity)) {
        /* Nothing can be remembered here: a number that no other start will have used. */
        uint32_t chance = 0;
        if (getrandom(&chance, sizeof chance, 0) == (ssize_t)sizeof chance)
            store->self.boot = chance | 0x80000000u;
    }
    streams_provisional(store->streams);
}

/* Opens the file again when it is time to. */
static void try_again(struct store *store, int64_t now_ms)
{
    struct recovery *recovery = store->recovery;
    if (now_ms < recovery->retry_ms)
        return;
    if (open_now(store)) {
        recovery->failures = 0;
        set_available(store, true);
        store_alarm(store, "%s", "");
        log_change(&recovery->log, 1, LOG_LEVEL_NOTICE, "store: %s can be used again", store->path);
        return;
    }
    set_available(store, false);
    recovery->failures++;
    int64_t wait = RETRY_FIRST_MS << (recovery->failures < 5 ? recovery->failures : 5);
    recovery->retry_ms = now_ms + (wait < RETRY_MOST_MS ? wait : RETRY_MOST_MS);
}

int64_t recovery_retry_ms(const struct store *store)
{
    return store->recovery->retry_ms;
}

void recovery_hurry(struct store *store)
{
    store->recovery->retry_ms = 0;
}

/* ---- After a failure ---- */

static void close_for_retry(struct store *store, const struct file_failure *failure,
                            const char *why)
{
    set_available(store, false);
    store_alarm(store, "%s failed: %.120s", failure->doing, why);
    log_change(&store->recovery->log, 0, LOG_LEVEL_ERROR,
               "store: %s failed: %s; readings wait in memory, the file is tried again",
               failure->doing, why);
    db_close(&store->db);
    store->recovery->retry_ms = clock_now().mono_ms + RETRY_FIRST_MS;
}

static void take_consequences(struct store *store, const struct file_failure *failure)
{
    char why[160];
    (void)snprintf(why, sizeof why, "%s", sqlite3_errstr(failure->rc));
    if (failure->trouble == DB_QUOTA && retain_make_room(store))
        return;
    if (failure->trouble == DB_DAMAGED) {
        struct identity identity;
        db_close(&store->db);
        identity_load(store->path, &identity);
        if (start_anew(store, why, why, sizeof why, &identity) == SQLITE_OK &&
            take_over(store, &identity) == SQLITE_OK)
            return; /* open, but what was being done is gone */
    }
    close_for_retry(store, failure, why);
}

void recovery_step(struct store *store, int64_t now_ms)
{
    if (file_failed(store)) {
        struct file_failure failure = file_take_failure(store);
        take_consequences(store, &failure);
    }
    if (store->db.handle == NULL)
        try_again(store, now_ms);
}

void recovery_close(struct store *store)
{
    struct identity identity = identity_of(store);
    if (store->db.handle == NULL)
        return;
    if (db_begin(&store->db) == SQLITE_OK) {
        bool whole = db_meta_set(&store->db, "clean", 1) == SQLITE_OK;
        if (!whole || db_commit(&store->db) != SQLITE_OK)
            db_rollback(&store->db);
    }
    db_close(&store->db);
    (void)identity_save(store->path, &identity); /* the file itself has it all */
}

/* ---- After an unclean stop ---- */

static int out_of_time(void *context)
{
    const int64_t *until = context;
    return clock_now().mono_ms > *until;
}

/* quick_check, once, on the store thread, with a limit: readings wait in memory meanwhile. */
void recovery_check_slowly(struct store *store)
{
    struct stat st;
    if (store->recovery->checked || !file_ready(store))
        return;
    store->recovery->checked = true;
    if (stat(store->path, &st) != 0 || (uint64_t)st.st_size > CHECK_MOST)
        return;
    int64_t until = clock_now().mono_ms + CHECK_TIME_MS;
    sqlite3_progress_handler(store->db.handle, 10000, out_of_time, &until);
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(store->db.handle, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    bool damaged = (rc & 0xFF) == SQLITE_CORRUPT || (said != NULL && strcmp(said, "ok") != 0);
    sqlite3_finalize(s);
    sqlite3_progress_handler(store->db.handle, 0, NULL, NULL);
    if (damaged)
        (void)file_result(store, SQLITE_CORRUPT, "quick_check");
}
