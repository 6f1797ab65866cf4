/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/daemon/store/impl.h"

#define RECENT_BYTES   (2u << 20)
#define CLOCK_EVERY_MS 1000
#define STEP_MOST_MS   1000
#define STOP_MOST_MS   3000

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
    if (!atomic_load_explicit(&store->trusted, memory_order_relaxed))
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

/* ---- Time -------------------------------------------------------------------------------------
 */

static int save_offset(struct store *store, int64_t mono_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_BOOT_SET);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, store->boot);
        sqlite3_bind_int64(s, 2, mono_ms);
        sqlite3_bind_int64(s, 3, store->watch.offset_ms);
    }
    return db_run(&store->db, s);
}

static void gain_trust(struct store *store, const struct clock_now *now, int64_t shift_ms)
{
    feed_add_offset(store, store->boot, store->watch.offset_ms);
    atomic_store(&store->trusted, true);
    if (store->db.handle != NULL)
        (void)file_result(store, save_offset(store, now->mono_ms), "keeping the clock's offset");
    if (atomic_load(&store->untrusted_released))
        write_queue_correction(store->write_queue, shift_ms);
    if (store->first_untrusted != 0) {
        log_write(LOG_LEVEL_NOTICE, "store: the time is known now, %lld ms from what it was",
                  (long long)shift_ms);
        if (store->db.handle != NULL)
            (void)file_result(store, commit_replay(store, store->first_untrusted, UINT64_MAX, true),
                              "counting readings whose time is known now");
        store->first_untrusted = 0;
    }
    feed_wake(store);
}

static void look_at_clock(struct store *store, const struct clock_now *now)
{
    int64_t shift_ms = 0;
    if (now->mono_ms < store->next_clock_ms)
        return;
    store->next_clock_ms = now->mono_ms + CLOCK_EVERY_MS;
    int64_t known_ms = store->watch.trusted ? now->mono_ms + store->watch.offset_ms - CLOCK_STEP_MS
                                            : store->newest_ms;
    bool trusted = clock_is_trusted(now->wall_ms, known_ms);
    enum clock_event event = clock_watch(&store->watch, now, trusted, &shift_ms);
    atomic_store(&store->offset_ms, store->watch.offset_ms);
    log_change(&store->clock_log, event == CLOCK_DOUBTED, LOG_LEVEL_WARNING,
               event == CLOCK_DOUBTED
                   ? "store: the clock was set to a time that nothing vouches for, %lld ms off: "
                     "readings go on by the time known before"
                   : "store: the clock is believed again (%lld ms off)",
               (long long)shift_ms);
    if (event == CLOCK_GAINED_TRUST)
        gain_trust(store, now, shift_ms);
    else if (event == CLOCK_STEPPED)
        log_write(LOG_LEVEL_WARNING, "store: the clock stepped by %lld ms", (long long)shift_ms);
}

/* When the newest batch was taken in, if that is known. */
static int64_t newest_stored_ms(struct store *store)
{
    struct body_reader reader;
    int64_t offset_ms = 0, newest_ms = 0;
    sqlite3_stmt *s = store->db.handle != NULL ? db_statement(&store->db, DB_BATCH_LAST) : NULL;
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW &&
        body_open(&reader, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)) &&
        feed_offset(store, reader.base.boot, &offset_ms))
        newest_ms = reader.base.mono_ms + offset_ms;
    if (s != NULL)
        sqlite3_reset(s);
    return newest_ms;
}

struct wall_ms store_now(const struct store *store)
{
    struct clock_now now = clock_now();
    if (!atomic_load(&store->trusted))
        return (struct wall_ms){now.wall_ms, TIME_UNTRUSTED};
    /* A step that look_at_clock() has not seen yet is judged here by the same rule. */
    int64_t known_ms = now.mono_ms + atomic_load(&store->offset_ms);
    int64_t apart_ms = now.wall_ms - known_ms;
    bool stepped = (apart_ms > CLOCK_STEP_MS || apart_ms < -CLOCK_STEP_MS) &&
                   !clock_is_trusted(now.wall_ms, known_ms - CLOCK_STEP_MS);
    return (struct wall_ms){stepped ? known_ms : now.wall_ms, TIME_TRUSTED};
}

