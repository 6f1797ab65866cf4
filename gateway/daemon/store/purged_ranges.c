/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/purged_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"

struct purged_ranges_row {
    char device[CONFIG_NAME_SIZE];
    uint32_t boot, first, last;
    bool reported;
};

/* ---- Rows ---- */

/* The row nearest to `seq`: from it downwards, or from it upwards. `found` false: there is none. */
static int find_row(struct db *db, enum db_statement which, const struct purged_ranges_row *at,
                    uint32_t seq, struct purged_ranges_row *row, bool *found)
{
    sqlite3_stmt *s = db_statement(db, which);
    *found = false;
    if (s == NULL)
        return db_run(db, NULL);
    sqlite3_bind_text(s, 1, at->device, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, at->boot);
    sqlite3_bind_int64(s, 3, seq);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *row = *at;
        row->first = (uint32_t)sqlite3_column_int64(s, 0);
        row->last = (uint32_t)sqlite3_column_int64(s, 1);
        row->reported = sqlite3_column_int(s, 2) != 0;
        *found = true;
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int save_row(struct db *db, const struct purged_ranges_row *row)
{
    sqlite3_stmt *s = db_statement(db, DB_GONE_SET);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, row->device, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, row->boot);
        sqlite3_bind_int64(s, 3, row->first);
        sqlite3_bind_int64(s, 4, row->last);
        sqlite3_bind_int(s, 5, row->reported);
    }
    return db_run(db, s);
}

static int delete_row(struct db *db, const struct purged_ranges_row *row)
{
    sqlite3_stmt *s = db_statement(db, DB_GONE_DELETE);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, row->device, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, row->boot);
        sqlite3_bind_int64(s, 3, row->first);
    }
    return db_run(db, s);
}

/* Writes a row that overlaps none, as one with its neighbours of the same kind. */
static int join_row(struct db *db, struct purged_ranges_row row)
{
    struct purged_ranges_row near = {0};
    bool found = false;
    int rc = SQLITE_OK;
    if (row.first > 0)
        rc = find_row(db, DB_GONE_BELOW, &row, row.first - 1, &near, &found);
    if (found && near.last == row.first - 1 && near.reported == row.reported)
        row.first = near.first; /* written over it */
    found = false;
    if (rc == SQLITE_OK && row.last < UINT32_MAX)
        rc = find_row(db, DB_GONE_ABOVE, &row, row.last + 1, &near, &found);
    if (rc == SQLITE_OK && found && near.first == row.last + 1 && near.reported == row.reported) {
        row.last = near.last;
        rc = delete_row(db, &near);
    }
    return rc == SQLITE_OK ? save_row(db, &row) : rc;
}

int purged_ranges_add(struct db *db, const char *device, uint32_t boot, uint32_t first,
                      uint32_t last)
{
    struct purged_ranges_row piece = {.boot = boot, .first = first};
    int rc = SQLITE_OK;
    (void)strncpy(piece.device, device, sizeof piece.device - 1);
    while (rc == SQLITE_OK) {
        struct purged_ranges_row near = {0};
        bool found = false;
        rc = find_row(db, DB_GONE_BELOW, &piece, piece.first, &near, &found);
        if (rc == SQLITE_OK && found && near.last >= piece.first) { /* already there */
            if (near.last >= last)
                break;
            piece.first = near.last + 1; /* where the next one may begin */
            continue;
        }
        if (rc == SQLITE_OK)
            rc = find_row(db, DB_GONE_ABOVE, &piece, piece.first, &near, &found);
        if (rc != SQLITE_OK)
            break;
        piece.last = found && near.first <= last ? near.first - 1 : last;
        rc = join_row(db, piece);
        if (piece.last == last)
            break;
        piece.first = piece.last + 1;
    }
    return rc;
}

/* `row` with the numbers from `first` to `last` unreported, the others as they were. */
static int split_row(struct db *db, struct purged_ranges_row row, uint32_t first, uint32_t last)
{
    struct purged_ranges_row before = row, within = row, after = row;
    within.reported = false;
    int rc = delete_row(db, &row);
    if (rc == SQLITE_OK && row.first < first) {
        before.last = first - 1;
        within.first = first;
        rc = join_row(db, before);
    }
    if (rc == SQLITE_OK && row.last > last) {
        after.first = last + 1;
        within.last = last;
        rc = join_row(db, after);
    }
    return rc == SQLITE_OK ? join_row(db, within) : rc;
}

