/* SPDX-License-Identifier: Apache-2.0 */
/* What was picked: who picked how much, corrections, and what stood there before. A user may write
 * so many a day. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

#define PICKS_MOST STORE_PICKS_MAX
#define DAY_MS     86400000
#define LAST_DAY   99991231
#define PICKS_LOOK 4000u /* newest rows of all users, of which a user's are counted */
#define PICK_BYTES 256u  /* a long row */

static const struct row_share share = {DB_PICK_SPAN, DB_PICK_COUNT, DB_PICK_TRIM, PICK_BYTES,
                                       "trimming picks"};

/* ---- Writing ---- */

/* A count of shoots has the negative of its day: who knows of none (a version before) asks for days
 * after 0, and takes it for no pick. */
static int32_t row_day(int32_t day, bool counted)
{
    return counted ? -day : day;
}

/* Of rows, in any 24 h; and of what was written, since a row says nothing of how often that was. */
static bool is_beyond_limit(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *day = db_statement(&store->db, DB_PICK_DAY_GET);
    sqlite3_stmt *rows = db_statement(&store->db, DB_PICK_RECENT);
    if (day == NULL || rows == NULL)
        return false; /* the insertion will tell */
    row_bind_text(day, 1, pick->user);
    sqlite3_bind_int64(day, 2, pick->at_ms);
    sqlite3_bind_int64(rows, 1, pick->at_ms - DAY_MS);
    row_bind_text(rows, 2, pick->user);
    sqlite3_bind_int64(rows, 3, PICKS_LOOK);
    return row_number(day) >= (int64_t)STORE_PICKS_A_DAY ||
           row_number(rows) >= (int64_t)STORE_PICKS_A_DAY;
}

static int count_pick(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_DAY_ADD);
    if (s != NULL) {
        row_bind_text(s, 1, pick->user);
        sqlite3_bind_int64(s, 2, pick->at_ms);
    }
    return db_run(&store->db, s);
}

/* Old versions have half of the picks' share. */
static void forget_versions(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_FORGET);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, row_share_most(store, 2 * PICK_BYTES));
    (void)row_change(store, s, "trimming old picks");
}

static void trim_picks(struct store *store, int64_t now_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_DAY_TRIM);
    if (s != NULL)
        sqlite3_bind_int64(s, 1, now_ms);
    (void)row_change(store, s, "trimming counts of picks");
    row_keep_share(store, &share);
    forget_versions(store);
}

/* What stands there, before it is replaced. */
static int keep_version(struct store *store, const struct store_pick *pick)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_KEEP);
    if (s != NULL) {
        row_bind_text(s, 1, pick->id);
        sqlite3_bind_int(s, 2, pick->gone);
        row_bind_text(s, 3, pick->plot);
        sqlite3_bind_int(s, 4, row_day(pick->day, pick->counted));
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
    if (row_share_due(&store->rows_written.picks))
        trim_picks(store, pick->at_ms);
    return STORE_OK;
}

static enum store_result pick_act(struct store *store, struct row_task *row)
{
    struct store_pick pick;
    memcpy(&pick, row->input, sizeof pick);
    if (is_beyond_limit(store, &pick))
        return STORE_LIMIT;
    pick.gone = false;
    if (pick.made_ms <= 0 || pick.made_ms > pick.at_ms) /* a phone's clock may be ahead */
        pick.made_ms = pick.at_ms;
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_SET);
    if (s != NULL) {
        row_bind_text(s, 1, pick.id);
        row_bind_text(s, 2, pick.plot);
        row_bind_text(s, 3, pick.user);
        sqlite3_bind_int(s, 4, row_day(pick.day, pick.counted));
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
    return row_post(store, pick->asker, row_writer(pick_act, pick, sizeof *pick, done, context));
}

static enum store_result drop_act(struct store *store, struct row_task *row)
{
    struct store_pick drop;
    memcpy(&drop, row->input, sizeof drop);
    if (is_beyond_limit(store, &drop))
        return STORE_LIMIT;
    sqlite3_stmt *s = db_statement(&store->db, DB_PICK_KNOWN);
    if (s != NULL)
        row_bind_text(s, 1, drop.id);
    if (s != NULL && row_number(s) == 0)
        return STORE_UNKNOWN;
    s = db_statement(&store->db, DB_PICK_DROP);
    if (s != NULL) {
        row_bind_text(s, 1, drop.id);
        row_bind_text(s, 2, drop.user);
        sqlite3_bind_int64(s, 3, drop.at_ms);
    }
    drop.gone = true;
    return pick_change(store, &drop, s);
}

