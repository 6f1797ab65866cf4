/* SPDX-License-Identifier: Apache-2.0 */
/* What the forecast said of each plot and day. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

static const struct row_share share = {DB_SAID_COUNT, DB_SAID_COUNT, DB_SAID_TRIM, 128,
                                       "trimming what the forecast said"};

/* ---- Writing ---- */

static int put(struct store *store, const struct store_said *said)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_SAID_SET);
    if (s != NULL) {
        row_bind_text(s, 1, said->plot);
        sqlite3_bind_int(s, 2, said->day);
        sqlite3_bind_int64(s, 3, said->at_ms);
        row_bind_text(s, 4, said->program);
        for (int i = 0; i < 3; i++)
            sqlite3_bind_double(s, 5 + i, said->kg[i]);
        sqlite3_bind_double(s, 8, said->booked); /* NAN becomes NULL */
    }
    return db_run(&store->db, s);
}

static enum store_result say_act(struct store *store, struct row_task *row)
{
    size_t count = row->size / sizeof(struct store_said);
    int rc = db_begin(&store->db);
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        struct store_said said;
        memcpy(&said, row->input + i * sizeof said, sizeof said);
        rc = put(store, &said);
    }
    if (rc == SQLITE_OK)
        rc = db_commit(&store->db);
    if (rc != SQLITE_OK)
        db_rollback(&store->db);
    if (!file_result(store, rc, "keeping a forecast") || rc != SQLITE_OK)
        return STORE_UNAVAILABLE;
    bool due = false;
    for (size_t i = 0; i < count; i++)
        due = row_share_due(&store->rows_written.said) || due;
    if (due)
        row_keep_share(store, &share);
    return STORE_OK;
}

enum store_result store_say(struct store *store, const struct store_said *said, uint32_t count,
                            store_done done, void *context)
{
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            if (!isfinite(said[i].kg[k]))
                return STORE_INVALID;
    return row_post(store, STORE_ASKER_GATEWAY,
                    row_writer(say_act, said, count * sizeof *said, done, context));
}

/* ---- Reading ---- */

static void said_of_row(struct store_said *said, sqlite3_stmt *s)
{
    row_copy_text(said->plot, sizeof said->plot, s, 0);
    said->day = sqlite3_column_int(s, 1);
    said->at_ms = sqlite3_column_int64(s, 2);
    row_copy_text(said->program, sizeof said->program, s, 3);
    for (int i = 0; i < 3; i++)
        said->kg[i] = sqlite3_column_double(s, 4 + i);
    said->booked = sqlite3_column_type(s, 7) == SQLITE_NULL ? NAN : sqlite3_column_double(s, 7);
}

static void said_act(struct store *store, struct row_task *row, enum store_result state)
{
    struct store_said_query query;
    memcpy(&query, row->input, sizeof query);
    sqlite3_stmt *s = state == STORE_OK ? db_statement(&store->db, DB_SAID_LIST) : NULL;
    struct store_said *said = s != NULL ? calloc(STORE_SAID_MAX, sizeof *said) : NULL;
    uint32_t count = 0;
    if (said != NULL) {
        row_bind_text(s, 1, query.plot);
        sqlite3_bind_int(s, 2, query.from_day);
        sqlite3_bind_int(s, 3, query.to_day);
        sqlite3_bind_int(s, 4, STORE_SAID_MAX);
        while (count < STORE_SAID_MAX && sqlite3_step(s) == SQLITE_ROW)
            said_of_row(&said[count++], s);
        sqlite3_reset(s);
    } else if (state == STORE_OK) {
        state = STORE_UNAVAILABLE;
    }
    row->done.said(row->context, state, said, count);
    free(said);
}

enum store_result store_said(struct store *store, const struct store_said_query *query,
                             store_said_done done, void *context)
{
    struct row_task *row = row_reader(said_act, query, sizeof *query, context);
    if (row != NULL)
        row->done.said = done;
    return row_post(store, query->asker, row);
}
