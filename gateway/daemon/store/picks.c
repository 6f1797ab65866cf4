/* SPDX-License-Identifier: Apache-2.0 */
/* The small rows: picks, audit, documents, and copies of the whole file. Each is
 * committed on its own before its caller hears of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/daemon/store/impl.h"

#define VALUE_MOST    65536u
#define AUDIT_KEPT_MS (INT64_C(730) * 86400000)
#define PICKS_MOST    STORE_PICKS_MAX
#define AUDITS_MOST   200u
#define DAY_MS        86400000
#define PICKS_LOOK    4000u /* newest rows of all users, of which a user's are counted */
#define SHARE         32u   /* of max_size: one of so many parts */
#define PICK_BYTES    256u  /* a long row */
#define AUDIT_BYTES   1024u
#define ROWS_LEAST    1000
#define TRIM_EVERY    64u

/* One form for all: what is to be done, the input copied behind, who waits. */
struct note_task {
    struct task task;
    enum store_result (*act)(struct store *store, struct note_task *note);
    store_done done; /* those that answer with rows call theirs inside `act` and set it NULL */
    void (*rows_done)(void);
    void *context;
    uint32_t number;
    size_t size;
    char key[DB_PATH_SIZE];
    uint8_t input[];
};

static bool note_run(struct store *store, struct task *task, enum store_result state);

static enum store_result note_post(struct store *store, store_asker asker, struct note_task *note)
{
    if (note == NULL)
        return STORE_BUSY;
    note->task.run = note_run;
    note->task.asker = asker;
    enum store_result result = task_post(store, &note->task);
    if (result != STORE_OK)
        free(note);
    return result;
}

static struct note_task *note_new(enum store_result (*act)(struct store *, struct note_task *),
                                  const void *input, size_t size, store_done done, void *context)
{
    struct note_task *note = calloc(1, sizeof *note + size + 1);
    if (note == NULL)
        return NULL;
    note->act = act;
    note->done = done;
    note->context = context;
    note->size = size;
    if (size > 0)
        memcpy(note->input, input, size);
    return note;
}

/* One statement in a transaction of its own. */
static enum store_result write_one(struct store *store, sqlite3_stmt *statement, const char *doing)
{
    int rc = db_run(&store->db, statement); /* outside BEGIN: its own transaction */
    return file_result(store, rc, doing) && rc == SQLITE_OK ? STORE_OK : STORE_UNAVAILABLE;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static void copy_text(char *out, size_t size, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

/* A statement that gives one number; -1: it could not. */
static int64_t number_of(sqlite3_stmt *s)
{
    int64_t number = s != NULL && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    if (s != NULL)
        sqlite3_reset(s);
    return number;
}

/* Beyond its share of the file a table loses the oldest rows of whoever has the most of them, so
 * that one who floods it drives out what is his own. */
static void keep_share(struct store *store, enum db_statement span, enum db_statement count,
                       enum db_statement trim, uint32_t row_bytes)
{
    int64_t most = (int64_t)(store->config->store_max_bytes / SHARE / row_bytes);
    most = most < ROWS_LEAST ? ROWS_LEAST : most;
    if (number_of(db_statement(&store->db, span)) <= most)
        return;
    int64_t over = number_of(db_statement(&store->db, count)) - most;
    sqlite3_stmt *s = over > 0 ? db_statement(&store->db, trim) : NULL;
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, over);
    (void)write_one(store, s, "trimming notes");
}

/* ---- Picks ---- */

/* Of rows, in any 24 h; and of what was written, since a row says nothing of how often that was. */
static bool is_beyond_limit(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *day = db_statement(&store->db, DB_PICK_DAY_GET);
    sqlite3_stmt *rows = db_statement(&store->db, DB_PICK_RECENT);
    if (day == NULL || rows == NULL)
        return false; /* the insertion will tell */
    bind_text(day, 1, pick->user);
    sqlite3_bind_int64(day, 2, pick->at_ms);
    sqlite3_bind_int64(rows, 1, pick->at_ms - DAY_MS);
    bind_text(rows, 2, pick->user);
    sqlite3_bind_int64(rows, 3, PICKS_LOOK);
    return number_of(day) >= (int64_t)STORE_PICKS_A_DAY ||
           number_of(rows) >= (int64_t)STORE_PICKS_A_DAY;
}

static int count_pick(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_DAY_ADD);
    if (s != NULL) {
        bind_text(s, 1, pick->user);
        sqlite3_bind_int64(s, 2, pick->at_ms);
    }
    return db_run(&store->db, s);
}

