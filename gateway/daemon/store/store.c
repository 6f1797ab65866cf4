/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/thread.h"
#include "gateway/daemon/store/impl.h"

#define RECENT_BYTES (512u << 10) /* many commits: a publisher that keeps up is one behind */
#define STEP_MOST_MS 1000
#define STOP_MOST_MS 3000

const char *store_result_text(enum store_result result)
{
    static const char *const texts[] = {
        "ok",
        "too much at once; ask again in a moment",
        "the store cannot be used now",
        "no such device, plot or metric",
        "the request contradicts itself",
        "the store is being closed",
        "as much was noted under this name within a day as may be",
    };
    unsigned index = (unsigned)-(int)result;
    return index < sizeof texts / sizeof texts[0] ? texts[index] : "unknown result";
}

/* ---- The sink ---- */

static void sink_reading(void *context, const struct reading *reading)
{
    struct store *store = context;
    struct reading own = *reading;
    if (!wall_time_is_trusted(store->wall_time))
        own.time.trust = TIME_UNTRUSTED;
    live_put(store->live, &own);
    write_queue_reading(store->write_queue, &own);
}

static void sink_gap(void *context, const struct reading_gap *gap)
{
    struct store *store = context;
    write_queue_gap(store->write_queue, gap);
}

static void sink_health(void *context, const struct device_health *health)
{
    struct store *store = context;
    live_put_health(store->live, health);
}

static struct wall_ms sink_now(void *context)
{
    return store_now(context);
}

static bool sink_last(void *context, uint16_t device, struct reading_stored *stored)
{
    const struct store *store = context;
    *stored = store->last[device];
    return stored->seq > 0;
}

static bool sink_board(void *context, uint16_t device, uint32_t serial, struct reading_board *board)
{
    const struct store *store = context;
    return boards_here(store->boards, device, serial, board);
}

static bool sink_mark(void *context, uint16_t device, struct reading_mark *mark)
{
    const struct store *store = context;
    return counter_marks_get(store->counter_marks, device, mark);
}

static void sink_stands(void *context, uint16_t device, uint8_t metric,
                        const struct reading_still *still)
{
    struct store *store = context;
    char key[STILL_MARKS_KEY_SIZE], text[STILL_MARKS_TEXT_SIZE];
    still_marks_document(&store->config->devices[device], metric, still, key, text);
    (void)store_put(store, key, text, strlen(text), NULL, NULL); /* a busy store keeps nothing */
}

static bool sink_stood(void *context, uint16_t device, uint8_t metric, struct reading_still *still)
{
    const struct store *store = context;
    return still_marks_get(store->still_marks, device, metric, still);
}

/* ---- Time ---- */

static int save_offset(struct store *store, int64_t mono_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_BOOT_SET);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, store->self.boot);
        sqlite3_bind_int64(s, 2, mono_ms);
        sqlite3_bind_int64(s, 3, wall_time_offset_ms(store->wall_time));
    }
    return db_run(&store->db, s);
}

static void gain_trust(struct store *store, const struct clock_now *now, int64_t shift_ms)
{
    struct wall_time *time = store->wall_time;
    wall_time_add_boot(time, store->self.boot, wall_time_offset_ms(time));
    wall_time_trust(time);
    if (file_ready(store))
        (void)file_result(store, save_offset(store, now->mono_ms), "keeping the clock's offset");
    if (wall_time_correction_owed(time))
        write_queue_correction(store->write_queue, shift_ms);
    uint64_t owed = wall_time_take_owed(time);
    if (owed != 0) {
        log_write(LOG_LEVEL_NOTICE, "store: the time is known now, %lld ms from what it was",
                  (long long)shift_ms);
        if (file_ready(store))
            (void)file_result(store, commit_replay(store, owed, UINT64_MAX, true),
                              "counting readings whose time is known now");
    }
    feed_wake(store);
}

static void look_at_clock(struct store *store, const struct clock_now *now)
{
    int64_t shift_ms = 0;
    if (wall_time_look(store->wall_time, now, &shift_ms) == CLOCK_GAINED_TRUST)
        gain_trust(store, now, shift_ms);
}

/* When the newest batch was taken in, if that is known. */
static int64_t newest_stored_ms(struct store *store)
{
    struct body_reader reader;
    int64_t offset_ms = 0, newest_ms = 0;
    sqlite3_stmt *s = store->db.handle != NULL ? db_statement(&store->db, DB_BATCH_LAST) : NULL;
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW &&
        body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)) &&
        wall_time_of_boot(store->wall_time, reader.base.boot, &offset_ms))
        newest_ms = reader.base.mono_ms + offset_ms;
    if (s != NULL)
        sqlite3_reset(s);
    return newest_ms;
}

