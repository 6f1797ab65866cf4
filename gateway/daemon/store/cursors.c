/* SPDX-License-Identifier: Apache-2.0 */
/* How far each broker has acknowledged the records, and how far it had a minute ago: what came
 * since may be lost when it is restarted. Where a cursor stood is marked before it moves, once a
 * second; the oldest mark of the last minute is kept in the cursor's row, with its age, so that it
 * outlives a power cut that took the broker as well. Time without power does not count. */
#include <string.h>

#include "gateway/daemon/store/impl.h"

#define MARK_MS 1000
#define BACK_MS (60000 + MARK_MS)

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

int cursors_save(struct store *store, bool all, struct cursors_saved *saved)
{
    int64_t now_ms = clock_now().mono_ms;
    struct cursor_mark backs[STORE_BROKERS_MAX] = {{0}};
    pthread_mutex_lock(&store->lock);
    memcpy(saved->acked, store->acked, sizeof saved->acked);
    for (unsigned i = 0; i < STORE_BROKERS_MAX; i++) {
        const struct cursor_mark *back = oldest(&store->marks[i], now_ms);
        if (back != NULL)
            backs[i] = *back;
        saved->back[i] = backs[i].id;
    }
    pthread_mutex_unlock(&store->lock);
    int rc = SQLITE_OK;
    for (unsigned i = 0; i < store->config->broker_count && i < STORE_BROKERS_MAX; i++) {
        bool moved = saved->acked[i] != store->saved.acked[i];
        bool settled = saved->back[i] == 0 && store->saved.back[i] != 0;
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
        if (store->acked[i] == 0 && back != 0 && back < cursors[i])
            mark(&store->marks[i], back, clock_now().mono_ms - sqlite3_column_int64(s, 3));
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
            cursors[i] = store->acked[i] != 0 ? store->acked[i] : next;
        store->acked[i] = cursors[i] > store->acked[i] ? cursors[i] : store->acked[i];
    }
    pthread_mutex_unlock(&store->lock);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool cursors_wait(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool differ = memcmp(store->acked, store->saved.acked, sizeof store->acked) != 0;
    pthread_mutex_unlock(&store->lock);
    return differ;
}

/* ---- The publishers' side ---- */

uint64_t store_cursor(struct store *store, uint16_t broker)
{
    pthread_mutex_lock(&store->lock);
    uint64_t cursor = broker < STORE_BROKERS_MAX ? store->acked[broker] : 0;
    pthread_mutex_unlock(&store->lock);
    return cursor;
}

uint64_t store_cursor_back(struct store *store, uint16_t broker)
{
    int64_t now_ms = clock_now().mono_ms;
    pthread_mutex_lock(&store->lock);
    const struct cursor_mark *back =
        broker < STORE_BROKERS_MAX ? oldest(&store->marks[broker], now_ms) : NULL;
    uint64_t id = back != NULL ? back->id : 0;
    pthread_mutex_unlock(&store->lock);
    return id;
}

bool store_unclean(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool unclean = store->unclean;
    pthread_mutex_unlock(&store->lock);
    return unclean;
}

void store_ack(struct store *store, uint16_t broker, uint64_t id)
{
    int64_t now_ms = clock_now().mono_ms;
    pthread_mutex_lock(&store->lock);
    if (broker < STORE_BROKERS_MAX && id > store->acked[broker] && id <= store->next_id) {
        struct cursor_marks *marks = &store->marks[broker];
        const struct cursor_mark *last =
            &marks->marks[(marks->next + CURSOR_MARKS - 1) % CURSOR_MARKS];
        if (last->id == 0 || now_ms - last->mono_ms >= MARK_MS)
            mark(marks, store->acked[broker], now_ms);
        store->acked[broker] = id;
    }
    pthread_mutex_unlock(&store->lock);
}