/* ---- The thread -------------------------------------------------------------------------------
 */

static void wait_for_work(struct store *store, int wait_ms)
{
    struct pollfd fd = {.fd = store->wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    if (poll(&fd, 1, wait_ms) > 0)
        (void)eventfd_read(store->wake_fd, &count);
}

static void *store_main(void *context)
{
    struct store *store = context;
    bool more = false;
    while (!atomic_load(&store->stopping)) {
        int wait_ms = STEP_MOST_MS;
        struct clock_now now = clock_now();
        atomic_store(&store->step_ms, now.mono_ms);
        bool due = commit_due(store, now.mono_ms, &wait_ms);
        if (!due && !more)
            wait_for_work(store, wait_ms);
        now = clock_now();
        atomic_store(&store->step_ms, now.mono_ms);
        look_at_clock(store, &now);
        if (commit_due(store, now.mono_ms, &wait_ms) || wait_ms == STEP_MOST_MS)
            commit_run(store, now.mono_ms, false);
        more = tasks_run(store, STORE_OK);
        feed_serve(store);
        file_check_slowly(store);
        retain_run(store, now.mono_ms);
        more = salvage_step(store) || more;
        if (store->db.handle != NULL)
            db_release(&store->db);
    }
    return NULL;
}

/* ---- Start and stop ----------------------------------------------------------------------------
 */

static bool make_streams(struct store *store)
{
    const struct config *config = store->config;
    store->device_streams = calloc(config->device_count + 1u, sizeof *store->device_streams);
    store->real_ids = calloc(config->device_count + 1u, sizeof *store->real_ids);
    if (store->device_streams == NULL || store->real_ids == NULL)
        return false;
    for (uint16_t i = 0; i < config->device_count; i++) {
        struct stream_schema shape;
        stream_schema_of_device(&config->devices[i], &shape);
        struct stream *stream = &store->device_streams[i];
        stream->shape = stream_intern(store, &shape);
        if (stream->shape == NULL)
            return false;
        memcpy(stream->device, config->devices[i].name, sizeof stream->device);
    }
    return true;
}

static void release(struct store *store)
{
    salvage_end();
    write_queue_destroy(store->write_queue);
    live_destroy(store->live);
    batch_cache_destroy(store->batch_cache);
    counter_marks_destroy(store->counter_marks);
    boards_destroy(store->boards);
    dedup_destroy(store->dedup);
    rollup_destroy(store->rollup);
    for (unsigned i = 0; i < FETCHES; i++)
        free(store->fetches[i].rows);
    for (uint32_t i = 0; i < store->stream_schema_count; i++)
        free(store->shapes[i]);
    free(store->shapes);
    free(store->streams);
    free(store->device_streams);
    free(store->real_ids);
    free(store->last);
    if (store->wake_fd >= 0)
        close(store->wake_fd);
    pthread_mutex_destroy(&store->lock);
    task_box_destroy(&store->tasks);
    free(store);
}

static bool make_parts(struct store *store)
{
    const struct config *config = store->config;
    store->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->live = live_create(config->device_count);
    store->batch_cache = batch_cache_create(RECENT_BYTES);
    store->dedup = dedup_create(config);
    store->counter_marks = counter_marks_create(config);
    store->boards = boards_create(config);
    store->last = calloc(config->device_count + 1u, sizeof *store->last);
    store->rollup = rollup_create(config->device_count * 4u + 256u);
    return store->wake_fd >= 0 && store->live != NULL && store->batch_cache != NULL &&
           store->dedup != NULL && store->counter_marks != NULL && store->boards != NULL &&
           store->last != NULL && store->rollup != NULL && make_streams(store);
}

struct store *store_open(const struct config *config)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    task_box_init(&store->tasks);
    store->config = config;
    store->wake_fd = store->feed_wake_fd = -1;
    (void)snprintf(store->path, sizeof store->path, "%s", config->store_path);
    if (config->timezone[0] != '\0')
        (void)setenv("TZ", config->timezone, 1); /* days of charts are the site's days */
    tzset();
    if (!make_parts(store)) {
        release(store);
        return NULL;
    }
    struct clock_now now = clock_now();
    store->watch = (struct clock_watch){.offset_ms = now.wall_ms - now.mono_ms};
    store->flush_ms = now.mono_ms;
    store->gone_untold = true;
    file_open_first(store);
    store->newest_ms = newest_stored_ms(store);
    log_state_init(&store->clock_log, 0);
    look_at_clock(store, &now);
    store->write_queue =
        write_queue_create(config, store->device_streams, store->boot, store->wake_fd);
    if (store->write_queue == NULL) {
        file_close(store);
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
                                        .board = sink_board};
    boards_load(store->boards, &store->db);
    counter_marks_load(store->counter_marks, &store->db);
    for (uint16_t i = 0; i < config->device_count; i++)
        dedup_last(&store->db, &config->devices[i], &store->last[i]);
    store->stats.file_limit = config->store_max_bytes;
    atomic_store(&store->step_ms, now.mono_ms);
    return store;
}