struct wall_ms store_now(const struct store *store)
{
    return wall_time_now(store->wall_time);
}

bool store_wall(struct store *store, uint32_t gateway_boot, const struct record *record,
                int64_t *wall_ms)
{
    int64_t offset = 0;
    *wall_ms = record->wall_ms;
    if (record->trusted)
        return true;
    if (!wall_time_of_boot(store->wall_time, gateway_boot, &offset))
        return false;
    *wall_ms = record->mono_ms + offset;
    return true;
}

/* ---- The thread ---- */

static void wait_for_work(struct store *store, int wait_ms)
{
    struct pollfd fd = {.fd = store->runner.wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    if (poll(&fd, 1, wait_ms) > 0)
        (void)eventfd_read(store->runner.wake_fd, &count);
}

/* How long nothing needs to be done. */
static int idle_ms(const struct store *store, int64_t now_ms)
{
    int64_t retry = store->db.handle == NULL ? recovery_retry_ms(store) - now_ms : STEP_MOST_MS;
    return retry <= 0 ? 0 : retry < STEP_MOST_MS ? (int)retry : STEP_MOST_MS;
}

static void *store_main(void *context)
{
    struct store *store = context;
    bool more = false;
    while (!atomic_load(&store->runner.stopping)) {
        struct clock_now now = clock_now();
        int wait_ms = idle_ms(store, now.mono_ms);
        atomic_store(&store->runner.step_ms, now.mono_ms);
        bool due = commit_due(store, now.mono_ms, &wait_ms);
        if (!due && !more)
            wait_for_work(store, wait_ms);
        now = clock_now();
        atomic_store(&store->runner.step_ms, now.mono_ms);
        recovery_step(store, now.mono_ms);
        look_at_clock(store, &now);
        commit_run(store, now.mono_ms, false);
        recovery_step(store, now.mono_ms);
        more = tasks_run(store, STORE_OK);
        feed_serve(store);
        recovery_check_slowly(store);
        recovery_step(store, now.mono_ms);
        retain_run(store, now.mono_ms);
        more = salvage_step(store) || more;
        recovery_step(store, now.mono_ms);
        if (store->db.handle != NULL)
            db_release(&store->db);
    }
    return NULL;
}

/* ---- Start and stop ---- */

static void release(struct store *store)
{
    write_queue_destroy(store->write_queue);
    live_destroy(store->live);
    batch_cache_destroy(store->batch_cache);
    counter_marks_destroy(store->counter_marks);
    still_marks_destroy(store->still_marks);
    boards_destroy(store->boards);
    dedup_destroy(store->dedup);
    rollup_destroy(store->rollup);
    committer_destroy(store->committer);
    cursors_destroy(store->cursors);
    feeds_destroy(store->feeds);
    file_destroy(store->file);
    recovery_destroy(store->recovery);
    retention_destroy(store->retention);
    salvage_destroy(store->salvage);
    stream_table_destroy(store->streams);
    wall_time_destroy(store->wall_time);
    free(store->last);
    if (store->runner.wake_fd >= 0)
        close(store->runner.wake_fd);
    pthread_mutex_destroy(&store->lock);
    task_box_destroy(&store->tasks);
    free(store);
}

static bool make_parts(struct store *store)
{
    const struct config *config = store->config;
    store->runner.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->live = live_create(config->device_count);
    store->batch_cache = batch_cache_create(RECENT_BYTES);
    store->dedup = dedup_create(config);
    store->counter_marks = counter_marks_create(config);
    store->still_marks = still_marks_create();
    store->boards = boards_create(config);
    store->last = calloc(config->device_count + 1u, sizeof *store->last);
    store->rollup = rollup_create(config->device_count * 4u + 256u);
    store->committer = committer_create();
    store->cursors = cursors_create();
    store->feeds = feeds_create();
    store->file = file_create();
    store->recovery = recovery_create();
    store->retention = retention_create(config);
    store->salvage = salvage_create();
    store->streams = stream_table_create(config);
    store->wall_time = wall_time_create();
    return store->runner.wake_fd >= 0 && store->live != NULL && store->batch_cache != NULL &&
           store->dedup != NULL && store->counter_marks != NULL && store->still_marks != NULL &&
           store->boards != NULL && store->last != NULL && store->rollup != NULL &&
           store->committer != NULL && store->cursors != NULL && store->feeds != NULL &&
           store->file != NULL && store->recovery != NULL && store->retention != NULL &&
           store->salvage != NULL && store->streams != NULL && store->wall_time != NULL;
}

struct store *store_open(const struct config *config, const char *machine)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    task_box_init(&store->tasks);
    store->config = config;
    store->runner.wake_fd = -1;
    (void)snprintf(store->path, sizeof store->path, "%s", config->store_path);
    (void)snprintf(store->self.machine, sizeof store->self.machine, "%s", machine);
    if (config->timezone[0] != '\0')
        (void)setenv("TZ", config->timezone, 1); /* days of charts are the site's days */
    tzset();
    if (!make_parts(store)) {
        release(store);
        return NULL;
    }
    struct clock_now now = clock_now();
    recovery_open_first(store);
    wall_time_not_before(store->wall_time, newest_stored_ms(store));
    look_at_clock(store, &now);
    store->write_queue = write_queue_create(config, streams_of_devices(store->streams),
                                            store->self.boot, store->runner.wake_fd);
    if (store->write_queue == NULL) {
        recovery_close(store);
        release(store);
        return NULL;
    }
    store->sink = (struct reading_sink){.context = store,
                                        .reading = sink_reading,
                                        .gap = sink_gap,
                                        .health = sink_health,
                                        .now = sink_now,
                                        .last = sink_last,
                                        .mark = sink_mark,
                                        .stands = sink_stands,
                                        .stood = sink_stood,
                                        .board = sink_board};
    boards_load(store->boards, &store->db);
    counter_marks_load(store->counter_marks, &store->db);
    still_marks_load(store->still_marks, config, &store->db);
    for (uint16_t i = 0; i < config->device_count; i++)
        dedup_last(&store->db, &config->devices[i], &store->last[i]);
    store->stats.file_limit = config->store_max_bytes;
    atomic_store(&store->runner.step_ms, now.mono_ms);
    return store;
}

