/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TEXT_MAX 4096

/* ---- Which readings are new ---- */

/* Three array literals of devices, boots and `third`; devices are names, so nothing needs quotes
 * but the word null. */
static void put_arrays(struct rows *rows, const struct message *message, bool serials)
{
    struct sql_text *devices = &rows->texts[0], *boots = &rows->texts[1], *third = &rows->texts[2];
    for (unsigned i = 0; i < 3; i++) {
        sql_text_begin(&rows->texts[i]);
        sql_text_put(&rows->texts[i], "{");
    }
    for (size_t i = 0; i < message->reading_count; i++) {
        const struct message_reading *r = &message->readings[i];
        const char *comma = i > 0 ? "," : "";
        sql_text_put(devices, "%s\"%s\"", comma, r->device);
        sql_text_put(boots, "%s%" PRId64, comma, r->boot);
        sql_text_put(third, "%s%" PRId64, comma, serials ? r->serial : r->seq);
    }
    /* Streams that only gaps or means name are made as well. */
    bool first = message->reading_count == 0;
    for (size_t i = 0; serials && i < message->gap_count; i++, first = false) {
        const struct message_gap *gap = &message->gaps[i];
        sql_text_put(devices, "%s\"%s\"", first ? "" : ",", gap->device);
        sql_text_put(boots, "%s%" PRId64, first ? "" : ",", gap->boot);
        sql_text_put(third, "%s%" PRId64, first ? "" : ",", gap->serial);
    }
    for (size_t i = 0; serials && i < message->mean_count; i++, first = false) {
        sql_text_put(devices, "%s\"%s\"", first ? "" : ",", message->means[i].device);
        sql_text_put(boots, "%s%" PRId64, first ? "" : ",", message->means[i].boot);
        sql_text_put(third, "%s0", first ? "" : ",");
    }
    for (unsigned i = 0; i < 3; i++)
        sql_text_put(&rows->texts[i], "}");
}

static bool texts_failed(const struct rows *rows)
{
    for (unsigned i = 0; i < 4; i++) {
        if (rows->texts[i].failed)
            return !connection_no_memory(rows->connection);
    }
    return false;
}

static bool room_for(struct rows *rows, size_t count)
{
    if (count <= rows->room)
        return true;
    struct row *grown = realloc(rows->of, count * sizeof *grown);
    if (grown == NULL)
        return connection_no_memory(rows->connection);
    rows->of = grown;
    rows->room = count;
    return true;
}

/* The stream of each reading, and whether it is known. `*all`: each has a stream. */
static bool look_up(struct rows *rows, const struct message *message, bool *all)
{
    PGresult *result = NULL;
    put_arrays(rows, message, false);
    const char *parameters[] = {message->gateway, rows->texts[0].data, rows->texts[1].data,
                                rows->texts[2].data};
    if (texts_failed(rows) || !connection_ask(rows->connection, "find", 4, parameters, &result))
        return false;
    *all = true;
    for (size_t i = 0; i < message->reading_count; i++) {
        bool found = !PQgetisnull(result, (int)i, 0);
        rows->of[i] = (struct row){0};
        *all = *all && found;
        if (!found)
            continue;
        rows->of[i].stream = (int32_t)strtol(PQgetvalue(result, (int)i, 0), NULL, 10);
        rows->of[i].known = PQgetvalue(result, (int)i, 1)[0] == 't';
    }
    PQclear(result);
    return true;
}

static bool make_streams(struct rows *rows, const struct message *message)
{
    put_arrays(rows, message, true);
    const char *parameters[] = {message->gateway, rows->texts[0].data, rows->texts[1].data,
                                rows->texts[2].data};
    return !texts_failed(rows) && connection_tell(rows->connection, "new_streams", 4, parameters);
}

struct place {
    int32_t stream;
    int64_t seq;
    size_t at;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->stream != y->stream)
        return x->stream < y->stream ? -1 : 1;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Of two with one number the first counts. */
static bool mark_repeated(struct rows *rows, const struct message *message)
{
    size_t count = message->reading_count;
    struct place *places = malloc((count + 1) * sizeof *places);
    if (places == NULL)
        return connection_no_memory(rows->connection);
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){rows->of[i].stream, message->readings[i].seq, i};
    qsort(places, count, sizeof *places, by_place);
    for (size_t i = 1; i < count; i++) {
        if (places[i].stream == places[i - 1].stream && places[i].seq == places[i - 1].seq)
            rows->of[places[i].at].known = true;
    }
    free(places);
    return true;
}

