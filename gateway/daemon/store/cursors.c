/* SPDX-License-Identifier: Apache-2.0 */
/* How far each broker has acknowledged the records, and how far it had a minute ago: what came
 * since may be lost when it is restarted. Where a cursor stood is marked before it moves, once a
 * second; the oldest mark of the last minute is kept in the cursor's row, with its age, so that it
 * outlives a power cut that took the broker as well. Time without power does not count. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/impl.h"

#define MARK_MS      1000
#define BACK_MS      (60000 + MARK_MS)
#define CURSOR_MARKS 64u /* one a second: more than a minute's */

struct cursor_marks {
    struct cursor_mark {
        int64_t mono_ms;
        uint64_t id; /* 0: no mark */
    } marks[CURSOR_MARKS];
    uint32_t next;
};

/* By broker. `saved` is the store thread's, all else is under the store's lock. */
struct cursors {
    uint64_t acked[STORE_BROKERS_MAX];
    struct cursor_marks marks[STORE_BROKERS_MAX];
    bool unclean; /* the run before ended without closing the file */
    struct cursors_row saved;
};

struct cursors *cursors_create(void)
{
    return calloc(1, sizeof(struct cursors));
}

void cursors_destroy(struct cursors *cursors)
{
    free(cursors);
}

/* ---- Under the lock ---- */

static void mark(struct cursor_marks *marks, uint64_t id, int64_t now_ms)
{
    marks->marks[marks->next++ % CURSOR_MARKS] = (struct cursor_mark){now_ms, id};
}

/* The oldest mark of the last minute, NULL: the cursor has not moved. */
static const struct cursor_mark *oldest(const struct cursor_marks *marks, int64_t now_ms)
{
    const struct cursor_mark *found = NULL;
    for (unsigned i = 0; i < CURSOR_MARKS; i++) {
        const struct cursor_mark *one = &marks->marks[i];
        if (one->id != 0 && now_ms - one->mono_ms <= BACK_MS &&
            (found == NULL || one->id < found->id))
            found = one;
    }
    return found;
}

/* ---- The file ---- */

static int save(struct store *store, unsigned broker, uint64_t id, const struct cursor_mark *back,
                int64_t now_ms)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_CURSOR_SET);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, store->config->brokers[broker].name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, (int64_t)id);
        if (back->id != 0) {
            sqlite3_bind_int64(s, 3, (int64_t)back->id);
            sqlite3_bind_int64(s, 4, now_ms - back->mono_ms);
        }
    }
    return db_run(&store->db, s);
}

int cursors_save(struct store *store, bool all, struct cursors_row *saved)
{
    int64_t now_ms = clock_now().mono_ms;
    struct cursor_mark backs[STORE_BROKERS_MAX] = {{0}};
    pthread_mutex_lock(&store->lock);
    memcpy(saved->acked, store->cursors->acked, sizeof saved->acked);
    for (unsigned i = 0; i < STORE_BROKERS_MAX; i++) {
        const struct cursor_mark *back = oldest(&store->cursors->marks[i], now_ms);
        if (back != NULL)
            backs[i] = *back;
        saved->back[i] = backs[i].id;
    }
    pthread_mutex_unlock(&store->lock);
    int rc = SQLITE_OK;
    for (unsigned i = 0; i < store->config->broker_count && i < STORE_BROKERS_MAX; i++) {
        bool moved = saved->acked[i] != store->cursors->saved.acked[i];
        bool settled = saved->back[i] == 0 && store->cursors->saved.back[i] != 0;
        if (rc == SQLITE_OK && (all || moved || settled))
            rc = save(store, i, saved->acked[i], &backs[i], now_ms);
    }
    return rc;
}

/* Of the row that the statement is at. */
static void load(struct store *store, sqlite3_stmt *s, uint64_t cursors[STORE_BROKERS_MAX])
{
    const char *name = (const char *)sqlite3_column_text(s, 0);
    for (unsigned i = 0; name != NULL && i < store->config->broker_count; i++) {
        if (i >= STORE_BROKERS_MAX || strcmp(name, store->config->brokers[i].name) != 0)
            continue;
        uint64_t back = (uint64_t)sqlite3_column_int64(s, 2);
        cursors[i] = (uint64_t)sqlite3_column_int64(s, 1);
        pthread_mutex_lock(&store->lock);
        if (store->cursors->acked[i] == 0 && back != 0 && back < cursors[i])
            mark(&store->cursors->marks[i], back, clock_now().mono_ms - sqlite3_column_int64(s, 3));
        pthread_mutex_unlock(&store->lock);
    }
}

