/* SPDX-License-Identifier: Apache-2.0 */
/* Each part of the statement works on what the one before it returned: `told` takes the records
 * into the gateway's row if they are not known, the stream is there and its open hour is this one;
 * `seen` takes the number into the stream. That looks again, since what `told` saw of the stream is
 * older than its lock of the gateway: where another one has changed it meanwhile, the reading has
 * no stream, and that undoes all. */
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
enum {
    GATEWAY,
    SITE,
    DEVICE,
    FLAGS,
    MORE,
    TEXTS,
    FIRST = TEXTS,
    LAST,
    BOOT,
    SEQ,
    SERIAL,
    TS,
    FIXED
};

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
    " open = $6::float8[] FROM s WHERE stream.id = s.id RETURNING 1";

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
    sql_text_add(text, ") SELECT seen.id, $9::int8, $11::timestamptz, $4::jsonb, $5::jsonb");
    for (size_t i = 0; i < values->count; i++) {
        parameter += is_parameter(&values->list[i]);
        if (values->list[i].metric->column >= 0)
            sql_text_put(text, ", $%u::float8", parameter);
    }
    sql_text_add(text, " FROM told LEFT JOIN seen ON true");
}

static void put_statement(struct sql_text *text, const struct values *values)
{
    bool open = any_believed(values);
    unsigned hour = FIXED + 1;
    for (size_t i = 0; i < values->count; i++)
        hour += is_parameter(&values->list[i]);
    sql_text_begin(text);
    sql_text_add(text, "WITH told AS (UPDATE gateway g SET seen = now(),"
                       " ids = ids + int8multirange(int8range($6::int8, $7::int8, '[]'))"
                       " FROM stream s WHERE g.gw = $1::uuid AND g.site = $2::text"
                       " AND g.retired IS NULL AND NOT g.ids @> int8range($6::int8, $7::int8, '[]')"
                       " AND s.gw = $1::uuid AND s.device = $3::text AND s.boot = $8::int8"
                       " AND pg_column_size(g.ids) <= " BOUND_PLAIN
                       " AND pg_column_size(s.have) <= " BOUND_PLAIN
                       " AND NOT s.have @> $9::int8 AND ($10::int8 = 0 OR s.serial IS NOT NULL)");
    if (open)
        put_is_open(text, "s", values, hour);
    sql_text_add(text, " RETURNING s.id), seen AS (UPDATE stream SET have = have +"
                       " int8multirange(int8range($9::int8, $9::int8, '[]'))");
    if (open)
        put_open(text, values);
    sql_text_add(text, " FROM told WHERE stream.id = told.id AND NOT stream.have @> $9::int8");
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
                      const struct values *values, char name[24])
{
    struct single_kind kind = {.count = (unsigned)values->count};
    for (size_t i = 0; i < values->count; i++)
        kind.values[i] = (uint32_t)values->list[i].metric->id * 2 + values->list[i].value->believed;
    for (unsigned k = 0; k < single->kind_count; k++) {
        if (single->kinds[k].count != kind.count ||
            memcmp(single->kinds[k].values, kind.values, kind.count * sizeof kind.values[0]) != 0)
            continue;
        name_kind(name, k);
        return true;
    }
    if (single->kind_count == SINGLE_KINDS_MAX && !single_forget(single, connection, true))
        return false;
    put_statement(&single->statement, values);
    if (single->statement.failed)
        return connection_no_memory(connection);
    name_kind(name, single->kind_count);
    if (!connection_judge(connection,
                          PQprepare(connection->db, name, single->statement.data, 0, NULL),
                          PGRES_COMMAND_OK, NULL))
        return false;
    single->kinds[single->kind_count++] = kind;
    return true;
}

/* ---- Its parameters ---- */

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
    copy_int8(copy, r->serial);
    copy_time(copy, r->ts_ms);
    for (size_t i = 0; i < values->count; i++) {
        if (is_parameter(&values->list[i]))
            copy_float8(copy, values->list[i].value->number);
    }
    if (any_believed(values))
        copy_time(copy, r->ts_ms - r->ts_ms % HOUR_MS);
}

static bool run(struct single *single, struct connection *connection, const struct message *message,
                const char *site, const struct values *values, bool *stored)
{
    const char *parameters[FIXED + SINGLE_VALUES_MAX + 1] = {NULL};
    int sizes[FIXED + SINGLE_VALUES_MAX + 1] = {0}, formats[FIXED + SINGLE_VALUES_MAX + 1] = {0};
    char name[24];
    if (!find_kind(single, connection, values, name))
        return false;
    put_numbers(&single->numbers, message, values);
    parameters[GATEWAY] = message->gateway;
    parameters[SITE] = site;
    parameters[DEVICE] = message->readings[0].device;
    parameters[FLAGS] = put_flags(&single->flags, message);
    parameters[MORE] = put_more(&single->more, values);
    if (single->numbers.failed || single->flags.failed || single->more.failed)
        return connection_no_memory(connection);
    PGresult *result = NULL;
    int count = TEXTS;
    for (size_t at = 0; at < single->numbers.used; at += NUMBER_BYTES, count++) {
        parameters[count] = (const char *)single->numbers.data + at + 4;
        sizes[count] = NUMBER_BYTES - 4;
        formats[count] = 1;
    }
    result = PQexecPrepared(connection->db, name, count, parameters, sizes, formats, 0);
    *stored = PQcmdTuples(result)[0] == '1';
    if (connection_judge(connection, result, PGRES_COMMAND_OK, NULL))
        return true;
    *stored = false;
    return strncmp(connection->why, NOT_NULL, strlen(NOT_NULL)) == 0;
}

/* `*opened`: the stream's open hour is this reading's from now on, and was not before. */
static bool open_hour(struct single *single, struct connection *connection,
                      const struct message *message, const struct values *values, bool *opened)
{
    const struct message_reading *r = &message->readings[0];
    struct sql_text *numbers = &single->flags, *zeros = &single->more;
    char boot[24], hour[24], seq[24];
    PGresult *result = NULL;
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
    if (!connection_ask(connection, "open", 7, parameters, &result))
        return false;
    *opened = PQntuples(result) == 1;
    PQclear(result);
    return true;
}

bool single_take(struct single *single, struct metrics *metrics, struct connection *connection,
                 const struct message *message, const char *site, bool *stored)
{
    const int64_t ts_ms = message->readings[0].ts_ms;
    struct values values;
    bool once = false, opened = false;
    *stored = false;
    if (ts_ms < 0 || ts_ms > clock_now().wall_ms + BOUND_DAYS_NEAR_MS)
        return true;
    if (!list_values(metrics, connection, message, &values, &once))
        return false;
    if (!once)
        return true;
    if (!run(single, connection, message, site, &values, stored))
        return false;
    if (*stored || !any_believed(&values))
        return true;
    return open_hour(single, connection, message, &values, &opened) &&
           (!opened || run(single, connection, message, site, &values, stored));
}

void single_free(struct single *single)
{
    sql_text_free(&single->flags);
    sql_text_free(&single->more);
    sql_text_free(&single->statement);
    copy_free(&single->numbers);
}
