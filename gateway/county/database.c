/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/database.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/bounds.h"
#include "gateway/county/connection.h"
#include "gateway/county/metrics.h"
#include "gateway/county/rows.h"
#include "gateway/county/schema.h"
#include "gateway/county/single.h"
#include "gateway/county/sql_text.h"

#define TRIES       3 /* of a transaction that met another one */
#define GAP_COLUMNS 4
/* Of what does not fit, of one garden in a day: what is kept whole. */
#define DEAD_MOST  "1000"
#define DEAD_BYTES "16000000"

struct database {
    char *conninfo;
    unsigned keep_raw_days;
    struct connection connection;
    struct metrics metrics;
    struct rows rows;
    struct single single;
    struct sql_text gaps[GAP_COLUMNS];
    struct sql_text statement; /* one that is made of the metrics */
    struct database_counts counts;
};

/* ---- The connection ---- */

struct database *database_create(const char *conninfo, unsigned keep_raw_days)
{
    struct database *database = calloc(1, sizeof *database);
    if (database == NULL)
        return NULL;
    database->keep_raw_days = keep_raw_days;
    database->rows.keep_ms = (int64_t)keep_raw_days * 86400000;
    database->rows.connection = &database->connection;
    database->rows.metrics = &database->metrics;
    database->conninfo = strdup(conninfo);
    if (database->conninfo != NULL)
        return database;
    free(database);
    return NULL;
}

void database_destroy(struct database *database)
{
    if (database == NULL)
        return;
    connection_close(&database->connection);
    rows_free(&database->rows);
    single_free(&database->single);
    for (unsigned i = 0; i < GAP_COLUMNS; i++)
        sql_text_free(&database->gaps[i]);
    sql_text_free(&database->statement);
    free(database->conninfo);
    free(database);
}

const struct database_counts *database_counts(const struct database *database)
{
    return &database->counts;
}

#define RANGES(of) "(SELECT count(*) FROM unnest(" of "))"
/* With these records there would be too many ranges, and more than before. */
#define ONE_MORE_HOLE                                                                              \
    "pg_column_size(ids) > " BOUND_PLAIN                                                           \
    " AND " RANGES("ids + int8multirange(int8range($2, $3, '[]'))") " > greatest(" BOUND_RANGES    \
                                                                    ", " RANGES("ids") ")"
#define OWNER "CASE WHEN retired IS NULL THEN site ELSE '' END"