int cursors_load(struct store *store, uint64_t next)
{
    uint64_t cursors[STORE_BROKERS_MAX] = {0};
    sqlite3_stmt *s = db_statement(&store->db, DB_CURSOR_ALL);
    int rc = s == NULL ? db_run(&store->db, NULL) : SQLITE_ROW;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(s)) == SQLITE_ROW)
        load(store, s, cursors);
    if (s != NULL)
        sqlite3_reset(s);
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < STORE_BROKERS_MAX; i++) {
        if (cursors[i] == 0)
            cursors[i] = store->cursors->acked[i] != 0 ? store->cursors->acked[i] : next;
        store->cursors->acked[i] =
            cursors[i] > store->cursors->acked[i] ? cursors[i] : store->cursors->acked[i];
    }
    pthread_mutex_unlock(&store->lock);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool cursors_wait(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool differ = memcmp(store->cursors->acked, store->cursors->saved.acked,
                         sizeof store->cursors->acked) != 0;
    pthread_mutex_unlock(&store->lock);
    return differ;
}

void cursors_saved(struct cursors *cursors, const struct cursors_row *saved)
{
    cursors->saved = *saved;
}

/* ---- For the store's other parts ---- */

void cursors_copy(struct store *store, uint64_t acked[STORE_BROKERS_MAX])
{
    pthread_mutex_lock(&store->lock);
    memcpy(acked, store->cursors->acked, sizeof store->cursors->acked);
    pthread_mutex_unlock(&store->lock);
}

uint64_t cursors_lowest(struct store *store)
{
    uint64_t acked[STORE_BROKERS_MAX], lowest = UINT64_MAX;
    cursors_copy(store, acked);
    for (unsigned i = 0; i < store->config->broker_count && i < STORE_BROKERS_MAX; i++)
        lowest = acked[i] < lowest ? acked[i] : lowest;
    return lowest;
}

void cursors_set_unclean(struct store *store, bool unclean)
{
    pthread_mutex_lock(&store->lock);
    store->cursors->unclean = unclean;
    pthread_mutex_unlock(&store->lock);
}

/* ---- The publishers' side ---- */

uint64_t store_cursor(struct store *store, uint16_t broker)
{
    pthread_mutex_lock(&store->lock);
    uint64_t cursor = broker < STORE_BROKERS_MAX ? store->cursors->acked[broker] : 0;
    pthread_mutex_unlock(&store->lock);
    return cursor;
}

uint64_t store_cursor_back(struct store *store, uint16_t broker)
{
    int64_t now_ms = clock_now().mono_ms;
    pthread_mutex_lock(&store->lock);
    const struct cursor_mark *back =
        broker < STORE_BROKERS_MAX ? oldest(&store->cursors->marks[broker], now_ms) : NULL;
    uint64_t id = back != NULL ? back->id : 0;
    pthread_mutex_unlock(&store->lock);
    return id;
}

bool store_unclean(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool unclean = store->cursors->unclean;
    pthread_mutex_unlock(&store->lock);
    return unclean;
}

void store_ack(struct store *store, uint16_t broker, uint64_t id)
{
    int64_t now_ms = clock_now().mono_ms;
    pthread_mutex_lock(&store->lock);
    if (broker < STORE_BROKERS_MAX && id > store->cursors->acked[broker] && id <= store->next_id) {
        struct cursor_marks *marks = &store->cursors->marks[broker];
        const struct cursor_mark *last =
            &marks->marks[(marks->next + CURSOR_MARKS - 1) % CURSOR_MARKS];
        if (last->id == 0 || now_ms - last->mono_ms >= MARK_MS)
            mark(marks, store->cursors->acked[broker], now_ms);
        store->cursors->acked[broker] = id;
    }
    pthread_mutex_unlock(&store->lock);
}