enum store_result store_pick_drop(struct store *store, const struct store_pick *drop,
                                  store_done done, void *context)
{
    return row_post(store, drop->asker, row_writer(drop_act, drop, sizeof *drop, done, context));
}

/* ---- Reading ---- */

static void pick_of_row(struct store_pick *pick, sqlite3_stmt *s)
{
    row_copy_text(pick->id, sizeof pick->id, s, 0);
    row_copy_text(pick->plot, sizeof pick->plot, s, 1);
    row_copy_text(pick->user, sizeof pick->user, s, 2);
    int32_t day = sqlite3_column_int(s, 3);
    pick->counted = day < 0;
    pick->day = row_day(day, pick->counted);
    pick->kg = sqlite3_column_double(s, 4);
    pick->pickers = (uint32_t)sqlite3_column_int64(s, 5);
    pick->at_ms = sqlite3_column_int64(s, 6);
    pick->made_ms = sqlite3_column_int64(s, 7);
    pick->gone = sqlite3_column_int(s, 8) != 0;
    row_copy_text(pick->first, sizeof pick->first, s, 9);
}

/* All rows of a statement of PICK_COLUMNS that is bound (NULL: there is none), to who waits. */
static void give_picks(const struct row_task *row, sqlite3_stmt *s, enum store_result state)
{
    struct store_pick *picks = s != NULL ? calloc(PICKS_MOST, sizeof *picks) : NULL;
    uint32_t count = 0;
    while (picks != NULL && count < PICKS_MOST && sqlite3_step(s) == SQLITE_ROW)
        pick_of_row(&picks[count++], s);
    if (s != NULL)
        sqlite3_reset(s);
    if (state == STORE_OK && picks == NULL)
        state = STORE_UNAVAILABLE;
    row->done.picks(row->context, state, picks, count);
    free(picks);
}

static void bind_days(sqlite3_stmt *s, int32_t from_day, int32_t to_day, bool counted)
{
    sqlite3_bind_int(s, 2, counted ? -to_day : from_day);
    sqlite3_bind_int(s, 3, counted ? -from_day : to_day);
}

static void picks_act(struct store *store, struct row_task *row, enum store_result state)
{
    sqlite3_stmt *s = state == STORE_OK ? db_statement(&store->db, DB_PICK_LIST) : NULL;
    struct store_ledger_query query;
    memcpy(&query, row->input, sizeof query);
    if (s != NULL) {
        row_bind_text(s, 1, query.plot);
        bind_days(s, query.from_day, query.to_day, query.counted);
    }
    give_picks(row, s, state);
}

static sqlite3_stmt *ledger_statement(struct store *store, const struct store_ledger_query *query)
{
    bool of_one = query->id[0] != '\0';
    sqlite3_stmt *s = db_statement(&store->db, of_one ? DB_PICK_VERSIONS : DB_PICK_LEDGER);
    if (s != NULL && of_one) {
        row_bind_text(s, 1, query->id);
        sqlite3_bind_int64(s, 2, STORE_LEDGER_MOST);
    } else if (s != NULL) {
        row_bind_text(s, 1, query->plot);
        bind_days(s, query->from_day, query->to_day, query->counted);
        sqlite3_bind_int64(s, 4, STORE_LEDGER_MOST);
        sqlite3_bind_int64(s, 5, query->skip);
    }
    return s;
}

static void ledger_act(struct store *store, struct row_task *row, enum store_result state)
{
    struct store_ledger_query query;
    memcpy(&query, row->input, sizeof query);
    give_picks(row, state == STORE_OK ? ledger_statement(store, &query) : NULL, state);
}

enum store_result store_picks(struct store *store, store_asker asker, const char *plot,
                              int32_t from_day, bool counted, store_picks_done done, void *context)
{
    struct store_ledger_query query = {
        .from_day = from_day > 0 ? from_day : 0, .to_day = LAST_DAY, .counted = counted};
    (void)snprintf(query.plot, sizeof query.plot, "%s", plot);
    struct row_task *row = row_reader(picks_act, &query, sizeof query, context);
    if (row != NULL)
        row->done.picks = done;
    return row_post(store, asker, row);
}

enum store_result store_ledger(struct store *store, const struct store_ledger_query *query,
                               store_picks_done done, void *context)
{
    struct row_task *row = row_reader(ledger_act, query, sizeof *query, context);
    if (row != NULL)
        row->done.picks = done;
    return row_post(store, query->asker, row);
}
