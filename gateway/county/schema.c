/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/bounds.h"
#include "protocols/metric/metric.h"

#define LOCK_MIGRATE  "7236401"
#define LOCK_MAINTAIN "7236402"

/* Each garden as it stands, of the gateway that was heard last. */
#define GARDEN_NOW(holes, gateways)                                                                \
    "VIEW garden_now AS SELECT g.site, coalesce(d.region, '') AS region, g.gw, g.broker,"          \
    " s.body ->> 'label' AS label, s.body #>> '{location,timezone}' AS timezone,"                  \
    " CASE WHEN jsonb_typeof(s.body #> '{location,lat}') = 'number'"                               \
    "  THEN (s.body #> '{location,lat}')::float8 END AS lat,"                                      \
    " CASE WHEN jsonb_typeof(s.body #> '{location,lon}') = 'number'"                               \
    "  THEN (s.body #> '{location,lon}')::float8 END AS lon,"                                      \
    " g.seen, g.version, CASE WHEN date_trunc('month', g.told, 'UTC') ="                           \
    "  date_trunc('month', now(), 'UTC') THEN g.month_bytes END AS month_bytes,"                   \
    " CASE WHEN g.last IS NOT NULL THEN greatest(g.last - g.sent, 0) END AS backlog, " holes       \
    " AS holes,"                                                                                   \
    " (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(g.gone) r) AS gone,"               \
    " a.alarms, a.watches, q.since AS silent_since, q.seen_by AS silence_seen_by"                  \
    " FROM (SELECT DISTINCT ON (site) * FROM " gateways " ORDER BY site, seen DESC) g"             \
    " LEFT JOIN garden d USING (site) LEFT JOIN silence q USING (site)"                            \
    " LEFT JOIN LATERAL (SELECT body FROM document WHERE site = g.site AND name = 'site'"          \
    "  ORDER BY broker = g.broker DESC NULLS LAST, at DESC LIMIT 1) s ON true"                     \
    " LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE body ->> 'level' = 'alarm') AS alarms,"     \
    "  count(*) FILTER (WHERE body ->> 'level' = 'watch') AS watches FROM document"                \
    "  WHERE site = g.site AND name LIKE 'alert/%' AND broker = g.broker) a ON true;"
#define UNTIL_THE_LOG                                                                              \
    "(SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM"                                           \
    " unnest(int8multirange(int8range(1, greatest(g.last, 0) + 1)) - g.ids - g.gone) r)"
#define OF_THE_VIEW "(SELECT coalesce(sum(h.last - h.first + 1), 0) FROM hole h WHERE h.gw = g.gw)"

/* What a gateway's store has given is known by ranges: of record numbers (`ids`), and by stream of
 * sequence numbers (`have`, and `told` what is known to be gone). A hole is a difference of two
 * ranges; no index of single readings is needed, and ts may change.
 *
 * A stream is (gateway, device, boot): boots of another board under the same name begin at a
 * multiple of 65536, so its serial number need not be a part of the key; it is kept to be read. */
