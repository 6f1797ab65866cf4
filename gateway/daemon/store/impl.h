/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the store: shared by its own files only. What is under `lock` is said; all else
 * belongs to the store thread once it runs. */
#ifndef BAIYE_STORE_IMPL_H
#define BAIYE_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/store/batch_cache.h"
#include "gateway/daemon/store/boards.h"
#include "gateway/daemon/store/counter_marks.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/dedup.h"
#include "gateway/daemon/store/live.h"
#include "gateway/daemon/store/rollup.h"
#include "gateway/daemon/store/state.h"
#include "gateway/daemon/store/still_marks.h"
#include "gateway/daemon/store/tasks.h"
#include "gateway/daemon/store/wall_time.h"
#include "gateway/daemon/store/write_queue.h"

/* A range to be sent again: of the records [first_id, last_id] those that match. Its `batches` are
 * the store thread's, which frees them when it is no longer used. */
#define AGAIN_BATCHES_MAX 4096u /* with more, all batches between are looked through */
struct again {
    bool used;
    uint32_t serial;   /* which one it is, of all since the start */
    uint32_t *batches; /* those that have some, ascending, beyond batches_from; NULL: not known */
    uint32_t batch_count;
    uint64_t batches_from;
    uint16_t broker;
    uint64_t first_id, last_id;
    uint64_t next_id; /* looked at next */
    bool filtered;
    char device[CONFIG_NAME_SIZE];
    uint32_t boot, first_seq, last_seq;
};

/* What the file has of the cursors, by broker. */
struct cursors_row {
    uint64_t acked[STORE_BROKERS_MAX];
    uint64_t back[STORE_BROKERS_MAX]; /* 0: it has not moved */
};

struct rows_written {
    uint32_t picks, audits, alerts,
        said; /* since the start: now and then their share is looked at */
};

/* Which store it is (recovery.c); set before the thread runs, or by it. */
struct store_self {
    char uuid[37];
    char machine[STORE_MACHINE_SIZE]; /* this one; "": not known, nor remembered */
    uint32_t boot;
};

/* The thread, and how others reach it (store.c). */
struct store_runner {
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_llong step_ms; /* monotonic: last step of the thread */
    int wake_fd;
};

struct store {
    const struct config *config;
    char path[DB_PATH_SIZE];
    struct store_self self;
    struct store_runner runner;
    struct reading_sink sink;
    struct reading_stored *last; /* by device index: what was in the file at the start */

    struct db db;
    struct task_box tasks;
    /* Modules that know no store; those that other threads use have locks of their own. */
    struct write_queue *write_queue;
    struct live *live;
    struct batch_cache *batch_cache;
    struct dedup *dedup;
    struct counter_marks *counter_marks;
    struct still_marks *still_marks;
    struct boards *boards;
    struct rollup *rollup;
    struct wall_time *wall_time;
    struct rows_written rows_written;
    struct log_rate sidecar_log;
    /* What belongs to one file is a private struct of that file. */
    struct committer *committer;
    struct cursors *cursors;
    struct feeds *feeds;
    struct file *file;
    struct recovery *recovery;
    struct retention *retention;
    struct salvage *salvage;
    struct stream_table *streams;

    pthread_mutex_t lock; /* ---- everything below, and what the parts say ---- */
    uint64_t next_id;     /* committed */
    struct store_stats stats;
};

/* post.c */
enum store_result task_post(struct store *store, struct task *task);
/* Posts a copy of what begins with `task`; `run` frees it. */
enum store_result task_post_copy(struct store *store, const struct task *task, size_t size);
/* Works until a commit is due, or for TASKS_STEP_MS; true: some wait. With another `state` than
 * STORE_OK all are ended. */
bool tasks_run(struct store *store, enum store_result state);

/* streams.c: the devices' lists of fields, and the numbers that records carry for them. */
struct stream_table *stream_table_create(const struct config *config);
void stream_table_destroy(struct stream_table *streams);
int streams_load(struct store *store);
/* Finds or adds the streams of the configured devices. Inside a transaction. */
int streams_settle(struct store *store);
/* No file yet: the write queue needs numbers all the same. They are translated at the commit. */
void streams_provisional(struct stream_table *streams);
/* By device index, under the numbers that the write queue uses. */
const struct stream *streams_of_devices(const struct stream_table *streams);
/* The write queue's number to the file's; the same in all but rare cases. */
uint32_t streams_real_id(const struct stream_table *streams, uint32_t id);
bool streams_translated(const struct stream_table *streams);
/* Valid until the next streams_load(): store thread only, or under the lock. NULL: there is none.
 * stream_at(): the one in that place, ascending by number. */
const struct stream *stream_find(const struct store *store, uint32_t id);
const struct stream *stream_at(const struct store *store, uint32_t at);
const struct stream *stream_newest(const struct store *store, const char *device);

/* file.c: how the last operation on the file ended. */
struct file_failure {
    enum db_trouble trouble; /* DB_FINE: none */
    int rc;
    const char *doing; /* a constant */
};
struct file *file_create(void);
void file_destroy(struct file *file);
/* Is the file open, and did the last operation not fail? */
bool file_ready(const struct store *store);
/* An operation ended with `rc`. False: it failed; that is noted, the transaction is rolled back,
 * and the file is not ready until recovery_step() has seen to it. */