static const struct {
    const char *name, *sql;
} statements[] = {
    /* Of one that is retired: no site. */
    {"known", "SELECT " OWNER ", ids @> int8range($2, $3, '[]'), seen < now() - interval '10 s'"
              " FROM gateway WHERE gw = $1"},
    {"lock", "SELECT " OWNER ", ids @> int8range($2, $3, '[]'), " ONE_MORE_HOLE
             ", hour_rows > " HOUR_ROWS_MOST " FROM gateway WHERE gw = $1 FOR UPDATE"},
    {"new_gateway", "INSERT INTO gateway (gw, site) SELECT $1::uuid, $2::text WHERE NOT EXISTS"
                    " (SELECT FROM retired WHERE site = $2) AND (SELECT count(*) FROM gateway"
                    "  WHERE site = $2 AND seen > now() - interval '30 d') < " BOUND_GATEWAYS
                    " ON CONFLICT (gw) DO NOTHING"},
    {"not_new", "SELECT CASE WHEN EXISTS (SELECT FROM retired WHERE site = $1) THEN 'is retired'"
                " ELSE 'has had " BOUND_GATEWAYS " gateways within 30 days' END"},
    {"began", "UPDATE gateway SET began = CASE began_on WHEN current_date THEN began ELSE 0 END"
              " + $2::int4, began_on = current_date, streams = streams + $2::int4 WHERE gw = $1"
              " RETURNING CASE WHEN began > " BOUND_STREAMS " THEN 'has had " BOUND_STREAMS
              " devices and boots that are new today' WHEN streams > " BOUND_STREAMS_ALL
              " + " BOUND_STREAMS_DAY " * (current_date - since::date) THEN 'has had"
              " " BOUND_STREAMS_ALL " devices and boots, and " BOUND_STREAMS_DAY
              " for each day' ELSE '' END"},
    {"corrected", "SELECT count(*) >= " BOUND_CORRECTIONS " FROM correction WHERE gw = $1"},
    {"find", "SELECT s.id, s.have * int8multirange(int8range(r.low, r.high, '[]')),"
             " s.serial IS NULL AND r.serial > 0,"
             " pg_column_size(s.have) > " BOUND_PLAIN " OR pg_column_size(s.told) > " BOUND_PLAIN
             " FROM unnest($2::text[], $3::int8[], $4::int8[],"
             " $5::int8[], $6::int8[]) WITH ORDINALITY r(device, boot, serial, low, high, n)"
             " LEFT JOIN stream s ON s.gw = $1 AND s.device = r.device AND s.boot = r.boot"
             " ORDER BY r.n"},
    {"new_streams", "INSERT INTO stream (gw, device, boot, serial)"
                    " SELECT $1::uuid, device, boot, max(NULLIF(serial, 0)) FROM"
                    " unnest($2::text[], $3::int8[], $4::int8[]) r(device, boot, serial)"
                    " GROUP BY device, boot ON CONFLICT (gw, device, boot) DO UPDATE"
                    " SET serial = excluded.serial"
                    " WHERE stream.serial IS NULL AND excluded.serial IS NOT NULL"},
    /* A gap is told once and for good, so where there are very many they need not stand beside what
     * is there. */
    {"fold",
     "UPDATE stream SET have = have + told, told = '{}' WHERE id = ANY ($1::int4[])"
     " AND told <> '{}' AND greatest(" RANGES("have") ", " RANGES("told") ") > " BOUND_RANGES},
    {"ranges", "SELECT id, n, n > " BOUND_RANGES " FROM (SELECT id, " RANGES(
                   "have + told") " AS n"
                                  " FROM stream WHERE id = ANY ($1::int4[])) s"},
    {"have", "UPDATE stream SET have = have + r.ranges"
             " FROM unnest($1::int4[], $2::int8multirange[]) r(id, ranges) WHERE stream.id = r.id"},
    {"told", "UPDATE stream SET told = told + r.ranges FROM (SELECT device, boot,"
             " range_agg(int8range(first, last, '[]')) AS ranges FROM unnest($2::text[],"
             " $3::int8[], $4::int8[], $5::int8[]) g(device, boot, first, last)"
             " GROUP BY device, boot) r"
             " WHERE stream.gw = $1 AND stream.device = r.device AND stream.boot = r.boot"},
    /* Mostly they are there. The gateway's row is locked, so nobody else adds to them; with them it
     * has the message's records, since it is written in any case. */
    {"hours",
     "WITH h AS (SELECT * FROM unnest($1::int4[], $2::int8[], $3::int2[], $4::int8[], $5::float8[],"
     " $6::float8[], $7::float8[], $8::float8[], $9::float8[])"
     " WITH ORDINALITY h(stream, second, metric, n, sum, min, max, x, y, i)),"
     " added AS (UPDATE hour SET n = hour.n + h.n, sum = hour.sum + h.sum,"
     " min = least(hour.min, h.min), max = greatest(hour.max, h.max), x = hour.x + h.x,"
     " y = hour.y + h.y FROM h WHERE hour.stream = h.stream AND hour.metric = h.metric"
     " AND hour.hour = to_timestamp(h.second) RETURNING h.i),"
     " made AS (INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
     " SELECT stream, to_timestamp(second), metric, n, sum, min, max, x, y FROM h"
     " WHERE i NOT IN (SELECT i FROM added) RETURNING 1)"
     " UPDATE gateway SET seen = now(), hour_rows = hour_rows + (SELECT count(*) FROM made),"
     " ids = CASE WHEN $11::int8 IS NULL THEN ids"
     " ELSE ids + int8multirange(int8range($11::int8, $12::int8, '[]')) END"
     " WHERE gw = $10::uuid"},
    {"thinned", "INSERT INTO thinned (stream, hour, first, last, metric, n, min, mean, max)"
                " SELECT s.id, to_timestamp($4::float8), $5::int8, $6::int8, $7::int2, $8::int8,"
                " $9::float8, $10::float8, $11::float8 FROM stream s"
                " WHERE s.gw = $1 AND s.device = $2 AND s.boot = $3"
                " ON CONFLICT (stream, hour, first, metric) DO UPDATE SET last = excluded.last,"
                " n = excluded.n, min = excluded.min, mean = excluded.mean, max = excluded.max"
                " WHERE excluded.n >= thinned.n"},
    {"corrections", "SELECT boot, id, add_ms FROM correction WHERE gw = $1"},
    {"new_correction", "INSERT INTO correction (gw, id, boot, add_ms) VALUES ($1, $2, $3, $4)"
                       " ON CONFLICT (gw, id) DO NOTHING"},
    /* Where `reading` is, corrections find them. */
    {"dated", "WITH theirs AS (DELETE FROM misdated m USING stream s WHERE s.gw = $1 AND"
              " m.stream = s.id AND m.gb = $2 RETURNING m.*)"
              " INSERT INTO reading SELECT r.* FROM theirs CROSS JOIN LATERAL"
              " jsonb_populate_record(NULL::reading, to_jsonb(theirs)) r"},
    {"made", "UPDATE gateway SET hour_rows = hour_rows + $2::int8 WHERE gw = $1"},
    {"shift", "UPDATE reading SET ts = ts + $3::int8 * interval '1 ms', gb = NULL WHERE gb = $2"
              " AND stream IN (SELECT id FROM stream WHERE gw = $1)"},
    {"ids", "UPDATE gateway SET seen = now(), ids = ids + int8multirange(int8range($2, $3, '[]'))"
            " WHERE gw = $1"},
    {"seen", "UPDATE gateway SET seen = now() WHERE gw = $1"},
    {"metric", "WITH theirs AS (SELECT count(*) AS n FROM metric WHERE site = $2),"
               " new AS (INSERT INTO metric (name, unit, kind, site)"
               " SELECT $1::text, '', 'mean', $2::text FROM theirs WHERE n < " BOUND_METRICS
               " AND NOT EXISTS (SELECT FROM metric WHERE name = $1)"
               " ON CONFLICT (name) DO NOTHING RETURNING id, kind)"
               " SELECT id, kind FROM new UNION ALL SELECT id, kind FROM metric WHERE name = $1"
               " UNION ALL SELECT 0, '' FROM theirs WHERE n >= " BOUND_METRICS},
    /* A record that does not fit is a hole, and comes again when it is asked for: it is counted. So
     * is what one garden sends beyond a bound a day: who floods the county fills no disk. */
    {"dead",
     "WITH whose AS (SELECT coalesce(substring($1::text FROM 'baiye/([^/]*)/'), '') AS site),"
     " known AS (UPDATE dead SET times = times + 1, again = now() WHERE id = (SELECT d.id FROM"
     "  dead d JOIN whose USING (site) WHERE d.hash = sha256($4::bytea) AND d.topic = $1"
     "  ORDER BY d.id LIMIT 1) RETURNING id),"
     " room AS (SELECT count(*) < " DEAD_MOST
     " AND coalesce(sum(octet_length(d.body)), 0) < " DEAD_BYTES
     " AS left FROM dead d JOIN whose USING (site) WHERE d.at > now() - interval '1 d'),"
     " kept AS (INSERT INTO dead (topic, content_type, reason, body) SELECT $1, $2, $3, $4::bytea"
     "  FROM room WHERE room.left AND NOT EXISTS (SELECT FROM known))"
     " INSERT INTO dead_more (site, day, messages) SELECT whose.site, current_date, 1 FROM whose, "
     "room"
     " WHERE NOT room.left AND NOT EXISTS (SELECT FROM known)"
     " ON CONFLICT (site, day) DO UPDATE SET messages = dead_more.messages + 1"},
};

