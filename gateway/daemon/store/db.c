/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ids of batches are the numbers of their first records; they only grow, and the newest batch is
 * never deleted, so none is ever used twice. No secondary index: each doubles the pages a commit
 * writes. Times are UTC milliseconds. */
static const char *const migrations[DB_VERSION] = {
    /* 0 -> 1 */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE batch(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE broker(name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, device TEXT NOT NULL, shape TEXT NOT NULL,"
    " UNIQUE(device, shape)) STRICT;"
    "CREATE TABLE mean(stream INTEGER, step INTEGER, t INTEGER,"
    " first_id INTEGER, last_id INTEGER, boot_lo INTEGER, boot_hi INTEGER,"
    " seq_lo INTEGER, seq_hi INTEGER, body BLOB NOT NULL,"
    " PRIMARY KEY(stream, step, t)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE seen(device TEXT, boot INTEGER, ranges BLOB NOT NULL,"
    " PRIMARY KEY(device, boot)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE boot(id INTEGER PRIMARY KEY, mono_ms INTEGER, offset_ms INTEGER) STRICT;"
    "CREATE TABLE quarantine(at INTEGER, broker TEXT, id INTEGER, reason INTEGER, body TEXT)"
    " STRICT;"
    "CREATE TABLE pick(id TEXT PRIMARY KEY, plot TEXT, user TEXT, day INTEGER, kg REAL,"
    " pickers INTEGER, at INTEGER) STRICT;"
    "CREATE TABLE audit(at INTEGER, user TEXT, via TEXT, method TEXT, request TEXT, detail TEXT,"
    " result TEXT) STRICT;",
    /* 1 -> 2: how many samples of an hour may not be believed */
    "ALTER TABLE mean ADD COLUMN bad BLOB;",
    /* 2 -> 3: what is no longer kept */
    ("CREATE TABLE gone(device TEXT, boot INTEGER, first INTEGER, last INTEGER NOT NULL,"
     " told INTEGER NOT NULL, PRIMARY KEY(device, boot, first)) STRICT, WITHOUT ROWID;"),
    /* 3 -> 4: what the stored readings of a boot say that its counters counted */
    "ALTER TABLE seen ADD COLUMN told BLOB;",
    /* 4 -> 5: where a cursor stood within the last minute, and how long before it was written */
    ("ALTER TABLE broker ADD COLUMN back INTEGER;"
     "ALTER TABLE broker ADD COLUMN back_ms INTEGER;"),
    /* 5 -> 6: alerts, from their beginning on; ended 0: it stands */
    ("CREATE TABLE alert(id TEXT, begun INTEGER, ended INTEGER NOT NULL, doc TEXT NOT NULL,"
     " PRIMARY KEY(id, begun)) STRICT, WITHOUT ROWID;"),
    /* 6 -> 7: how many picks a user has written, corrections too, in the day since the first */
    ("CREATE TABLE pick_day(user TEXT PRIMARY KEY, since INTEGER NOT NULL,"
     " count INTEGER NOT NULL) STRICT, WITHOUT ROWID;"),
    /* 7 -> 8: picks are a ledger: whoever corrects or deletes one, what stood there is kept */
    ("ALTER TABLE pick ADD COLUMN made INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE pick ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE pick ADD COLUMN first TEXT;"
     "UPDATE pick SET made = at;"
     "CREATE TABLE pick_was(id TEXT, plot TEXT, user TEXT, day INTEGER, kg REAL, pickers INTEGER,"
     " at INTEGER, made INTEGER, gone INTEGER, first TEXT) STRICT;"),
    /* 8 -> 9: what the forecast said of a plot and day. A program of version 8 knows nothing of it
     * and may go on with the file. */
    ("CREATE TABLE said(plot TEXT, day INTEGER, at INTEGER NOT NULL, program TEXT NOT NULL,"
     " low REAL NOT NULL, mid REAL NOT NULL, high REAL NOT NULL, booked REAL,"
     " PRIMARY KEY(plot, day)) STRICT, WITHOUT ROWID;"
     "INSERT OR REPLACE INTO meta(key, value) VALUES('oldest_reader', 8);"),
    /* 9 -> 10: in which batches a stream's readings of an hour lie (places.h). Who does not know it
     * may go on with the file, too. */
    "CREATE TABLE place(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
};

/* That day is not over, and the clock has not been set back before it. */
#define PICK_DAY_RUNS "since > ?2 - 86400000 AND since <= ?2"

#define PICK_COLUMNS "id, plot, user, day, kg, pickers, at, made, gone, coalesce(first, user)"
#define MEAN_COLUMNS "t, first_id, last_id, boot_lo, boot_hi, seq_lo, seq_hi, body, bad"

static const char *const sql[DB_STATEMENT_COUNT] = {
    [DB_BEGIN] = "BEGIN IMMEDIATE",
    [DB_COMMIT] = "COMMIT",
    [DB_ROLLBACK] = "ROLLBACK",
    [DB_BATCH_INSERT] = "INSERT INTO batch(id, body) VALUES(?1, ?2)",
    [DB_BATCH_FROM] = "SELECT id, body FROM batch WHERE id >= coalesce((SELECT max(id) FROM batch"
                      " WHERE id <= ?1), 0) ORDER BY id",
    [DB_BATCH_RANGE] = "SELECT id, body FROM batch WHERE id >= coalesce((SELECT max(id) FROM batch"
                       " WHERE id <= ?1), 0) AND id <= ?2 ORDER BY id",
    [DB_BATCH_ONE] = "SELECT id, body FROM batch WHERE id = ?1",
    [DB_BATCH_LAST] = "SELECT id, body FROM batch ORDER BY id DESC LIMIT 1",
    [DB_BATCH_FIRST] = "SELECT id, body FROM batch ORDER BY id LIMIT 2",
    [DB_BATCH_DELETE] = "DELETE FROM batch WHERE id = ?1",
    [DB_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [DB_META_SET] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [DB_META_DELETE] = "DELETE FROM meta WHERE key = ?1",
    [DB_CURSOR_ALL] = "SELECT name, cursor, back, back_ms FROM broker",
    [DB_CURSOR_SET] = "INSERT OR REPLACE INTO broker(name, cursor, back, back_ms)"
                      " VALUES(?1, ?2, ?3, ?4)",
    [DB_STREAM_ALL] = "SELECT id, device, shape FROM stream ORDER BY id",
    [DB_STREAM_INSERT] = "INSERT INTO stream(device, shape, id) VALUES(?1, ?2, ?3)",
    [DB_MEAN_SET] = "INSERT OR REPLACE INTO mean(stream, step, " MEAN_COLUMNS
                    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [DB_MEAN_GET] = "SELECT " MEAN_COLUMNS " FROM mean WHERE stream = ?1 AND step = ?2 AND t = ?3",
    [DB_MEAN_RANGE] = "SELECT " MEAN_COLUMNS " FROM mean WHERE stream = ?1 AND step = ?2 AND"
                      " t >= ?3 AND t < ?4 ORDER BY t",
    [DB_MEAN_SEQ] = "SELECT " MEAN_COLUMNS " FROM mean WHERE stream = ?1 AND step = 1 AND"
                    " boot_lo <= ?2 AND boot_hi >= ?2 AND seq_lo <= ?4 AND seq_hi >= ?3"
                    " ORDER BY t",
    [DB_MEAN_OLDEST] = "SELECT m.stream, m.t FROM (SELECT min((SELECT min(t) FROM mean"
                       " WHERE stream = s.id AND step = 1)) AS t FROM stream s) AS o"
                       " CROSS JOIN stream s CROSS JOIN mean m ON m.stream = s.id AND m.step = 1"
                       " AND m.t <= o.t + ?2 ORDER BY m.t LIMIT ?1",
    [DB_MEAN_DELETE] = "DELETE FROM mean WHERE stream = ?1 AND step = ?2 AND t = ?3",
    [DB_PLACE_GET] = "SELECT body FROM place WHERE id = ?1",
    [DB_PLACE_SET] = "INSERT OR REPLACE INTO place(id, body) VALUES(?1, ?2)",
    [DB_PLACE_TRIM] = "DELETE FROM place WHERE id < ?1",
    [DB_SEEN_GET] = "SELECT ranges, told FROM seen WHERE device = ?1 AND boot = ?2",
    [DB_SEEN_NEWEST] = "SELECT boot, ranges, told FROM seen WHERE device = ?1 ORDER BY boot DESC",
    [DB_SEEN_SET] = "INSERT OR REPLACE INTO seen(device, boot, ranges, told)"
                    " VALUES(?1, ?2, ?3, ?4)",
    [DB_BOOT_SET] = "INSERT OR REPLACE INTO boot(id, mono_ms, offset_ms) VALUES(?1, ?2, ?3)",
    [DB_BOOT_ALL] = "SELECT id, offset_ms FROM boot WHERE offset_ms IS NOT NULL ORDER BY id DESC"
                    " LIMIT 256",
    [DB_QUARANTINE_INSERT] = "INSERT INTO quarantine(at, broker, id, reason, body)"
                             " VALUES(?1, ?2, ?3, ?4, ?5)",
    [DB_QUARANTINE_SIZE] = "SELECT count(*), coalesce(sum(length(body)), 0) FROM quarantine",
    [DB_QUARANTINE_FIRST] = "SELECT rowid, id FROM quarantine ORDER BY rowid LIMIT 1",
    [DB_QUARANTINE_DELETE] = "DELETE FROM quarantine WHERE rowid = ?1",
    [DB_PICK_SET] = "INSERT OR REPLACE INTO pick(id, plot, user, day, kg, pickers, at, made, first)"
                    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                    " coalesce((SELECT coalesce(first, user) FROM pick WHERE id = ?1), ?3)"
                    " WHERE NOT EXISTS (SELECT 1 FROM pick WHERE id = ?1 AND (gone OR made > ?8))",
    [DB_PICK_KEEP] = "INSERT INTO pick_was SELECT * FROM pick WHERE id = ?1 AND gone = 0 AND"
                     " (?2 OR (made <= ?7 AND (plot, day, kg, pickers) <> (?3, ?4, ?5, ?6)))",
    [DB_PICK_DROP] = "INSERT OR REPLACE INTO pick(id, plot, user, day, kg, pickers, at, made, gone,"
                     " first) SELECT id, plot, ?2, day, kg, pickers, ?3, max(made, ?3), 1,"
                     " coalesce(first, user) FROM pick WHERE id = ?1 AND gone = 0",
    [DB_PICK_KNOWN] = "SELECT count(*) FROM pick WHERE id = ?1",
    [DB_PICK_RECENT] = "SELECT count(*) FROM (SELECT user, at FROM pick ORDER BY rowid DESC"
                       " LIMIT ?3) WHERE user = ?2 AND at > ?1",
    [DB_PICK_DAY_GET] = "SELECT coalesce(max(count), 0) FROM pick_day WHERE user = ?1 AND"
                        " " PICK_DAY_RUNS,
    [DB_PICK_DAY_ADD] = "INSERT INTO pick_day(user, since, count) VALUES(?1, ?2, 1) ON"
                        " CONFLICT(user) DO UPDATE SET"
                        " count = CASE WHEN " PICK_DAY_RUNS " THEN count + 1 ELSE 1 END,"
                        " since = CASE WHEN " PICK_DAY_RUNS " THEN since ELSE ?2 END",
    [DB_PICK_DAY_TRIM] = "DELETE FROM pick_day WHERE since <= ?1 - 86400000 OR since > ?1",
    [DB_PICK_SPAN] = "SELECT coalesce((SELECT max(rowid) FROM pick) -"
                     " (SELECT min(rowid) FROM pick) + 1, 0)",
    [DB_PICK_COUNT] = "SELECT count(*) FROM pick",
    [DB_PICK_TRIM] = "DELETE FROM pick WHERE rowid IN (SELECT rowid FROM pick WHERE user IS (SELECT"
                     " user FROM pick GROUP BY user ORDER BY count(*) DESC LIMIT 1)"
                     " ORDER BY rowid LIMIT ?1)",
    [DB_PICK_LIST] = "SELECT " PICK_COLUMNS " FROM pick WHERE gone = 0 AND"
                     " (?1 = '' OR plot = ?1) AND day BETWEEN ?2 AND ?3"
                     " ORDER BY abs(day), at LIMIT 400",
    [DB_PICK_LEDGER] = "SELECT " PICK_COLUMNS " FROM pick WHERE gone = 0 AND"
                       " (?1 = '' OR plot = ?1) AND day BETWEEN ?2 AND ?3"
                       " ORDER BY abs(day) DESC, at DESC, id LIMIT ?4 OFFSET ?5",
    [DB_PICK_VERSIONS] = "SELECT " PICK_COLUMNS " FROM (SELECT * FROM pick_was UNION ALL"
                         " SELECT * FROM pick) WHERE id = ?1 ORDER BY gone, made, at LIMIT ?2",
    [DB_PICK_FORGET] = "DELETE FROM pick_was WHERE rowid <="
                       " (SELECT max(rowid) FROM pick_was) - ?1",
    [DB_AUDIT_ADD] = "INSERT INTO audit(at, user, via, method, request, detail, result)"
                     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [DB_AUDIT_LIST] = "SELECT at, user, via, method, request, detail, result FROM audit"
                      " ORDER BY rowid DESC LIMIT ?1",
    [DB_AUDIT_SPAN] = "SELECT coalesce((SELECT max(rowid) FROM audit) -"
                      " (SELECT min(rowid) FROM audit) + 1, 0)",
    [DB_AUDIT_COUNT] = "SELECT count(*) FROM audit",
    [DB_AUDIT_SHARE] = "DELETE FROM audit WHERE rowid IN (SELECT rowid FROM audit WHERE user IS"
                       " (SELECT user FROM audit GROUP BY user ORDER BY count(*) DESC LIMIT 1)"
                       " ORDER BY rowid LIMIT ?1)",
    [DB_AUDIT_TRIM] = "DELETE FROM audit WHERE at < ?1 AND rowid IN (SELECT rowid FROM audit"
                      " ORDER BY rowid LIMIT 256)",
    [DB_GONE_BELOW] = "SELECT first, last, told FROM gone WHERE device = ?1 AND boot = ?2 AND"
                      " first <= ?3 ORDER BY first DESC LIMIT 1",
    [DB_GONE_ABOVE] = "SELECT first, last, told FROM gone WHERE device = ?1 AND boot = ?2 AND"
                      " first >= ?3 ORDER BY first LIMIT 1",
    [DB_GONE_SET] = "INSERT OR REPLACE INTO gone(device, boot, first, last, told)"
                    " VALUES(?1, ?2, ?3, ?4, ?5)",
    [DB_GONE_DELETE] = "DELETE FROM gone WHERE device = ?1 AND boot = ?2 AND first = ?3",
    [DB_GONE_UNREPORTED] = "SELECT device, boot, first, last FROM gone WHERE told = 0 LIMIT ?1",
    [DB_ALERT_SET] = "INSERT OR REPLACE INTO alert(id, begun, ended, doc) VALUES(?1, ?2, ?3, ?4)",
    [DB_ALERT_LIST] = "SELECT id, begun, ended, doc FROM alert WHERE"
                      " CASE WHEN ?1 = ?2 THEN ended = 0"
                      " ELSE begun < ?2 AND (ended = 0 OR ended >= ?1) END"
                      " ORDER BY begun DESC, id LIMIT ?3",
    [DB_ALERT_COUNT] = "SELECT count(*) FROM alert",
    [DB_ALERT_TRIM] = "DELETE FROM alert WHERE (id, begun) IN (SELECT id, begun FROM alert WHERE"
                      " ended > 0 ORDER BY ended LIMIT ?1)",
    [DB_SAID_SET] = "INSERT OR REPLACE INTO said(plot, day, at, program, low, mid, high, booked)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DB_SAID_LIST] = "SELECT plot, day, at, program, low, mid, high, booked FROM said WHERE"
                     " plot = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day LIMIT ?4",
    [DB_SAID_COUNT] = "SELECT count(*) FROM said",
    [DB_SAID_TRIM] = "DELETE FROM said WHERE (plot, day) IN (SELECT plot, day FROM said"
                     " ORDER BY day LIMIT ?1)",
    [DB_PAGES] = "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count",
};

static int exec(struct db *db, const char *text)
{
    return sqlite3_exec(db->handle, text, NULL, NULL, NULL);
}

static int exec_number(struct db *db, const char *pragma, int64_t value)
{
    char text[96];
    (void)snprintf(text, sizeof text, "PRAGMA %s=%lld", pragma, (long long)value);
    return exec(db, text);
}

static int read_number(struct db *db, const char *text, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, text, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    }
    int end = sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : (rc != SQLITE_OK ? rc : end);
}

/* A newer program's file that this one may read and write all the same: its migration has said in
 * `meta`, under oldest_reader, from which schema on a program may. So a gateway whose upgrade is
 * undone goes on with its store; and what it writes then the newer one reads. */
static bool is_for_this(struct db *db)
{
    int64_t oldest = INT64_MAX;
    return read_number(db, "SELECT value FROM meta WHERE key = 'oldest_reader'", &oldest) ==
               SQLITE_OK &&
           oldest <= DB_VERSION;
}

/* Each step forward is one transaction, so that a power cut leaves the old or the new version. */
static int migrate(struct db *db, char *why, size_t why_size)
{
    int64_t version = 0;
    int rc = read_number(db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK && version > DB_VERSION && is_for_this(db))
        return SQLITE_OK;
    if (rc == SQLITE_OK && version > DB_VERSION) {
        (void)snprintf(why, why_size,
                       "its schema is version %d, this program knows up to %d; install the newer "
                       "program again",
                       (int)version, DB_VERSION);
        return SQLITE_MISUSE;
    }
    for (; rc == SQLITE_OK && version < DB_VERSION; version++) {
        rc = exec(db, "BEGIN IMMEDIATE");
        if (rc == SQLITE_OK)
            rc = exec(db, migrations[version]);
        if (rc == SQLITE_OK)
            rc = exec_number(db, "user_version", version + 1);
        if (rc == SQLITE_OK)
            rc = exec(db, "COMMIT");
        if (rc != SQLITE_OK)
            (void)exec(db, "ROLLBACK");
    }
    return rc;
}

static int check_owner(struct db *db, char *why, size_t why_size)
{
    int64_t id = 0, tables = 0;
    int rc = read_number(db, "PRAGMA application_id", &id);
    if (rc != SQLITE_OK || id == DB_APPLICATION_ID)
        return rc;
    rc = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc != SQLITE_OK)
        return rc;
    if (tables > 0 || id != 0) {
        (void)snprintf(why, why_size, "it is a database of another program");
        return SQLITE_NOTADB;
    }
    rc = exec_number(db, "page_size", DB_PAGE_SIZE);
    if (rc == SQLITE_OK)
        rc = exec_number(db, "application_id", DB_APPLICATION_ID);
    return rc;
}

static int configure(struct db *db, uint64_t max_bytes)
{
    int64_t page = DB_PAGE_SIZE;
    int rc = exec(db, "PRAGMA journal_mode=WAL");
    if (rc == SQLITE_OK)
        rc = exec(db, "PRAGMA synchronous=FULL");
    if (rc == SQLITE_OK)
        rc = read_number(db, "PRAGMA page_size", &page);
    if (rc == SQLITE_OK)
        rc = exec_number(db, "max_page_count", (int64_t)(max_bytes / (uint64_t)page));
    return rc;
}

void db_distrust(sqlite3 *handle)
{
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

int db_open(struct db *db, const char *path, uint64_t max_bytes, char *why, size_t why_size)
{
    memset(db, 0, sizeof *db);
    (void)snprintf(db->path, sizeof db->path, "%s", path);
    why[0] = '\0';
    int rc = sqlite3_open_v2(path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_NOFOLLOW,
                             NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(db->handle, 1);
        db_distrust(db->handle);
        rc = exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-1024;"
                      "PRAGMA journal_size_limit=8388608; PRAGMA temp_store=MEMORY");
    }
    if (rc == SQLITE_OK)
        rc = check_owner(db, why, why_size);
    if (rc == SQLITE_OK)
        rc = configure(db, max_bytes);
    if (rc == SQLITE_OK)
        rc = migrate(db, why, why_size);
    if (rc != SQLITE_OK) {
        if (why[0] == '\0')
            (void)snprintf(why, why_size, "%s",
                           db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
        db_close(db);
    }
    return rc;
}

void db_close(struct db *db)
{
    for (unsigned i = 0; i < DB_STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    memset(db->statements, 0, sizeof db->statements);
    db->handle = NULL;
    db->in_transaction = false;
}

sqlite3_stmt *db_statement(struct db *db, enum db_statement which)
{
    sqlite3_stmt **statement = &db->statements[which];
    if (db->handle == NULL)
        return NULL;
    if (*statement == NULL &&
        sqlite3_prepare_v3(db->handle, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                           NULL) != SQLITE_OK)
        return NULL;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return *statement;
}

int db_run(struct db *db, sqlite3_stmt *statement)
{
    if (statement == NULL)
        return db->handle != NULL ? sqlite3_extended_errcode(db->handle) : SQLITE_MISUSE;
    int rc = sqlite3_step(statement);
    int end = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : (end != SQLITE_OK ? end : rc);
}

int db_begin(struct db *db)
{
    int rc = db_run(db, db_statement(db, DB_BEGIN));
    db->in_transaction = rc == SQLITE_OK;
    return rc;
}

int db_commit(struct db *db)
{
    int rc = db_run(db, db_statement(db, DB_COMMIT));
    if (rc == SQLITE_OK)
        db->in_transaction = false;
    else
        db_rollback(db);
    return rc;
}

void db_rollback(struct db *db)
{
    db_release(db);
    if (db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0)
        (void)db_run(db, db_statement(db, DB_ROLLBACK)); /* some errors have rolled back already */
    db->in_transaction = false;
}

void db_release(struct db *db)
{
    for (unsigned i = 0; i < DB_STATEMENT_COUNT; i++)
        sqlite3_reset(db->statements[i]);
}

int db_meta_get(struct db *db, const char *key, int64_t *value)
{
    *value = 0;
    sqlite3_stmt *statement = db_statement(db, DB_META_GET);
    if (statement == NULL)
        return db_run(db, NULL);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int db_meta_set(struct db *db, const char *key, int64_t value)
{
    sqlite3_stmt *statement = db_statement(db, DB_META_SET);
    if (statement != NULL) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, value);
    }
    return db_run(db, statement);
}

enum db_trouble db_trouble(const struct db *db, int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return DB_FINE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DB_DAMAGED;
    case SQLITE_FULL:
        /* Either the file's own limit or the file system's: errno tells them apart. */
        return db->handle != NULL && sqlite3_system_errno(db->handle) == ENOSPC ? DB_RETRY
                                                                                : DB_QUOTA;
    default:
        return DB_RETRY;
    }
}

#define SET_ASIDE_KEPT 2

static void set_aside_name(const char *path, int n, const char *suffix, char *out, size_t size)
{
    (void)snprintf(out, size, "%s.corrupt-%d%s", path, n, suffix);
}

bool db_set_aside(const char *path, char *renamed, size_t size)
{
    char from[DB_PATH_SIZE + 32], to[DB_PATH_SIZE + 32];
    struct stat st;
    int n = 1;
    for (; n <= SET_ASIDE_KEPT; n++) {
        set_aside_name(path, n, "", to, sizeof to);
        if (stat(to, &st) != 0)
            break;
    }
    if (n > SET_ASIDE_KEPT) { /* the oldest goes */
        for (int i = 1; i <= SET_ASIDE_KEPT; i++) {
            static const char *const suffixes[] = {"", "-wal"};
            for (int s = 0; s < 2; s++) {
                set_aside_name(path, i, suffixes[s], from, sizeof from);
                set_aside_name(path, i - 1, suffixes[s], to, sizeof to);
                if (i == 1)
                    (void)unlink(from);
                else
                    (void)rename(from, to);
            }
        }
        n = SET_ASIDE_KEPT;
    }
    /* The WAL first: a database that opens without its WAL would look whole and be older. */
    (void)snprintf(from, sizeof from, "%s-wal", path);
    set_aside_name(path, n, "-wal", to, sizeof to);
    if (rename(from, to) != 0 && errno != ENOENT)
        return false;
    set_aside_name(path, n, "", renamed, size);
    return rename(path, renamed) == 0 || errno == ENOENT;
}