int purged_ranges_report_again(struct db *db, const char *device, uint32_t boot, uint32_t first,
                               uint32_t last)
{
    struct purged_ranges_row at = {.boot = boot}, row = {0};
    (void)strncpy(at.device, device, sizeof at.device - 1);
    for (;;) { /* downwards */
        bool found = false;
        int rc = find_row(db, DB_GONE_BELOW, &at, last, &row, &found);
        if (rc != SQLITE_OK || !found || row.last < first)
            return rc;
        uint32_t begin = row.first;
        if (row.reported)
            rc = split_row(db, row, first, last);
        if (rc != SQLITE_OK || begin <= first)
            return rc;
        last = begin - 1;
    }
}

/* ---- Telling ---- */

#define REPORT_AT_ONCE 256u

static int read_unreported(struct store *store, struct purged_ranges_row rows[REPORT_AT_ONCE],
                           unsigned *count)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_GONE_UNREPORTED);
    int rc = s == NULL ? db_run(&store->db, NULL) : SQLITE_ROW;
    *count = 0;
    if (s != NULL)
        sqlite3_bind_int64(s, 1, REPORT_AT_ONCE);
    while (rc == SQLITE_ROW && (rc = sqlite3_step(s)) == SQLITE_ROW && *count < REPORT_AT_ONCE) {
        struct purged_ranges_row *row = &rows[(*count)++];
        const char *device = (const char *)sqlite3_column_text(s, 0);
        *row = (struct purged_ranges_row){.boot = (uint32_t)sqlite3_column_int64(s, 1),
                                          .first = (uint32_t)sqlite3_column_int64(s, 2),
                                          .last = (uint32_t)sqlite3_column_int64(s, 3),
                                          .reported = true};
        (void)strncpy(row->device, device != NULL ? device : "", sizeof row->device - 1);
    }
    if (s != NULL)
        sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void put_gaps(struct store *store, struct body *body, const struct purged_ranges_row *rows,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct stream *stream = stream_newest(store, rows[i].device);
        struct reading_gap gap = {.why = GAP_QUOTA,
                                  .boot = rows[i].boot,
                                  .first_seq = rows[i].first,
                                  .last_seq = rows[i].last};
        if (stream != NULL)
            (void)body_gap(body, stream->id, &gap); /* all of them fit */
    }
    body_seal(body);
}

static int write_reported(struct store *store, const struct body *body,
                          const struct purged_ranges_row *rows, unsigned count)
{
    int rc = db_begin(&store->db);
    if (rc == SQLITE_OK && body->count > 0) {
        sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_INSERT);
        if (s != NULL) {
            sqlite3_bind_int64(s, 1, (int64_t)store->next_id);
            sqlite3_bind_blob(s, 2, body->data, (int)body->used, SQLITE_STATIC);
        }
        rc = db_run(&store->db, s);
    }
    for (unsigned i = 0; rc == SQLITE_OK && i < count; i++) {
        rc = delete_row(&store->db, &rows[i]);
        if (rc == SQLITE_OK)
            rc = join_row(&store->db, rows[i]);
    }
    if (rc == SQLITE_OK)
        return db_commit(&store->db);
    db_rollback(&store->db);
    return rc;
}

struct report {
    struct purged_ranges_row rows[REPORT_AT_ONCE];
    uint8_t data[BODY_MAX];
};

static int publish(struct store *store, struct report *report, bool *any)
{
    struct purged_ranges_row *rows = report->rows;
    struct clock_now now = clock_now();
    struct body_base base = {store->self.boot, now.wall_ms, now.mono_ms};
    struct body body;
    unsigned count = 0;
    int rc = read_unreported(store, rows, &count);
    *any = false;
    if (rc != SQLITE_OK || count == 0 || commit_waits(store))
        return rc; /* what is prepared has the next numbers */
    body_begin(&body, report->data, sizeof report->data, &base);
    put_gaps(store, &body, rows, count);
    rc = write_reported(store, &body, rows, count);
    if (rc != SQLITE_OK)
        return rc;
    *any = count == REPORT_AT_ONCE;
    commit_gaps(store, &body);
    return SQLITE_OK;
}

int purged_ranges_publish(struct store *store, bool *any)
{
    struct report *report = malloc(sizeof *report);
    *any = false;
    if (report == NULL)
        return SQLITE_NOMEM;
    int rc = publish(store, report, any);
    free(report);
    return rc;
}
