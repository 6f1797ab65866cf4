/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/rollup.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/daemon/store/little.h"
#include "protocols/metric/metric.h"

/* An open hour. Hash by (stream, hour) into a table with linear probing; when it is nearly full,
 * clean ones are forgotten (they are in the file). It grows only for logs of many hours at once,
 * and then no further than one chunk of records takes it: see rollup_pressed(). */
struct open_hour {
    uint32_t stream; /* 0: free */
    bool dirty;
    uint32_t stamp;
    struct rollup_row *row; /* cells for `stream`'s count only */
    struct places places;
};

struct rollup {
    uint32_t planned, capacity, used, dirty, stamp;
    struct open_hour *hours;
};

static size_t row_size(unsigned count)
{
    return offsetof(struct rollup_row, cells) + count * sizeof(struct rollup_cell);
}

struct rollup *rollup_create(uint32_t capacity)
{
    struct rollup *rollup = calloc(1, sizeof *rollup);
    struct open_hour *hours = calloc(capacity, sizeof *hours);
    if (rollup == NULL || hours == NULL) {
        free(hours);
        free(rollup);
        return NULL;
    }
    rollup->planned = rollup->capacity = capacity;
    rollup->hours = hours;
    return rollup;
}

static void close_hour(struct open_hour *hour)
{
    free(hour->row);
    free(hour->places.data);
}

void rollup_destroy(struct rollup *rollup)
{
    if (rollup == NULL)
        return;
    for (uint32_t i = 0; i < rollup->capacity; i++)
        close_hour(&rollup->hours[i]);
    free(rollup->hours);
    free(rollup);
}

int64_t rollup_day_start(int64_t t_ms)
{
    time_t t = (time_t)(t_ms / 1000);
    struct tm local;
    if (localtime_r(&t, &local) == NULL)
        return t_ms - t_ms % 86400000;
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    local.tm_isdst = -1;
    return (int64_t)mktime(&local) * 1000;
}

struct angle_sum rollup_angle(const struct rollup_cell *cell)
{
    struct angle_sum sum = cell->angle;
    if (!cell->vector && cell->n > 0)
        angle_add(&sum, cell->sum / cell->n, cell->n);
    return sum;
}

void rollup_merge(struct rollup_row *to, const struct rollup_row *from)
{
    to->first_id = from->first_id < to->first_id ? from->first_id : to->first_id;
    to->last_id = from->last_id > to->last_id ? from->last_id : to->last_id;
    for (unsigned i = 0; i < to->count && i < from->count; i++) {
        struct rollup_cell *cell = &to->cells[i];
        const struct rollup_cell *more = &from->cells[i];
        cell->bad += more->bad;
        if (more->n == 0)
            continue;
        cell->min = cell->n == 0 || more->min < cell->min ? more->min : cell->min;
        cell->max = cell->n == 0 || more->max > cell->max ? more->max : cell->max;
        if (cell->vector || more->vector) {
            struct angle_sum one = rollup_angle(cell), other = rollup_angle(more);
            cell->vector = true;
            cell->angle = (struct angle_sum){one.x + other.x, one.y + other.y};
        }
        cell->sum += more->sum;
        cell->n += more->n;
    }
}

/* ---- Rows in the file ---- */

/* n as 4 bytes and three floats a cell. A second blob where there is need: `bad` of each cell as 4
 * bytes, then, where there are directions, the mean vector of each as two floats; a version that
 * knows only the first part reads that. */

struct packed_cell {
    uint32_t n;
    float min, max;
    float mean;
};

struct packed_rest {
    uint32_t bad[READING_VALUES_MAX];
    float vectors[2 * READING_VALUES_MAX]; /* behind the last `bad` of the row */
};

