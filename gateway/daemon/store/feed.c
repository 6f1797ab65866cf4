/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/feed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "gateway/daemon/store/impl.h"

#define HOLD_MS     3600000 /* readings of an unknown time wait at most this long */
#define FETCH_BYTES 524288u /* freed when the backlog has drained */
#define FETCHES     (2 * STORE_BROKERS_MAX)
#define AGAIN_MAX   64u /* ranges to send once more, of all brokers */

/* Rows read from the file for one broker: bodies, each behind its struct feed_row. */
struct feed_row {
    uint64_t first_id;
    uint32_t size;
    uint16_t count;
};
struct fetch {
    bool wanted, ready;
    bool exhausted; /* nothing at or after `id` in the file */
    uint64_t id;    /* asked for, */
    uint32_t of;    /* of the batches of that range to send again; 0: of all */
    uint32_t used;
    uint8_t *rows; /* FETCH_BYTES, taken at the first need */
};

/* Under the store's lock. */
struct feeds {
    int wake_fd;
    struct fetch fetches[FETCHES]; /* each broker's backlog, then what it asked for again */
    struct again again[AGAIN_MAX];
    uint32_t serial; /* of the last one */
};

struct feeds *feeds_create(void)
{
    struct feeds *feeds = calloc(1, sizeof *feeds);
    if (feeds != NULL)
        feeds->wake_fd = -1;
    return feeds;
}

void feeds_destroy(struct feeds *feeds)
{
    for (unsigned i = 0; feeds != NULL && i < FETCHES; i++)
        free(feeds->fetches[i].rows);
    for (unsigned i = 0; feeds != NULL && i < AGAIN_MAX; i++)
        free(feeds->again[i].batches);
    free(feeds);
}

/* ---- Committed records, in order ---- */

/* Does the body hold a reading whose time may still become known? */
static bool must_wait(struct store *store, const uint8_t *data, uint32_t size)
{
    struct body_reader reader;
    struct record record;
    if (wall_time_is_trusted(store->wall_time) || !body_open(&reader, data, size) ||
        reader.base.boot != store->self.boot)
        return false;
    int64_t since = clock_now().mono_ms - HOLD_MS;
    while (body_next(&reader, &record)) {
        if (record.kind == RECORD_READING && !record.trusted)
            return record.mono_ms > since;
    }
    return false;
}

static enum feed_result finish(struct store *store, const uint8_t *out, struct feed_body *body)
{
    struct body_reader reader;
    body->offset_known = false;
    if (must_wait(store, out, body->size))
        return FEED_HELD;
    if (body_open(&reader, out, body->size))
        body->offset_known =
            wall_time_of_boot(store->wall_time, reader.base.boot, &body->offset_ms);
    if (!wall_time_is_trusted(store->wall_time) && reader.base.boot == store->self.boot)
        wall_time_went_out(store->wall_time);
    return FEED_BODY;
}

/* Under the lock: the row of `fetch` that holds `id` or follows it. */
static bool take_row(const struct fetch *fetch, uint64_t id, uint8_t *out, struct feed_body *body)
{
    struct feed_row row;
    for (uint32_t at = 0; at + sizeof row <= fetch->used; at += (uint32_t)sizeof row + row.size) {
        memcpy(&row, fetch->rows + at, sizeof row);
        if (row.first_id + row.count <= id)
            continue;
        memcpy(out, fetch->rows + at + sizeof row, row.size);
        *body = (struct feed_body){.first_id = row.first_id, .count = row.count, .size = row.size};
        return true;
    }
    return false;
}