static const char *const migrations[] = {
    "CREATE TABLE gateway ("
    " gw uuid PRIMARY KEY, site text NOT NULL, first int8, last int8, sent int8, boot int8,"
    " seen timestamptz NOT NULL DEFAULT now(), ids int8multirange NOT NULL DEFAULT '{}',"
    " gone int8multirange NOT NULL DEFAULT '{}');"
    "CREATE INDEX ON gateway (site);"
    "CREATE TABLE stream ("
    " id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gw uuid NOT NULL REFERENCES gateway,"
    " device text NOT NULL, boot int8 NOT NULL, serial int8,"
    " have int8multirange NOT NULL DEFAULT '{}', told int8multirange NOT NULL DEFAULT '{}',"
    " UNIQUE (gw, device, boot));"
    "CREATE TABLE metric ("
    " id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,"
    " unit text NOT NULL, kind text NOT NULL);"
    "CREATE TABLE reading ("
    " stream int NOT NULL, seq int8 NOT NULL, ts timestamptz NOT NULL, gb int8,"
    " more jsonb, flags jsonb) PARTITION BY RANGE (ts);"
    "CREATE INDEX ON reading (stream, ts);"
    "CREATE TABLE hour ("
    " stream int NOT NULL, hour timestamptz NOT NULL, metric smallint NOT NULL, n int8 NOT NULL,"
    " sum float8 NOT NULL, min float8 NOT NULL, max float8 NOT NULL,"
    " x float8 NOT NULL DEFAULT 0, y float8 NOT NULL DEFAULT 0,"
    " PRIMARY KEY (stream, hour, metric));"
    "COMMENT ON COLUMN hour.x IS 'of angles: sum of the cosines; y: of the sines';"
    "CREATE TABLE thinned ("
    " stream int NOT NULL, hour timestamptz NOT NULL, first int8 NOT NULL, last int8 NOT NULL,"
    " metric smallint NOT NULL, n int8 NOT NULL, min float8 NOT NULL, mean float8 NOT NULL,"
    " max float8 NOT NULL, PRIMARY KEY (stream, hour, first, metric));"
    "CREATE TABLE correction ("
    " gw uuid NOT NULL REFERENCES gateway, id int8 NOT NULL, boot int8 NOT NULL,"
    " add_ms int8 NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (gw, id));"
    "CREATE TABLE dead ("
    " id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),"
    " topic text NOT NULL, content_type text NOT NULL, reason text NOT NULL, body bytea NOT NULL);"
    /* Since when a hole is known, and what was asked for: `until` is as far as the gateway went. */
    "CREATE TABLE suspect (gw uuid NOT NULL, first int8 NOT NULL,"
    " since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (gw, first));"
    "CREATE TABLE asked ("
    " id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gw uuid NOT NULL REFERENCES gateway,"
    " first int8 NOT NULL, last int8 NOT NULL, at timestamptz NOT NULL DEFAULT now(),"
    " answered bool NOT NULL DEFAULT false, until int8, UNIQUE (gw, first));"
    /* Records that the gateway has, or had, and that did not come; and numbers that are in no
     * message and in no gap. */
    "CREATE VIEW hole AS SELECT gw, site, seen, lower(r) AS first, upper(r) - 1 AS last"
    " FROM (SELECT gw, site, seen, unnest(int8multirange(int8range(1, last, '[]')) - ids - gone) "
    "AS r"
    "  FROM gateway WHERE last > 0) h;"
    "CREATE VIEW missing AS SELECT gw, id AS stream, device, boot, lower(r) AS first,"
    " upper(r) - 1 AS last FROM (SELECT gw, id, device, boot,"
    "  unnest(int8multirange(int8range(1, GREATEST(upper(have), upper(told)))) - have - told) AS r"
    "  FROM stream) m;",
    /* What gateways tell of themselves, the last of each and by broker; what was picked and what is
     * expected; and where a garden is counted, which the operator says. */
    "ALTER TABLE gateway ADD told timestamptz, ADD version text, ADD month_bytes int8,"
    " ADD broker text;"
    "CREATE TABLE document (site text NOT NULL, name text NOT NULL, broker text NOT NULL,"
    " at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL, PRIMARY KEY (site, name, "
    "broker));"
    "CREATE TABLE day (site text NOT NULL, day date NOT NULL, kg float8, pickers int8,"
    " picked_told timestamptz, low float8, middle float8, high float8, expected_told timestamptz,"
    " PRIMARY KEY (site, day));"
    "CREATE TABLE garden (site text PRIMARY KEY, region text NOT NULL);"
    /* Who looks at the page: a right is for a region, "*" for all of them. */
    "CREATE TABLE login (name text PRIMARY KEY, password text NOT NULL);"
    "CREATE TABLE login_right (name text NOT NULL REFERENCES login ON DELETE CASCADE,"
    " region text NOT NULL, role text NOT NULL CHECK (role IN ('viewer', 'operator')),"
    " PRIMARY KEY (name, region));"
    "CREATE TABLE silence (site text PRIMARY KEY, since timestamptz NOT NULL, seen_by text,"
    " seen_at timestamptz);",
    /* Sessions of the page, by their token's hash; and each garden as it stands, of the gateway
     * that was heard last. What a gateway told may be anything: only numbers are taken for
     * numbers. */
    "CREATE TABLE session (token bytea PRIMARY KEY, name text NOT NULL REFERENCES login"
    " ON DELETE CASCADE, until timestamptz NOT NULL);"
    "CREATE " GARDEN_NOW(UNTIL_THE_LOG, "gateway"),
    /* Configurations that gateways are to have, and what each has come to (rollout.h). */
    "CREATE TABLE rollout (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " at timestamptz NOT NULL DEFAULT now(), stop_percent int NOT NULL, confirm_s int NOT NULL,"
    " state text NOT NULL DEFAULT 'going' CHECK (state IN ('going', 'stopped', 'done')));"
    "CREATE TABLE wanted (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " rollout int8 NOT NULL REFERENCES rollout, ring int NOT NULL, site text NOT NULL,"
    " sha256_old text NOT NULL, sha256 text NOT NULL, yaml text NOT NULL,"
    " state text NOT NULL DEFAULT 'waiting', why text NOT NULL DEFAULT '', said timestamptz,"
    " since timestamptz NOT NULL DEFAULT now(), UNIQUE (rollout, site));"
    "CREATE INDEX ON wanted (site) WHERE state IN ('waiting', 'asked', 'trying', 'overdue');"
    "CREATE TABLE config_seen (site text PRIMARY KEY, wanted bool NOT NULL, said timestamptz,"
    " at timestamptz, sha256 text, yaml text);",
    /* Who may enrol (enrol.h), and what was given. */
    "CREATE TABLE token (hash text PRIMARY KEY, site text NOT NULL,"
    " until timestamptz NOT NULL DEFAULT now() + interval '24 h', used timestamptz);"
    "CREATE TABLE certificate (serial text PRIMARY KEY, site text NOT NULL,"
    " at timestamptz NOT NULL DEFAULT now(), until timestamptz NOT NULL, revoked timestamptz);"
    "CREATE INDEX ON certificate (site);",
    /* Room beside an hour for its next version, so that the index need not be touched. */
    "ALTER TABLE hour SET (fillfactor = 50);"
    "ALTER TABLE stream SET (fillfactor = 70); ALTER TABLE gateway SET (fillfactor = 70);",
    /* A gateway tells its last record once an hour; what arrived since is known to exist too. */
    "CREATE OR REPLACE VIEW hole AS SELECT gw, site, seen, lower(r) AS first, upper(r) - 1 AS last"
    " FROM (SELECT gw, site, seen, unnest(int8multirange(int8range(1,"
    "  GREATEST(last + 1, upper(ids)))) - ids - gone) AS r FROM gateway WHERE last > 0) h;",
    /* The page shows as missing what is asked for, and nothing else. */
    "CREATE OR REPLACE " GARDEN_NOW(OF_THE_VIEW, "gateway"),
    /* Gardens that are given up (retire.h), and what operators have done. */
    "ALTER TABLE gateway ADD retired timestamptz;"
    "CREATE TABLE retired (site text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),"
    " who text NOT NULL, removed bool NOT NULL);"
    "CREATE TABLE audit (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " at timestamptz NOT NULL DEFAULT now(), who text NOT NULL, what text NOT NULL,"
    " site text NOT NULL);"
    "CREATE OR REPLACE VIEW hole AS SELECT gw, site, seen, lower(r) AS first, upper(r) - 1 AS last"
    " FROM (SELECT gw, site, seen, unnest(int8multirange(int8range(1,"
    "  GREATEST(last + 1, upper(ids)))) - ids - gone) AS r FROM gateway WHERE last > 0"
    "  AND retired IS NULL) h;"
    "CREATE OR REPLACE " GARDEN_NOW(OF_THE_VIEW, "gateway WHERE retired IS NULL"),
    /* In which ring of the repository a gateway is to be, and whether it has yet to be told. */
    "CREATE TABLE upgrade (site text PRIMARY KEY, suite text NOT NULL,"
    " wanted bool NOT NULL DEFAULT true, said timestamptz, at timestamptz,"
    " answer text NOT NULL DEFAULT '');",
    /* The version that a gateway has gone back from. */
    "ALTER TABLE gateway ADD undone text;",
    /* The hour of a stream whose readings come one by one (single.h), and every hour, whole. */
    "ALTER TABLE stream ADD open_hour timestamptz, ADD open_metrics int2[], ADD open float8[];"
    "COMMENT ON COLUMN stream.open IS 'n, then sum, min, max, x and y of each of open_metrics';"
    "CREATE VIEW open_hour AS SELECT s.id AS stream, s.open_hour AS hour, o.metric,"
    " s.open[1]::int8 AS n, s.open[5 * o.i - 3] AS sum, s.open[5 * o.i - 2] AS min,"
    " s.open[5 * o.i - 1] AS max, s.open[5 * o.i] AS x, s.open[5 * o.i + 1] AS y"
    " FROM stream s CROSS JOIN LATERAL unnest(s.open_metrics) WITH ORDINALITY o(metric, i)"
    " WHERE s.open[1] > 0;"
    "CREATE VIEW hourly AS SELECT stream, hour, metric, sum(n)::int8 AS n, sum(sum) AS sum,"
    " min(min) AS min, max(max) AS max, sum(x) AS x, sum(y) AS y FROM (SELECT stream, hour,"
    " metric, n, sum, min, max, x, y FROM hour UNION ALL SELECT stream, hour, metric, n, sum, min,"
    " max, x, y FROM open_hour) h GROUP BY stream, hour, metric;",
    /* Each start of a program had taken a number for each metric that was there. */
    "SELECT setval(pg_get_serial_sequence('metric', 'id'), COALESCE(max(id), 1),"
    " max(id) IS NOT NULL) FROM metric;",
    /* Node firmware by rings (firmware.h): 1 canary, 2 early, 3 stable. `due`: when to ask again,
     * `silent`: the last request has no answer yet, `missing`: numbers before its update,
     * `ring_since`: since when ring and state are so. */
    "CREATE TABLE firmware (sha256 text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),"
    " hardware int8 NOT NULL, version text NOT NULL, counter int8 NOT NULL, size int8 NOT NULL,"
    " body bytea NOT NULL);"
    "CREATE TABLE firmware_rollout (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " sha256 text NOT NULL REFERENCES firmware, at timestamptz NOT NULL DEFAULT now(),"
    " stop_percent int NOT NULL, share_percent int NOT NULL, soak_s int NOT NULL,"
    " deadline_s int NOT NULL, ring int NOT NULL DEFAULT 1,"
    " ring_since timestamptz NOT NULL DEFAULT now(), why text NOT NULL DEFAULT '',"
    " state text NOT NULL DEFAULT 'going'"
    "  CHECK (state IN ('going', 'paused', 'stopped', 'aborted', 'done')));"
    "CREATE TABLE firmware_site (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " rollout int8 NOT NULL REFERENCES firmware_rollout, site text NOT NULL, ring int NOT NULL,"
    " state text NOT NULL DEFAULT 'waiting', since timestamptz NOT NULL DEFAULT now(),"
    " have int8 NOT NULL DEFAULT 0, why text NOT NULL DEFAULT '', counts jsonb,"
    " due timestamptz NOT NULL DEFAULT now(), silent bool NOT NULL DEFAULT false,"
    " heard timestamptz, clean timestamptz, trouble timestamptz,"
    " missing int8 NOT NULL DEFAULT 0, UNIQUE (rollout, site));"
    "CREATE INDEX ON firmware_site (due) WHERE state IN"
    " ('waiting', 'sending', 'ready', 'updating', 'soaking', 'stopping');"
    "CREATE FUNCTION missing_of(text) RETURNS int8 LANGUAGE sql STABLE AS $$ SELECT"
    " (coalesce((SELECT sum(m.last - m.first + 1) FROM missing m JOIN gateway g USING (gw)"
    "  WHERE g.site = $1), 0) + coalesce((SELECT sum(h.last - h.first + 1) FROM hole h"
    "  WHERE h.site = $1), 0))::int8 $$;",
    /* What does not fit: whose it is, so that one garden's can be bounded; how often it came; and
     * of what was beyond the bound only the number. */
    "ALTER TABLE dead ADD site text GENERATED ALWAYS AS"
    "  (coalesce(substring(topic FROM 'baiye/([^/]*)/'), '')) STORED,"
    " ADD hash bytea GENERATED ALWAYS AS (sha256(body)) STORED,"
    " ADD times int8 NOT NULL DEFAULT 1, ADD again timestamptz;"
    "CREATE INDEX ON dead (site, hash); CREATE INDEX ON dead (site, at);"
    "CREATE TABLE dead_more (site text, day date, messages int8 NOT NULL, PRIMARY KEY (site, "
    "day));",
    /* What one may add (bounds.h): streams that a gateway has begun on that day, and whose names
     * the metrics are that this program does not know. */
    "ALTER TABLE gateway ADD began int NOT NULL DEFAULT 0, ADD began_on date;"
    "ALTER TABLE metric ADD site text;",
    /* And in all, since when. Readings whose time lies in no week that the county keeps stand
     * beside the others, by when they came. */
    "ALTER TABLE gateway ADD since timestamptz NOT NULL DEFAULT now(),"
    " ADD streams int8 NOT NULL DEFAULT 0, ADD hour_rows int8 NOT NULL DEFAULT 0;"
    "UPDATE gateway g SET streams = (SELECT count(*) FROM stream s WHERE s.gw = g.gw);"
    "CREATE TABLE misdated (LIKE reading, at timestamptz NOT NULL DEFAULT now());"
    "CREATE INDEX ON misdated (stream); CREATE INDEX ON dead (at);"
    /* Rows of gateways stay, and who writes these tables has read theirs: what a foreign key looks
     * after costs with each message. */
    "ALTER TABLE stream DROP CONSTRAINT IF EXISTS stream_gw_fkey;"
    "ALTER TABLE correction DROP CONSTRAINT IF EXISTS correction_gw_fkey;"
    "ALTER TABLE asked DROP CONSTRAINT IF EXISTS asked_gw_fkey;",
};
#define VERSION (sizeof migrations / sizeof migrations[0])

