/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/seen.h"

#include <stdlib.h>
#include <string.h>

#define RANGES_MAX 48u
#define BOOTS      2u

struct range {
    uint32_t low, high; /* inclusive */
};

struct boot_set {
    uint32_t boot;
    uint32_t stamp; /* of its last use; 0: the slot is free */
    uint32_t count;
    bool dirty;
    struct range ranges[RANGES_MAX]; /* ascending, never touching */
};

struct watched {
    const char *name;
    struct boot_set sets[BOOTS];
};

struct seen {
    uint16_t device_count;
    uint32_t stamp;
    struct watched **devices; /* NULL: not watched */
};

struct seen *seen_create(const struct config *config)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        return NULL;
    seen->device_count = config->device_count;
    seen->devices = calloc(config->device_count + 1u, sizeof(struct watched *));
    for (unsigned i = 0; seen->devices != NULL && i < config->device_count; i++) {
        if (!config->devices[i].profile->node)
            continue;
        seen->devices[i] = calloc(1, sizeof *seen->devices[i]);
        if (seen->devices[i] == NULL) {
            seen_destroy(seen);
            return NULL;
        }
        seen->devices[i]->name = config->devices[i].name;
    }
    if (seen->devices == NULL) {
        free(seen);
        return NULL;
    }
    return seen;
}

void seen_destroy(struct seen *seen)
{
    if (seen == NULL)
        return;
    for (unsigned i = 0; i < seen->device_count; i++)
        free(seen->devices[i]);
    free(seen->devices);
    free(seen);
}

bool seen_watches(const struct seen *seen, uint16_t device)
{
    return device < seen->device_count && seen->devices[device] != NULL;
}

/* Index of the first range that ends at or after `seq`. */
static uint32_t position(const struct boot_set *set, uint32_t seq)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (set->ranges[middle].high < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_range(struct boot_set *set, uint32_t at)
{
    memmove(&set->ranges[at], &set->ranges[at + 1], (set->count - at - 1) * sizeof set->ranges[0]);
    set->count--;
}

static void insert_range(struct boot_set *set, uint32_t at, uint32_t seq)
{
    if (set->count == RANGES_MAX) {
        remove_range(set, 0);
        if (at == 0) /* older than all that is remembered */
            return;
        at--;
    }
    memmove(&set->ranges[at + 1], &set->ranges[at], (set->count - at) * sizeof set->ranges[0]);
    set->ranges[at] = (struct range){seq, seq};
    set->count++;
}

static bool add(struct boot_set *set, uint32_t seq)
{
    uint32_t at = position(set, seq);
    if (at < set->count && set->ranges[at].low <= seq)
        return false;
    set->dirty = true;
    bool joins_left = at > 0 && set->ranges[at - 1].high + 1 == seq;
    bool joins_right = at < set->count && set->ranges[at].low == seq + 1;
    if (joins_left && joins_right) {
        set->ranges[at - 1].high = set->ranges[at].high;
        remove_range(set, at);
    } else if (joins_left) {
        set->ranges[at - 1].high = seq;
    } else if (joins_right) {
        set->ranges[at].low = seq;
    } else {
        insert_range(set, at, seq);
    }
    return true;
}

static void load(struct boot_set *set, struct db *db, const char *name)
{
    sqlite3_stmt *statement = db_statement(db, DB_SEEN_GET);
    if (statement == NULL)
        return;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, set->boot);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(statement, 0);
        size_t most = sizeof set->ranges;
        size = (size < most ? size : most) / sizeof set->ranges[0] * sizeof set->ranges[0];
        if (size > 0)
            memcpy(set->ranges, sqlite3_column_blob(statement, 0), size);
        set->count = (uint32_t)(size / sizeof set->ranges[0]);
    }
    sqlite3_reset(statement);
}

bool seen_last(struct db *db, const char *device, uint32_t *boot, uint32_t *seq)
{
    sqlite3_stmt *statement = db->handle != NULL ? db_statement(db, DB_SEEN_NEWEST) : NULL;
    struct range first = {0, 0};
    if (statement == NULL)
        return false;
    sqlite3_bind_text(statement, 1, device, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *boot = (uint32_t)sqlite3_column_int64(statement, 0);
        if (sqlite3_column_bytes(statement, 1) >= (int)sizeof first)
            memcpy(&first, sqlite3_column_blob(statement, 1), sizeof first);
    }
    sqlite3_reset(statement);
    *seq = first.high;
    return first.high > 0;
}

static int save(const struct boot_set *set, struct db *db, const char *name)
{
    sqlite3_stmt *statement = db_statement(db, DB_SEEN_SET);
    if (statement == NULL)
        return db_run(db, NULL);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, set->boot);
    sqlite3_bind_blob(statement, 3, set->ranges, (int)(set->count * sizeof set->ranges[0]),
                      SQLITE_STATIC);
    return db_run(db, statement);
}

/* The set of that boot, brought in over the one used longest ago. */
static struct boot_set *set_of(struct seen *seen, struct db *db, struct watched *watched,
                               uint32_t boot)
{
    struct boot_set *oldest = &watched->sets[0];
    for (unsigned i = 0; i < BOOTS; i++) {
        struct boot_set *set = &watched->sets[i];
        if (set->stamp != 0 && set->boot == boot)
            return set;
        if (set->stamp < oldest->stamp)
            oldest = set;
    }
    if (oldest->dirty && db->handle != NULL)
        (void)save(oldest, db, watched->name); /* lost: a duplicate may come in later */
    memset(oldest, 0, sizeof *oldest);
    oldest->boot = boot;
    oldest->stamp = ++seen->stamp;
    if (db->handle != NULL)
        load(oldest, db, watched->name);
    return oldest;
}

bool seen_add(struct seen *seen, struct db *db, uint16_t device, uint32_t boot, uint32_t seq)
{
    struct boot_set *set = set_of(seen, db, seen->devices[device], boot);
    set->stamp = ++seen->stamp;
    return add(set, seq);
}

int seen_flush(struct seen *seen, struct db *db)
{
    for (unsigned i = 0; i < seen->device_count; i++) {
        for (unsigned s = 0; seen->devices[i] != NULL && s < BOOTS; s++) {
            const struct boot_set *set = &seen->devices[i]->sets[s];
            int rc = set->dirty ? save(set, db, seen->devices[i]->name) : SQLITE_OK;
            if (rc != SQLITE_OK)
                return rc;
        }
    }
    return SQLITE_OK;
}

void seen_flushed(struct seen *seen)
{
    for (unsigned i = 0; i < seen->device_count; i++) {
        for (unsigned s = 0; seen->devices[i] != NULL && s < BOOTS; s++)
            seen->devices[i]->sets[s].dirty = false;
    }
}