static bool prepare(struct database *database, const char *name, const char *sql)
{
    struct connection *connection = &database->connection;
    return connection_check(connection, PQprepare(connection->db, name, sql, 0, NULL),
                            PGRES_COMMAND_OK, NULL);
}

static bool prepare_made(struct database *database, const char *name)
{
    if (database->statement.failed)
        return connection_no_memory(&database->connection);
    return prepare(database, name, database->statement.data);
}

/* And the statement that has a column for each. */
static bool load_metrics(struct database *database)
{
    if (!metrics_load(&database->metrics, &database->connection))
        return false;
    sql_text_begin(&database->statement);
    metrics_put_correct(&database->metrics, &database->statement);
    return prepare_made(database, "correct");
}

/* As they are in the database, whatever this connection has undone or another one has added. */
static bool reload_metrics(struct database *database)
{
    return single_forget(&database->single, &database->connection, true) &&
           connection_run(&database->connection, "DEALLOCATE correct") && load_metrics(database);
}

static bool prepare_all(struct database *database)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!prepare(database, statements[i].name, statements[i].sql))
            return false;
    }
    return prepare(database, "open", single_open_statement) && told_prepare(&database->connection);
}

static const char session_options[] =
    "-c timezone=UTC -c synchronous_commit=on -c statement_timeout=15000 "
    "-c client_min_messages=warning";

