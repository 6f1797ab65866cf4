/* SPDX-License-Identifier: Apache-2.0 */
/* How the store's letter box is filled and emptied; tasks.c says whose turn it is. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "gateway/daemon/store/impl.h"

enum store_result task_post(struct store *store, struct task *task)
{
    enum store_result result = task_box_add(&store->tasks, task);
    if (result == STORE_OK)
        (void)eventfd_write(store->runner.wake_fd, 1);
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

bool tasks_run(struct store *store, enum store_result state)
{
    int64_t until_ms = clock_now().mono_ms + TASKS_STEP_MS;
    struct task *task = NULL;
    int wait_ms = TASKS_STEP_MS;
    while ((task = task_box_take(&store->tasks)) != NULL) {
        if (task->run(store, task, state))
            task_box_again(&store->tasks, task);
        if (state != STORE_OK)
            continue; /* the end: each is informed */
        int64_t now_ms = clock_now().mono_ms;
        if (now_ms >= until_ms || commit_due(store, now_ms, &wait_ms) || file_failed(store))
            return true;
    }
    return false;
}
