/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/dedup.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/little.h"

#define RANGES_MAX 48u
#define BOOTS      2u
#define MORE_MOST  64u /* boots beyond these, of all devices, before it is time to flush: 28 KiB */

struct range {
    uint32_t low, high; /* inclusive */
};

struct boot_set {
    struct boot_set *next;
    uint32_t boot;
    uint32_t stamp; /* of its last use; 0: it is free */
    uint32_t count;
    bool dirty; /* not to be forgotten before a flush: its readings may not be committed yet */
    struct reading_boot_sums totals;
    struct range ranges[RANGES_MAX]; /* ascending, never touching */
};

struct watched {
    const struct device_config *device;
    const char *counters[READING_COUNTERS_MAX]; /* metrics, in the order of the device's */
    unsigned counter_count;
    struct boot_set *sets; /* BOOTS, and more until the next flush */
};

struct dedup {
    uint16_t device_count;
    uint32_t stamp;
    uint32_t more;            /* sets beyond BOOTS a device */
    struct watched **devices; /* NULL: not watched */
};

static struct boot_set *add_set(struct watched *watched)
{
    struct boot_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->next = watched->sets;
    watched->sets = set;
    return set;
}

/* All but the first `keep`; returns how many. */
static uint32_t free_sets(struct watched *watched, unsigned keep)
{
    struct boot_set **at = &watched->sets;
    uint32_t freed = 0;
    for (; keep > 0 && *at != NULL; keep--)
        at = &(*at)->next;
    while (*at != NULL) {
        struct boot_set *set = *at;
        *at = set->next;
        free(set);
        freed++;
    }
    return freed;
}

static void note_counters(struct watched *watched)
{
    const struct device_config *device = watched->device;
    for (unsigned m = 0; m < device->metric_count; m++) {
        if (device->metrics[m]->role == ROLE_COUNTER &&
            watched->counter_count < READING_COUNTERS_MAX)
            watched->counters[watched->counter_count++] = device->metrics[m]->metric;
    }
}

static struct watched *watch(const struct device_config *device)
{
    struct watched *watched = calloc(1, sizeof *watched);
    if (watched == NULL)
        return NULL;
    watched->device = device;
    note_counters(watched);
    for (unsigned i = 0; i < BOOTS; i++) {
        if (add_set(watched) == NULL) {
            (void)free_sets(watched, 0);
            free(watched);
            return NULL;
        }
    }
    return watched;
}

struct dedup *dedup_create(const struct config *config)
{
    struct dedup *dedup = calloc(1, sizeof *dedup);
    if (dedup == NULL)
        return NULL;
    dedup->devices = calloc(config->device_count + 1u, sizeof(struct watched *));
    if (dedup->devices == NULL) {
        free(dedup);
        return NULL;
    }
    dedup->device_count = config->device_count;
    for (unsigned i = 0; i < config->device_count; i++) {
        if (!config->devices[i].profile->node)
            continue;
        dedup->devices[i] = watch(&config->devices[i]);
        if (dedup->devices[i] == NULL) {
            dedup_destroy(dedup);
            return NULL;
        }
    }
    return dedup;
}

void dedup_destroy(struct dedup *dedup)
{
    if (dedup == NULL)
        return;
    for (unsigned i = 0; i < dedup->device_count; i++) {
        if (dedup->devices[i] != NULL)
            (void)free_sets(dedup->devices[i], 0);
        free(dedup->devices[i]);
    }
    free(dedup->devices);
    free(dedup);
}

bool dedup_watches(const struct dedup *dedup, uint16_t device)
{
    return device < dedup->device_count && dedup->devices[device] != NULL;
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

/* ---- What counters reported ---- */

void dedup_note(struct dedup *dedup, uint16_t device, uint32_t boot,
                const struct stream_schema *schema, const struct payload_value *values)
{
    const struct watched *watched = dedup->devices[device];
    struct boot_set *set = watched->counter_count > 0 ? watched->sets : NULL;
    for (; set != NULL; set = set->next) {
        if (set->stamp == 0 || set->boot != boot)
            continue;
        for (unsigned c = 0; c < watched->counter_count; c++) {
            for (unsigned i = 0; i < schema->count; i++) {
                if (values[i].present &&
                    strcmp(schema->fields[i].metric, watched->counters[c]) == 0)
                    set->totals.sums[c] += payload_value_number(&values[i]);
            }
        }
    }
}

/* Of a row: a blob of doubles. */
static void load_boot_sums(sqlite3_stmt *statement, int column, uint32_t boot,
                           struct reading_boot_sums *boot_sums)
{
    *boot_sums = (struct reading_boot_sums){.boot = boot};
    if (sqlite3_column_bytes(statement, column) != (int)sizeof boot_sums->sums)
        return;
    little_copy(boot_sums->sums, sqlite3_column_blob(statement, column), sizeof boot_sums->sums[0],
                sizeof boot_sums->sums / sizeof boot_sums->sums[0]);
    boot_sums->known = true;
}

/* ---- The file ---- */

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
            little_copy(set->ranges, sqlite3_column_blob(statement, 0), sizeof set->ranges[0].low,
                        size / sizeof set->ranges[0].low);
        set->count = (uint32_t)(size / sizeof set->ranges[0]);
        load_boot_sums(statement, 1, set->boot, &set->totals);
    }
    sqlite3_reset(statement);
}