static bool run(PGconn *db, const char *sql, char *why, size_t why_size)
{
    PGresult *result = PQexec(db, sql);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good)
        (void)snprintf(why, why_size, "%.300s", PQerrorMessage(db));
    PQclear(result);
    return good;
}

/* The first column of the first row as a number; -1: there is none. */
static long number_of(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);
    long number = -1;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
        number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static bool has_metric(PGconn *db, const struct metric_info *metric)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM metric m JOIN pg_attribute a ON a.attname = m.name"
                   " WHERE a.attrelid = 'reading'::regclass AND NOT a.attisdropped"
                   " AND m.name = '%s' AND m.unit = '%s' AND m.kind = '%s'",
                   metric->name, metric->unit, metric_kind_name(metric->kind));
    return number_of(db, sql) > 0;
}

/* Each known metric has a column and a number; one that is new gets them. What is there is left
 * alone: a column to be added locks the table, and an INSERT takes one of 32,767 numbers even where
 * its row is there. */
static bool add_metrics(PGconn *db, char *why, size_t why_size)
{
    const struct metric_info *metric = NULL;
    char sql[700];
    for (size_t i = 0; (metric = metric_at(i)) != NULL; i++) {
        const char *kind = metric_kind_name(metric->kind);
        if (has_metric(db, metric))
            continue;
        (void)snprintf(sql, sizeof sql,
                       "ALTER TABLE reading ADD COLUMN IF NOT EXISTS \"%s\" float8;"
                       "ALTER TABLE misdated ADD COLUMN IF NOT EXISTS \"%s\" float8;"
                       "UPDATE metric SET unit = '%s', kind = '%s' WHERE name = '%s';"
                       "INSERT INTO metric (name, unit, kind) SELECT '%s', '%s', '%s'"
                       " WHERE NOT EXISTS (SELECT FROM metric WHERE name = '%s')"
                       " ON CONFLICT (name) DO NOTHING",
                       metric->name, metric->name, metric->unit, kind, metric->name, metric->name,
                       metric->unit, kind, metric->name);
        if (!run(db, sql, why, why_size))
            return false;
    }
    return true;
}