bool store_start(struct store *store)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&store->thread, NULL, store_main, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    store->started = error == 0;
    return store->started;
}

void store_stop(struct store *store)
{
    if (store == NULL)
        return;
    task_box_close(&store->tasks);
    if (store->started) {
        atomic_store(&store->stopping, true);
        (void)eventfd_write(store->wake_fd, 1);
        pthread_join(store->thread, NULL);
    }
    (void)tasks_run(store, STORE_STOPPED);
    int64_t until = clock_now().mono_ms + STOP_MOST_MS;
    struct write_queue_level level;
    do {
        store->file.retry_ms = 0;
        commit_run(store, clock_now().mono_ms, true);
        write_queue_level(store->write_queue, &level);
    } while ((level.waiting > 0 || store->prepared_count > 0) && store->db.handle != NULL &&
             clock_now().mono_ms < until);
    if (level.waiting > 0 || store->prepared_count > 0)
        log_write(LOG_LEVEL_ERROR, "store: %u records could not be written before the end",
                  level.waiting);
    file_close(store);
    release(store);
}

/* ---- Small answers ------------------------------------------------------------------------------
 */

uint32_t store_boot(const struct store *store)
{
    return store->boot;
}

const char *store_uuid(const struct store *store)
{
    return store->uuid;
}

const struct reading_sink *store_sink(struct store *store)
{
    return &store->sink;
}

int64_t store_idle_ms(const struct store *store)
{
    return clock_now().mono_ms - atomic_load(&store->step_ms);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void store_stats(struct store *store, struct store_stats *stats)
{
    uint32_t samples[COMMIT_SAMPLES];
    struct write_queue_level level;
    write_queue_level(store->write_queue, &level);
    pthread_mutex_lock(&store->lock);
    *stats = store->stats;
    stats->next_record = store->next_id;
    memcpy(stats->cursors, store->acked, sizeof stats->cursors);
    uint32_t count = store->commit_next < COMMIT_SAMPLES ? store->commit_next : COMMIT_SAMPLES;
    memcpy(samples, store->commit_us, count * sizeof samples[0]);
    pthread_mutex_unlock(&store->lock);
    if (count > 0) {
        qsort(samples, count, sizeof samples[0], by_size);
        stats->commit_p99_us = samples[(count - 1) * 99 / 100];
    }
    stats->taken = level.taken;
    stats->gaps += level.gaps; /* beside the store's own */
    stats->lost = level.lost;
    stats->waiting =
        level.taken + stats->gaps > stats->stored + stats->duplicates
            ? level.taken + stats->gaps - stats->stored - stats->duplicates - level.lost
            : 0;
    stats->clock_trusted = atomic_load(&store->trusted);
}
