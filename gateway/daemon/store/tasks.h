/* SPDX-License-Identifier: Apache-2.0 */
/* The store thread's letter box: questions and small writes that others ask for. They are taken
 * one at a time, fairly: what the control socket asks goes first, then whoever was served least of
 * late (start-time fair queueing: a task's turn is one after the newest turn of its asker, and the
 * lowest turn is next). A long question is worked on in slices, one a turn. No user may hold more
 * places than are still free, so that there is always one for somebody else; some are the control
 * socket's alone. Posting: any thread. Everything else: the store thread. */
#ifndef BAIYE_STORE_TASKS_H
#define BAIYE_STORE_TASKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/state.h"

struct store;

#define TASKS_MAX     64u
#define TASKS_CONTROL 8u /* of these, kept for the control socket */
#define TASKS_STEP_MS 20 /* the store thread sees to other things at least so often */

struct task;

/* Does one slice. True: it is not done and wants another turn. False: it freed the task and called
 * who waits for it. With another `state` than STORE_OK it does the latter at once. */
typedef bool (*task_run)(struct store *store, struct task *task, enum store_result state);

struct task {
    struct task *next;
    task_run run;
    store_asker asker;
    uint64_t turn;
};

struct task_box {
    pthread_mutex_t lock;
    struct task *first; /* in the order of their turns */
    uint32_t count;
    uint64_t now; /* the turn last taken */
    bool closed;  /* nothing more is taken in */
};

void task_box_init(struct task_box *box);
void task_box_destroy(struct task_box *box);
/* STORE_OK: `run` will end it. STORE_BUSY: no place for this asker; STORE_STOPPED: closed. */
enum store_result task_box_add(struct task_box *box, struct task *task);
/* Puts a task back that wants another turn: there is always a place. */
void task_box_again(struct task_box *box, struct task *task);
/* The one whose turn it is; NULL when there is none. */
struct task *task_box_take(struct task_box *box);
void task_box_close(struct task_box *box);

#endif
