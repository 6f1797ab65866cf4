/* SPDX-License-Identifier: Apache-2.0 */
/* Can the file be used, and how did the last operation on it end? What follows from a failure is
 * noted here and done by recovery.c, before the store thread's next step. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/daemon/store/impl.h"

struct file {
    struct file_failure failure;
};

struct file *file_create(void)
{
    return calloc(1, sizeof(struct file));
}

void file_destroy(struct file *file)
{
    free(file);
}

void store_alarm(struct store *store, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&store->lock);
    (void)vsnprintf(store->stats.alarm, sizeof store->stats.alarm, format, args);
    pthread_mutex_unlock(&store->lock);
    va_end(args);
}

bool file_failed(const struct store *store)
{
    return store->file->failure.trouble != DB_FINE;
}

bool file_ready(const struct store *store)
{
    return store->db.handle != NULL && !file_failed(store);
}

bool file_result(struct store *store, int rc, const char *doing)
{
    enum db_trouble trouble = db_trouble(&store->db, rc);
    if (trouble == DB_FINE)
        return true;
    db_rollback(&store->db);
    pthread_mutex_lock(&store->lock);
    store->stats.commit_errors++;
    pthread_mutex_unlock(&store->lock);
    if (!file_failed(store) || trouble == DB_DAMAGED)
        store->file->failure = (struct file_failure){trouble, rc, doing};
    return false;
}

struct file_failure file_take_failure(struct store *store)
{
    struct file_failure failure = store->file->failure;
    store->file->failure = (struct file_failure){0};
    return failure;
}