/* Old versions have half of the picks' share. */
static void forget_versions(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_FORGET);
    int64_t most = (int64_t)(store->config->store_max_bytes / SHARE / PICK_BYTES / 2);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, most < ROWS_LEAST ? ROWS_LEAST : most);
    (void)write_one(store, s, "trimming notes");
}

static void trim_picks(struct store *store, int64_t now_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_DAY_TRIM);
    if (s != NULL)
        sqlite3_bind_int64(s, 1, now_ms);
    (void)write_one(store, s, "trimming counts of picks");
    keep_share(store, DB_PICK_SPAN, DB_PICK_COUNT, DB_PICK_TRIM, PICK_BYTES);
    forget_versions(store);
}

/* What stands there, before it is replaced. */
static int keep_version(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_KEEP);
    if (s != NULL) {
        bind_text(s, 1, pick->id);
        sqlite3_bind_int(s, 2, pick->gone);
        bind_text(s, 3, pick->plot);
        sqlite3_bind_int(s, 4, pick->day);
        sqlite3_bind_double(s, 5, pick->kg);
        sqlite3_bind_int64(s, 6, pick->pickers);
        sqlite3_bind_int64(s, 7, pick->made_ms);
    }
    return db_run(&store->db, s);
}

static enum store_result pick_change(struct store *store, const struct store_pick *pick,
                                     sqlite3_stmt *change)
{
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK)
        rc = keep_version(store, pick);
    if (rc == SQLITE_OK)
        rc = db_run(&store->db, change);
    if (rc == SQLITE_OK)
        rc = count_pick(store, pick);
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    if (rc != SQLITE_OK)
        db_rollback(&store->db);
    if (!file_result(store, rc, "keeping a pick") || rc != SQLITE_OK)
        return STORE_UNAVAILABLE;
    if (store->notes_trim.picks++ % TRIM_EVERY == 0)
        trim_picks(store, pick->at_ms);
    return STORE_OK;
}

static enum store_result pick_act(struct store *store, struct note_task *note)
{
    struct store_pick pick;
    memcpy(&pick, note->input, sizeof pick);
    if (is_beyond_limit(store, &pick))
        return STORE_LIMIT;
    pick.gone = false;
    if (pick.made_ms <= 0 || pick.made_ms > pick.at_ms) /* a phone's clock may be ahead */
        pick.made_ms = pick.at_ms;
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_SET);
    if (s != NULL) {
        bind_text(s, 1, pick.id);
        bind_text(s, 2, pick.plot);
        bind_text(s, 3, pick.user);
        sqlite3_bind_int(s, 4, pick.day);
        sqlite3_bind_double(s, 5, pick.kg);
        sqlite3_bind_int64(s, 6, pick.pickers);
        sqlite3_bind_int64(s, 7, pick.at_ms);
        sqlite3_bind_int64(s, 8, pick.made_ms);
    }
    return pick_change(store, &pick, s);
}

enum store_result store_pick(struct store *store, const struct store_pick *pick, store_done done,
                             void *context)
{
    return note_post(store, pick->asker, note_new(pick_act, pick, sizeof *pick, done, context));
}

static enum store_result drop_act(struct store *store, struct note_task *note)
{
    struct store_pick drop;
    memcpy(&drop, note->input, sizeof drop);
    if (is_beyond_limit(store, &drop))
        return STORE_LIMIT;
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_KNOWN);
    if (s != NULL)
        bind_text(s, 1, drop.id);
    if (s != NULL && number_of(s) == 0)
        return STORE_UNKNOWN;
    s = db_statement(&store->db, DB_PICK_DROP);
    if (s != NULL) {
        bind_text(s, 1, drop.id);
        bind_text(s, 2, drop.user);
        sqlite3_bind_int64(s, 3, drop.at_ms);
    }
    drop.gone = true;
    return pick_change(store, &drop, s);
}

