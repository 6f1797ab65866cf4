/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/rollup.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocols/metric/metric.h"

/* An open hour. Hash by (stream, hour) into a table with linear probing; when it is nearly full,
 * clean ones are forgotten (they are in the file). It grows only for logs of many hours at once,
 * and then no further than one chunk of records takes it: see means_pressed(). */
struct open_hour {
    uint32_t stream; /* 0: free */
    bool dirty;
    uint32_t stamp;
    struct mean_row *row; /* cells for `stream`'s count only */
};

struct means {
    uint32_t planned, capacity, used, dirty, stamp;
    struct open_hour *hours;
};

static size_t row_size(unsigned count)
{
    return offsetof(struct mean_row, cells) + count * sizeof(struct mean_cell);
}

struct means *means_create(uint32_t capacity)
{
    struct means *means = calloc(1, sizeof *means);
    struct open_hour *hours = calloc(capacity, sizeof *hours);
    if (means == NULL || hours == NULL) {
        free(hours);
        free(means);
        return NULL;
    }
    means->planned = means->capacity = capacity;
    means->hours = hours;
    return means;
}

void means_destroy(struct means *means)
{
    if (means == NULL)
        return;
    for (uint32_t i = 0; i < means->capacity; i++)
        free(means->hours[i].row);
    free(means->hours);
    free(means);
}

int64_t means_day_start(int64_t t_ms)
{
    time_t t = (time_t)(t_ms / 1000);
    struct tm local;
    if (localtime_r(&t, &local) == NULL)
        return t_ms - t_ms % 86400000;
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    local.tm_isdst = -1;
    return (int64_t)mktime(&local) * 1000;
}

void mean_merge(struct mean_row *to, const struct mean_row *from)
{
    to->first_id = from->first_id < to->first_id ? from->first_id : to->first_id;
    to->last_id = from->last_id > to->last_id ? from->last_id : to->last_id;
    for (unsigned i = 0; i < to->count && i < from->count; i++) {
        struct mean_cell *cell = &to->cells[i];
        const struct mean_cell *more = &from->cells[i];
        cell->bad += more->bad;
        if (more->n == 0)
            continue;
        cell->min = cell->n == 0 || more->min < cell->min ? more->min : cell->min;
        cell->max = cell->n == 0 || more->max > cell->max ? more->max : cell->max;
        cell->sum += more->sum;
        cell->n += more->n;
    }
}

/* ---- Rows in the file: n as 4 bytes and three floats a cell; `bad` only where there are ---- */

struct packed_cell {
    uint32_t n;
    float min, max;
    float mean;
};

int mean_save(struct db *db, uint32_t stream, enum mean_step step, const struct mean_row *row)
{
    struct packed_cell packed[READING_VALUES_MAX];
    uint32_t bad[READING_VALUES_MAX];
    bool any_bad = false;
    for (unsigned i = 0; i < row->count; i++) {
        const struct mean_cell *cell = &row->cells[i];
        bad[i] = cell->bad;
        any_bad = any_bad || cell->bad > 0;
        packed[i] = (struct packed_cell){.n = cell->n,
                                         .min = (float)cell->min,
                                         .max = (float)cell->max,
                                         .mean = cell->n > 0 ? (float)(cell->sum / cell->n) : 0};
    }
    sqlite3_stmt *s = db_statement(db, DB_MEAN_SET);
    if (s == NULL)
        return db_run(db, NULL);
    sqlite3_bind_int64(s, 1, stream);
    sqlite3_bind_int(s, 2, (int)step);
    sqlite3_bind_int64(s, 3, row->t_ms);
    sqlite3_bind_int64(s, 4, (int64_t)row->first_id);
    sqlite3_bind_int64(s, 5, (int64_t)row->last_id);
    sqlite3_bind_int64(s, 6, row->boot_lo);
    sqlite3_bind_int64(s, 7, row->boot_hi);
    sqlite3_bind_int64(s, 8, row->seq_lo);
    sqlite3_bind_int64(s, 9, row->seq_hi);
    sqlite3_bind_blob(s, 10, packed, (int)(row->count * sizeof packed[0]), SQLITE_STATIC);
    if (any_bad) /* else NULL, as rows of older versions have it */
        sqlite3_bind_blob(s, 11, bad, (int)(row->count * sizeof bad[0]), SQLITE_STATIC);
    return db_run(db, s);
}

