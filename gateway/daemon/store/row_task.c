/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/row_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"

#define SHARE      32u /* of max_size: one of so many parts */
#define ROWS_LEAST 1000
#define TRIM_EVERY 64u

/* ---- Tasks ---- */

static bool row_run(struct store *store, struct task *task, enum store_result state)
{
    struct row_task *row = (struct row_task *)task;
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (row->read != NULL) {
        row->read(store, row, state);
    } else {
        if (state == STORE_OK)
            state = row->write(store, row);
        if (row->done.written != NULL)
            row->done.written(row->context, state);
    }
    free(row);
    return false;
}

static struct row_task *row_new(const void *input, size_t size, void *context)
{
    struct row_task *row = calloc(1, sizeof *row + size + 1);
    if (row == NULL)
        return NULL;
    row->task.run = row_run;
    row->context = context;
    row->size = size;
    if (size > 0)
        memcpy(row->input, input, size);
    return row;
}

struct row_task *row_writer(row_write write, const void *input, size_t size, store_done done,
                            void *context)
{
    struct row_task *row = row_new(input, size, context);
    if (row == NULL)
        return NULL;
    row->write = write;
    row->done.written = done;
    return row;
}

struct row_task *row_reader(row_read read, const void *input, size_t size, void *context)
{
    struct row_task *row = row_new(input, size, context);
    if (row != NULL)
        row->read = read;
    return row;
}

enum store_result row_post(struct store *store, store_asker asker, struct row_task *row)
{
    if (row == NULL)
        return STORE_BUSY;
    row->task.asker = asker;
    enum store_result result = task_post(store, &row->task);
    if (result != STORE_OK)
        free(row);
    return result;
}

/* ---- Statements ---- */

enum store_result row_change(struct store *store, sqlite3_stmt *statement, const char *doing)
{
    int rc = db_run(&store->db, statement); /* outside BEGIN: its own transaction */
    return file_result(store, rc, doing) && rc == SQLITE_OK ? STORE_OK : STORE_UNAVAILABLE;
}

void row_bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

void row_copy_text(char *out, size_t size, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

int64_t row_number(sqlite3_stmt *s)
{
    int64_t number = s != NULL && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    if (s != NULL)
        sqlite3_reset(s);
    return number;
}

/* ---- Shares of the file ---- */

int64_t row_share_most(const struct store *store, uint32_t row_bytes)
{
    int64_t most = (int64_t)(store->config->store_max_bytes / SHARE / row_bytes);
    return most < ROWS_LEAST ? ROWS_LEAST : most;
}

bool row_share_due(uint32_t *written)
{
    return (*written)++ % TRIM_EVERY == 0;
}

void row_keep_share(struct store *store, const struct row_share *share)
{
    int64_t most = row_share_most(store, share->row_bytes);
    if (row_number(db_statement(&store->db, share->span)) <= most)
        return;
    int64_t over = row_number(db_statement(&store->db, share->count)) - most;
    sqlite3_stmt *s = over > 0 ? db_statement(&store->db, share->trim) : NULL;
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, over);
    (void)row_change(store, s, share->doing); /* tried again with a later row */
}