enum store_result store_pick_drop(struct store *store, const struct store_pick *drop,
                                  store_done done, void *context)
{
    return note_post(store, drop->asker, note_new(drop_act, drop, sizeof *drop, done, context));
}

static void pick_of_row(struct store_pick *pick, sqlite3_stmt *s)
{
    copy_text(pick->id, sizeof pick->id, s, 0);
    copy_text(pick->plot, sizeof pick->plot, s, 1);
    copy_text(pick->user, sizeof pick->user, s, 2);
    pick->day = sqlite3_column_int(s, 3);
    pick->kg = sqlite3_column_double(s, 4);
    pick->pickers = (uint32_t)sqlite3_column_int64(s, 5);
    pick->at_ms = sqlite3_column_int64(s, 6);
    pick->made_ms = sqlite3_column_int64(s, 7);
    pick->gone = sqlite3_column_int(s, 8) != 0;
    copy_text(pick->first, sizeof pick->first, s, 9);
}

/* All rows of a statement of PICK_COLUMNS that is bound (NULL: there is none), to who waits. */
static enum store_result give_picks(struct note_task *note, sqlite3_stmt *s)
{
    store_picks_done done = (store_picks_done)note->rows_done;
    struct store_pick *picks = s != NULL ? calloc(PICKS_MOST, sizeof *picks) : NULL;
    enum store_result result = picks != NULL ? STORE_OK : STORE_UNAVAILABLE;
    uint32_t count = 0;
    while (picks != NULL && count < PICKS_MOST && sqlite3_step(s) == SQLITE_ROW)
        pick_of_row(&picks[count++], s);
    if (s != NULL)
        sqlite3_reset(s);
    done(note->context, result, picks, count);
    note->rows_done = NULL;
    free(picks);
    return result;
}

static enum store_result picks_act(struct store *store, struct note_task *note)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_LIST);
    if (s != NULL) {
        bind_text(s, 1, note->key);
        sqlite3_bind_int64(s, 2, note->number);
    }
    return give_picks(note, s);
}

static enum store_result ledger_act(struct store *store, struct note_task *note)
{
    struct store_ledger_query query;
    memcpy(&query, note->input, sizeof query);
    bool of_one = query.id[0] != '\0';
    sqlite3_stmt *s = db_statement(&store->db, of_one ? DB_PICK_VERSIONS : DB_PICK_LEDGER);
    if (s != NULL && of_one) {
        bind_text(s, 1, query.id);
        sqlite3_bind_int64(s, 2, STORE_LEDGER_MOST);
    } else if (s != NULL) {
        bind_text(s, 1, query.plot);
        sqlite3_bind_int64(s, 2, query.from_day);
        sqlite3_bind_int64(s, 3, query.to_day);
        sqlite3_bind_int64(s, 4, STORE_LEDGER_MOST);
        sqlite3_bind_int64(s, 5, query.skip);
    }
    return give_picks(note, s);
}

/* For the task that never got to act. */
static void picks_failed(struct note_task *note, enum store_result state)
{
    store_picks_done done = (store_picks_done)note->rows_done;
    done(note->context, state, NULL, 0);
}

enum store_result store_picks(struct store *store, store_asker asker, const char *plot,
                              int32_t from_day, store_picks_done done, void *context)
{
    struct note_task *note = note_new(picks_act, NULL, 0, NULL, context);
    if (note != NULL) {
        note->rows_done = (void (*)(void))done;
        note->number = from_day > 0 ? (uint32_t)from_day : 0;
        (void)snprintf(note->key, sizeof note->key, "%s", plot);
    }
    return note_post(store, asker, note);
}

enum store_result store_ledger(struct store *store, const struct store_ledger_query *query,
                               store_picks_done done, void *context)
{
    struct note_task *note = note_new(ledger_act, query, sizeof *query, NULL, context);
    if (note != NULL)
        note->rows_done = (void (*)(void))done;
    return note_post(store, query->asker, note);
}

/* ---- Audit ---- */

