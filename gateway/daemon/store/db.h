/* SPDX-License-Identifier: Apache-2.0 */
/* The one SQLite connection: opening, schema, statements. Debian 12's SQLite has the WAL-reset
 * bug, which needs two connections, so there is never a second one on the live file: locking mode
 * EXCLUSIVE (which also needs no shared memory file). WAL with synchronous=FULL: what was
 * committed survives a power cut on storage that honours fsync. One thread at a time. */
#ifndef BAIYE_STORE_DB_H
#define BAIYE_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_VERSION        10
#define DB_APPLICATION_ID 0x42594531 /* "BYE1" */
#define DB_PAGE_SIZE      2048       /* half the bytes of 4096 for the small commits of a garden */
#define DB_PATH_SIZE      300

enum db_statement {
    DB_BEGIN,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_BATCH_INSERT,      /* id, body */
    DB_BATCH_FROM,        /* id: the rows from the one that holds id on: id, body */
    DB_BATCH_RANGE,       /* first, last: rows that hold any of them */
    DB_BATCH_ONE,         /* id: id, body */
    DB_BATCH_LAST,        /* id, body */
    DB_BATCH_FIRST,       /* id, body */
    DB_BATCH_DELETE,      /* id */
    DB_META_GET,          /* key: value */
    DB_META_SET,          /* key, value */
    DB_META_DELETE,       /* key */
    DB_CURSOR_ALL,        /* name, cursor, back, back_ms */
    DB_CURSOR_SET,        /* name, cursor; back, back_ms, or none */
    DB_STREAM_ALL,        /* id, device, shape */
    DB_STREAM_INSERT,     /* device, shape; id, or none: the next one */
    DB_MEAN_SET,          /* stream, step, t, first, last, boot lo, hi, seq lo, hi, body, bad */
    DB_MEAN_GET,          /* stream, step, t */
    DB_MEAN_RANGE,        /* stream, step, from, to: by t */
    DB_MEAN_SEQ,          /* stream, boot, seq first, last: first, last batch of hours */
    DB_MEAN_OLDEST,       /* n: stream, t of the oldest hours */
    DB_MEAN_DELETE,       /* stream, step, t */
    DB_PLACE_GET,         /* id: body */
    DB_PLACE_SET,         /* id, body */
    DB_PLACE_TRIM,        /* id: the rows before */
    DB_SEEN_GET,          /* device, boot: ranges, told */
    DB_SEEN_NEWEST,       /* device: boot, ranges, told, newest boot first */
    DB_SEEN_SET,          /* device, boot, ranges, told */
    DB_BOOT_SET,          /* id, mono_ms, offset_ms */
    DB_BOOT_ALL,          /* id, offset_ms of those whose offset is known */
    DB_QUARANTINE_INSERT, /* at, broker, id, reason, body */
    DB_QUARANTINE_SIZE,   /* rows, bytes */
    DB_QUARANTINE_FIRST,  /* rowid, id of the oldest */
    DB_QUARANTINE_DELETE, /* rowid */
    DB_PICK_SET,          /* id, plot, user, day, kg, pickers, at, made; none that is older */
    DB_PICK_KEEP,     /* id, is deleted, plot, day, kg, pickers, made: keeps what it will replace */
    DB_PICK_DROP,     /* id, user, at */
    DB_PICK_KNOWN,    /* id: how many */
    DB_PICK_RECENT,   /* since, user, how many rows to look at */
    DB_PICK_DAY_GET,  /* user, now: how many were written in the user's day */
    DB_PICK_DAY_ADD,  /* user, now */
    DB_PICK_DAY_TRIM, /* now: forgets days that are over */
    DB_PICK_SPAN,     /* no more rows than that; costs no look at them */
    DB_PICK_COUNT,
    DB_PICK_TRIM,     /* how many, of who has the most */
    DB_PICK_LIST,     /* plot, first and last day */
    DB_PICK_LEDGER,   /* plot, first and last day, limit, skip: the newest day first */
    DB_PICK_VERSIONS, /* id, limit: the oldest first */
    DB_PICK_FORGET,   /* how many old versions stay */
    DB_AUDIT_ADD,     /* at, user, via, method, request, detail, result */
    DB_AUDIT_LIST,    /* limit */
    DB_AUDIT_SPAN,    /* as that of picks */
    DB_AUDIT_COUNT,
    DB_AUDIT_SHARE,     /* how many, of who has the most */
    DB_AUDIT_TRIM,      /* before; looks at the oldest rows only */
    DB_GONE_BELOW,      /* device, boot, seq: first, last, told of the last row that begins there or
                           before */
    DB_GONE_ABOVE,      /* the same: of the first row that begins there or behind */
    DB_GONE_SET,        /* device, boot, first, last, told */
    DB_GONE_DELETE,     /* device, boot, first */
    DB_GONE_UNREPORTED, /* n: device, boot, first, last */
    DB_ALERT_SET,       /* id, begun, ended or 0, doc */
    DB_ALERT_LIST,      /* from, to, n: id, begun, ended, doc; those that stand, then the newest */
    DB_ALERT_COUNT,
    DB_ALERT_TRIM, /* how many of those that ended, the oldest */
    DB_SAID_SET,   /* plot, day, at, program, low, mid, high, booked */
    DB_SAID_LIST,  /* plot, first and last day, limit: the oldest first */
    DB_SAID_COUNT,
    DB_SAID_TRIM, /* how many, the oldest */
    DB_PAGES,     /* page_count, freelist_count */
    DB_STATEMENT_COUNT
};

struct db {
    sqlite3 *handle; /* NULL: not open */
    sqlite3_stmt *statements[DB_STATEMENT_COUNT];
    char path[DB_PATH_SIZE];
    bool in_transaction;
};

/* Opens or creates, migrates, bounds the file to `max_bytes`. An SQLite result code; `why` is for
 * people. SQLITE_CORRUPT and SQLITE_NOTADB mean that the file is damaged (or not ours). */
int db_open(struct db *db, const char *path, uint64_t max_bytes, char *why, size_t why_size);
/* A file may come from a backup or another machine: no trigger, view or function of its schema
 * runs. Before the first statement. */
void db_distrust(sqlite3 *handle);
void db_close(struct db *db);

/* A statement ready to be bound: reset, no old bindings. NULL on error (see db_error). */
sqlite3_stmt *db_statement(struct db *db, enum db_statement which);
/* Steps a statement that gives no rows, and resets it. SQLITE_OK or an error. */
int db_run(struct db *db, sqlite3_stmt *statement);
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);
/* Resets every statement: nothing may pin the WAL across a wait. */
void db_release(struct db *db);

/* `value` 0 when there is none. */
int db_meta_get(struct db *db, const char *key, int64_t *value);
int db_meta_set(struct db *db, const char *key, int64_t value);

/* What the error means for the store. */
enum db_trouble {
    DB_FINE,
    DB_RETRY,   /* disk full, read-only, I/O error: close, open again later */
    DB_DAMAGED, /* rename it and start anew */
    DB_QUOTA    /* the file's own limit: make room */
};
enum db_trouble db_trouble(const struct db *db, int rc);
/* Renames the damaged file (and its WAL) to PATH.corrupt-N, keeping the last two. The new name in
 * `renamed`. false: could not be renamed (errno). */
bool db_set_aside(const char *path, char *renamed, size_t size);

#endif
