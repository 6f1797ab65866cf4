/* SPDX-License-Identifier: Apache-2.0 */
/* Each part of the statement works on what the one before it returned: `told` takes the records
 * into the gateway's row if they are not known, the stream is there and its open hour is this one;
 * `seen` takes the number into the stream, at the place where `told` saw it. That looks again,
 * since what `told` saw of the stream is older than its lock of the gateway: where another one has
 * changed it meanwhile, the reading has no stream, and that undoes all. Most of what it costs is
 * that PostgreSQL sets up each expression anew, so there is none that can be left out. */
#include "gateway/county/single.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/clock.h"
#include "gateway/county/bounds.h"

#define HOUR_MS      INT64_C(3600000)
#define NOT_NULL     "23502"
#define NUMBER_BYTES 12 /* of a number in `numbers`: its length and its eight bytes */

/* Parameters, by their number less one: texts, then numbers, then the values, then the hour. */
enum { GATEWAY, SITE, DEVICE, FLAGS, MORE, TEXTS, FIRST = TEXTS, LAST, BOOT, SEQ, TS, FIXED };

/* The values of a reading, each with what is known of its metric. */
struct values {
    struct one {
        const struct known_metric *metric;
        const struct message_value *value;
    } list[SINGLE_VALUES_MAX];
    size_t count;
};

/* The gateway's row first, then the stream's, as everybody locks them. What is closed is of the row
 * as it is locked: the view open_hour is older, and would lose what another one has added to it
 * meanwhile. */
const char single_open_statement[] =
    "WITH g AS (SELECT gw FROM gateway WHERE gw = $1::uuid AND (hour_rows <= " HOUR_ROWS_MOST
    " OR to_timestamp($4::int8) > now() - interval '" BOUND_DAYS_NEAR " d') FOR UPDATE),"
    " s AS (SELECT id, open_hour, open_metrics, open FROM stream WHERE gw = (SELECT gw FROM g)"
    " AND device = $2::text AND boot = $3::int8 AND NOT have @> $7::int8"
    " AND (open_hour IS DISTINCT FROM to_timestamp($4::int8)"
    " OR NOT open_metrics @> $5::int2[]) FOR UPDATE),"
    " closed AS (INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
    " SELECT s.id, s.open_hour, o.metric, s.open[1]::int8, s.open[5 * o.i - 3],"
    " s.open[5 * o.i - 2], s.open[5 * o.i - 1], s.open[5 * o.i], s.open[5 * o.i + 1] FROM s"
    " CROSS JOIN LATERAL unnest(s.open_metrics) WITH ORDINALITY o(metric, i) WHERE s.open[1] > 0"
    " ON CONFLICT (stream, hour, metric) DO UPDATE SET"
    " n = hour.n + excluded.n, sum = hour.sum + excluded.sum, min = least(hour.min, excluded.min),"
    " max = greatest(hour.max, excluded.max), x = hour.x + excluded.x, y = hour.y + excluded.y"
    " RETURNING hour.xmax = 0 AS is_new),"
    " counted AS (UPDATE gateway SET hour_rows = hour_rows + n FROM (SELECT count(*) AS n FROM"
    " closed WHERE is_new) c WHERE gw = $1::uuid AND n > 0)"
    " UPDATE stream SET open_hour = to_timestamp($4::int8), open_metrics = $5::int2[],"
    " open = $6::float8[] FROM s WHERE stream.id = s.id";

bool single_fits(const struct message *message)
{
    return message->reading_count == 1 && message->gap_count == 0 && message->mean_count == 0 &&
           message->correction_count == 0 && message->first_id > 0 &&
           message->value_count <= SINGLE_VALUES_MAX && message->readings[0].gateway_boot < 0;
}

/* The reading's values by their metrics' numbers. `*once`: no metric is there twice. */
static bool list_values(struct metrics *metrics, struct connection *connection,
                        const struct message *message, struct values *values, bool *once)
{
    *once = true;
    values->count = message->value_count;
    for (size_t i = 0; i < values->count; i++) {
        struct one one = {.value = &message->values[i]};
        size_t at = i;
        one.metric = metrics_find(metrics, connection, one.value->metric);
        if (one.metric == NULL)
            return false;
        for (; at > 0 && values->list[at - 1].metric->id > one.metric->id; at--)
            values->list[at] = values->list[at - 1];
        *once = *once && (at == 0 || values->list[at - 1].metric->id != one.metric->id);
        values->list[at] = one;
    }
    return true;
}