/* From a statement that stands on a row with MEAN_COLUMNS. */
static void unpack(sqlite3_stmt *s, struct mean_row *row)
{
    memset(row, 0, sizeof *row);
    row->t_ms = sqlite3_column_int64(s, 0);
    row->first_id = (uint64_t)sqlite3_column_int64(s, 1);
    row->last_id = (uint64_t)sqlite3_column_int64(s, 2);
    row->boot_lo = (uint32_t)sqlite3_column_int64(s, 3);
    row->boot_hi = (uint32_t)sqlite3_column_int64(s, 4);
    row->seq_lo = (uint32_t)sqlite3_column_int64(s, 5);
    row->seq_hi = (uint32_t)sqlite3_column_int64(s, 6);
    const uint8_t *blob = sqlite3_column_blob(s, 7);
    size_t count = (size_t)sqlite3_column_bytes(s, 7) / sizeof(struct packed_cell);
    row->count = (uint8_t)(count < READING_VALUES_MAX ? count : READING_VALUES_MAX);
    for (unsigned i = 0; blob != NULL && i < row->count; i++) {
        struct packed_cell packed;
        memcpy(&packed, blob + i * sizeof packed, sizeof packed);
        row->cells[i] = (struct mean_cell){.n = packed.n,
                                           .min = (double)packed.min,
                                           .max = (double)packed.max,
                                           .sum = (double)packed.mean * packed.n};
    }
    blob = sqlite3_column_blob(s, 8);
    count = (size_t)sqlite3_column_bytes(s, 8) / sizeof(uint32_t);
    for (unsigned i = 0; blob != NULL && i < row->count && i < count; i++)
        memcpy(&row->cells[i].bad, blob + i * sizeof(uint32_t), sizeof(uint32_t));
}

static bool load(struct db *db, uint32_t stream, int64_t t_ms, struct mean_row *row)
{
    sqlite3_stmt *s = db_statement(db, DB_MEAN_GET);
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, stream);
    sqlite3_bind_int(s, 2, MEAN_HOUR);
    sqlite3_bind_int64(s, 3, t_ms);
    bool found = sqlite3_step(s) == SQLITE_ROW;
    if (found)
        unpack(s, row);
    sqlite3_reset(s);
    return found;
}

/* ---- Open hours ---- */

static uint32_t slot_of(const struct means *means, uint32_t stream, int64_t t_ms)
{
    uint64_t h = (uint64_t)(t_ms / HOUR_MS) * 0x9E3779B97F4A7C15u ^ stream * 0xC2B2AE3D27D4EB4Fu;
    return (uint32_t)((h ^ h >> 29) % means->capacity);
}

static struct open_hour *find(struct means *means, uint32_t stream, int64_t t_ms)
{
    uint32_t at = slot_of(means, stream, t_ms);
    for (uint32_t i = 0; i < means->capacity; i++, at = (at + 1) % means->capacity) {
        struct open_hour *hour = &means->hours[at];
        if (hour->stream == 0)
            return NULL;
        if (hour->stream == stream && hour->row->t_ms == t_ms)
            return hour;
    }
    return NULL;
}

static void put(struct means *means, struct open_hour entry)
{
    uint32_t at = slot_of(means, entry.stream, entry.row->t_ms);
    while (means->hours[at].stream != 0)
        at = (at + 1) % means->capacity;
    means->hours[at] = entry;
    means->used++;
}

/* Forgets the clean ones that were not used lately; rebuilds the table, since probing forbids
 * holes. Called seldom: when the table is three quarters full. */
static void sweep(struct means *means)
{
    struct open_hour *kept = calloc(means->used + 1u, sizeof *kept);
    uint32_t count = 0;
    if (kept == NULL)
        return;
    uint32_t recent = means->stamp > means->capacity / 4 ? means->stamp - means->capacity / 4 : 0;
    for (uint32_t i = 0; i < means->capacity; i++) {
        struct open_hour *hour = &means->hours[i];
        if (hour->stream == 0)
            continue;
        if (hour->dirty || hour->stamp > recent)
            kept[count++] = *hour;
        else
            free(hour->row);
    }
    memset(means->hours, 0, means->capacity * sizeof means->hours[0]);
    means->used = 0;
    for (uint32_t i = 0; i < count; i++)
        put(means, kept[i]);
    free(kept);
}

