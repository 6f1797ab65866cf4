/* SPDX-License-Identifier: Apache-2.0 */
/* What costs is done once a stream and not once a reading: a message has some hundred readings of
 * some twenty streams. The readings are put in the order of stream and number; what PostgreSQL has
 * of a stream is then one list of ranges beside another. */
#include "gateway/county/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/clock.h"
#include "gateway/county/bounds.h"

/* ---- Memory ---- */

static bool resize(void **memory, size_t count, size_t size)
{
    free(*memory);
    *memory = malloc(count * size);
    return *memory != NULL;
}

/* For a message: nothing of the last one's is needed. */
static bool make_room(struct rows *rows, const struct message *message)
{
    size_t readings = message->reading_count + 1, values = message->value_count + 1;
    size_t streams = message->reading_count + message->gap_count + message->mean_count + 1;
    void *memory[] = {rows->streams, rows->stream_places, rows->stream_of, rows->places};
    bool good = true;
    if (readings > rows->reading_room) {
        good = resize(&memory[2], readings, sizeof *rows->stream_of);
        good = resize(&memory[3], readings, sizeof *rows->places) && good;
        rows->stream_of = memory[2];
        rows->places = memory[3];
        rows->reading_room = good ? readings : 0;
    }
    if (good && streams > rows->stream_room) {
        size_t hashes = 64;
        while (hashes < 2 * streams)
            hashes *= 2;
        good = resize(&memory[0], streams, sizeof *rows->streams);
        good = resize(&memory[1], hashes, sizeof *rows->stream_places) && good;
        rows->streams = memory[0];
        rows->stream_places = memory[1];
        rows->stream_room = good ? streams : 0;
        rows->hash_room = hashes;
    }
    if (good && values > rows->value_room) {
        free(rows->metric_of);
        rows->metric_of = malloc(values * sizeof *rows->metric_of);
        good = rows->metric_of != NULL;
        rows->value_room = good ? values : 0;
    }
    return good || connection_no_memory(rows->connection);
}

static bool texts_failed(const struct rows *rows)
{
    for (unsigned i = 0; i < sizeof rows->texts / sizeof rows->texts[0]; i++) {
        if (rows->texts[i].failed)
            return !connection_no_memory(rows->connection);
    }
    return false;
}

/* ---- Streams ---- */