static enum feed_result from_file(struct store *store, struct fetch *fetch, uint32_t of,
                                  uint64_t id, uint8_t *out, struct feed_body *body)
{
    enum feed_result result = FEED_LATER;
    bool ask = false;
    pthread_mutex_lock(&store->lock);
    bool ready = fetch->ready && fetch->of == of && id >= fetch->id;
    if (id >= store->next_id) {
        result = FEED_NONE;
    } else if (ready && take_row(fetch, id, out, body)) {
        result = FEED_BODY;
    } else if (ready && fetch->exhausted) {
        result = FEED_NONE;
        fetch->ready = false; /* asked anew when something is committed; its memory goes back */
    } else if (!fetch->wanted) {
        fetch->wanted = ask = true;
        fetch->ready = false;
        fetch->id = id;
        fetch->of = of;
    }
    pthread_mutex_unlock(&store->lock);
    if (ask)
        (void)eventfd_write(store->runner.wake_fd, 1);
    return result == FEED_BODY ? finish(store, out, body) : result;
}

static enum feed_result feed(struct store *store, struct fetch *fetch, uint32_t of, uint64_t id,
                             uint8_t *out, struct feed_body *body)
{
    struct batch_cache_body batch_cache;
    if (!batch_cache_get(store->batch_cache, id, out, &batch_cache))
        return from_file(store, fetch, of, id, out, body);
    *body = (struct feed_body){
        .first_id = batch_cache.first_id, .count = batch_cache.count, .size = batch_cache.size};
    return finish(store, out, body);
}

enum feed_result store_feed(struct store *store, uint16_t broker, uint64_t id, uint8_t *out,
                            struct feed_body *body)
{
    return feed(store, &store->feeds->fetches[broker], 0, id, out, body);
}

/* What `s` gives, behind what is there. SQLITE_FULL: the next one does not fit. */
static int keep_rows(struct fetch *fetch, sqlite3_stmt *s, uint32_t *used)
{
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct body_reader reader;
        struct feed_row row = {.first_id = (uint64_t)sqlite3_column_int64(s, 0),
                               .size = (uint32_t)sqlite3_column_bytes(s, 1)};
        const void *data = sqlite3_column_blob(s, 1);
        if (!body_intact(data, row.size) || !body_open(&reader, data, row.size)) {
            rc = SQLITE_CORRUPT; /* SQLite itself cannot see it */
            break;
        }
        if (row.first_id + reader.count <= fetch->id)
            continue;
        row.count = reader.count;
        if (*used + sizeof row + row.size > FETCH_BYTES) {
            rc = SQLITE_FULL;
            break;
        }
        memcpy(fetch->rows + *used, &row, sizeof row);
        memcpy(fetch->rows + *used + sizeof row, data, row.size);
        *used += (uint32_t)sizeof row + row.size;
    }
    sqlite3_reset(s);
    return rc;
}

static int read_all(struct store *store, struct fetch *fetch, uint32_t *used)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_FROM);
    if (s == NULL)
        return db_run(&store->db, NULL);
    sqlite3_bind_int64(s, 1, (int64_t)fetch->id);
    return keep_rows(fetch, s, used);
}

