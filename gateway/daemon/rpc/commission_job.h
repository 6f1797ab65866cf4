/* SPDX-License-Identifier: Apache-2.0 */
/* A step of bringing up a line, as a call of rpc that has the line for itself.
 *
 *   run ─ pause the bus ─> port closed? ─> thread: the line is a bench's ─> resume, answer
 *                                              └ progress, by a message to the loop
 *
 * The bus is paused for as long as one step takes, again and again for a short while, so that it
 * polls on whatever becomes of the step. A survey ends when nobody waits for it any more; a move is
 * always done to its end, so that whoever asked may be killed at any time. */
#ifndef BAIYE_RPC_COMMISSION_JOB_H
#define BAIYE_RPC_COMMISSION_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/daemon/commission/place.h"
#include "gateway/daemon/commission/plan.h"
#include "gateway/daemon/commission/survey.h"
#include "gateway/daemon/rpc/call.h"

struct job {
    uint16_t bus;
    bool started, joined;
    int64_t until_ms, renew_ms;
    struct loop_timer timer;
    pthread_t thread;
    atomic_bool abandoned; /* nobody waits for the answer, or the daemon ends */
    void (*work)(struct rpc_call *call, struct job *job); /* on the thread */
    json_t *(*result)(struct rpc_call *call);             /* in the loop; NULL: the call failed */
    struct bench bench;
    int error; /* of opening the port */
    struct recognise_book book;
    /* Progress: written by the thread, read in the loop. */
    pthread_mutex_t mutex;
    struct loop_task task;
    struct rpc_call *call;
    struct serial_timing at_wire;
    unsigned at_unit;
    atomic_bool posted;
    /* survey */
    bool every_address, own_rate;
    uint8_t also[256];
    struct survey survey;
    struct plan plan; /* of what was found; of place: of the one that is placed */
    /* move, blink */
    struct move move;
    bool take_back, on, answered;
    enum move_result moved;
    /* place */
    struct place place;
};

/* For the call's `bus`, one at a time for a line. NULL: the call has failed. */
struct job *job_open(struct rpc_call *call);
/* With `work` and `result` set; the call goes on by itself. */
void job_start(struct rpc_call *call);

#endif