/* Returns its size; 0: nothing is worth it. */
static size_t pack_rest(const struct rollup_row *row, uint8_t *out)
{
    struct packed_rest rest = {{0}, {0}};
    bool bad = false, vector = false;
    for (unsigned i = 0; i < row->count; i++) {
        const struct rollup_cell *cell = &row->cells[i];
        rest.bad[i] = cell->bad;
        bad = bad || cell->bad > 0;
        vector = vector || cell->vector;
        if (cell->vector && cell->n > 0) {
            rest.vectors[2 * i] = (float)(cell->angle.x / cell->n);
            rest.vectors[2 * i + 1] = (float)(cell->angle.y / cell->n);
        }
    }
    size_t size = bad || vector ? row->count * sizeof rest.bad[0] : 0;
    little_copy(out, rest.bad, sizeof rest.bad[0], size / sizeof rest.bad[0]);
    if (!vector)
        return size;
    little_copy(out + size, rest.vectors, sizeof rest.vectors[0], (size_t)row->count * 2);
    return size + row->count * 2 * sizeof rest.vectors[0];
}

static void unpack_rest(const uint8_t *blob, size_t size, struct rollup_row *row)
{
    size_t bads = row->count * sizeof(uint32_t);
    for (unsigned i = 0; blob != NULL && i < row->count && (i + 1) * sizeof(uint32_t) <= size; i++)
        little_copy(&row->cells[i].bad, blob + i * sizeof(uint32_t), sizeof(uint32_t), 1);
    for (unsigned i = 0; blob != NULL && size >= 3 * bads && i < row->count; i++) {
        struct rollup_cell *cell = &row->cells[i];
        float vector[2];
        little_copy(vector, blob + bads + i * sizeof vector, sizeof vector[0], 2);
        cell->vector = vector[0] != 0 || vector[1] != 0;
        cell->angle = (struct angle_sum){(double)vector[0] * cell->n, (double)vector[1] * cell->n};
    }
}

int rollup_save(struct db *db, uint32_t stream, enum rollup_step step, const struct rollup_row *row)
{
    uint8_t packed[READING_VALUES_MAX * sizeof(struct packed_cell)];
    uint8_t rest[sizeof(struct packed_rest)];
    for (unsigned i = 0; i < row->count; i++) {
        const struct rollup_cell *cell = &row->cells[i];
        struct packed_cell one = {.n = cell->n,
                                  .min = (float)cell->min,
                                  .max = (float)cell->max,
                                  .mean = cell->n > 0 ? (float)(cell->sum / cell->n) : 0};
        little_copy(packed + i * sizeof one, &one, sizeof one.n, sizeof one / sizeof one.n);
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
    sqlite3_bind_blob(s, 10, packed, (int)(row->count * sizeof(struct packed_cell)), SQLITE_STATIC);
    size_t size = pack_rest(row, rest);
    if (size > 0) /* else NULL, as rows of older versions have it */
        sqlite3_bind_blob(s, 11, rest, (int)size, SQLITE_STATIC);
    return db_run(db, s);
}

/* From a statement that stands on a row with MEAN_COLUMNS. */
static void unpack(sqlite3_stmt *s, struct rollup_row *row)
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
        little_copy(&packed, blob + i * sizeof packed, sizeof packed.n,
                    sizeof packed / sizeof packed.n);
        row->cells[i] = (struct rollup_cell){.n = packed.n,
                                             .min = (double)packed.min,
                                             .max = (double)packed.max,
                                             .sum = (double)packed.mean * packed.n};
    }
    unpack_rest(sqlite3_column_blob(s, 8), (size_t)sqlite3_column_bytes(s, 8), row);
}

static bool load(struct db *db, uint32_t stream, int64_t t_ms, struct rollup_row *row)
{
    sqlite3_stmt *s = db_statement(db, DB_MEAN_GET);
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, stream);
    sqlite3_bind_int(s, 2, ROLLUP_HOUR);
    sqlite3_bind_int64(s, 3, t_ms);
    bool found = sqlite3_step(s) == SQLITE_ROW;
    if (found)
        unpack(s, row);
    sqlite3_reset(s);
    return found;
}