/* ---- A kind's statement ---- */

static bool is_parameter(const struct one *one)
{
    return one->metric->column >= 0 || one->value->believed;
}

static bool any_believed(const struct values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (values->list[i].value->believed)
            return true;
    }
    return false;
}

/* Of those that are believed: "{1,4}". */
static void put_metrics(struct sql_text *text, const struct values *values)
{
    bool any = false;
    sql_text_add(text, "{");
    for (size_t i = 0; i < values->count; i++) {
        if (!values->list[i].value->believed)
            continue;
        sql_text_put(text, "%s%" PRId32, any ? "," : "", values->list[i].metric->id);
        any = true;
    }
    sql_text_add(text, "}");
}

/* `open`: how many readings, then of each metric sum, min, max, and an angle's vector. */
static void put_open(struct sql_text *text, const struct values *values)
{
    unsigned parameter = FIXED, at = 1;
    sql_text_add(text, ", open = ARRAY[open[1] + 1");
    for (size_t i = 0; i < values->count; i++) {
        parameter += is_parameter(&values->list[i]);
        if (!values->list[i].value->believed)
            continue;
        sql_text_put(text, ", open[%u] + $%u, least(open[%u], $%u), greatest(open[%u], $%u)",
                     at + 1, parameter, at + 2, parameter, at + 3, parameter);
        if (values->list[i].metric->angle)
            sql_text_put(text, ", open[%u] + cosd($%u), open[%u] + sind($%u)", at + 4, parameter,
                         at + 5, parameter);
        else
            sql_text_add(text, ", 0, 0");
        at += 5;
    }
    sql_text_add(text, "]");
}

static void put_is_open(struct sql_text *text, const char *stream, const struct values *values,
                        unsigned hour)
{
    sql_text_put(text, " AND %s.open_hour = $%u::timestamptz AND %s.open_metrics = '", stream, hour,
                 stream);
    put_metrics(text, values);
    sql_text_add(text, "'::int2[]");
}

static void put_stored(struct sql_text *text, const struct values *values)
{
    unsigned parameter = FIXED;
    sql_text_add(text, " INSERT INTO reading (stream, seq, ts, flags, more");
    for (size_t i = 0; i < values->count; i++) {
        if (values->list[i].metric->column >= 0)
            sql_text_put(text, ", \"%s\"", values->list[i].metric->name);
    }
    sql_text_add(text, ") SELECT (SELECT id FROM seen), $9::int8, $10::timestamptz, $4::jsonb,"
                       " $5::jsonb");
    for (size_t i = 0; i < values->count; i++) {
        parameter += is_parameter(&values->list[i]);
        if (values->list[i].metric->column >= 0)
            sql_text_put(text, ", $%u::float8", parameter);
    }
    sql_text_add(text, " FROM told");
}

static void put_statement(struct sql_text *text, const struct values *values, bool serial)
{
    bool open = any_believed(values);
    unsigned hour = FIXED + 1;
    for (size_t i = 0; i < values->count; i++)
        hour += is_parameter(&values->list[i]);
    sql_text_begin(text);
    sql_text_add(text, "WITH told AS (UPDATE gateway g SET seen = now(),"
                       " ids = ids + int8multirange(int8range($6::int8, $7::int8, '[]'))"
                       " FROM stream s WHERE g.gw = $1::uuid AND g.site = $2::text"
                       " AND g.retired IS NULL AND NOT g.ids @> $6::int8"
                       " AND s.gw = $1::uuid AND s.device = $3::text AND s.boot = $8::int8"
                       " AND pg_column_size(g.ids) <= " BOUND_PLAIN
                       " AND pg_column_size(s.have) <= " BOUND_PLAIN " AND NOT s.have @> $9::int8");
    if (serial)
        sql_text_add(text, " AND s.serial IS NOT NULL");
    if (open)
        put_is_open(text, "s", values, hour);
    sql_text_add(text, " RETURNING s.ctid AS place), seen AS (UPDATE stream SET have = have +"
                       " int8multirange(int8range($9::int8, $9::int8, '[]'))");
    if (open)
        put_open(text, values);
    sql_text_add(text, " FROM told WHERE stream.ctid = told.place AND NOT stream.have @> $9::int8");
    if (open)
        put_is_open(text, "stream", values, hour);
    sql_text_add(text, " RETURNING stream.id)");
    put_stored(text, values);
}

/* ---- Which kind ---- */

static void name_kind(char name[24], unsigned kind)
{
    (void)snprintf(name, 24, "single-%u", kind);
}

