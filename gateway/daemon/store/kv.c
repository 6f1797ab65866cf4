/* SPDX-License-Identifier: Apache-2.0 */
/* Documents by key, in table `meta`: what other parts of the daemon keep between two runs. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

#define VALUE_MOST 65536u

static enum store_result put_act(struct store *store, struct row_task *row)
{
    sqlite3_stmt *s = db_statement(&store->db, row->size > 0 ? DB_META_SET : DB_META_DELETE);
    if (s != NULL) {
        row_bind_text(s, 1, row->key);
        if (row->size > 0)
            sqlite3_bind_blob(s, 2, row->input, (int)row->size, SQLITE_STATIC);
    }
    return row_change(store, s, "keeping a document");
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
    struct row_task *row = row_writer(put_act, value, size, done, context);
    if (row != NULL)
        document_key(row->key, sizeof row->key, key);
    return row_post(store, STORE_ASKER_GATEWAY, row);
}

static void get_act(struct store *store, struct row_task *row, enum store_result state)
{
    sqlite3_stmt *s = state == STORE_OK ? db_statement(&store->db, DB_META_GET) : NULL;
    const void *value = NULL;
    size_t size = 0;
    if (s != NULL) {
        row_bind_text(s, 1, row->key);
        if (sqlite3_step(s) == SQLITE_ROW) {
            value = sqlite3_column_blob(s, 0);
            size = (size_t)sqlite3_column_bytes(s, 0);
        }
    } else if (state == STORE_OK) {
        state = STORE_UNAVAILABLE;
    }
    row->done.value(row->context, state, value, size);
    if (s != NULL)
        sqlite3_reset(s);
}

enum store_result store_get(struct store *store, const char *key, store_value_done done,
                            void *context)
{
    struct row_task *row = row_reader(get_act, NULL, 0, context);
    if (row != NULL) {
        row->done.value = done;
        document_key(row->key, sizeof row->key, key);
    }
    return row_post(store, STORE_ASKER_GATEWAY, row);
}
