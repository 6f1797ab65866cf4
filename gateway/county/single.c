/* SPDX-License-Identifier: Apache-2.0 */
/* Each part of the statement works on what the one before it returned, so all of it is done or
 * nothing: `told` takes the records into the gateway's row if they are not known and the stream is
 * there, `seen` takes the number into the stream. That looks again whether it was not there: what
 * `told` saw of the stream is older than its lock of the gateway, and another one may have stored
 * the same reading under other records meanwhile; then these records are known, and no more. */
#include "gateway/county/single.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define FIXED 15 /* parameters before the columns */

void single_put_statement(const struct metrics *metrics, struct sql_text *text)
{
    bool all[METRICS_COLUMNS_MAX];
    for (unsigned k = 0; k < METRICS_COLUMNS_MAX; k++)
        all[k] = true;
    sql_text_begin(text);
    sql_text_add(text,
                 "WITH told AS (UPDATE gateway g SET seen = now(),"
                 " ids = ids + int8multirange(int8range($3::int8, $4::int8, '[]')) FROM stream s"
                 " WHERE g.gw = $1::uuid AND g.site = $2::text AND g.retired IS NULL"
                 " AND NOT g.ids @> int8range($3::int8, $4::int8, '[]')"
                 " AND s.gw = $1::uuid AND s.device = $5::text AND s.boot = $6::int8"
                 " AND NOT s.have @> $7::int8 AND ($8::int8 = 0 OR s.serial IS NOT NULL)"
                 " RETURNING s.id),"
                 " seen AS (UPDATE stream SET have = have + int8multirange(int8range($7::int8,"
                 " $7::int8, '[]')) FROM told WHERE stream.id = told.id AND NOT have @> $7::int8"
                 " RETURNING stream.id),"
                 " stored AS (INSERT INTO reading (stream, seq, ts, flags, more");
    metrics_put_columns(metrics, all, text);
    sql_text_add(text, ") SELECT id, $7::int8, 'epoch'::timestamptz + $9::int8 * interval '1 ms',"
                       " $10::jsonb, $11::jsonb");
    for (unsigned k = 0; k < metrics->column_count; k++)
        sql_text_put(text, ", $%u::float8", FIXED + 1 + k);
    sql_text_add(
        text,
        " FROM seen), counted AS (INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
        " SELECT id, 'epoch'::timestamptz + ($9::int8 - $9::int8 % 3600000) * interval '1 ms',"
        " metric, 1, value, value, value, x, y FROM seen, unnest($12::int2[], $13::float8[],"
        " $14::float8[], $15::float8[]) v(metric, value, x, y)"
        " ON CONFLICT (stream, hour, metric) DO UPDATE SET n = hour.n + 1,"
        " sum = hour.sum + excluded.sum, min = least(hour.min, excluded.min),"
        " max = greatest(hour.max, excluded.max), x = hour.x + excluded.x, y = hour.y + "
        "excluded.y)"
        " SELECT count(*) FROM told");
}

bool single_fits(const struct message *message)
{
    return message->reading_count == 1 && message->gap_count == 0 && message->mean_count == 0 &&
           message->correction_count == 0 && message->first_id > 0 &&
           message->readings[0].gateway_boot < 0;
}

static void begin(struct single *single)
{
    struct sql_text *const texts[] = {&single->flags,  &single->more, &single->metrics,
                                      &single->values, &single->xs,   &single->ys};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sql_text_begin(texts[i]);
        sql_text_add(texts[i], "{");
    }
}

static bool end(struct single *single)
{
    struct sql_text *const texts[] = {&single->flags,  &single->more, &single->metrics,
                                      &single->values, &single->xs,   &single->ys};
    bool good = true;
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sql_text_add(texts[i], "}");
        good = good && !texts[i]->failed;
    }
    return good;
}

/* Into the hour. */
static void count_value(struct single *single, const struct known_metric *metric, double number)
{
    const char *comma = single->metrics.used > 1 ? "," : "";
    double radians = number * M_PI / 180;
    sql_text_put(&single->metrics, "%s%" PRId32, comma, metric->id);
    sql_text_put(&single->values, "%s%.17g", comma, number);
    sql_text_put(&single->xs, "%s%.17g", comma, metric->angle ? cos(radians) : 0);
    sql_text_put(&single->ys, "%s%.17g", comma, metric->angle ? sin(radians) : 0);
}

/* The values of the columns stand in `rooms`, NULL where there is none. */
static bool spread(struct single *single, struct metrics *metrics, struct connection *connection,
                   const struct message *message, const char *columns[METRICS_COLUMNS_MAX],
                   char rooms[METRICS_COLUMNS_MAX][32])
{
    for (size_t i = 0; i < message->value_count; i++) {
        const struct message_value *value = &message->values[i];
        const struct known_metric *metric = metrics_find(metrics, connection, value->metric);
        if (metric == NULL)
            return false;
        if (value->believed)
            count_value(single, metric, value->number);
        if (metric->column < 0) {
            sql_text_put(&single->more, "%s\"%s\":%.17g", single->more.used > 1 ? "," : "",
                         value->metric, value->number);
            continue;
        }
        (void)snprintf(rooms[metric->column], sizeof rooms[0], "%.17g", value->number);
        columns[metric->column] = rooms[metric->column];
    }
    for (size_t i = 0; i < message->flag_count; i++)
        sql_text_put(&single->flags, "%s\"%s\":\"%s\"", i > 0 ? "," : "", message->flags[i].metric,
                     message->flags[i].flag);
    return true;
}

bool single_take(struct single *single, struct metrics *metrics, struct connection *connection,
                 const struct message *message, const char *site, bool *stored)
{
    const struct message_reading *r = &message->readings[0];
    const int64_t numbers[] = {message->first_id, message->last_id, r->boot, r->seq,
                               r->serial,         r->ts_ms};
    const char *parameters[FIXED + METRICS_COLUMNS_MAX] = {NULL};
    char texts[6][24], rooms[METRICS_COLUMNS_MAX][32];
    PGresult *result = NULL;
    *stored = false;
    begin(single);
    if (!spread(single, metrics, connection, message, parameters + FIXED, rooms))
        return false;
    if (!end(single))
        return connection_no_memory(connection);
    for (unsigned i = 0; i < 6; i++)
        (void)snprintf(texts[i], sizeof texts[i], "%" PRId64, numbers[i]);
    const char *const fixed[FIXED] = {message->gateway,
                                      site,
                                      texts[0],
                                      texts[1],
                                      r->device,
                                      texts[2],
                                      texts[3],
                                      texts[4],
                                      texts[5],
                                      single->flags.used > 2 ? single->flags.data : NULL,
                                      single->more.used > 2 ? single->more.data : NULL,
                                      single->metrics.data,
                                      single->values.data,
                                      single->xs.data,
                                      single->ys.data};
    for (unsigned i = 0; i < FIXED; i++)
        parameters[i] = fixed[i];
    if (!connection_ask(connection, "single", (int)(FIXED + metrics->column_count), parameters,
                        &result))
        return false;
    *stored = PQgetvalue(result, 0, 0)[0] == '1';
    PQclear(result);
    return true;
}

void single_free(struct single *single)
{
    struct sql_text *const texts[] = {&single->flags,  &single->more, &single->metrics,
                                      &single->values, &single->xs,   &single->ys};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sql_text_free(texts[i]);
}