static enum store_result audit_act(struct store *store, struct note_task *note)
{
    struct store_audit audit;
    memcpy(&audit, note->input, sizeof audit);
    sqlite3_stmt *s = db_statement(&store->db, DB_AUDIT_ADD);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, audit.at_ms);
        bind_text(s, 2, audit.user);
        bind_text(s, 3, audit.via);
        bind_text(s, 4, audit.method);
        bind_text(s, 5, audit.id);
        bind_text(s, 6, audit.detail);
        bind_text(s, 7, audit.result);
    }
    enum store_result result = write_one(store, s, "keeping an audit entry");
    if (result == STORE_OK && store->notes_trim.audits++ % TRIM_EVERY == 0) {
        s = db_statement(&store->db, DB_AUDIT_TRIM);
        if (s != NULL)
            sqlite3_bind_int64(s, 1, audit.at_ms - AUDIT_KEPT_MS);
        (void)write_one(store, s, "trimming the audit");
        keep_share(store, DB_AUDIT_SPAN, DB_AUDIT_COUNT, DB_AUDIT_SHARE, AUDIT_BYTES);
    }
    return result;
}

enum store_result store_audit(struct store *store, const struct store_audit *audit, store_done done,
                              void *context)
{
    return note_post(store, audit->asker, note_new(audit_act, audit, sizeof *audit, done, context));
}

static enum store_result audits_act(struct store *store, struct note_task *note)
{
    store_audits_done done = (store_audits_done)note->rows_done;
    struct store_audit *audits = calloc(AUDITS_MOST, sizeof *audits);
    sqlite3_stmt *s = audits != NULL ? db_statement(&store->db, DB_AUDIT_LIST) : NULL;
    enum store_result result = s != NULL ? STORE_OK : STORE_UNAVAILABLE;
    uint32_t count = 0;
    if (s != NULL)
        sqlite3_bind_int64(s, 1, note->number < AUDITS_MOST ? note->number : AUDITS_MOST);
    while (s != NULL && count < AUDITS_MOST && sqlite3_step(s) == SQLITE_ROW) {
        struct store_audit *audit = &audits[count++];
        audit->at_ms = sqlite3_column_int64(s, 0);
        copy_text(audit->user, sizeof audit->user, s, 1);
        copy_text(audit->via, sizeof audit->via, s, 2);
        copy_text(audit->method, sizeof audit->method, s, 3);
        copy_text(audit->id, sizeof audit->id, s, 4);
        copy_text(audit->detail, sizeof audit->detail, s, 5);
        copy_text(audit->result, sizeof audit->result, s, 6);
    }
    if (s != NULL)
        sqlite3_reset(s);
    done(note->context, result, audits, count);
    note->rows_done = NULL;
    free(audits);
    return result;
}

static void audits_failed(struct note_task *note, enum store_result state)
{
    store_audits_done done = (store_audits_done)note->rows_done;
    done(note->context, state, NULL, 0);
}

enum store_result store_audits(struct store *store, store_asker asker, uint32_t limit,
                               store_audits_done done, void *context)
{
    struct note_task *note = note_new(audits_act, NULL, 0, NULL, context);
    if (note != NULL) {
        note->rows_done = (void (*)(void))done;
        note->number = limit;
    }
    return note_post(store, asker, note);
}

/* ---- Documents: in table meta, their keys prefixed ---- */

static enum store_result put_act(struct store *store, struct note_task *note)
{
    sqlite3_stmt *s = db_statement(&store->db, note->size > 0 ? DB_META_SET : DB_META_DELETE);
    if (s != NULL) {
        bind_text(s, 1, note->key);
        if (note->size > 0)
            sqlite3_bind_blob(s, 2, note->input, (int)note->size, SQLITE_STATIC);
    }
    return write_one(store, s, "keeping a document");
}

static void document_key(char *out, size_t size, const char *key)
{
    (void)snprintf(out, size, "doc:%s", key);
}

enum store_result store_put(struct store *store, const char *key, const void *value, size_t size,
                            store_done done, void *context)
{
    if (size > VALUE_MOST || strlen(key) > 200)
        return STORE_INVALID;
    struct note_task *note = note_new(put_act, value, size, done, context);
    if (note != NULL)
        document_key(note->key, sizeof note->key, key);
    return note_post(store, STORE_ASKER_GATEWAY, note);
}

