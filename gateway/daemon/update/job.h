/* SPDX-License-Identifier: Apache-2.0 */
/* An update of the garden: one image file (a variant for each slot) to the nodes of one bus after
 * the other, at most one at a time in a gateway. It belongs to the daemon, not to whoever asked for
 * it: it goes on when the asker leaves, and after a restart or a loss of power of the gateway.
 *
 *   image file, options ──> store ("update", "update.0" …) ──> bus by bus, slot by slot:
 *        ^ read back at the start                              update_next() -> the line -> …
 *
 * A bus takes a second session when its nodes run from different slots. When the first node of a
 * session does badly with the image, the rest of the garden is left alone. What became of each node
 * is a row; rows are kept in the store as well, so that a node that was refused is not tried again
 * after a restart. All in the loop's thread, except where said. */
#ifndef BAIYE_UPDATE_JOB_H
#define BAIYE_UPDATE_JOB_H

#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/update/update.h"

#define UPDATE_WATCHERS_MAX 8
#define UPDATE_ID_SIZE      32

/* What became of one device. */
struct update_row {
    bool wanted;             /* it is to be updated */
    bool over;               /* `node` is the last word */
    struct update_node node; /* as the session left it */
};

struct update_options_wanted {
    char bus[CONFIG_NAME_SIZE]; /* "": all */
    json_t *devices;            /* names; NULL: all. Owned by the job */
    unsigned share;             /* percent of the line's time, 1..100 */
    bool dry_run;               /* only ask; nothing is kept */
    bool afar;                  /* nobody stands beside it: it waits while a frost stands */
};

struct update_job {
    struct rpc *rpc;
    uint8_t *file;
    size_t file_size;
    uint8_t id[UPDATE_ID_SIZE]; /* SHA-256 of the file */
    uint32_t version;
    struct update_options_wanted wanted;
    struct update_row *rows; /* one a config.devices */
    bool held;               /* a first node did badly: nobody else is restarted */
    bool stopping;           /* asked to end */
    bool busy;               /* an answer of a bus or of the store is on its way */
    struct rpc_call *watchers[UPDATE_WATCHERS_MAX];
    struct rpc_call *begun; /* to be answered when the store has it; NULL: nobody waits */
    /* The session under way. */
    uint16_t bus;
    unsigned slot;
    uint16_t devices[UPDATE_NODES_MAX]; /* index of each node in config.devices */
    struct update update;
    struct update_request request; /* the last one sent */
    bool down;                     /* the line was: it is sent again */
    bool frost;                    /* it waits for one to pass */
    struct loop_timer timer;
    struct loop_task task;
    struct bus_reply reply;
    int64_t started_ms, reported_ms, kept_ms;
    unsigned reported_permille, started_permille;
    uint8_t persisted_phase; /* of the session, when rows were last looked at */
    /* checkpoint.c */
    size_t keep_at;
    enum store_result kept;
};

struct update_loading;

/* Of a daemon. */
struct updates {
    struct update_job *job;         /* under way, or NULL */
    struct update_loading *loading; /* until it is known whether one was */
};

/* Takes over `file` and `wanted`; NULL (and both are freed) without memory, or when the file is no
 * image for both slots. Does nothing yet. */
struct update_job *update_job_new(struct rpc *rpc, uint8_t *file, size_t size,
                                  struct update_options_wanted *wanted);
/* Asks the first node. */
void update_job_start(struct update_job *job);
/* Ends at the next step; the nodes keep what they have. */
void update_job_stop(struct update_job *job);
void update_job_free(struct update_job *job);
/* 0..1000 of the whole work. */
unsigned update_job_progress(const struct update_job *job);
/* Asking, erasing, …: for people. */
const char *update_job_phase(const struct update_job *job);

/* methods_update.c: called by the job. Progress is worth telling; it is over (frees it). */
void update_job_describe(struct update_job *job);
void update_job_ended(struct update_job *job);
/* methods_firmware.c: the store has it, so it goes on after a restart. */
void update_job_is_kept(struct update_job *job);
/* And what an update from afar came to, which is taken over. */
void update_job_came_to(struct rpc *rpc, const uint8_t id[UPDATE_ID_SIZE], json_t *result);

/* checkpoint.c. Writes the file and the rows, then update_job_start(). */
void update_keep_and_start(struct update_job *job);
/* The rows have changed. */
void update_keep_rows(struct update_job *job);
/* It is over. */
void update_keep_forget(struct update_job *job);
/* At the start of the daemon: goes on with what the store has, if anything. */
void update_keep_load(struct rpc *rpc);
/* NULL: nothing. */
void update_keep_free(struct update_loading *loading);

#endif