/* Without memory the table stays as it is. */
static void grow(struct means *means)
{
    struct open_hour *old = means->hours;
    uint32_t capacity = means->capacity;
    struct open_hour *hours = calloc(2 * (size_t)capacity, sizeof *hours);
    if (hours == NULL)
        return;
    means->hours = hours;
    means->capacity = 2 * capacity;
    means->used = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        if (old[i].stream != 0)
            put(means, old[i]);
    }
    free(old);
}

static struct open_hour *open_hour(struct means *means, struct db *db, const struct stream *stream,
                                   int64_t t_ms)
{
    struct open_hour *hour = find(means, stream->id, t_ms);
    if (hour != NULL)
        return hour;
    if (means->used >= means->capacity / 4 * 3)
        sweep(means);
    if (means->used >= means->capacity / 4 * 3)
        grow(means);
    if (means->used >= means->capacity - 1)
        return NULL;
    struct mean_row *row = calloc(1, row_size(stream->shape->count));
    if (row == NULL)
        return NULL;
    struct mean_row loaded;
    if (db->handle != NULL && load(db, stream->id, t_ms, &loaded) &&
        loaded.count == stream->shape->count)
        memcpy(row, &loaded, row_size(loaded.count));
    row->t_ms = t_ms;
    row->count = stream->shape->count;
    put(means, (struct open_hour){.stream = stream->id, .row = row});
    /* cppcheck-suppress memleak ; the table has it now */
    return find(means, stream->id, t_ms);
}

static void widen(struct mean_row *row, uint64_t id, const struct record *record)
{
    if (row->last_id == 0) {
        row->first_id = row->last_id = id;
        row->boot_lo = row->boot_hi = record->boot;
        row->seq_lo = record->seq;
        row->seq_hi = record->last_seq;
        return;
    }
    row->first_id = id < row->first_id ? id : row->first_id;
    row->last_id = id > row->last_id ? id : row->last_id;
    row->boot_lo = record->boot < row->boot_lo ? record->boot : row->boot_lo;
    row->boot_hi = record->boot > row->boot_hi ? record->boot : row->boot_hi;
    row->seq_lo = record->seq < row->seq_lo ? record->seq : row->seq_lo;
    row->seq_hi = record->last_seq > row->seq_hi ? record->last_seq : row->seq_hi;
}

bool means_believe(const struct payload_value *value)
{
    return value->present && (value->flag == METRIC_GOOD || value->flag == METRIC_UNCALIBRATED ||
                              value->flag == METRIC_CLOCK);
}

void means_add(struct means *means, struct db *db, const struct stream *stream, uint64_t id,
               const struct record *record, int64_t wall_ms, const struct payload_value *values)
{
    int64_t t_ms = wall_ms - (wall_ms % HOUR_MS + HOUR_MS) % HOUR_MS;
    struct open_hour *hour = open_hour(means, db, stream, t_ms);
    if (hour == NULL)
        return;
    means->dirty += !hour->dirty;
    hour->dirty = true;
    hour->stamp = ++means->stamp;
    widen(hour->row, id, record);
    for (unsigned i = 0; i < hour->row->count; i++) {
        struct mean_cell *cell = &hour->row->cells[i];
        if (!means_believe(&values[i])) { /* where no sensor is, no sample was taken */
            cell->bad += values[i].flag != METRIC_ABSENT && values[i].flag != METRIC_GOOD;
            continue;
        }
        double value = payload_value_number(&values[i]);
        cell->min = cell->n == 0 || value < cell->min ? value : cell->min;
        cell->max = cell->n == 0 || value > cell->max ? value : cell->max;
        cell->sum += value;
        cell->n++;
    }
}

static void full_row(const struct mean_row *part, struct mean_row *row)
{
    memset(row, 0, sizeof *row);
    memcpy(row, part, row_size(part->count));
}

