/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the whole file while the daemon works. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

#define BACKUP_PAGES 256
/* Numbers that the original may still give to its boots: who starts from the copy uses none of
 * them, or consumers would take its readings for ones that they have. */
#define LEAVE_BOOTS "UPDATE meta SET value = value + 1000 WHERE key = 'boot'"

/* How much of the month's data is used is kept next to the file. */
static bool copy_months(const struct store *store, const char *path)
{
    char text[1000];
    return sidecar_load(store->path, MONTHS_NAME, text, sizeof text) == 0 ||
           sidecar_save(path, MONTHS_NAME, text);
}

/* From the same connection, so there is never a second one on the live file. The commits of the
 * meantime are carried over by SQLite; the write queue holds what comes while this runs. */
static enum store_result backup_act(struct store *store, struct row_task *row)
{
    struct stat st;
    sqlite3 *copy = NULL;
    if (lstat(row->key, &st) == 0)
        return STORE_INVALID;
    int rc = sqlite3_open_v2(
        row->key, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        db_distrust(copy);
    sqlite3_backup *backup =
        rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db.handle, "main") : NULL;
    if (backup != NULL) {
        do {
            rc = sqlite3_backup_step(backup, BACKUP_PAGES);
            atomic_store(&store->runner.step_ms, clock_now().mono_ms);
        } while (rc == SQLITE_OK);
        (void)sqlite3_backup_finish(backup);
    }
    /* One file that stands for itself: no WAL next to it. */
    if (rc == SQLITE_DONE)
        rc = sqlite3_exec(copy, "PRAGMA journal_mode=DELETE; " LEAVE_BOOTS, NULL, NULL, NULL);
    sqlite3_close(copy);
    if (backup == NULL || rc != SQLITE_OK || !copy_months(store, row->key)) {
        (void)unlink(row->key);
        return STORE_UNAVAILABLE;
    }
    return STORE_OK;
}

enum store_result store_backup(struct store *store, const char *path, store_done done,
                               void *context)
{
    struct row_task *row = row_writer(backup_act, NULL, 0, done, context);
    if (row != NULL)
        (void)snprintf(row->key, sizeof row->key, "%s", path);
    return row_post(store, STORE_ASKER_CONTROL, row);
}
