/* SPDX-License-Identifier: Apache-2.0 */
/* Who asked for what, and what became of it. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

#define AUDIT_KEPT_MS (INT64_C(730) * 86400000)
#define AUDITS_MOST   200u
#define AUDIT_BYTES   1024u /* a long row */

static const struct row_share share = {DB_AUDIT_SPAN, DB_AUDIT_COUNT, DB_AUDIT_SHARE, AUDIT_BYTES,
                                       "trimming the audit"};

static void trim(struct store *store, int64_t now_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_AUDIT_TRIM);
    if (s != NULL)
        sqlite3_bind_int64(s, 1, now_ms - AUDIT_KEPT_MS);
    (void)row_change(store, s, "trimming the audit");
    row_keep_share(store, &share);
}

static enum store_result audit_act(struct store *store, struct row_task *row)
{
    struct store_audit audit;
    memcpy(&audit, row->input, sizeof audit);
    sqlite3_stmt *s = db_statement(&store->db, DB_AUDIT_ADD);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, audit.at_ms);
        row_bind_text(s, 2, audit.user);
        row_bind_text(s, 3, audit.via);
        row_bind_text(s, 4, audit.method);
        row_bind_text(s, 5, audit.id);
        row_bind_text(s, 6, audit.detail);
        row_bind_text(s, 7, audit.result);
    }
    enum store_result result = row_change(store, s, "keeping an audit entry");
    if (result == STORE_OK && row_share_due(&store->rows_written.audits))
        trim(store, audit.at_ms);
    return result;
}

enum store_result store_audit(struct store *store, const struct store_audit *audit, store_done done,
                              void *context)
{
    return row_post(store, audit->asker,
                    row_writer(audit_act, audit, sizeof *audit, done, context));
}

static uint32_t read_audits(sqlite3_stmt *s, uint32_t limit, struct store_audit *audits)
{
    uint32_t count = 0;
    sqlite3_bind_int64(s, 1, limit < AUDITS_MOST ? limit : AUDITS_MOST);
    while (count < AUDITS_MOST && sqlite3_step(s) == SQLITE_ROW) {
        struct store_audit *audit = &audits[count++];
        audit->at_ms = sqlite3_column_int64(s, 0);
        row_copy_text(audit->user, sizeof audit->user, s, 1);
        row_copy_text(audit->via, sizeof audit->via, s, 2);
        row_copy_text(audit->method, sizeof audit->method, s, 3);
        row_copy_text(audit->id, sizeof audit->id, s, 4);
        row_copy_text(audit->detail, sizeof audit->detail, s, 5);
        row_copy_text(audit->result, sizeof audit->result, s, 6);
    }
    sqlite3_reset(s);
    return count;
}

static void audits_act(struct store *store, struct row_task *row, enum store_result state)
{
    struct store_audit *audits = state == STORE_OK ? calloc(AUDITS_MOST, sizeof *audits) : NULL;
    sqlite3_stmt *s = audits != NULL ? db_statement(&store->db, DB_AUDIT_LIST) : NULL;
    uint32_t count = s != NULL ? read_audits(s, row->number, audits) : 0;
    if (state == STORE_OK && s == NULL)
        state = STORE_UNAVAILABLE;
    row->done.audits(row->context, state, audits, count);
    free(audits);
}

enum store_result store_audits(struct store *store, store_asker asker, uint32_t limit,
                               store_audits_done done, void *context)
{
    struct row_task *row = row_reader(audits_act, NULL, 0, context);
    if (row != NULL) {
        row->done.audits = done;
        row->number = limit;
    }
    return row_post(store, asker, row);
}