/* Each statement looks up few rows by key, whatever there was when it was planned; a plan that
 * reads a table all the same is so dear by its estimate that it would be compiled each time. Not
 * for what looks after the tables, which reads catalogues. */
static const char planning[] =
    "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off;"
    "SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";

bool database_connect(struct database *database, char *why, size_t why_size)
{
    struct connection *connection = &database->connection;
    bool fresh = false;
    if (connection_open(connection, database->conninfo, "baiye-ingest", session_options, &fresh)) {
        if (!fresh)
            return true;
        if (!schema_migrate(connection->db, database->keep_raw_days, why, why_size)) {
            connection_close(connection);
            return false;
        }
        (void)single_forget(&database->single, connection, false); /* they went with the old one */
        if (load_metrics(database) && prepare_all(database) && connection_run(connection, planning))
            return true;
        connection_close(connection);
    }
    (void)snprintf(why, why_size, "%.200s", connection->why);
    return false;
}

bool database_maintain(struct database *database, char *why, size_t why_size)
{
    return schema_maintain(database->connection.db, why, why_size);
}

/* ---- The parts of a message ---- */

static bool take_readings(struct database *database, const struct message *message,
                          struct database_counts *counts, size_t *fresh)
{
    bool good = rows_store(&database->rows, message, fresh);
    counts->readings += *fresh;
    counts->duplicates += message->reading_count - *fresh;
    return good;
}

static bool take_gaps(struct database *database, const struct message *message,
                      struct database_counts *counts)
{
    if (message->gap_count == 0)
        return true;
    for (unsigned k = 0; k < GAP_COLUMNS; k++) {
        sql_text_begin(&database->gaps[k]);
        sql_text_put(&database->gaps[k], "{");
    }
    for (size_t i = 0; i < message->gap_count; i++) {
        const struct message_gap *gap = &message->gaps[i];
        const char *comma = i > 0 ? "," : "";
        sql_text_put(&database->gaps[0], "%s\"%s\"", comma, gap->device);
        sql_text_put(&database->gaps[1], "%s%" PRId64, comma, gap->boot);
        sql_text_put(&database->gaps[2], "%s%" PRId64, comma, gap->first);
        sql_text_put(&database->gaps[3], "%s%" PRId64, comma, gap->last);
    }
    for (unsigned k = 0; k < GAP_COLUMNS; k++)
        sql_text_put(&database->gaps[k], "}");
    const char *parameters[] = {message->gateway, database->gaps[0].data, database->gaps[1].data,
                                database->gaps[2].data, database->gaps[3].data};
    counts->gaps += message->gap_count;
    for (unsigned k = 0; k < GAP_COLUMNS; k++) {
        if (database->gaps[k].failed)
            return connection_no_memory(&database->connection);
    }
    return connection_execute(&database->connection, "told", 5, parameters);
}

static bool take_mean(struct database *database, const struct message *message,
                      const struct message_mean *mean)
{
    const struct known_metric *metric =
        metrics_find(&database->metrics, &database->connection, mean->metric);
    char texts[9][40];
    if (metric == NULL)
        return false;
    (void)snprintf(texts[0], sizeof texts[0], "%" PRId64, mean->boot);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRId64, mean->hour_ms / 1000);
    (void)snprintf(texts[2], sizeof texts[2], "%" PRId64, mean->first);
    (void)snprintf(texts[3], sizeof texts[3], "%" PRId64, mean->last);
    (void)snprintf(texts[4], sizeof texts[4], "%" PRId32, metric->id);
    (void)snprintf(texts[5], sizeof texts[5], "%.0f", mean->n);
    (void)snprintf(texts[6], sizeof texts[6], "%.17g", mean->min);
    (void)snprintf(texts[7], sizeof texts[7], "%.17g", mean->mean);
    (void)snprintf(texts[8], sizeof texts[8], "%.17g", mean->max);
    const char *parameters[] = {message->gateway, mean->device, texts[0], texts[1],
                                texts[2],         texts[3],     texts[4], texts[5],
                                texts[6],         texts[7],     texts[8]};
    return connection_execute(&database->connection, "thinned", 11, parameters);
}