int means_flush(struct means *means, struct db *db)
{
    for (uint32_t i = 0; i < means->capacity; i++) {
        const struct open_hour *hour = &means->hours[i];
        struct mean_row row;
        if (hour->stream == 0 || !hour->dirty)
            continue;
        full_row(hour->row, &row);
        int rc = mean_save(db, hour->stream, MEAN_HOUR, &row);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

void means_flushed(struct means *means)
{
    for (uint32_t i = 0; i < means->capacity; i++)
        means->hours[i].dirty = false;
    means->dirty = 0;
}

/* Its place in the table stays taken until the next sweep: probing forbids holes. */
void means_forget(struct means *means, uint32_t stream, int64_t t_ms)
{
    struct open_hour *hour = find(means, stream, t_ms);
    if (hour == NULL)
        return;
    means->dirty -= hour->dirty;
    hour->dirty = false;
    hour->stamp = 0;
    hour->row->t_ms = INT64_MIN;
}

bool means_pressed(const struct means *means)
{
    return means->dirty >= means->planned / 2;
}

/* ---- Reading back -----------------------------------------------------------------------------
 */

/* The RAM rows of a stream that are newer than what the file has, oldest first, one at a time:
 * open hours are few, so the next one is searched for. */
static const struct mean_row *next_open(const struct means *means, uint32_t stream, int64_t from_ms,
                                        int64_t to_ms)
{
    const struct mean_row *next = NULL;
    for (uint32_t i = 0; i < means->capacity; i++) {
        const struct open_hour *hour = &means->hours[i];
        if (hour->stream == stream && hour->row->t_ms >= from_ms && hour->row->t_ms < to_ms &&
            (next == NULL || hour->row->t_ms < next->t_ms))
            next = hour->row;
    }
    return next;
}

int means_read(struct means *means, struct db *db, const struct stream *stream, enum mean_step step,
               int64_t from_ms, int64_t to_ms, means_each each, void *context)
{
    struct mean_row row;
    int rc = SQLITE_DONE;
    int64_t at = from_ms;
    sqlite3_stmt *s = db_statement(db, DB_MEAN_RANGE);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, stream->id);
        sqlite3_bind_int(s, 2, (int)step);
        sqlite3_bind_int64(s, 3, from_ms);
        sqlite3_bind_int64(s, 4, to_ms);
    }
    while (s != NULL && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        unpack(s, &row);
        const struct mean_row *open = NULL;
        while (step == MEAN_HOUR &&
               (open = next_open(means, stream->id, at, row.t_ms + 1)) != NULL) {
            struct mean_row full;
            full_row(open, &full);
            each(context, &full);
            at = open->t_ms + 1;
        }
        if (at <= row.t_ms)
            each(context, &row);
        at = row.t_ms + 1;
    }
    if (s != NULL)
        sqlite3_reset(s);
    const struct mean_row *open = NULL;
    while (step == MEAN_HOUR && (open = next_open(means, stream->id, at, to_ms)) != NULL) {
        full_row(open, &row);
        each(context, &row);
        at = open->t_ms + 1;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void means_find_seq(struct means *means, struct db *db, uint32_t stream, uint32_t boot,
                    uint32_t first_seq, uint32_t last_seq, means_each each, void *context)
{
    struct mean_row row = {0};
    sqlite3_stmt *s = db_statement(db, DB_MEAN_SEQ);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, stream);
        sqlite3_bind_int64(s, 2, boot);
        sqlite3_bind_int64(s, 3, first_seq);
        sqlite3_bind_int64(s, 4, last_seq);
    }
    while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        row.first_id = (uint64_t)sqlite3_column_int64(s, 0);
        row.last_id = (uint64_t)sqlite3_column_int64(s, 1);
        each(context, &row);
    }
    if (s != NULL)
        sqlite3_reset(s);
    for (uint32_t i = 0; i < means->capacity; i++) {
        const struct open_hour *hour = &means->hours[i];
        if (hour->stream == stream && hour->row->boot_lo <= boot && hour->row->boot_hi >= boot &&
            hour->row->seq_lo <= last_seq && hour->row->seq_hi >= first_seq) {
            row.first_id = hour->row->first_id;
            row.last_id = hour->row->last_id;
            each(context, &row);
        }
    }
}
