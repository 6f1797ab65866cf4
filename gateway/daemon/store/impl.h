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
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/rollup.h"
#include "gateway/daemon/store/store.h"
#include "gateway/daemon/store/tasks.h"
#include "gateway/daemon/store/write_queue.h"

#define FETCH_BYTES    524288u /* freed when the backlog has drained */
#define FETCHES        (2 * STORE_BROKERS_MAX)
#define AGAIN_MAX      64u /* ranges to send once more, of all brokers */
#define COMMIT_SAMPLES 256u

/* Rows read from the file for one broker: bodies, each behind its struct feed_row. */
struct feed_row {
    uint64_t first_id;
    uint32_t size;
    uint16_t count;
};
struct fetch {
    bool wanted, ready;
    bool exhausted; /* nothing at or after `id` in the file */
    uint64_t id;    /* asked for */
    uint32_t used;
    uint8_t *rows; /* FETCH_BYTES, taken at the first need */
};

/* A range to be sent again: of the records [first_id, last_id] those that match. */
struct again {
    bool used;
    uint16_t broker;
    uint64_t first_id, last_id;
    uint64_t next_id; /* looked at next */
    bool filtered;
    char device[CONFIG_NAME_SIZE];
    uint32_t boot, first_seq, last_seq;
};

/* Where a broker's cursor stood before it moved, one mark a second: more than a minute's. */
#define CURSOR_MARKS 64u
struct cursor_marks {
    struct cursor_mark {
        int64_t mono_ms;
        uint64_t id; /* 0: no mark */
    } marks[CURSOR_MARKS];
    uint32_t next;
};

/* What the file has of them, by broker. */
struct cursors_saved {
    uint64_t acked[STORE_BROKERS_MAX];
    uint64_t back[STORE_BROKERS_MAX]; /* 0: it has not moved */
};

#define PICK_PACES 32 /* users; one more takes the place of who began longest ago */

struct store {
    const struct config *config;
    char path[DB_PATH_SIZE];
    char uuid[37];
    uint32_t boot;
    struct reading_sink sink;
    struct write_queue *write_queue;
    struct live *live;
    struct batch_cache *batch_cache;
    struct dedup *dedup;
    struct counter_marks *counter_marks;
    struct boards *boards;
    struct rollup *rollup;
    struct stream *device_streams; /* by device index; ids are what the intake writes */
    uint32_t *real_ids;            /* by device index: ids in the file */
    bool ids_differ;
    struct reading_stored *last; /* by device index: what was in the file at the start */
    int wake_fd;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_llong step_ms; /* monotonic: last step of the thread */
    atomic_bool trusted;
    atomic_llong offset_ms; /* wall - monotonic, as it is believed; once trusted */
    int64_t newest_ms;      /* of what an earlier run stored, 0: not known */
    struct log_state clock_log;
    struct clock_watch watch;
    int64_t next_clock_ms;

    /* The file. */
    struct db db;
    struct db_state {
        int64_t retry_ms; /* monotonic: when to try again */
        uint32_t failures;
        bool checked; /* quick_check done, or not needed */
        struct log_state log;
    } file;
    struct cursors_saved saved;
    uint64_t prepared_id;                   /* the next record number to give */
    struct chunk *prepared, *prepared_last; /* deduplicated and counted, not yet committed */
    uint32_t prepared_count;
    int64_t flush_ms;        /* monotonic: last flush of means and seen */
    uint64_t flush_id;       /* they are in the file up to here */
    int64_t commit_takes_us; /* as of late */
    bool retain_begun, retain_losing;
    /* Picks of a day that were written since the start, corrections too: a row says nothing of how
     * often it was written. */
    struct pick_pace {
        char user[65]; /* "": free */
        int64_t since_ms;
        uint32_t count;
    } pick_paces[PICK_PACES];
    struct notes_trim {
        uint32_t picks, audits, alerts; /* rows written since the last look at their share */
    } notes_trim;
    bool gone_untold;       /* table `gone` may hold rows that no gap tells of */
    int64_t tell_ms;        /* monotonic: not before */
    int64_t quota_alarm_ms; /* monotonic: last loss for want of room; 0: no alarm of it stands */
    int64_t retain_ms;      /* monotonic: last look at the size */
    atomic_bool untrusted_released; /* readings of this boot went out before their time was known */
    uint64_t first_untrusted;       /* of this boot, 0: none */

    struct task_box tasks; /* has a lock of its own */

