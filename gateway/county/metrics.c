/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/bounds.h"
#include "protocols/metric/metric.h"

/* Where a name's number stands, or would: four times as many places as names. */
static uint16_t *place_of(struct metrics *metrics, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    for (uint32_t at = hash ^ hash >> 16;; at++) {
        uint16_t *place = &metrics->places[at % METRICS_PLACES];
        if (*place == 0 || strcmp(metrics->known[*place - 1].name, name) == 0)
            return place;
    }
}

bool metrics_load(struct metrics *metrics, struct connection *connection)
{
    PGresult *result = NULL;
    if (!connection_check(connection,
                          PQexec(connection->db,
                                 "SELECT m.name, m.id, m.kind, a.attnum IS NOT NULL FROM metric m"
                                 " LEFT JOIN pg_attribute a ON a.attrelid = 'reading'::regclass"
                                 " AND a.attname = m.name AND NOT a.attisdropped ORDER BY m.id"),
                          PGRES_TUPLES_OK, &result))
        return false;
    metrics->count = metrics->column_count = 0;
    memset(metrics->places, 0, sizeof metrics->places);
    for (int i = 0; i < PQntuples(result) && metrics->count < METRICS_MAX; i++) {
        struct known_metric *metric = &metrics->known[metrics->count++];
        bool column =
            PQgetvalue(result, i, 3)[0] == 't' && metrics->column_count < METRICS_COLUMNS_MAX;
        (void)snprintf(metric->name, sizeof metric->name, "%s", PQgetvalue(result, i, 0));
        metric->id = (int32_t)strtol(PQgetvalue(result, i, 1), NULL, 10);
        metric->angle = strcmp(PQgetvalue(result, i, 2), metric_kind_name(METRIC_ANGLE)) == 0;
        metric->column = column ? (int)metrics->column_count++ : -1;
        *place_of(metrics, metric->name) = (uint16_t)metrics->count;
    }
    PQclear(result);
    return true;
}

void metrics_of(struct metrics *metrics, const char *site)
{
    (void)snprintf(metrics->site, sizeof metrics->site, "%s", site);
}

const struct known_metric *metrics_find(struct metrics *metrics, struct connection *connection,
                                        const char *name)
{
    uint16_t *place = place_of(metrics, name);
    if (*place != 0)
        return &metrics->known[*place - 1];
    PGresult *result = NULL;
    if (metrics->count == METRICS_MAX) {
        (void)snprintf(connection->why, sizeof connection->why,
                       "22023 there are %d metrics already; \"%s\" would be one more", METRICS_MAX,
                       name);
        return NULL;
    }
    const char *parameters[] = {name, metrics->site};
    if (!connection_query(connection, "metric", 2, parameters, &result))
        return NULL;
    struct known_metric *metric = NULL;
    if (PQntuples(result) > 0 && strcmp(PQgetvalue(result, 0, 0), "0") == 0) {
        (void)snprintf(connection->why, sizeof connection->why,
                       "22023 site %s has brought " BOUND_METRICS
                       " metrics; \"%s\" would be one more",
                       metrics->site, name);
    } else if (PQntuples(result) > 0) {
        metric = &metrics->known[metrics->count++];
        *metric = (struct known_metric){.column = -1};
        (void)snprintf(metric->name, sizeof metric->name, "%s", name);
        metric->id = (int32_t)strtol(PQgetvalue(result, 0, 0), NULL, 10);
        metric->angle = strcmp(PQgetvalue(result, 0, 1), metric_kind_name(METRIC_ANGLE)) == 0;
        *place = (uint16_t)metrics->count;
    } else { /* another program's transaction has just added it */
        (void)snprintf(connection->why, sizeof connection->why, "40001 metric %s", name);
    }
    PQclear(result);
    return metric;
}

void metrics_put_columns(const struct metrics *metrics, const bool used[METRICS_COLUMNS_MAX],
                         struct sql_text *text)
{
    for (unsigned i = 0; i < metrics->count; i++) {
        if (metrics->known[i].column >= 0 && used[metrics->known[i].column])
            sql_text_put(text, ", \"%s\"", metrics->known[i].name);
    }
}

void metrics_put_correct(const struct metrics *metrics, struct sql_text *text)
{
    sql_text_put(text,
                 "WITH made AS (INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
                 " SELECT r.stream, date_trunc('hour', r.ts + $3::int8 * interval '1 ms'), m.id,"
                 " count(*), sum(v.value), min(v.value), max(v.value),"
                 " CASE m.kind WHEN 'angle' THEN sum(cosd(v.value)) ELSE 0 END,"
                 " CASE m.kind WHEN 'angle' THEN sum(sind(v.value)) ELSE 0 END"
                 " FROM reading r CROSS JOIN LATERAL (SELECT key AS name, value::float8 AS value"
                 " FROM jsonb_each_text(COALESCE(r.more, '{}'))");
    for (unsigned i = 0; i < metrics->count; i++) {
        const struct known_metric *metric = &metrics->known[i];
        if (metric->column >= 0)
            sql_text_put(text, " UNION ALL SELECT '%s', r.\"%s\"", metric->name, metric->name);
    }
    sql_text_put(
        text, ") v JOIN metric m ON m.name = v.name WHERE r.gb = $2 AND v.value IS NOT NULL"
              " AND r.ts + $3::int8 * interval '1 ms' <= now() + interval '" BOUND_DAYS_NEAR " d'"
              " AND COALESCE(r.flags ->> v.name, 'good') IN ('good', 'clock', 'uncalibrated')"
              " AND r.stream IN (SELECT id FROM stream WHERE gw = $1)"
              " GROUP BY r.stream, 2, m.id, m.kind"
              " ON CONFLICT (stream, hour, metric) DO UPDATE SET n = hour.n + excluded.n,"
              " sum = hour.sum + excluded.sum, min = least(hour.min, excluded.min),"
              " max = greatest(hour.max, excluded.max), x = hour.x + excluded.x,"
              " y = hour.y + excluded.y RETURNING hour.xmax = 0 AS is_new)"
              " UPDATE gateway SET hour_rows = hour_rows + (SELECT count(*) FROM made WHERE"
              " is_new) WHERE gw = $1");
}