static bool take_means(struct database *database, const struct message *message,
                       struct database_counts *counts)
{
    char count[24];
    const char *parameters[] = {message->gateway, count};
    if (message->mean_count == 0)
        return true;
    if (database->rows.full)
        return rows_say_full(&database->rows, message);
    for (size_t i = 0; i < message->mean_count; i++) {
        if (!take_mean(database, message, &message->means[i]))
            return false;
    }
    (void)snprintf(count, sizeof count, "%zu", message->mean_count);
    counts->means += message->mean_count;
    return connection_execute(&database->connection, "made", 2, parameters);
}

/* Once, by its number; the readings that come later are corrected when they do. One without a
 * number has that of its message. */
static bool take_correction(struct database *database, const struct message *message,
                            const struct message_correction *correction,
                            struct database_counts *counts)
{
    char id[24], boot[24], add[24];
    int64_t number = correction->id > 0 ? correction->id : message->first_id;
    (void)snprintf(id, sizeof id, "%" PRId64, number);
    (void)snprintf(boot, sizeof boot, "%" PRId64, correction->gateway_boot);
    (void)snprintf(add, sizeof add, "%" PRId64, correction->add_ms);
    const char *row[] = {message->gateway, id, boot, add};
    const char *shift[] = {message->gateway, boot, add};
    PGresult *result =
        PQexecPrepared(database->connection.db, "new_correction", 4, row, NULL, NULL, 0);
    bool fresh = PQresultStatus(result) == PGRES_COMMAND_OK && PQcmdTuples(result)[0] == '1';
    if (!connection_check(&database->connection, result, PGRES_COMMAND_OK, NULL))
        return false;
    if (!fresh)
        return true;
    counts->corrections++;
    return connection_execute(&database->connection, "dated", 2, shift) &&
           connection_execute(&database->connection, "correct", 3, shift) &&
           connection_execute(&database->connection, "shift", 3, shift);
}

/* Each costs a look at all readings of its gateway. */
static bool may_correct(struct database *database, const struct message *message)
{
    struct connection *connection = &database->connection;
    const char *gateway = message->gateway;
    PGresult *result = NULL;
    if (message->correction_count == 0)
        return true;
    if (database->rows.full)
        return rows_say_full(&database->rows, message);
    if (!connection_query(connection, "corrected", 1, &gateway, &result))
        return false;
    bool may = PQgetvalue(result, 0, 0)[0] == 'f';
    PQclear(result);
    if (!may)
        (void)snprintf(connection->why, sizeof connection->why,
                       "22023 more than " BOUND_CORRECTIONS " corrections of time");
    return may;
}

static bool take_corrections(struct database *database, const struct message *message,
                             struct database_counts *counts)
{
    if (!may_correct(database, message))
        return false;
    for (size_t i = 0; i < message->correction_count; i++) {
        if (!take_correction(database, message, &message->corrections[i], counts))
            return false;
    }
    return true;
}

/* What the statements about a message's records are asked with. */
struct ids {
    char first[24], last[24];
    const char *parameters[3]; /* the gateway, first and last; NULL: not told */
};

static void put_ids(struct ids *ids, const struct message *message)
{
    bool given = message->first_id > 0;
    (void)snprintf(ids->first, sizeof ids->first, "%" PRId64, message->first_id);
    (void)snprintf(ids->last, sizeof ids->last, "%" PRId64, message->last_id);
    ids->parameters[0] = message->gateway;
    ids->parameters[1] = given ? ids->first : NULL;
    ids->parameters[2] = given ? ids->last : NULL;
}

/* Why there is no row of a gateway that has just come. */
static void say_not_new(struct database *database, const char *site)
{
    struct connection *connection = &database->connection;
    PGresult *result = NULL;
    if (!connection_query(connection, "not_new", 1, &site, &result))
        return;
    (void)snprintf(connection->why, sizeof connection->why, "22023 site %.32s %s", site,
                   PQgetvalue(result, 0, 0));
    PQclear(result);
}