    pthread_mutex_t lock; /* ---- everything below ---- */
    struct stream *streams;
    uint32_t stream_count, stream_room;
    struct stream_schema **shapes;
    uint32_t stream_schema_count;
    int feed_wake_fd;
    uint64_t next_id; /* committed */
    uint64_t acked[STORE_BROKERS_MAX];
    struct cursor_marks marks[STORE_BROKERS_MAX];
    bool unclean;                  /* the run before ended without closing the file */
    struct fetch fetches[FETCHES]; /* each broker's backlog, then what it asked for again */
    struct again again[AGAIN_MAX];
    struct boot_offset {
        uint32_t boot;
        int64_t offset_ms;
    } offsets[256];
    uint32_t offset_count;
    struct store_stats stats;
    uint32_t commit_us[COMMIT_SAMPLES];
    uint32_t commit_next;
};

/* tasks.c */
enum store_result task_post(struct store *store, struct task *task);
/* Posts a copy of what begins with `task`; `run` frees it. */
enum store_result task_post_copy(struct store *store, const struct task *task, size_t size);
/* Works until a commit is due, or for TASKS_STEP_MS; true: some wait. With another `state` than
 * STORE_OK all are ended. */
bool tasks_run(struct store *store, enum store_result state);

/* streams.c */
const struct stream_schema *stream_intern(struct store *store, const struct stream_schema *shape);
int streams_load(struct store *store);
/* Finds or adds the streams of the configured devices. Inside a transaction. */
int streams_settle(struct store *store);
bool streams_provisional(struct store *store);
/* The stream's index in config.devices, or -1. */
int stream_device(const struct store *store, const struct stream *stream);
/* Valid until the next streams_load(): store thread only. */
const struct stream *stream_find(const struct store *store, uint32_t id);

/* file.c: opening, failing, recovering. */
void file_open_first(struct store *store);
/* Is the file open, now or after this try? */
bool file_ready(struct store *store, int64_t now_ms);
/* An operation ended with `rc`: takes the consequences. True: go on using the file. */
bool file_result(struct store *store, int rc, const char *doing);
void file_close(struct store *store);
void file_check_slowly(struct store *store);

/* sidecar_file.c: PATH.NAME, replaced as a whole. Loading gives "" when there is none. */
size_t beside_load(const char *path, const char *name, char *text, size_t size);
bool beside_save(const char *path, const char *name, const char *text);

/* identity.c: uuid, boot count and highest id, kept beside the file too. */
struct identity {
    char uuid[37];
    uint32_t boot;
    uint64_t next_id;
};
void identity_load(const char *path, struct identity *identity);
bool identity_save(const char *path, const struct identity *identity);
void identity_new_uuid(char uuid[37]);

/* cursors.c */
/* A broker that the file does not know begins with `next`, what comes from now on; one that is
 * known to this process goes on where it is. SQLite's code. */
int cursors_load(struct store *store, uint64_t next);
/* Inside a transaction: those that changed, or all; store->saved is `saved` after its success. */
int cursors_save(struct store *store, bool all, struct cursors_saved *saved);
/* Has one moved that is not saved? */
bool cursors_wait(struct store *store);

/* commit.c */
void commit_run(struct store *store, int64_t now_ms, bool everything);
bool commit_due(struct store *store, int64_t now_ms, int *wait_ms);
/* Counts batches with from <= id < to: those that no mean holds yet, after a start or a salvage. */
int commit_replay(struct store *store, uint64_t from_id, uint64_t to_id, bool untrusted_only);
/* Means and seen numbers, inside the caller's transaction; commit_flushed() after its success. */
int commit_flush(struct store *store);
void commit_flushed(struct store *store);
/* A body of gaps was written under next_id, while nothing was prepared. */
void commit_gaps(struct store *store, const struct body *body);
/* The file holds every record before `file_next`: what of it is prepared need not be written. A
 * commit that failed may have been durable all the same. */
void commit_settle(struct store *store, uint64_t file_next);

/* feed.c */
void feed_serve(struct store *store);
void feed_wake(struct store *store);
bool feed_offset(struct store *store, uint32_t boot, int64_t *offset_ms);
void feed_add_offset(struct store *store, uint32_t boot, int64_t offset_ms);
/* Returns false when too many ranges wait. */
bool feed_add_again(struct store *store, const struct again *again);

/* quarantine.c: how much there is in a file that was just opened. SQLite's code. */
int quarantine_load(struct store *store);

/* retain.c */
void retain_run(struct store *store, int64_t now_ms);
/* The file's quota is used up: makes room now. false: nothing left to drop. */
bool retain_make_room(struct store *store);

/* salvage.c */
void salvage_plan(struct store *store, const char *damaged);
/* Goes a little further; true while there is more. */
bool salvage_step(struct store *store);
void salvage_end(void);

/* The time of a reading as far as it can be known now. */
bool store_wall(struct store *store, uint32_t gateway_boot, const struct record *record,
                int64_t *wall_ms);
void store_alarm(struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