bool single_forget(struct single *single, struct connection *connection, bool connected)
{
    char sql[40], name[24];
    for (; single->kind_count > 0 && connected; single->kind_count--) {
        name_kind(name, single->kind_count - 1);
        (void)snprintf(sql, sizeof sql, "DEALLOCATE \"%s\"", name);
        if (!connection_run(connection, sql))
            return false;
    }
    single->kind_count = 0;
    return true;
}

/* Its statement's name; prepared now unless it was before. */
static bool find_kind(struct single *single, struct connection *connection,
                      const struct values *values, bool serial, char name[24])
{
    struct single_kind kind = {.count = (unsigned)values->count, .serial = serial};
    for (size_t i = 0; i < values->count; i++)
        kind.values[i] = (uint32_t)values->list[i].metric->id * 2 + values->list[i].value->believed;
    for (unsigned k = 0; k < single->kind_count; k++) {
        if (single->kinds[k].count != kind.count || single->kinds[k].serial != serial ||
            memcmp(single->kinds[k].values, kind.values, kind.count * sizeof kind.values[0]) != 0)
            continue;
        name_kind(name, k);
        return true;
    }
    if (single->kind_count == SINGLE_KINDS_MAX && !single_forget(single, connection, true))
        return false;
    put_statement(&single->statement, values, serial);
    if (single->statement.failed)
        return connection_no_memory(connection);
    name_kind(name, single->kind_count);
    if (!connection_check(connection,
                          PQprepare(connection->db, name, single->statement.data, 0, NULL),
                          PGRES_COMMAND_OK, NULL))
        return false;
    single->kinds[single->kind_count++] = kind;
    return true;
}

/* ---- Its parameters ---- */

/* With the metrics whose values it has. */
static uint64_t hash_of_hour(int64_t ts_ms, const struct values *values)
{
    uint64_t hash = open_hints_number(0, ts_ms / HOUR_MS);
    for (size_t i = 0; i < values->count; i++) {
        if (values->list[i].value->believed)
            hash = open_hints_number(hash, values->list[i].metric->id);
    }
    return hash;
}

/* NULL where there is none. */
static const char *put_flags(struct sql_text *text, const struct message *message)
{
    sql_text_begin(text);
    for (size_t i = 0; i < message->flag_count; i++) {
        sql_text_add(text, i > 0 ? "\",\"" : "{\"");
        sql_text_add(text, message->flags[i].metric);
        sql_text_add(text, "\":\"");
        sql_text_add(text, message->flags[i].flag);
    }
    sql_text_add(text, "\"}");
    return message->flag_count > 0 ? text->data : NULL;
}

/* Values whose metric has no column. */
static const char *put_more(struct sql_text *text, const struct values *values)
{
    bool any = false;
    sql_text_begin(text);
    for (size_t i = 0; i < values->count; i++) {
        if (values->list[i].metric->column >= 0)
            continue;
        sql_text_put(text, "%s\"%s\":%.17g", any ? "," : "{", values->list[i].metric->name,
                     values->list[i].value->number);
        any = true;
    }
    sql_text_add(text, "}");
    return any ? text->data : NULL;
}

/* In PostgreSQL's binary format, one behind the other. */
static void put_numbers(struct copy *copy, const struct message *message,
                        const struct values *values)
{
    const struct message_reading *r = &message->readings[0];
    copy->used = 0;
    copy->failed = false;
    copy_int8(copy, message->first_id);
    copy_int8(copy, message->last_id);
    copy_int8(copy, r->boot);
    copy_int8(copy, r->seq);
    copy_time(copy, r->ts_ms);
    for (size_t i = 0; i < values->count; i++) {
        if (is_parameter(&values->list[i]))
            copy_float8(copy, values->list[i].value->number);
    }
    if (any_believed(values))
        copy_time(copy, r->ts_ms - r->ts_ms % HOUR_MS);
}

/* What its statement is called, and is asked with. */
struct call {
    const char *parameters[FIXED + SINGLE_VALUES_MAX + 1];
    int sizes[FIXED + SINGLE_VALUES_MAX + 1], formats[FIXED + SINGLE_VALUES_MAX + 1], count;
    char name[24];
};