/* Begins a transaction and locks the gateway's row. false: see `why`. */
static bool lock_gateway(struct database *database, const struct message *message, const char *site,
                         bool *known)
{
    struct connection *connection = &database->connection;
    struct ids ids = {.first = ""};
    const char *row[] = {message->gateway, site};
    PGresult *result = NULL;
    put_ids(&ids, message);
    if (!connection_begin_and_query(connection, "lock", 3, ids.parameters, &result))
        return false;
    if (PQntuples(result) == 0) {
        PQclear(result);
        if (!connection_execute(connection, "new_gateway", 2, row) ||
            !connection_query(connection, "lock", 3, ids.parameters, &result))
            return false;
    }
    bool same = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), site) == 0;
    const char *owner = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
    bool holes = same && PQgetvalue(result, 0, 2)[0] == 't';
    database->rows.full = same && PQgetvalue(result, 0, 3)[0] == 't';
    *known = same && message->first_id > 0 && PQgetvalue(result, 0, 1)[0] == 't';
    if (PQntuples(result) == 0)
        say_not_new(database, site);
    else if (!same && owner[0] == '\0')
        (void)snprintf(connection->why, sizeof connection->why, "22023 site %.32s is retired",
                       site);
    else if (holes && !*known)
        (void)snprintf(connection->why, sizeof connection->why,
                       "22023 gateway %s has " BOUND_RANGES
                       " holes in its record numbers, and this would be one more",
                       message->gateway);
    else if (!same)
        (void)snprintf(connection->why, sizeof connection->why, "22023 gateway %s is of site %.32s",
                       message->gateway, owner);
    PQclear(result);
    return same && (*known || !holes);
}

/* `*known`: all of the message's records are there, which needs no transaction to be found out:
 * what is known does not become less. That the gateway was heard is written every ten seconds at
 * most. */
static bool look_whether_known(struct database *database, const struct message *message,
                               const char *site, bool *known)
{
    struct connection *connection = &database->connection;
    struct ids ids = {.first = ""};
    PGresult *result = NULL;
    put_ids(&ids, message);
    if (!connection_query(connection, "known", 3, ids.parameters, &result))
        return false;
    *known = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), site) == 0 &&
             PQgetvalue(result, 0, 1)[0] == 't';
    bool silent = *known && PQgetvalue(result, 0, 2)[0] == 't';
    PQclear(result);
    return !silent || connection_execute(connection, "seen", 1, ids.parameters);
}

static bool store_record_ids(struct database *database, const struct ids *ids)
{
    bool given = ids->parameters[1] != NULL;
    return connection_execute(&database->connection, given ? "ids" : "seen", given ? 3 : 1,
                              ids->parameters);
}

/* What is known from now on, and the commit: nothing of it has an answer that the next one
 * needs. */
static bool store_ranges_and_commit(struct database *database, const struct message *message,
                                    size_t fresh)
{
    struct ids ids = {.first = ""};
    struct rows *rows = &database->rows;
    bool ids_stored = false;
    put_ids(&ids, message);
    if (rows->crowded && !rows_store_crowded_ranges(rows, fresh, ids.parameters, &ids_stored))
        return false;
    if (!connection_queue(&database->connection))
        return false;
    bool sent =
        (fresh == 0 || rows->crowded || rows_store_ranges(rows, ids.parameters, &ids_stored)) &&
        (ids_stored || store_record_ids(database, &ids));
    if (sent)
        return connection_commit_queue(&database->connection);
    connection_drop_queue(&database->connection);
    return false;
}

static bool take_whole(struct database *database, const struct message *message, const char *site,
                       struct database_counts *counts)
{
    bool known = false;
    size_t fresh = 0;
    if (single_fits(message)) {
        if (!single_take(&database->single, &database->metrics, &database->connection, message,
                         site, &known))
            return false;
        counts->readings += known ? 1 : 0;
        if (known)
            return true;
    }
    if (!lock_gateway(database, message, site, &known))
        return false;
    if (known) { /* another one has just stored it */
        counts->duplicates += message->reading_count;
        return connection_run(&database->connection, "ROLLBACK");
    }
    return rows_find_new(&database->rows, message) &&
           take_readings(database, message, counts, &fresh) &&
           take_gaps(database, message, counts) && take_means(database, message, counts) &&
           take_corrections(database, message, counts) &&
           store_ranges_and_commit(database, message, fresh);
}