bool file_result(struct store *store, int rc, const char *doing);
bool file_failed(const struct store *store);
struct file_failure file_take_failure(struct store *store);

/* recovery.c: opening, trying again, taking over, setting aside. Only the store thread's loop
 * calls it. */
struct recovery *recovery_create(void);
void recovery_destroy(struct recovery *recovery);
void recovery_open_first(struct store *store);
/* Does what follows from a failure, and opens the file again when it is time to. */
void recovery_step(struct store *store, int64_t now_ms);
/* Monotonic: when a closed file is tried next. */
int64_t recovery_retry_ms(const struct store *store);
void recovery_hurry(struct store *store);
void recovery_close(struct store *store);
void recovery_check_slowly(struct store *store);

/* sidecar_file.c: PATH.NAME, replaced as a whole. Loading gives "" when there is none. */
size_t sidecar_load(const char *path, const char *name, char *text, size_t size);
bool sidecar_save(const char *path, const char *name, const char *text);

/* identity.c: uuid, boot count and highest id, also next to the file; the machine there only. */
struct identity {
    char uuid[37];
    uint32_t boot;
    uint64_t next_id;
    char machine[STORE_MACHINE_SIZE]; /* "": not known */
};
void identity_load(const char *path, struct identity *identity);
bool identity_save(const char *path, const struct identity *identity);
void identity_new_uuid(char uuid[37]);

/* cursors.c */
struct cursors *cursors_create(void);
void cursors_destroy(struct cursors *cursors);
/* A broker that the file does not know begins with `next`, what comes from now on; one that is
 * known to this process goes on where it is. SQLite's code. */
int cursors_load(struct store *store, uint64_t next);
/* Inside a transaction: those that changed, or all; cursors_saved() after its success. */
int cursors_save(struct store *store, bool all, struct cursors_row *saved);
void cursors_saved(struct cursors *cursors, const struct cursors_row *saved);
/* Has one moved that is not saved? */
bool cursors_wait(struct store *store);
void cursors_copy(struct store *store, uint64_t acked[STORE_BROKERS_MAX]);
/* Of all brokers; UINT64_MAX: there is none. */
uint64_t cursors_lowest(struct store *store);
void cursors_set_unclean(struct store *store, bool unclean);

/* commit.c */
struct committer *committer_create(void);
void committer_destroy(struct committer *committer);
void commit_run(struct store *store, int64_t now_ms, bool everything);
bool commit_due(struct store *store, int64_t now_ms, int *wait_ms);
/* Counts batches with from <= id < to: those that no mean holds yet, after a start or a salvage. */
int commit_replay(struct store *store, uint64_t from_id, uint64_t to_id, bool untrusted_only);
/* Means and seen numbers, inside the caller's transaction; commit_flushed() after its success. */
int commit_flush(struct store *store);
void commit_flushed(struct store *store);
/* The file's records end before `next_id`: tells store_stats() that, and which is the first, after
 * each change of the batches. */
void commit_extent(struct store *store, uint64_t next_id);
/* A body of gaps was written under next_id, while nothing was prepared. */
void commit_gaps(struct store *store, const struct body *body);
/* The file holds every record before `file_next`: what of it is prepared need not be written. A
 * commit that failed may have been durable all the same. */
void commit_settle(struct store *store, uint64_t file_next);
/* Are records prepared that are not committed? */
bool commit_waits(const struct store *store);
/* The next record number to give. */
uint64_t commit_next_id(const struct store *store);
void commit_number_from(struct store *store, uint64_t id);
/* Means and seen numbers are in the file up to that record; 0: not known yet. */
uint64_t commit_flushed_to(const struct store *store);
void commit_count_from(struct store *store, uint64_t id);
/* Of the last commits; 0: none yet. */
uint32_t commit_p99_us(struct store *store);

/* feed.c */
struct feeds *feeds_create(void);
void feeds_destroy(struct feeds *feeds);
void feed_serve(struct store *store);
void feed_wake(struct store *store);
/* Returns false when too many ranges wait; else its `batches` are the feeds'. */
bool feed_add_again(struct store *store, const struct again *again);

/* quarantine.c: how much there is in a file that was just opened. SQLite's code. */
int quarantine_load(struct store *store);

/* retain.c */
struct retention *retention_create(const struct config *config);
void retention_destroy(struct retention *retention);
/* Table `gone` may hold rows that no gap reports. */
void retain_publish_gaps(struct store *store);
void retain_run(struct store *store, int64_t now_ms);
/* The file's quota is used up: makes room now. false: nothing left to drop. */
bool retain_make_room(struct store *store);

/* salvage.c */
struct salvage *salvage_create(void);
void salvage_destroy(struct salvage *salvage);
void salvage_plan(struct store *store, const char *damaged);
/* Goes a little further; true while there is more. */
bool salvage_step(struct store *store);

/* The time of a reading as far as it can be known now. */
bool store_wall(struct store *store, uint32_t gateway_boot, const struct record *record,
                int64_t *wall_ms);
void store_alarm(struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