bool rows_find_new(struct rows *rows, const struct message *message)
{
    bool all = message->gap_count == 0 && message->mean_count == 0;
    if (!room_for(rows, message->reading_count))
        return false;
    if (message->reading_count > 0 && all && !look_up(rows, message, &all))
        return false;
    if (!all && (!make_streams(rows, message) ||
                 (message->reading_count > 0 && !look_up(rows, message, &all))))
        return false;
    return mark_repeated(rows, message);
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

static void put_json(struct copy *copy, json_t *object)
{
    char text[JSON_TEXT_MAX];
    if (json_object_size(object) == 0) {
        copy_null(copy);
        return;
    }
    size_t size = json_dumpb(object, text, sizeof text - 1, JSON_COMPACT);
    char *large = size >= sizeof text ? json_dumps(object, JSON_COMPACT) : NULL;
    text[size < sizeof text ? size : 0] = '\0';
    copy_jsonb(copy, large != NULL ? large : text);
    free(large);
}

/* What a reading has for the columns. */
struct values {
    double number[METRICS_COLUMNS_MAX];
    bool present[METRICS_COLUMNS_MAX];
    json_t *more; /* for the others */
};

/* Values by column, the others in `more`; and into the hours, where the time is known. */
static bool spread(struct rows *rows, const struct message_reading *r, int32_t stream,
                   int64_t ts_ms, bool dated, struct values *values)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (r->values, name, value) {
        const struct known_metric *metric = metrics_find(rows->metrics, rows->connection, name);
        if (metric == NULL)
            return false;
        double number = json_number_value(value);
        if (dated && message_believes(json_string_value(json_object_get(r->flags, name))))
            hours_add(&rows->hours, stream, metric->id, ts_ms, number, metric->angle);
        if (metric->column < 0) {
            if (json_object_set(values->more, name, value) != 0)
                return connection_no_memory(rows->connection);
            continue;
        }
        values->number[metric->column] = number;
        values->present[metric->column] = true;
    }
    return true;
}

static void put_values(struct rows *rows, const struct values *values)
{
    for (unsigned i = 0; i < rows->metrics->column_count; i++) {
        if (values->present[i])
            copy_float8(&rows->copy, values->number[i]);
        else
            copy_null(&rows->copy);
    }
}

static bool put_row(struct rows *rows, const struct message *message, const PGresult *corrections,
                    size_t at)
{
    const struct message_reading *r = &message->readings[at];
    struct values values = {.more = json_object()};
    struct copy *copy = &rows->copy;
    bool dated = false;
    int64_t ts_ms = r->ts_ms + corrected_ms(corrections, message, r, &dated);
    bool good = values.more != NULL || connection_no_memory(rows->connection);
    if (good && (ts_ms < 0 || ts_ms > MESSAGE_TIME_MAX_MS)) {
        (void)snprintf(rows->connection->why, CONNECTION_WHY_SIZE, "22008 a time is out of range");
        good = false;
    }
    if (good && spread(rows, r, rows->of[at].stream, ts_ms, dated, &values)) {
        copy_row(copy, (uint16_t)(6 + rows->metrics->column_count));
        copy_int4(copy, rows->of[at].stream);
        copy_int8(copy, r->seq);
        copy_time(copy, ts_ms);
        if (dated)
            copy_null(copy);
        else
            copy_int8(copy, r->gateway_boot);
        put_json(copy, values.more);
        put_json(copy, r->flags);
        put_values(rows, &values);
    } else {
        good = false;
    }
    json_decref(values.more);
    return good;
}