static bool make_partitions(PGconn *db, char *why, size_t why_size)
{
    if (number_of(db, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_partman'") < 1) {
        (void)snprintf(why, why_size,
                       "the database has no extension pg_partman: as its owner run CREATE SCHEMA "
                       "partman; CREATE EXTENSION pg_partman SCHEMA partman (package "
                       "postgresql-15-partman)");
        return false;
    }
    if (number_of(db, "SELECT count(*) FROM partman.part_config "
                      "WHERE parent_table = 'public.reading'") > 0)
        return true;
    return run(db,
               "SELECT partman.create_parent('public.reading', 'ts', 'native', 'weekly',"
               " p_premake := 4)",
               why, why_size);
}

static bool migrate_from(PGconn *db, size_t version, char *why, size_t why_size)
{
    char sql[80];
    for (; version < VERSION; version++) {
        if (!run(db, migrations[version], why, why_size))
            return false;
    }
    (void)snprintf(sql, sizeof sql, "UPDATE county SET version = %zu", VERSION);
    return run(db, sql, why, why_size) && add_metrics(db, why, why_size) &&
           make_partitions(db, why, why_size);
}

bool schema_migrate(PGconn *db, unsigned keep_raw_days, char *why, size_t why_size)
{
    char sql[200];
    if (!run(db,
             "BEGIN; SELECT pg_advisory_xact_lock(" LOCK_MIGRATE ");"
             "CREATE TABLE IF NOT EXISTS county (version int NOT NULL);"
             "INSERT INTO county SELECT 0 WHERE NOT EXISTS (SELECT FROM county)",
             why, why_size))
        return false;
    long version = number_of(db, "SELECT version FROM county");
    bool good = version > (long)VERSION ||
                (version >= 0 && migrate_from(db, (size_t)version, why, why_size));
    (void)snprintf(sql, sizeof sql,
                   "UPDATE partman.part_config SET retention = '%u days',"
                   " retention_keep_table = false WHERE parent_table = 'public.reading'",
                   keep_raw_days);
    good = good && run(db, sql, why, why_size);
    char unused[8];
    return run(db, good ? "COMMIT" : "ROLLBACK", good ? why : unused,
               good ? why_size : sizeof unused) &&
           good;
}

/* Readings of a time to come, by a correction that is wrong or from before such were put aside, are
 * of no week that the county is in: pg_partman would make all partitions until there. PostgreSQL
 * makes no partition whose rows lie in the last resort, as they do when nobody has looked after the
 * partitions for weeks: these are taken out, and find their place afterwards. What is too old to be
 * kept goes; where the time is not known, its correction may yet come, for as long as readings are
 * kept. */
static const char upkeep[] =
    "UPDATE partman.part_config SET infinite_time_partitions = true, ignore_default_data = true"
    " WHERE parent_table = 'public.reading';"
    "WITH far AS (DELETE FROM reading_default r USING partman.part_config p WHERE"
    "  p.parent_table = 'public.reading' AND (r.ts > now() + interval '" BOUND_DAYS_NEAR " d'"
    "  OR (r.gb IS NOT NULL AND r.ts < now() - p.retention::interval)) RETURNING r.*)"
    " INSERT INTO misdated SELECT m.* FROM far CROSS JOIN LATERAL"
    "  jsonb_populate_record(NULL::misdated, to_jsonb(far) || jsonb_build_object('at', now())) m;"
    "CREATE TEMP TABLE aside (LIKE reading) ON COMMIT DROP;"
    "WITH moved AS (DELETE FROM reading_default r USING partman.part_config p WHERE"
    "  p.parent_table = 'public.reading' AND r.ts > now() - p.retention::interval RETURNING r.*)"
    " INSERT INTO aside SELECT * FROM moved;"
    "SELECT partman.run_maintenance('public.reading');"
    "INSERT INTO reading SELECT * FROM aside;"
    "DELETE FROM reading_default USING partman.part_config p WHERE p.parent_table ="
    " 'public.reading' AND gb IS NULL AND ts < now() - p.retention::interval;"
    "DELETE FROM misdated USING partman.part_config p WHERE p.parent_table = 'public.reading'"
    " AND at < now() - p.retention::interval;"
    "DELETE FROM dead USING partman.part_config p WHERE p.parent_table ="
    " 'public.reading' AND coalesce(again, at) < now() - p.retention::interval;"
    /* Readings that they are for are gone. */
    "DELETE FROM correction USING partman.part_config p WHERE p.parent_table ="
    " 'public.reading' AND at < now() - p.retention::interval";

bool schema_maintain(PGconn *db, char *why, size_t why_size)
{
    if (!run(db,
             "BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL enable_seqscan = on; SET LOCAL "
             "enable_hashjoin = on;"
             "SET LOCAL enable_mergejoin = on; SET LOCAL plan_cache_mode = auto",
             why, why_size))
        return false;
    PGresult *result = PQexec(db, "SELECT pg_try_advisory_xact_lock(" LOCK_MAINTAIN ")");
    bool mine = PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    bool good = !mine || run(db, upkeep, why, why_size);
    char unused[8];
    return run(db, good ? "COMMIT" : "ROLLBACK", good ? why : unused,
               good ? why_size : sizeof unused) &&
           good;
}