static struct places_of places_of(uint32_t stream, const struct rollup_row *row)
{
    struct places_of of = {
        .stream = stream, .t_ms = row->t_ms, .first_id = row->first_id, .last_id = row->last_id};
    for (unsigned i = 0; i < row->count; i++)
        of.samples += (uint64_t)row->cells[i].n + row->cells[i].bad;
    return of;
}

/* ---- Open hours ---- */

static uint32_t slot_of(const struct rollup *rollup, uint32_t stream, int64_t t_ms)
{
    uint64_t h = (uint64_t)(t_ms / HOUR_MS) * 0x9E3779B97F4A7C15u ^ stream * 0xC2B2AE3D27D4EB4Fu;
    return (uint32_t)((h ^ h >> 29) % rollup->capacity);
}

static struct open_hour *find(struct rollup *rollup, uint32_t stream, int64_t t_ms)
{
    uint32_t at = slot_of(rollup, stream, t_ms);
    for (uint32_t i = 0; i < rollup->capacity; i++, at = (at + 1) % rollup->capacity) {
        struct open_hour *hour = &rollup->hours[at];
        if (hour->stream == 0)
            return NULL;
        if (hour->stream == stream && hour->row->t_ms == t_ms)
            return hour;
    }
    return NULL;
}

static void put(struct rollup *rollup, struct open_hour entry)
{
    uint32_t at = slot_of(rollup, entry.stream, entry.row->t_ms);
    while (rollup->hours[at].stream != 0)
        at = (at + 1) % rollup->capacity;
    rollup->hours[at] = entry;
    rollup->used++;
}

/* Forgets the clean ones that were not used lately; rebuilds the table, since probing forbids
 * holes. Called seldom: when the table is three quarters full. */
static void sweep(struct rollup *rollup)
{
    struct open_hour *kept = calloc(rollup->used + 1u, sizeof *kept);
    uint32_t count = 0;
    if (kept == NULL)
        return;
    uint32_t batch_cache =
        rollup->stamp > rollup->capacity / 4 ? rollup->stamp - rollup->capacity / 4 : 0;
    for (uint32_t i = 0; i < rollup->capacity; i++) {
        struct open_hour *hour = &rollup->hours[i];
        if (hour->stream == 0)
            continue;
        if (hour->dirty || hour->stamp > batch_cache)
            kept[count++] = *hour;
        else
            close_hour(hour);
    }
    memset(rollup->hours, 0, rollup->capacity * sizeof rollup->hours[0]);
    rollup->used = 0;
    for (uint32_t i = 0; i < count; i++)
        put(rollup, kept[i]);
    free(kept);
}

/* Without memory the table stays as it is. */
static void grow(struct rollup *rollup)
{
    struct open_hour *old = rollup->hours;
    uint32_t capacity = rollup->capacity;
    struct open_hour *hours = calloc(2 * (size_t)capacity, sizeof *hours);
    if (hours == NULL)
        return;
    rollup->hours = hours;
    rollup->capacity = 2 * capacity;
    rollup->used = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        if (old[i].stream != 0)
            put(rollup, old[i]);
    }
    free(old);
}

static struct open_hour *open_hour(struct rollup *rollup, struct db *db,
                                   const struct stream *stream, int64_t t_ms)
{
    struct open_hour *hour = find(rollup, stream->id, t_ms);
    if (hour != NULL)
        return hour;
    if (rollup->used >= rollup->capacity / 4 * 3)
        sweep(rollup);
    if (rollup->used >= rollup->capacity / 4 * 3)
        grow(rollup);
    if (rollup->used >= rollup->capacity - 1)
        return NULL;
    struct rollup_row *row = calloc(1, row_size(stream->schema->count));
    if (row == NULL)
        return NULL;
    struct open_hour opened = {.stream = stream->id, .row = row};
    struct rollup_row loaded;
    if (db->handle != NULL && load(db, stream->id, t_ms, &loaded) &&
        loaded.count == stream->schema->count) {
        struct places_of of = places_of(stream->id, &loaded);
        memcpy(row, &loaded, row_size(loaded.count));
        places_load(db, &of, &opened.places);
    }
    row->t_ms = t_ms;
    row->count = stream->schema->count;
    put(rollup, opened);
    /* cppcheck-suppress memleak ; the table has it now */
    return find(rollup, stream->id, t_ms);
}