/* ---- Whole transactions ---- */

/* After a failure: is it the message's fault, or may it work another time? `*again`: at once. */
static enum database_result after_failure(struct database *database, bool *again, char *why,
                                          size_t why_size)
{
    char kept[sizeof database->connection.why];
    memcpy(kept, database->connection.why, sizeof kept);
    (void)snprintf(why, why_size, "%.200s", kept);
    *again = strncmp(kept, "40", 2) == 0; /* met another transaction */
    bool usable = PQstatus(database->connection.db) == CONNECTION_OK &&
                  connection_run(&database->connection, "ROLLBACK");
    if (!usable || (database->metrics.count > 0 && !reload_metrics(database))) {
        connection_close(&database->connection);
        return DATABASE_UNAVAILABLE;
    }
    /* Class 22: a value that PostgreSQL can't take; 23: it contradicts what is there. */
    if (strncmp(kept, "22", 2) == 0 || strncmp(kept, "23", 2) == 0)
        return DATABASE_REFUSED;
    return DATABASE_UNAVAILABLE;
}

enum database_result database_take(struct database *database, const struct message *message,
                                   const char *site, char *why, size_t why_size)
{
    enum database_result result = DATABASE_UNAVAILABLE;
    bool again = true;
    for (unsigned i = 0; i < TRIES && again; i++) {
        if (!database_connect(database, why, why_size))
            return DATABASE_UNAVAILABLE;
        struct database_counts counts = database->counts;
        metrics_of(&database->metrics, site);
        counts.messages++;
        if (take_whole(database, message, site, &counts)) {
            database->counts = counts;
            return DATABASE_STORED;
        }
        result = after_failure(database, &again, why, why_size);
    }
    return result;
}

enum database_result database_known(struct database *database, const struct message *message,
                                    const char *site, bool *known, char *why, size_t why_size)
{
    bool again = false;
    *known = false;
    if (!database_connect(database, why, why_size))
        return DATABASE_UNAVAILABLE;
    if (!look_whether_known(database, message, site, known))
        return after_failure(database, &again, why, why_size);
    if (*known) {
        database->counts.messages++;
        database->counts.duplicates += (uint64_t)(message->last_id - message->first_id + 1);
    }
    return DATABASE_STORED;
}

enum database_result database_note(struct database *database, const struct told_log *log,
                                   const char *site, char *why, size_t why_size)
{
    bool again = false;
    if (!database_connect(database, why, why_size))
        return DATABASE_UNAVAILABLE;
    if (told_take_log(&database->connection, log, site))
        return DATABASE_STORED;
    return after_failure(database, &again, why, why_size);
}

enum database_result database_hear(struct database *database, const struct told *told, char *why,
                                   size_t why_size)
{
    bool again = false;
    if (!database_connect(database, why, why_size))
        return DATABASE_UNAVAILABLE;
    if (told_take(&database->connection, told))
        return DATABASE_STORED;
    return after_failure(database, &again, why, why_size);
}

enum database_result database_bury(struct database *database, const char *topic,
                                   const char *content_type, const char *reason, const void *body,
                                   size_t size, char *why, size_t why_size)
{
    bool again = false;
    if (!database_connect(database, why, why_size))
        return DATABASE_UNAVAILABLE;
    size_t escaped_size = 0;
    unsigned char *escaped = PQescapeByteaConn(database->connection.db, body, size, &escaped_size);
    if (escaped == NULL) {
        (void)snprintf(why, why_size, "no memory");
        return DATABASE_UNAVAILABLE;
    }
    const char *parameters[] = {topic, content_type, reason, (const char *)escaped};
    bool good = connection_execute(&database->connection, "dead", 4, parameters);
    PQfreemem(escaped);
    if (good) {
        database->counts.dead++;
        return DATABASE_STORED;
    }
    return after_failure(database, &again, why, why_size);
}

bool database_forget_alerts(struct database *database, const char *broker, int64_t age_ms,
                            char *why, size_t why_size)
{
    bool again = false;
    if (!database_connect(database, why, why_size))
        return false;
    return told_forget_alerts(&database->connection, broker, age_ms) ||
           after_failure(database, &again, why, why_size) == DATABASE_STORED;
}