bool store_start(struct store *store)
{
    store->runner.started = thread_start(&store->runner.thread, store_main, store);
    return store->runner.started;
}

void store_stop(struct store *store)
{
    if (store == NULL)
        return;
    task_box_close(&store->tasks);
    if (store->runner.started) {
        atomic_store(&store->runner.stopping, true);
        (void)eventfd_write(store->runner.wake_fd, 1);
        pthread_join(store->runner.thread, NULL);
    }
    (void)tasks_run(store, STORE_STOPPED);
    int64_t until = clock_now().mono_ms + STOP_MOST_MS;
    struct write_queue_level level;
    do {
        recovery_hurry(store);
        recovery_step(store, clock_now().mono_ms);
        commit_run(store, clock_now().mono_ms, true);
        recovery_step(store, clock_now().mono_ms);
        write_queue_level(store->write_queue, &level);
    } while ((level.waiting > 0 || commit_waits(store)) && store->db.handle != NULL &&
             clock_now().mono_ms < until);
    if (level.waiting > 0 || commit_waits(store))
        log_write(LOG_LEVEL_ERROR, "store: %u records could not be written before the end",
                  level.waiting);
    recovery_close(store);
    release(store);
}

/* ---- Small answers ---- */

uint32_t store_boot(const struct store *store)
{
    return store->self.boot;
}

const char *store_uuid(const struct store *store)
{
    return store->self.uuid;
}

const struct reading_sink *store_sink(struct store *store)
{
    return &store->sink;
}

int64_t store_idle_ms(const struct store *store)
{
    return clock_now().mono_ms - atomic_load(&store->runner.step_ms);
}

void store_stats(struct store *store, struct store_stats *stats)
{
    struct write_queue_level level;
    write_queue_level(store->write_queue, &level);
    pthread_mutex_lock(&store->lock);
    *stats = store->stats;
    stats->next_record = store->next_id;
    pthread_mutex_unlock(&store->lock);
    cursors_copy(store, stats->cursors);
    stats->commit_p99_us = commit_p99_us(store);
    stats->taken = level.taken;
    stats->gaps += level.gaps; /* besides the store's own */
    stats->lost = level.lost;
    stats->waiting =
        level.taken + stats->gaps > stats->stored + stats->duplicates
            ? level.taken + stats->gaps - stats->stored - stats->duplicates - level.lost
            : 0;
    stats->clock_trusted = wall_time_is_trusted(store->wall_time);
}