static bool send_rows(struct rows *rows)
{
    struct sql_text *text = &rows->texts[3];
    sql_text_begin(text);
    sql_text_put(text, "COPY reading (stream, seq, ts, gb, more, flags");
    metrics_put_columns(rows->metrics, text);
    sql_text_put(text, ") FROM STDIN (FORMAT binary)");
    if (texts_failed(rows))
        return false;
    if (rows->copy.failed)
        return connection_no_memory(rows->connection);
    if (!connection_judge(rows->connection, PQexec(rows->connection->db, text->data), PGRES_COPY_IN,
                          NULL))
        return false;
    bool sent = PQputCopyData(rows->connection->db, (const char *)rows->copy.data,
                              (int)rows->copy.used) == 1;
    sent = PQputCopyEnd(rows->connection->db, sent ? NULL : "it could not be sent") == 1 && sent;
    bool good = connection_judge(rows->connection, PQgetResult(rows->connection->db),
                                 PGRES_COMMAND_OK, NULL) &&
                sent;
    PGresult *rest = NULL;
    while ((rest = PQgetResult(rows->connection->db)) != NULL)
        PQclear(rest);
    return good;
}

static bool tell_have(struct rows *rows, const struct message *message)
{
    struct sql_text *ids = &rows->texts[0], *seqs = &rows->texts[1];
    bool first = true;
    sql_text_begin(ids);
    sql_text_begin(seqs);
    sql_text_put(ids, "{");
    sql_text_put(seqs, "{");
    for (size_t i = 0; i < message->reading_count; i++) {
        if (rows->of[i].known)
            continue;
        sql_text_put(ids, "%s%" PRId32, first ? "" : ",", rows->of[i].stream);
        sql_text_put(seqs, "%s%" PRId64, first ? "" : ",", message->readings[i].seq);
        first = false;
    }
    sql_text_put(ids, "}");
    sql_text_put(seqs, "}");
    const char *parameters[] = {ids->data, seqs->data};
    return !texts_failed(rows) && connection_tell(rows->connection, "have", 2, parameters);
}

static bool tell_hours(struct rows *rows)
{
    struct sql_text columns[9] = {{0}};
    const char *parameters[9];
    hours_fold(&rows->hours);
    if (rows->hours.count == 0)
        return true;
    for (unsigned k = 0; k < 9; k++)
        sql_text_put(&columns[k], "{");
    for (size_t i = 0; i < rows->hours.count; i++) {
        const struct hour_cell *cell = &rows->hours.cells[i];
        const char *comma = i > 0 ? "," : "";
        const double numbers[] = {cell->sum, cell->min, cell->max, cell->x, cell->y};
        sql_text_put(&columns[0], "%s%" PRId32, comma, cell->stream);
        sql_text_put(&columns[1], "%s%" PRId64, comma, cell->hour_ms / 1000);
        sql_text_put(&columns[2], "%s%" PRId32, comma, cell->metric);
        sql_text_put(&columns[3], "%s%" PRIu64, comma, cell->n);
        for (unsigned k = 0; k < 5; k++)
            sql_text_put(&columns[4 + k], "%s%.17g", comma, numbers[k]);
    }
    bool failed = rows->hours.failed;
    for (unsigned k = 0; k < 9; k++) {
        sql_text_put(&columns[k], "}");
        parameters[k] = columns[k].data;
        failed = failed || columns[k].failed;
    }
    bool good = failed ? connection_no_memory(rows->connection)
                       : connection_tell(rows->connection, "hours", 9, parameters);
    for (unsigned k = 0; k < 9; k++)
        sql_text_free(&columns[k]);
    return good;
}

bool rows_store(struct rows *rows, const struct message *message, size_t *fresh)
{
    PGresult *corrections = NULL;
    const char *gateway = message->gateway;
    bool undated = false, good = true;
    for (size_t i = 0; i < message->reading_count; i++)
        undated = undated || message->readings[i].gateway_boot >= 0;
    if (undated && !connection_ask(rows->connection, "corrections", 1, &gateway, &corrections))
        return false;
    *fresh = 0;
    copy_begin(&rows->copy);
    hours_clear(&rows->hours);
    for (size_t i = 0; good && i < message->reading_count; i++) {
        if (rows->of[i].known)
            continue;
        good = put_row(rows, message, corrections, i);
        (*fresh)++;
    }
    PQclear(corrections);
    copy_end(&rows->copy);
    return good && (*fresh == 0 || send_rows(rows));
}

bool rows_tell(struct rows *rows, const struct message *message)
{
    return tell_have(rows, message) && tell_hours(rows);
}

void rows_free(struct rows *rows)
{
    for (unsigned i = 0; i < sizeof rows->texts / sizeof rows->texts[0]; i++)
        sql_text_free(&rows->texts[i]);
    copy_free(&rows->copy);
    hours_free(&rows->hours);
    free(rows->of);
}
