/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks on the small tables: picks, audit, documents, alerts, a copy of the file. Each is one
 * slice, and what it writes is committed on its own before its caller hears of it. Making one and
 * posting it: any thread. Everything else: the store thread. */
#ifndef BAIYE_STORE_ROW_TASK_H
#define BAIYE_STORE_ROW_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/store.h"
#include "gateway/daemon/store/tasks.h"

struct row_task;

/* Writes; how that ended is given to `done.written`, when there is one. Called only when the file
 * can be used. */
typedef enum store_result (*row_write)(struct store *store, struct row_task *row);
/* Reads and answers its caller. With another `state` than STORE_OK it only says so. */
typedef void (*row_read)(struct store *store, struct row_task *row, enum store_result state);

struct row_task {
    struct task task;
    row_write write; /* one of the two */
    row_read read;
    union {
        store_done written; /* NULL: no one waits */
        store_picks_done picks;
        store_said_done said;
        store_audits_done audits;
        store_value_done value;
    } done;
    void *context;
    uint32_t number;
    char key[DB_PATH_SIZE];
    size_t size;
    uint8_t input[]; /* a copy of what was asked with */
};

/* NULL: no memory, which row_post() answers with STORE_BUSY. */
struct row_task *row_writer(row_write write, const void *input, size_t size, store_done done,
                            void *context);
struct row_task *row_reader(row_read read, const void *input, size_t size, void *context);
/* Owns the task from here on. */
enum store_result row_post(struct store *store, store_asker asker, struct row_task *row);

/* One statement in a transaction of its own; NULL: it could not be prepared. */
enum store_result row_change(struct store *store, sqlite3_stmt *statement, const char *doing);
void row_bind_text(sqlite3_stmt *s, int at, const char *text);
void row_copy_text(char *out, size_t size, sqlite3_stmt *s, int column);
/* A statement that gives one number; -1: it could not. */
int64_t row_number(sqlite3_stmt *s);

/* A table's share of the file: beyond it the oldest rows of whoever has the most of them go, so
 * that one who floods it drives out what is his own. */
struct row_share {
    enum db_statement span, count; /* at most so many rows, without a look at them; how many */
    enum db_statement trim;        /* how many are to go */
    uint32_t row_bytes;            /* of a long row */
    const char *doing;
};
/* How many rows of that length are a table's share. */
int64_t row_share_most(const struct store *store, uint32_t row_bytes);
/* Looks at the table when that is due; `written` counts the rows since the start. */
bool row_share_due(uint32_t *written);
void row_keep_share(struct store *store, const struct row_share *share);

#endif