void dedup_last(struct db *db, const struct device_config *device, struct reading_stored *stored)
{
    sqlite3_stmt *statement = db->handle != NULL ? db_statement(db, DB_SEEN_NEWEST) : NULL;
    *stored = (struct reading_stored){0};
    if (statement == NULL)
        return;
    sqlite3_bind_text(statement, 1, device->name, -1, SQLITE_STATIC);
    bool newer_begins_late = true;
    for (unsigned n = 0; n < READING_BOOTS_BACK && sqlite3_step(statement) == SQLITE_ROW; n++) {
        struct range first;
        uint32_t boot = (uint32_t)sqlite3_column_int64(statement, 0);
        int size = sqlite3_column_bytes(statement, 1);
        if (stored->boot_count > 0 && (stored->boots[0].boot ^ boot) >> BOARD_BOOT_BITS != 0)
            break; /* of another board: this one does not have it */
        if (size < (int)sizeof first)
            continue;
        little_copy(&first, sqlite3_column_blob(statement, 1), sizeof first.low, 2);
        load_boot_sums(statement, 2, boot, &stored->boots[stored->boot_count++]);
        if (newer_begins_late || size > (int)sizeof first) {
            stored->boot = boot;
            stored->seq = first.high;
            stored->whole = n == 0 && size == (int)sizeof first;
        }
        newer_begins_late = first.low > 1;
    }
    sqlite3_reset(statement);
}

static int save(const struct boot_set *set, struct db *db, const char *name)
{
    sqlite3_stmt *statement = db_statement(db, DB_SEEN_SET);
    if (statement == NULL)
        return db_run(db, NULL);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, set->boot);
    uint8_t ranges[sizeof set->ranges], sums[sizeof set->totals.sums];
    little_copy(ranges, set->ranges, sizeof set->ranges[0].low, (size_t)set->count * 2);
    little_copy(sums, set->totals.sums, sizeof set->totals.sums[0], sizeof sums / sizeof(double));
    sqlite3_bind_blob(statement, 3, ranges, (int)(set->count * sizeof set->ranges[0]),
                      SQLITE_STATIC);
    if (set->totals.known)
        sqlite3_bind_blob(statement, 4, sums, sizeof sums, SQLITE_STATIC);
    return db_run(db, statement);
}

/* Room for another boot: in place of the one used longest ago, of those that are in the file. */
static struct boot_set *room_for_set(struct dedup *dedup, struct watched *watched)
{
    struct boot_set *clean = NULL, *oldest = watched->sets;
    for (struct boot_set *set = watched->sets; set != NULL; set = set->next) {
        if (set->stamp < oldest->stamp)
            oldest = set;
        if (!set->dirty && (clean == NULL || set->stamp < clean->stamp))
            clean = set;
    }
    if (clean != NULL)
        return clean;
    struct boot_set *more = add_set(watched);
    if (more == NULL)
        return oldest; /* no memory: a duplicate may come in later */
    dedup->more++;
    return more;
}

static struct boot_set *set_of(struct dedup *dedup, struct db *db, struct watched *watched,
                               uint32_t boot)
{
    for (struct boot_set *set = watched->sets; set != NULL; set = set->next) {
        if (set->stamp != 0 && set->boot == boot)
            return set;
    }
    struct boot_set *set = room_for_set(dedup, watched);
    *set = (struct boot_set){.next = set->next,
                             .boot = boot,
                             .stamp = ++dedup->stamp,
                             .totals = {.boot = boot, .known = true}};
    if (db->handle != NULL)
        load(set, db, watched->device->name);
    return set;
}

bool dedup_add(struct dedup *dedup, struct db *db, uint16_t device, uint32_t boot, uint32_t seq)
{
    struct boot_set *set = set_of(dedup, db, dedup->devices[device], boot);
    set->stamp = ++dedup->stamp;
    return add(set, seq);
}

void dedup_lost(struct dedup *dedup, struct db *db, uint16_t device, uint32_t boot, uint32_t first,
                uint32_t last)
{
    struct boot_set *set = set_of(dedup, db, dedup->devices[device], boot);
    set->stamp = ++dedup->stamp;
    if (set->count == 0)
        return;
    uint32_t newest = set->ranges[set->count - 1].high;
    for (uint32_t seq = first; seq <= last && seq < newest; seq++)
        (void)add(set, seq);
}

bool dedup_pressed(const struct dedup *dedup)
{
    return dedup->more >= MORE_MOST;
}

static int flush_device(const struct watched *watched, struct db *db)
{
    int rc = SQLITE_OK;
    for (const struct boot_set *set = watched->sets; set != NULL && rc == SQLITE_OK;
         set = set->next) {
        if (set->dirty)
            rc = save(set, db, watched->device->name);
    }
    return rc;
}

int dedup_flush(struct dedup *dedup, struct db *db)
{
    int rc = SQLITE_OK;
    for (unsigned i = 0; i < dedup->device_count && rc == SQLITE_OK; i++) {
        if (dedup->devices[i] != NULL)
            rc = flush_device(dedup->devices[i], db);
    }
    return rc;
}

void dedup_flushed(struct dedup *dedup)
{
    for (unsigned i = 0; i < dedup->device_count; i++) {
        struct watched *watched = dedup->devices[i];
        if (watched == NULL)
            continue;
        dedup->more -= free_sets(watched, BOOTS);
        for (struct boot_set *set = watched->sets; set != NULL; set = set->next)
            set->dirty = false;
    }
}