/* Only the store thread frees `batches`, so they stay while it reads. */
static int read_listed(struct store *store, const struct again *again, struct fetch *fetch,
                       uint32_t *used)
{
    int rc = SQLITE_DONE;
    uint32_t read = 0;
    sqlite3_stmt *s = db_statement(&store->db, DB_BATCH_ONE);
    if (s == NULL)
        return db_run(&store->db, NULL);
    for (uint32_t i = 0; i < again->batch_count && rc == SQLITE_DONE; i++) {
        uint64_t id = again->batches_from + again->batches[i];
        if (id < fetch->id)
            continue;
        sqlite3_bind_int64(s, 1, (int64_t)id);
        rc = keep_rows(fetch, s, used);
        read++;
    }
    pthread_mutex_lock(&store->lock);
    store->stats.resend_batches += read;
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int read_rows(struct store *store, struct fetch *fetch)
{
    uint32_t used = 0;
    struct again again = {0};
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < AGAIN_MAX && fetch->of != 0; i++) {
        if (store->feeds->again[i].serial == fetch->of)
            again = store->feeds->again[i];
    }
    pthread_mutex_unlock(&store->lock);
    int rc =
        fetch->of == 0 ? read_all(store, fetch, &used) : read_listed(store, &again, fetch, &used);
    pthread_mutex_lock(&store->lock);
    fetch->used = used;
    fetch->exhausted = rc == SQLITE_DONE;
    pthread_mutex_unlock(&store->lock);
    return rc == SQLITE_FULL || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Of ranges that are sent. */
static void free_batches(struct store *store)
{
    for (unsigned i = 0; i < AGAIN_MAX; i++) {
        struct again *again = &store->feeds->again[i];
        pthread_mutex_lock(&store->lock);
        uint32_t *unused = again->used ? NULL : again->batches;
        if (unused != NULL)
            again->batches = NULL;
        pthread_mutex_unlock(&store->lock);
        free(unused);
    }
}

void feed_serve(struct store *store)
{
    free_batches(store);
    for (unsigned i = 0; i < FETCHES; i++) {
        struct fetch *fetch = &store->feeds->fetches[i];
        pthread_mutex_lock(&store->lock);
        bool wanted = fetch->wanted;
        uint8_t *idle = wanted || fetch->ready ? NULL : fetch->rows;
        if (idle != NULL)
            fetch->rows = NULL;
        pthread_mutex_unlock(&store->lock);
        free(idle);
        if (!wanted || !file_ready(store))
            continue;
        if (fetch->rows == NULL)
            fetch->rows = malloc(FETCH_BYTES);
        if (fetch->rows == NULL)
            continue;
        int rc = read_rows(store, fetch);
        if (!file_result(store, rc, "reading the backlog"))
            continue;
        pthread_mutex_lock(&store->lock);
        fetch->wanted = false;
        fetch->ready = true;
        pthread_mutex_unlock(&store->lock);
        feed_wake(store);
    }
}

/* ---- What is asked for again ---- */

bool feed_add_again(struct store *store, const struct again *again)
{
    bool added = false;
    unsigned own = 0, most = AGAIN_MAX;
    if (store->config->broker_count > 1)
        most = AGAIN_MAX / store->config->broker_count; /* one that is away takes no other's */
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < AGAIN_MAX; i++)
        own += store->feeds->again[i].used && store->feeds->again[i].broker == again->broker;
    for (unsigned i = 0; i < AGAIN_MAX && own < most && !added; i++) {
        struct again *free_one = &store->feeds->again[i];
        if (!free_one->used && free_one->batches == NULL) {
            *free_one = *again;
            free_one->next_id = again->batches != NULL ? again->batches_from : again->first_id;
            free_one->serial = ++store->feeds->serial;
            free_one->used = added = true;
        }
    }
    pthread_mutex_unlock(&store->lock);
    if (added)
        feed_wake(store);
    return added;
}

bool store_feed_later(struct store *store, uint16_t broker, uint64_t first, uint64_t last)
{
    return feed_add_again(store,
                          &(struct again){.broker = broker, .first_id = first, .last_id = last});
}

/* Corrections go with whatever is asked for again. */
static bool is_asked_for(struct store *store, const struct again *again, uint64_t id,
                         const struct record *record)
{
    struct stream stream;
    if (id < again->first_id || id > again->last_id)
        return false;
    return !again->filtered || record->kind == RECORD_CORRECTION ||
           (record->boot == again->boot && record->seq <= again->last_seq &&
            record->last_seq >= again->first_seq && store_stream(store, record->stream, &stream) &&
            strcmp(stream.device, again->device) == 0);
}