static enum store_result get_act(struct store *store, struct note_task *note)
{
    store_value_done done = (store_value_done)note->rows_done;
    sqlite3_stmt *s = db_statement(&store->db, DB_META_GET);
    enum store_result result = s != NULL ? STORE_OK : STORE_UNAVAILABLE;
    const void *value = NULL;
    size_t size = 0;
    if (s != NULL) {
        bind_text(s, 1, note->key);
        if (sqlite3_step(s) == SQLITE_ROW) {
            value = sqlite3_column_blob(s, 0);
            size = (size_t)sqlite3_column_bytes(s, 0);
        }
    }
    done(note->context, result, value, size);
    note->rows_done = NULL;
    if (s != NULL)
        sqlite3_reset(s);
    return result;
}

static void get_failed(struct note_task *note, enum store_result state)
{
    store_value_done done = (store_value_done)note->rows_done;
    done(note->context, state, NULL, 0);
}

enum store_result store_get(struct store *store, const char *key, store_value_done done,
                            void *context)
{
    struct note_task *note = note_new(get_act, NULL, 0, NULL, context);
    if (note != NULL) {
        note->rows_done = (void (*)(void))done;
        document_key(note->key, sizeof note->key, key);
    }
    return note_post(store, STORE_ASKER_GATEWAY, note);
}

/* ---- Backup ---- */

#define BACKUP_PAGES 256
/* Numbers that the original may still give to its boots: who starts from the copy uses none of
 * them, or consumers would take its readings for ones that they have. */
#define LEAVE_BOOTS "UPDATE meta SET value = value + 1000 WHERE key = 'boot'"

/* How much of the month's data is used is kept beside the file. */
static bool copy_months(const struct store *store, const char *path)
{
    char text[1000];
    return beside_load(store->path, MONTHS_NAME, text, sizeof text) == 0 ||
           beside_save(path, MONTHS_NAME, text);
}

/* From the same connection, so there is never a second one on the live file. The commits of the
 * meantime are carried over by SQLite; the intake holds what comes while this runs. */
static enum store_result backup_act(struct store *store, struct note_task *note)
{
    struct stat st;
    sqlite3 *copy = NULL;
    if (lstat(note->key, &st) == 0)
        return STORE_INVALID;
    int rc = sqlite3_open_v2(
        note->key, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        db_distrust(copy);
    sqlite3_backup *backup =
        rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db.handle, "main") : NULL;
    if (backup != NULL) {
        do {
            rc = sqlite3_backup_step(backup, BACKUP_PAGES);
            atomic_store(&store->step_ms, clock_now().mono_ms);
        } while (rc == SQLITE_OK);
        (void)sqlite3_backup_finish(backup);
    }
    /* One file that stands for itself: no WAL beside it. */
    if (rc == SQLITE_DONE)
        rc = sqlite3_exec(copy, "PRAGMA journal_mode=DELETE; " LEAVE_BOOTS, NULL, NULL, NULL);
    sqlite3_close(copy);
    if (backup == NULL || rc != SQLITE_OK || !copy_months(store, note->key)) {
        (void)unlink(note->key);
        return STORE_UNAVAILABLE;
    }
    return STORE_OK;
}

enum store_result store_backup(struct store *store, const char *path, store_done done,
                               void *context)
{
    struct note_task *note = note_new(backup_act, NULL, 0, done, context);
    if (note != NULL)
        (void)snprintf(note->key, sizeof note->key, "%s", path);
    return note_post(store, STORE_ASKER_CONTROL, note);
}

/* ---- Running ---- */

static bool note_run(struct store *store, struct task *task, enum store_result state)
{
    struct note_task *note = (struct note_task *)task;
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (state == STORE_OK)
        state = note->act(store, note);
    if (note->rows_done != NULL) { /* it did not act: say so to who waits for rows */
        if (note->act == picks_act || note->act == ledger_act)
            picks_failed(note, state);
        else if (note->act == audits_act)
            audits_failed(note, state);
        else
            get_failed(note, state);
    } else if (note->done != NULL) {
        note->done(note->context, state);
    }
    free(note);
    return false;
}