static bool prepare_call(struct single *single, struct connection *connection,
                         const struct message *message, const char *site,
                         const struct values *values, struct call *call)
{
    *call = (struct call){.count = TEXTS};
    if (!find_kind(single, connection, values, message->readings[0].serial > 0, call->name))
        return false;
    put_numbers(&single->numbers, message, values);
    call->parameters[GATEWAY] = message->gateway;
    call->parameters[SITE] = site;
    call->parameters[DEVICE] = message->readings[0].device;
    call->parameters[FLAGS] = put_flags(&single->flags, message);
    call->parameters[MORE] = put_more(&single->more, values);
    if (single->numbers.failed || single->flags.failed || single->more.failed)
        return connection_no_memory(connection);
    for (size_t at = 0; at < single->numbers.used; at += NUMBER_BYTES, call->count++) {
        call->parameters[call->count] = (const char *)single->numbers.data + at + 4;
        call->sizes[call->count] = NUMBER_BYTES - 4;
        call->formats[call->count] = 1;
    }
    return true;
}

/* That another one has changed the stream meanwhile is no failure: nothing is stored. */
static bool met_another(const struct connection *connection)
{
    return strncmp(connection->why, NOT_NULL, strlen(NOT_NULL)) == 0;
}

static bool run(struct connection *connection, const struct call *call, bool *stored)
{
    PGresult *result = PQexecPrepared(connection->db, call->name, call->count, call->parameters,
                                      call->sizes, call->formats, 0);
    bool changed = PQcmdTuples(result)[0] == '1';
    bool good = connection_check(connection, result, PGRES_COMMAND_OK, NULL);
    *stored = good && changed;
    return good || met_another(connection);
}

/* Makes the stream's open hour this reading's, unless it is, and stores the reading: one
 * transaction, one answer to wait for. */
static bool run_in_its_hour(struct single *single, struct connection *connection,
                            const struct message *message, const struct values *values,
                            const struct call *call, bool *stored)
{
    const struct message_reading *r = &message->readings[0];
    struct sql_text *numbers = &single->metrics, *zeros = &single->zeros;
    char boot[24], hour[24], seq[24];
    sql_text_begin(numbers);
    put_metrics(numbers, values);
    sql_text_begin(zeros);
    sql_text_add(zeros, "{0");
    for (size_t i = 0; i < values->count; i++) {
        if (values->list[i].value->believed)
            sql_text_add(zeros, ",0,Infinity,-Infinity,0,0");
    }
    sql_text_add(zeros, "}");
    if (numbers->failed || zeros->failed)
        return connection_no_memory(connection);
    (void)snprintf(boot, sizeof boot, "%" PRId64, r->boot);
    (void)snprintf(hour, sizeof hour, "%" PRId64, (r->ts_ms - r->ts_ms % HOUR_MS) / 1000);
    (void)snprintf(seq, sizeof seq, "%" PRId64, r->seq);
    const char *parameters[] = {message->gateway, r->device,   boot, hour,
                                numbers->data,    zeros->data, seq};
    const struct connection_call open = {"open", 7, parameters, NULL, NULL};
    const struct connection_call store = {call->name, call->count, call->parameters, call->sizes,
                                          call->formats};
    return connection_execute_two(connection, &open, &store, stored) || met_another(connection);
}

bool single_take(struct single *single, struct metrics *metrics, struct connection *connection,
                 const struct message *message, const char *site, bool *stored)
{
    const struct message_reading *r = &message->readings[0];
    struct values values;
    struct call call;
    bool once = false;
    *stored = false;
    if (r->ts_ms < 0 || r->ts_ms > clock_now().wall_ms + BOUND_DAYS_NEAR_MS)
        return true;
    if (!list_values(metrics, connection, message, &values, &once))
        return false;
    if (!once)
        return true;
    if (!prepare_call(single, connection, message, site, &values, &call))
        return false;
    if (!any_believed(&values))
        return run(connection, &call, stored);
    uint64_t stream = open_hints_number(
        open_hints_text(open_hints_text(0, message->gateway), r->device), r->boot);
    uint64_t hour = hash_of_hour(r->ts_ms, &values);
    bool other = open_hints_other(&single->hints, stream, hour);
    if (!other && !run(connection, &call, stored))
        return false;
    if (!*stored && !run_in_its_hour(single, connection, message, &values, &call, stored))
        return false;
    open_hints_set(&single->hints, stream, *stored ? hour : 0);
    return true;
}

void single_free(struct single *single)
{
    sql_text_free(&single->flags);
    sql_text_free(&single->more);
    sql_text_free(&single->statement);
    sql_text_free(&single->metrics);
    sql_text_free(&single->zeros);
    copy_free(&single->numbers);
}