/* Copies the records of `data` that `again` asks for; how many. */
static uint16_t filter(struct store *store, const struct again *again, uint8_t *data, uint32_t size,
                       struct feed_body *body)
{
    uint8_t kept[BODY_MAX];
    struct body_reader reader;
    struct record record;
    struct body to;
    uint64_t first = 0, id = body->first_id;
    bool in_row = true;
    if (!body_open(&reader, data, size))
        return 0;
    body_begin(&to, kept, sizeof kept, &reader.base);
    for (; body_next(&reader, &record); id++) {
        if (!is_asked_for(store, again, id, &record))
            continue;
        first = to.count == 0 ? id : first;
        in_row = in_row && id == first + to.count;
        (void)body_copy(&to, &reader, &record, record.stream); /* never longer than it was */
    }
    memcpy(data, kept, to.used);
    body->original_id = in_row ? first : 0;
    body->count = to.count;
    body->size = to.used;
    return to.count;
}

/* The batch that comes next, or all from next_id on where they are not known. false: none. */
static bool next_batch(const struct again *again, uint64_t *id)
{
    *id = again->next_id;
    if (again->batches == NULL)
        return again->next_id <= again->last_id;
    uint32_t from = 0, to = again->batch_count;
    while (from < to) { /* the first that is not below */
        uint32_t middle = from + (to - from) / 2;
        if (again->batches_from + again->batches[middle] < again->next_id)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == again->batch_count)
        return false;
    *id = again->batches_from + again->batches[from];
    return true;
}

enum feed_result store_feed_again(struct store *store, uint16_t broker, uint8_t *out,
                                  struct feed_body *body)
{
    struct again again = {0};
    unsigned at = 0;
    pthread_mutex_lock(&store->lock);
    for (; at < AGAIN_MAX; at++) {
        if (store->feeds->again[at].used && store->feeds->again[at].broker == broker)
            break;
    }
    if (at < AGAIN_MAX)
        again = store->feeds->again[at];
    pthread_mutex_unlock(&store->lock);
    while (at < AGAIN_MAX) {
        enum feed_result result = FEED_NONE;
        uint64_t id = 0;
        if (next_batch(&again, &id))
            result = feed(store, &store->feeds->fetches[STORE_BROKERS_MAX + broker],
                          again.batches != NULL ? again.serial : 0, id, out, body);
        bool beyond = result == FEED_BODY && body->first_id > again.last_id;
        bool done = result == FEED_NONE || beyond;
        if (result == FEED_BODY && !beyond)
            again.next_id = body->first_id + body->count;
        pthread_mutex_lock(&store->lock);
        store->feeds->again[at].next_id = again.next_id;
        store->feeds->again[at].used = !done;
        pthread_mutex_unlock(&store->lock);
        if (result != FEED_BODY || beyond)
            return done ? FEED_NONE : result;
        if (filter(store, &again, out, body->size, body) > 0)
            return FEED_BODY;
    }
    return FEED_NONE;
}

/* ---- The small ones ---- */

void feed_wake(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    int fd = store->feeds->wake_fd;
    pthread_mutex_unlock(&store->lock);
    if (fd >= 0)
        (void)eventfd_write(fd, 1);
}

bool store_stream(struct store *store, uint32_t id, struct stream *stream)
{
    pthread_mutex_lock(&store->lock);
    const struct stream *found = stream_find(store, id);
    if (found != NULL)
        *stream = *found;
    pthread_mutex_unlock(&store->lock);
    return found != NULL;
}

bool store_stream_after(struct store *store, uint32_t id, struct stream *stream)
{
    const struct stream *next = NULL;
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; (next = stream_at(store, i)) != NULL && next->id <= id; i++)
        continue;
    if (next != NULL)
        *stream = *next;
    pthread_mutex_unlock(&store->lock);
    return next != NULL;
}

uint32_t store_boards_version(struct store *store)
{
    return boards_version(store->boards);
}

unsigned store_boards(struct store *store, uint16_t device, uint32_t serials[STORE_BOARDS_MOST])
{
    return boards_all(store->boards, device, serials);
}

struct live *store_live(struct store *store)
{
    return store->live;
}

void store_set_wake(struct store *store, int fd)
{
    pthread_mutex_lock(&store->lock);
    store->feeds->wake_fd = fd;
    pthread_mutex_unlock(&store->lock);
}