/* The stream's number, a new one if it is not there. */
static uint32_t stream_number(struct rows *rows, const char *device, int64_t boot, int64_t serial)
{
    uint64_t hash = (uint64_t)boot * 0x9E3779B97F4A7C15u;
    for (const char *at = device; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001B3u;
    for (size_t at = (size_t)(hash ^ hash >> 32);; at++) {
        uint32_t *place = &rows->stream_places[at & (rows->hash_room - 1)];
        struct row_stream *stream = &rows->streams[*place - (*place != 0)];
        if (*place == 0) {
            stream = &rows->streams[rows->stream_count++];
            *stream = (struct row_stream){
                .device = device, .boot = boot, .serial = serial, .low = INT64_MAX, .high = -1};
            *place = (uint32_t)rows->stream_count;
        } else if (stream->boot != boot || strcmp(stream->device, device) != 0) {
            continue;
        }
        if (serial > stream->serial)
            stream->serial = serial;
        return *place - 1;
    }
}

static void list_streams(struct rows *rows, const struct message *message)
{
    rows->stream_count = 0;
    memset(rows->stream_places, 0, rows->hash_room * sizeof *rows->stream_places);
    for (size_t i = 0; i < message->reading_count; i++) {
        const struct message_reading *r = &message->readings[i];
        uint32_t number = stream_number(rows, r->device, r->boot, r->serial);
        struct row_stream *stream = &rows->streams[number];
        rows->stream_of[i] = number;
        stream->count++;
        stream->low = r->seq < stream->low ? r->seq : stream->low;
        stream->high = r->seq > stream->high ? r->seq : stream->high;
    }
    /* Streams that only gaps or means name are made as well. */
    for (size_t i = 0; i < message->gap_count; i++) {
        const struct message_gap *gap = &message->gaps[i];
        (void)stream_number(rows, gap->device, gap->boot, gap->serial);
    }
    for (size_t i = 0; i < message->mean_count; i++)
        (void)stream_number(rows, message->means[i].device, message->means[i].boot, 0);
}

static int by_seq(const void *a, const void *b)
{
    const struct row_place *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* `places` by stream and number. Of two with one number the first counts. */
static void put_in_order(struct rows *rows, const struct message *message)
{
    size_t from = 0;
    for (size_t k = 0; k < rows->stream_count; k++) {
        rows->streams[k].first = from;
        from += rows->streams[k].count;
        rows->streams[k].count = 0;
    }
    for (size_t i = 0; i < message->reading_count; i++) {
        struct row_stream *stream = &rows->streams[rows->stream_of[i]];
        rows->places[stream->first + stream->count++] =
            (struct row_place){message->readings[i].seq, (uint32_t)i, false};
    }
    for (size_t k = 0; k < rows->stream_count; k++) {
        struct row_place *places = &rows->places[rows->streams[k].first];
        size_t count = rows->streams[k].count;
        bool rising = true;
        for (size_t i = 1; i < count; i++)
            rising = rising && places[i].seq > places[i - 1].seq;
        if (rising)
            continue;
        qsort(places, count, sizeof *places, by_seq);
        for (size_t i = 1; i < count; i++)
            places[i].known = places[i].seq == places[i - 1].seq;
    }
}

/* Array literals of the streams' devices, boots, serials, first and last numbers; devices are
 * names, so nothing needs quotes but the word null. */
static void put_streams(struct rows *rows)
{
    for (unsigned i = 0; i < 5; i++) {
        sql_text_begin(&rows->texts[i]);
        sql_text_add(&rows->texts[i], "{");
    }
    for (size_t k = 0; k < rows->stream_count; k++) {
        const struct row_stream *stream = &rows->streams[k];
        const char *comma = k > 0 ? "," : "";
        sql_text_put(&rows->texts[0], "%s\"%s\"", comma, stream->device);
        sql_text_put(&rows->texts[1], "%s%" PRId64, comma, stream->boot);
        sql_text_put(&rows->texts[2], "%s%" PRId64, comma, stream->serial);
        sql_text_put(&rows->texts[3], "%s%" PRId64, comma, stream->count > 0 ? stream->low : 0);
        sql_text_put(&rows->texts[4], "%s%" PRId64, comma, stream->count > 0 ? stream->high : 0);
    }
    for (unsigned i = 0; i < 5; i++)
        sql_text_add(&rows->texts[i], "}");
}

/* ---- Which readings are new ---- */

/* `have`: "{[1,5),[7,9)}", ascending, as are the stream's places. */
static void mark_known(struct rows *rows, const struct row_stream *stream, const char *have)
{
    struct row_place *places = &rows->places[stream->first];
    int64_t low = 0, high = 0;
    for (size_t i = 0; i < stream->count; i++) {
        while (high <= places[i].seq) {
            char *end = NULL;
            have = strchr(have, '[');
            if (have == NULL)
                return;
            low = strtoll(have + 1, &end, 10);
            high = strtoll(end + 1, &end, 10);
            have = end;
        }
        places[i].known = places[i].known || places[i].seq >= low;
    }
}

/* `*all`: each stream is there, with its serial number; `*none`: so many are not there. */
static bool look_up(struct rows *rows, const struct message *message, bool *all, unsigned *none)
{
    PGresult *result = NULL;
    const char *parameters[] = {message->gateway,    rows->texts[0].data, rows->texts[1].data,
                                rows->texts[2].data, rows->texts[3].data, rows->texts[4].data};
    if (!connection_query(rows->connection, "find", 6, parameters, &result))
        return false;
    *all = true;
    *none = 0;
    rows->crowded = false;
    for (size_t k = 0; k < rows->stream_count; k++) {
        struct row_stream *stream = &rows->streams[k];
        bool is_there = !PQgetisnull(result, (int)k, 0);
        bool found = is_there && PQgetvalue(result, (int)k, 2)[0] != 't';
        *all = *all && found;
        *none += !is_there;
        stream->crowded = is_there && PQgetvalue(result, (int)k, 3)[0] == 't';
        rows->crowded = rows->crowded || stream->crowded;
        if (!found)
            continue;
        stream->id = (int32_t)strtol(PQgetvalue(result, (int)k, 0), NULL, 10);
        mark_known(rows, stream, PQgetvalue(result, (int)k, 1));
    }
    PQclear(result);
    return true;
}

/* Counts what the gateway begins, which is undone with the rest when the message is refused. */
static bool may_begin(struct rows *rows, const struct message *message, unsigned streams)
{
    char count[16];
    const char *parameters[] = {message->gateway, count};
    PGresult *result = NULL;
    (void)snprintf(count, sizeof count, "%u", streams);
    if (streams == 0)
        return true;
    if (!connection_query(rows->connection, "began", 2, parameters, &result))
        return false;
    const char *why = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "is gone";
    bool may = why[0] == '\0';
    if (!may)
        (void)snprintf(rows->connection->why, CONNECTION_WHY_SIZE, "22023 gateway %s %s",
                       message->gateway, why);
    PQclear(result);
    return may;
}

/* Their ids, "{7,9}". */
static const char *put_crowded(struct rows *rows)
{
    struct sql_text *ids = &rows->texts[3];
    bool any = false;
    sql_text_begin(ids);
    sql_text_add(ids, "{");
    for (size_t k = 0; k < rows->stream_count; k++) {
        if (!rows->streams[k].crowded)
            continue;
        sql_text_put(ids, "%s%" PRId32, any ? "," : "", rows->streams[k].id);
        any = true;
    }
    sql_text_add(ids, "}");
    return ids->data;
}

/* Into `ranges` of those that are crowded; `*worse`: one has too many, and more than it had. */
static bool count_ranges(struct rows *rows, bool *worse)
{
    const char *ids = put_crowded(rows);
    PGresult *result = NULL;
    *worse = false;
    if (texts_failed(rows) || !connection_query(rows->connection, "ranges", 1, &ids, &result))
        return false;
    for (int row = 0; row < PQntuples(result); row++) {
        int32_t id = (int32_t)strtol(PQgetvalue(result, row, 0), NULL, 10);
        int64_t count = strtoll(PQgetvalue(result, row, 1), NULL, 10);
        for (size_t k = 0; k < rows->stream_count; k++) {
            struct row_stream *stream = &rows->streams[k];
            if (!stream->crowded || stream->id != id)
                continue;
            *worse = *worse || (PQgetvalue(result, row, 2)[0] == 't' && count > stream->ranges);
            stream->ranges = count;
        }
    }
    PQclear(result);
    return true;
}

/* How many ranges they have before the message. */
static bool fold_crowded(struct rows *rows)
{
    bool worse = false;
    const char *ids = rows->crowded ? put_crowded(rows) : NULL;
    return !rows->crowded ||
           (!texts_failed(rows) && connection_execute(rows->connection, "fold", 1, &ids) &&
            count_ranges(rows, &worse));
}

bool rows_find_new(struct rows *rows, const struct message *message)
{
    bool all = true;
    unsigned none = 0;
    if (!make_room(rows, message))
        return false;
    list_streams(rows, message);
    put_in_order(rows, message);
    put_streams(rows);
    if (texts_failed(rows))
        return false;
    rows->crowded = false;
    if (rows->stream_count == 0)
        return true;
    if (!look_up(rows, message, &all, &none) || !may_begin(rows, message, none))
        return false;
    const char *parameters[] = {message->gateway, rows->texts[0].data, rows->texts[1].data,
                                rows->texts[2].data};
    if (!all && (!connection_execute(rows->connection, "new_streams", 4, parameters) ||
                 !look_up(rows, message, &all, &none)))
        return false;
    return fold_crowded(rows);
}

/* ---- Rows ---- */

/* What was added to readings of that boot before this one came. */
static int64_t corrected_ms(const PGresult *corrections, const struct message *message,
                            const struct message_reading *r, bool *known)
{
    int64_t add_ms = 0;
    *known = r->gateway_boot < 0;
    for (int i = 0; !*known && corrections != NULL && i < PQntuples(corrections); i++) {
        if (strtoll(PQgetvalue(corrections, i, 0), NULL, 10) != r->gateway_boot ||
            (message->first_id > 0 &&
             strtoll(PQgetvalue(corrections, i, 1), NULL, 10) < message->first_id))
            continue;
        add_ms = strtoll(PQgetvalue(corrections, i, 2), NULL, 10);
        *known = true;
    }
    return add_ms;
}

/* Learns the metrics of a reading's values, and which columns it needs. */
static bool know_metrics(struct rows *rows, const struct message *message,
                         const struct message_reading *r)
{
    for (size_t i = r->value_at; i < r->value_at + r->value_count; i++) {
        const struct known_metric *metric =
            metrics_find(rows->metrics, rows->connection, message->values[i].metric);
        if (metric == NULL)
            return false;
        rows->metric_of[i] = metric;
        if (metric->column >= 0)
            rows->used[metric->column] = true;
        else
            rows->any_more = true;
    }
    rows->any_flags = rows->any_flags || r->flag_count > 0;
    rows->any_undated = rows->any_undated || r->gateway_boot >= 0;
    return true;
}

static void put_flags(struct rows *rows, struct copy *copy, const struct message *message,
                      const struct message_reading *r)
{
    struct sql_text *text = &rows->texts[0];
    if (r->flag_count == 0) {
        copy_null(copy);
        return;
    }
    sql_text_begin(text);
    for (size_t i = r->flag_at; i < r->flag_at + r->flag_count; i++) {
        sql_text_add(text, i > r->flag_at ? "\",\"" : "{\"");
        sql_text_add(text, message->flags[i].metric);
        sql_text_add(text, "\":\"");
        sql_text_add(text, message->flags[i].flag);
    }
    sql_text_add(text, "\"}");
    copy_jsonb(copy, text->failed ? "{}" : text->data);
}

/* Values whose metric has no column. */
static void put_more(struct rows *rows, struct copy *copy, const struct message *message,
                     const struct message_reading *r)
{
    struct sql_text *text = &rows->texts[1];
    bool any = false;
    sql_text_begin(text);
    for (size_t i = r->value_at; i < r->value_at + r->value_count; i++) {
        if (rows->metric_of[i]->column >= 0)
            continue;
        sql_text_put(text, "%s\"%s\":%.17g", any ? "," : "{", message->values[i].metric,
                     message->values[i].number);
        any = true;
    }
    sql_text_add(text, "}");
    if (any && !text->failed)
        copy_jsonb(copy, text->data);
    else
        copy_null(copy);
}

/* Into the columns. */
static void put_values(struct rows *rows, struct copy *copy, const struct message *message,
                       const struct message_reading *r)
{
    const struct message_value *of[METRICS_COLUMNS_MAX] = {NULL};
    for (size_t i = r->value_at; i < r->value_at + r->value_count; i++) {
        if (rows->metric_of[i]->column >= 0)
            of[rows->metric_of[i]->column] = &message->values[i];
    }
    for (unsigned k = 0; k < rows->metrics->column_count; k++) {
        if (rows->used[k] && of[k] != NULL)
            copy_float8(copy, of[k]->number);
        else if (rows->used[k])
            copy_null(copy);
    }
}

static void add_hours(struct rows *rows, const struct message *message,
                      const struct message_reading *r, int32_t stream, int64_t ts_ms)
{
    for (size_t i = r->value_at; i < r->value_at + r->value_count; i++) {
        const struct known_metric *metric = rows->metric_of[i];
        if (message->values[i].believed)
            hours_add(&rows->hours, stream, metric->id, ts_ms, message->values[i].number,
                      metric->angle);
    }
}

static uint16_t count_fields(const struct rows *rows)
{
    unsigned count = 3u + rows->any_undated + rows->any_more + rows->any_flags;
    for (unsigned k = 0; k < rows->metrics->column_count; k++)
        count += rows->used[k];
    return (uint16_t)count;
}

bool rows_say_full(struct rows *rows, const struct message *message)
{
    (void)snprintf(rows->connection->why, CONNECTION_WHY_SIZE,
                   "22023 gateway %s has made " BOUND_HOURS " hours, and " BOUND_HOURS_DAY
                   " for each day; of what is older than " BOUND_DAYS_NEAR " days no more are made",
                   message->gateway);
    return false;
}

/* By a clock that is wrong, its own or the gateway's. Without a time that is believed it waits for
 * its correction. What is merely old is no such: a store that comes all at once. */
static bool is_misdated(const struct rows *rows, int64_t ts_ms, bool dated)
{
    return ts_ms > rows->now_ms + BOUND_DAYS_NEAR_MS ||
           (!dated && ts_ms < rows->now_ms - rows->keep_ms);
}

/* May that row be? Hours of now are always made. */
static bool may_put(struct rows *rows, const struct message *message, int64_t ts_ms, bool dated)
{
    if (ts_ms < 0 || ts_ms > MESSAGE_TIME_MAX_MS) {
        (void)snprintf(rows->connection->why, CONNECTION_WHY_SIZE, "22008 a time is out of range");
        return false;
    }
    return !rows->full || !dated || ts_ms > rows->now_ms - BOUND_DAYS_NEAR_MS ||
           rows_say_full(rows, message);
}

static bool put_row(struct rows *rows, const struct message *message, const PGresult *corrections,
                    uint16_t fields, size_t at)
{
    const struct message_reading *r = &message->readings[at];
    const int32_t stream = rows->streams[rows->stream_of[at]].id;
    bool dated = false;
    int64_t ts_ms = r->ts_ms + corrected_ms(corrections, message, r, &dated);
    if (!may_put(rows, message, ts_ms, dated))
        return false;
    bool misdated = is_misdated(rows, ts_ms, dated);
    struct copy *copy = misdated ? &rows->misdated : &rows->copy;
    rows->misdated_count += misdated;
    copy_row(copy, fields);
    copy_int4(copy, stream);
    copy_int8(copy, r->seq);
    copy_time(copy, ts_ms);
    if (rows->any_undated && dated)
        copy_null(copy);
    else if (rows->any_undated)
        copy_int8(copy, r->gateway_boot);
    if (rows->any_more)
        put_more(rows, copy, message, r);
    if (rows->any_flags)
        put_flags(rows, copy, message, r);
    put_values(rows, copy, message, r);
    if (dated && !misdated)
        add_hours(rows, message, r, stream, ts_ms);
    return true;
}

/* Only the columns that are needed: each costs PostgreSQL something in each row. */
static void put_copy(struct rows *rows, const char *table)
{
    struct sql_text *text = &rows->texts[2];
    sql_text_begin(text);
    sql_text_put(text, "COPY %s (stream, seq, ts%s%s%s", table, rows->any_undated ? ", gb" : "",
                 rows->any_more ? ", more" : "", rows->any_flags ? ", flags" : "");
    metrics_put_columns(rows->metrics, rows->used, text);
    sql_text_add(text, ") FROM STDIN (FORMAT binary)");
}

static bool send_rows(struct rows *rows, const struct copy *copy, const char *table)
{
    put_copy(rows, table);
    if (texts_failed(rows))
        return false;
    if (copy->failed || rows->hours.failed)
        return connection_no_memory(rows->connection);
    if (!connection_check(rows->connection, PQexec(rows->connection->db, rows->texts[2].data),
                          PGRES_COPY_IN, NULL))
        return false;
    bool sent = PQputCopyData(rows->connection->db, (const char *)copy->data, (int)copy->used) == 1;
    sent = PQputCopyEnd(rows->connection->db, sent ? NULL : "it could not be sent") == 1 && sent;
    bool good = connection_check(rows->connection, PQgetResult(rows->connection->db),
                                 PGRES_COMMAND_OK, NULL) &&
                sent;
    PGresult *rest = NULL;
    while ((rest = PQgetResult(rows->connection->db)) != NULL)
        PQclear(rest);
    return good;
}

static bool put_rows(struct rows *rows, const struct message *message, const PGresult *corrections)
{
    uint16_t fields = count_fields(rows);
    copy_begin(&rows->copy);
    copy_begin(&rows->misdated);
    rows->misdated_count = 0;
    rows->now_ms = clock_now().wall_ms;
    hours_clear(&rows->hours);
    for (size_t k = 0; k < message->reading_count; k++) {
        const struct row_place *place = &rows->places[k];
        if (!place->known && !put_row(rows, message, corrections, fields, place->at))
            return false;
    }
    copy_end(&rows->copy);
    copy_end(&rows->misdated);
    return true;
}

bool rows_store(struct rows *rows, const struct message *message, size_t *fresh)
{
    PGresult *corrections = NULL;
    const char *gateway = message->gateway;
    memset(rows->used, 0, sizeof rows->used);
    rows->any_undated = rows->any_more = rows->any_flags = false;
    *fresh = 0;
    for (size_t k = 0; k < message->reading_count; k++) {
        const struct row_place *place = &rows->places[k];
        if (place->known)
            continue;
        (*fresh)++;
        if (!know_metrics(rows, message, &message->readings[place->at]))
            return false;
    }
    if (*fresh == 0)
        return true;
    if (rows->any_undated &&
        !connection_query(rows->connection, "corrections", 1, &gateway, &corrections))
        return false;
    bool good = put_rows(rows, message, corrections) &&
                (rows->misdated_count == *fresh || send_rows(rows, &rows->copy, "reading")) &&
                (rows->misdated_count == 0 || send_rows(rows, &rows->misdated, "misdated"));
    PQclear(corrections);
    return good;
}

/* ---- What is known from now on ---- */

/* The ranges of a stream's new numbers, "{[1,25],[30,30]}" in quotes. false: it has none. */
static bool put_ranges(struct rows *rows, const struct row_stream *stream, bool any)
{
    struct sql_text *ids = &rows->texts[0], *ranges = &rows->texts[1];
    const struct row_place *places = &rows->places[stream->first];
    int64_t first = -1, last = -1;
    bool begun = false;
    for (size_t i = 0; i < stream->count; i++) {
        if (places[i].known)
            continue;
        if (begun && places[i].seq == last + 1) {
            last++;
            continue;
        }
        if (begun)
            sql_text_put(ranges, "[%" PRId64 ",%" PRId64 "],", first, last);
        else
            sql_text_put(ranges, "%s\"{", any ? "," : "");
        begun = true;
        first = last = places[i].seq;
    }
    if (!begun)
        return false;
    sql_text_put(ranges, "[%" PRId64 ",%" PRId64 "]}\"", first, last);
    sql_text_put(ids, "%s%" PRId32, any ? "," : "", stream->id);
    return true;
}

static bool store_ranges(struct rows *rows)
{
    struct sql_text *ids = &rows->texts[0], *ranges = &rows->texts[1];
    bool any = false;
    sql_text_begin(ids);
    sql_text_begin(ranges);
    sql_text_add(ids, "{");
    sql_text_add(ranges, "{");
    for (size_t k = 0; k < rows->stream_count; k++)
        any = put_ranges(rows, &rows->streams[k], any) || any;
    sql_text_add(ids, "}");
    sql_text_add(ranges, "}");
    const char *parameters[] = {ids->data, ranges->data};
    return !texts_failed(rows) && connection_execute(rows->connection, "have", 2, parameters);
}

/* With them the message's records: the gateway's row is written once. */
static bool store_hours(struct rows *rows, const char *const ids[3], bool *ids_stored)
{
    static const enum copy_type types[] = {COPY_INT4,   COPY_INT8,   COPY_INT2,
                                           COPY_INT8,   COPY_FLOAT8, COPY_FLOAT8,
                                           COPY_FLOAT8, COPY_FLOAT8, COPY_FLOAT8};
    struct copy *columns = rows->columns;
    const struct copy *parameters[9];
    if (rows->hours.count == 0)
        return true;
    hours_sort(&rows->hours);
    for (unsigned k = 0; k < 9; k++) {
        copy_begin_array(&columns[k], types[k], rows->hours.count);
        parameters[k] = &columns[k];
    }
    for (size_t i = 0; i < rows->hours.count; i++) {
        const struct hour_cell *cell = &rows->hours.cells[i];
        copy_int4(&columns[0], cell->stream);
        copy_int8(&columns[1], cell->hour_ms / 1000);
        copy_int2(&columns[2], (int16_t)cell->metric);
        copy_int8(&columns[3], (int64_t)cell->n);
        copy_float8(&columns[4], cell->sum);
        copy_float8(&columns[5], cell->min);
        copy_float8(&columns[6], cell->max);
        copy_float8(&columns[7], cell->x);
        copy_float8(&columns[8], cell->y);
    }
    *ids_stored = true;
    return connection_execute_binary(rows->connection, "hours", 9, parameters, 3, ids);
}

bool rows_store_ranges(struct rows *rows, const char *const ids[3], bool *ids_stored)
{
    return store_ranges(rows) && store_hours(rows, ids, ids_stored);
}

bool rows_store_crowded_ranges(struct rows *rows, size_t fresh, const char *const ids[3],
                               bool *ids_stored)
{
    bool worse = false;
    if ((fresh > 0 && !rows_store_ranges(rows, ids, ids_stored)) || !count_ranges(rows, &worse))
        return false;
    if (worse)
        (void)snprintf(rows->connection->why, CONNECTION_WHY_SIZE,
                       "22023 a device has " BOUND_RANGES
                       " holes in its numbers, and this would be one more");
    return !worse;
}

void rows_free(struct rows *rows)
{
    for (unsigned i = 0; i < sizeof rows->texts / sizeof rows->texts[0]; i++)
        sql_text_free(&rows->texts[i]);
    for (unsigned k = 0; k < sizeof rows->columns / sizeof rows->columns[0]; k++)
        copy_free(&rows->columns[k]);
    copy_free(&rows->copy);
    copy_free(&rows->misdated);
    hours_free(&rows->hours);
    free(rows->streams);
    free(rows->stream_places);
    free(rows->stream_of);
    free(rows->places);
    free(rows->metric_of);
}