static void widen(struct rollup_row *row, uint64_t id, const struct record *record)
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

bool rollup_believe(const struct payload_value *value)
{
    return value->present && (value->flag == METRIC_GOOD || value->flag == METRIC_UNCALIBRATED ||
                              value->flag == METRIC_CLOCK);
}

void rollup_add(struct rollup *rollup, struct db *db, const struct stream *stream,
                struct rollup_at at, const struct record *record, int64_t wall_ms,
                const struct payload_value *values)
{
    int64_t t_ms = wall_ms - (wall_ms % HOUR_MS + HOUR_MS) % HOUR_MS;
    struct open_hour *hour = open_hour(rollup, db, stream, t_ms);
    if (hour == NULL)
        return;
    rollup->dirty += !hour->dirty;
    hour->dirty = true;
    hour->stamp = ++rollup->stamp;
    widen(hour->row, at.id, record);
    places_add(&hour->places, at.batch);
    for (unsigned i = 0; i < hour->row->count; i++) {
        struct rollup_cell *cell = &hour->row->cells[i];
        if (!rollup_believe(&values[i])) { /* where no sensor is, no sample was taken */
            cell->bad += values[i].flag != METRIC_ABSENT && values[i].flag != METRIC_GOOD;
            continue;
        }
        double value = payload_value_number(&values[i]);
        cell->min = cell->n == 0 || value < cell->min ? value : cell->min;
        cell->max = cell->n == 0 || value > cell->max ? value : cell->max;
        if (stream->schema->fields[i].kind == METRIC_ANGLE) {
            cell->angle = rollup_angle(cell);
            cell->vector = true;
            angle_add(&cell->angle, value, 1);
        }
        cell->sum += value;
        cell->n++;
    }
}

static void full_row(const struct rollup_row *part, struct rollup_row *row)
{
    memset(row, 0, sizeof *row);
    memcpy(row, part, row_size(part->count));
}

