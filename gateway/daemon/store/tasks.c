/* SPDX-License-Identifier: Apache-2.0 */
/* The store thread's letter box. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "gateway/daemon/store/impl.h"

enum store_result task_post(struct store *store, struct task *task)
{
    enum store_result result = STORE_OK;
    pthread_mutex_lock(&store->lock);
    if (store->closed) {
        result = STORE_STOPPED;
    } else if (store->task_count == TASKS_MAX) {
        result = STORE_BUSY;
    } else {
        task->next = NULL;
        if (store->tasks_last != NULL)
            store->tasks_last->next = task;
        else
            store->tasks = task;
        store->tasks_last = task;
        store->task_count++;
    }
    pthread_mutex_unlock(&store->lock);
    if (result == STORE_OK)
        (void)eventfd_write(store->wake_fd, 1);
    return result;
}

enum store_result task_post_copy(struct store *store, const struct task *task, size_t size)
{
    struct task *own = malloc(size);
    if (own == NULL)
        return STORE_BUSY;
    memcpy(own, task, size);
    enum store_result result = task_post(store, own);
    if (result != STORE_OK)
        free(own);
    return result;
}

static struct task *take(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    struct task *task = store->tasks;
    if (task != NULL) {
        store->tasks = task->next;
        store->task_count--;
        if (store->tasks == NULL)
            store->tasks_last = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    return task;
}

void tasks_run(struct store *store, enum store_result state)
{
    struct task *task = NULL;
    while ((task = take(store)) != NULL)
        task->run(store, task, state);
}
