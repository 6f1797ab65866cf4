/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/tasks.h"

#include <stddef.h>

store_asker store_asker_of(const char *user)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *user != '\0'; user++)
        hash = (hash ^ (uint8_t)*user) * 16777619u;
    return hash > STORE_ASKER_CONTROL ? hash : hash + STORE_ASKER_CONTROL + 1;
}

/* ---- The box ---- */

void task_box_init(struct task_box *box)
{
    *box = (struct task_box){0};
    pthread_mutex_init(&box->lock, NULL);
}

void task_box_destroy(struct task_box *box)
{
    pthread_mutex_destroy(&box->lock);
}

/* How many places that asker holds, and the turn after its newest. */
static uint32_t holds(const struct task_box *box, store_asker asker, uint64_t *turn)
{
    uint32_t count = 0;
    *turn = box->now;
    for (const struct task *task = box->first; task != NULL; task = task->next) {
        if (task->asker != asker)
            continue;
        count++;
        *turn = task->turn >= *turn ? task->turn + 1 : *turn;
    }
    return count;
}

static bool before(const struct task *a, const struct task *b)
{
    bool a_first = a->asker == STORE_ASKER_CONTROL, b_first = b->asker == STORE_ASKER_CONTROL;
    return a_first != b_first ? a_first : a->turn < b->turn;
}

/* Behind those of the same turn: who came first is first. */
static void insert(struct task_box *box, struct task *task)
{
    struct task **at = &box->first;
    while (*at != NULL && !before(task, *at))
        at = &(*at)->next;
    task->next = *at;
    *at = task;
    box->count++;
}

enum store_result task_box_add(struct task_box *box, struct task *task)
{
    enum store_result result = STORE_OK;
    pthread_mutex_lock(&box->lock);
    bool own_work = task->asker <= STORE_ASKER_CONTROL; /* of the gateway, or the socket */
    uint32_t places = own_work ? TASKS_MAX : TASKS_MAX - TASKS_CONTROL;
    uint32_t own = holds(box, task->asker, &task->turn);
    if (box->closed)
        result = STORE_STOPPED;
    else if (box->count >= places ||
             (task->asker > STORE_ASKER_CONTROL && own >= places - box->count))
        result = STORE_BUSY;
    else
        insert(box, task);
    pthread_mutex_unlock(&box->lock);
    return result;
}

void task_box_again(struct task_box *box, struct task *task)
{
    pthread_mutex_lock(&box->lock);
    (void)holds(box, task->asker, &task->turn);
    if (task->turn == box->now)
        task->turn++; /* whoever waits for this turn goes first */
    insert(box, task);
    pthread_mutex_unlock(&box->lock);
}

struct task *task_box_take(struct task_box *box)
{
    pthread_mutex_lock(&box->lock);
    struct task *task = box->first;
    if (task != NULL) {
        box->first = task->next;
        box->count--;
        if (task->asker != STORE_ASKER_CONTROL && task->turn > box->now)
            box->now = task->turn; /* the socket goes first in any case */
    }
    pthread_mutex_unlock(&box->lock);
    return task;
}

void task_box_close(struct task_box *box)
{
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_mutex_unlock(&box->lock);
}