int rollup_flush(struct rollup *rollup, struct db *db)
{
    for (uint32_t i = 0; i < rollup->capacity; i++) {
        const struct open_hour *hour = &rollup->hours[i];
        struct rollup_row row;
        if (hour->stream == 0 || !hour->dirty)
            continue;
        full_row(hour->row, &row);
        struct places_of of = places_of(hour->stream, &row);
        int rc = rollup_save(db, hour->stream, ROLLUP_HOUR, &row);
        if (rc == SQLITE_OK)
            rc = places_save(db, &of, &hour->places);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

void rollup_flushed(struct rollup *rollup)
{
    for (uint32_t i = 0; i < rollup->capacity; i++)
        rollup->hours[i].dirty = false;
    rollup->dirty = 0;
}

/* Its place in the table stays taken until the next sweep: probing forbids holes. */
void rollup_forget(struct rollup *rollup, uint32_t stream, int64_t t_ms)
{
    struct open_hour *hour = find(rollup, stream, t_ms);
    if (hour == NULL)
        return;
    rollup->dirty -= hour->dirty;
    hour->dirty = false;
    hour->stamp = 0;
    hour->row->t_ms = INT64_MIN;
    places_forget(&hour->places);
}

bool rollup_pressed(const struct rollup *rollup)
{
    return rollup->dirty >= rollup->planned / 2;
}

/* ---- Reading back ---- */

/* The RAM rows of a stream that are newer than what the file has, oldest first, one at a time:
 * open hours are few, so the next one is searched for. */
static const struct rollup_row *next_open(const struct rollup *rollup, uint32_t stream,
                                          int64_t from_ms, int64_t to_ms)
{
    const struct rollup_row *next = NULL;
    for (uint32_t i = 0; i < rollup->capacity; i++) {
        const struct open_hour *hour = &rollup->hours[i];
        if (hour->stream == stream && hour->row->t_ms >= from_ms && hour->row->t_ms < to_ms &&
            (next == NULL || hour->row->t_ms < next->t_ms))
            next = hour->row;
    }
    return next;
}

int rollup_read(struct rollup *rollup, struct db *db, const struct stream *stream,
                enum rollup_step step, int64_t from_ms, int64_t to_ms, rollup_each each,
                void *context)
{
    struct rollup_row row;
    int rc = SQLITE_DONE;
    int64_t at = from_ms;
    const struct rollup_row *open = /* the next one, kept: a search goes through all of them */
        step == ROLLUP_HOUR ? next_open(rollup, stream->id, at, to_ms) : NULL;
    sqlite3_stmt *s = db_statement(db, DB_MEAN_RANGE);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, stream->id);
        sqlite3_bind_int(s, 2, (int)step);
        sqlite3_bind_int64(s, 3, from_ms);
        sqlite3_bind_int64(s, 4, to_ms);
    }
    while (s != NULL && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        unpack(s, &row);
        while (open != NULL && open->t_ms <= row.t_ms) {
            struct rollup_row full;
            full_row(open, &full);
            each(context, &full);
            at = open->t_ms + 1;
            open = next_open(rollup, stream->id, at, to_ms);
        }
        if (at <= row.t_ms)
            each(context, &row);
        at = row.t_ms + 1;
    }
    if (s != NULL)
        sqlite3_reset(s);
    for (; open != NULL; open = next_open(rollup, stream->id, at, to_ms)) {
        full_row(open, &row);
        each(context, &row);
        at = open->t_ms + 1;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void visit_places(const struct places *places, rollup_each_place each, void *context)
{
    uint64_t batch = 0;
    for (uint16_t at = 0; places_next(places, &at, &batch);)
        each(context, batch);
}

bool rollup_places(struct rollup *rollup, struct db *db, uint32_t stream,
                   const struct rollup_row *row, rollup_each_place each, void *context)
{
    const struct open_hour *open = find(rollup, stream, row->t_ms);
    if (open != NULL) {
        if (!open->places.unknown)
            visit_places(&open->places, each, context);
        return !open->places.unknown;
    }
    struct places places;
    struct places_of of = places_of(stream, row);
    places_load(db, &of, &places);
    bool known = !places.unknown;
    if (known)
        visit_places(&places, each, context);
    places_forget(&places);
    return known;
}

void rollup_find_seq(struct rollup *rollup, struct db *db, uint32_t stream, uint32_t boot,
                     uint32_t first_seq, uint32_t last_seq, rollup_each each, void *context)
{
    struct rollup_row row;
    sqlite3_stmt *s = db_statement(db, DB_MEAN_SEQ);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, stream);
        sqlite3_bind_int64(s, 2, boot);
        sqlite3_bind_int64(s, 3, first_seq);
        sqlite3_bind_int64(s, 4, last_seq);
    }
    while (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        unpack(s, &row);
        each(context, &row);
    }
    if (s != NULL)
        sqlite3_reset(s);
    for (uint32_t i = 0; i < rollup->capacity; i++) {
        const struct open_hour *hour = &rollup->hours[i];
        if (hour->stream == stream && hour->row->boot_lo <= boot && hour->row->boot_hi >= boot &&
            hour->row->seq_lo <= last_seq && hour->row->seq_hi >= first_seq) {
            full_row(hour->row, &row);
            each(context, &row);
        }
    }
}
