/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/told.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/bounds.h"

#define DOCUMENT_MOST 131072u            /* bytes of one */
#define ALERT_BYTES   8192u              /* of an alert: a garden may have a thousand */
#define NUMBER_MOST   (INT64_C(1) << 53) /* of a record: no store lives so long */
#define DEPTH_MOST    32                 /* PostgreSQL goes down by recursion */

/* ---- Taken apart ---- */

/* Of an alert: as the gateway's topics are, and nothing that is a path of something else. */
static bool is_alert(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t size = strlen(name);
    return strncmp(name, "alert/", 6) == 0 && size > 6 && size < TOLD_NAME_SIZE &&
           name[6 + strspn(name + 6, plain)] == '\0';
}

bool told_topic(struct told *told, const char *topic)
{
    static const struct {
        const char *leaf, *name;
    } plain[] = {{"site", "site"}, {"forecast", "forecast"}, {"gateway/status", "status"}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (!message_site(topic, plain[i].leaf, told->site))
            continue;
        (void)snprintf(told->name, sizeof told->name, "%s", plain[i].name);
        return true;
    }
    const char *leaf = strstr(topic, "/alert/");
    if (leaf == NULL || !is_alert(leaf + 1) || !message_site(topic, leaf + 1, told->site))
        return false;
    (void)snprintf(told->name, sizeof told->name, "%s", leaf + 1);
    return true;
}

static bool is_flat(json_t *value, int depth)
{
    const char *key = NULL;
    json_t *part = NULL;
    size_t i = 0;
    if (depth > DEPTH_MOST)
        return false;
    json_object_foreach (value, key, part) {
        if (!is_flat(part, depth + 1))
            return false;
    }
    json_array_foreach (value, i, part) {
        if (!is_flat(part, depth + 1))
            return false;
    }
    return true;
}

static bool parse_json(struct told *told, const void *payload, size_t size, char *why,
                       size_t why_size)
{
    json_error_t error = {.text = "no object"};
    json_t *root = json_loadb(payload, size, 0, &error);
    bool good = json_is_object(root) && is_flat(root, 0);
    told->json = good ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (told->json == NULL)
        (void)snprintf(why, why_size, "%.16s: %.120s", told->name,
                       error.text[0] != '\0' ? error.text : "no object, or too deep");
    return told->json != NULL;
}

bool told_parse(struct told *told, const void *payload, size_t size, char *why, size_t why_size)
{
    static const char *const words[] = {"online", "offline"};
    told->json = NULL;
    if (size == 0)
        return true;
    unsigned most = strncmp(told->name, "alert/", 6) == 0 ? ALERT_BYTES : DOCUMENT_MOST;
    if (size > most) {
        (void)snprintf(why, why_size, "%.16s: more than %u bytes", told->name, most);
        return false;
    }
    if (strcmp(told->name, "status") != 0)
        return parse_json(told, payload, size, why, why_size);
    for (unsigned i = 0; i < 2; i++) {
        char quoted[16];
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", words[i]);
        if (size == strlen(words[i]) && memcmp(payload, words[i], size) == 0)
            told->json = strdup(quoted);
    }
    if (told->json == NULL)
        (void)snprintf(why, why_size, "gateway/status: neither online nor offline");
    return told->json != NULL;
}

void told_free(struct told *told)
{
    free(told->json);
    told->json = NULL;
}

bool told_log_parse(struct told_log *log, const void *payload, size_t size, char *why,
                    size_t why_size)
{
    const char *gateway = NULL, *version = "", *undone = "";
    json_int_t first = 0, last = 0, sent = 0, boot = 0, ts = 0, bytes = -1;
    json_error_t error = {.text = "a number is out of its range"};
    json_t *root = json_loadb(payload, size, 0, &error);
    bool good =
        root != NULL &&
        json_unpack_ex(root, &error, 0, "{s:s,s:I,s:I,s:I,s:I,s:I,s?s,s?s,s?I}", "gw", &gateway,
                       "first", &first, "last", &last, "sent", &sent, "boot", &boot, "ts", &ts,
                       "version", &version, "undone", &undone, "month_bytes", &bytes) == 0 &&
        strlen(gateway) == 36 && first >= 1 && last >= 0 && last <= NUMBER_MOST &&
        first <= last + 1 && sent >= 0 && sent <= NUMBER_MOST && boot >= 0 && ts >= 0 &&
        ts <= MESSAGE_TIME_MAX_MS && bytes >= -1 && strlen(version) < sizeof log->version &&
        strlen(undone) < sizeof log->undone;
    if (good) {
        *log = (struct told_log){.first = first,
                                 .last = last,
                                 .sent = sent,
                                 .boot = boot,
                                 .ts_ms = ts,
                                 .month_bytes = bytes};
        memcpy(log->gateway, gateway, sizeof log->gateway);
        (void)snprintf(log->version, sizeof log->version, "%s", version);
        (void)snprintf(log->undone, sizeof log->undone, "%s", undone);
    } else {
        (void)snprintf(why, why_size, "gateway/log: %.120s", error.text);
    }
    json_decref(root);
    return good;
}

/* ---- Kept ---- */

/* A day's pick is what the newest document says of it; forecasts are of the day after they were
 * made, in the garden's time. */
#define ZONE                                                                                       \
    "coalesce((SELECT body #>> '{location,timezone}' FROM document WHERE site = $1"                \
    " AND name = 'site' ORDER BY at DESC LIMIT 1), 'Asia/Shanghai')"
#define IS_OURS "NOT EXISTS (SELECT FROM retired WHERE site = $1)"
#define MADE    "to_timestamp(($2::jsonb ->> 'ts')::float8 / 1000)"
/* A clock that was ahead for a while is not to hold what it said against all that comes after. */
#define TOLD        "least(now(), " MADE ")"
#define NEWER(told) "coalesce(day." told " > now() OR day." told " <= excluded." told ", true)"

static const struct {
    const char *name, *sql;
} statements[] = {
    {"document",
     "INSERT INTO document (site, name, broker, body) SELECT $1, $2, $3, $4::jsonb WHERE " IS_OURS
     " AND (EXISTS"
     " (SELECT FROM document WHERE site = $1 AND name = $2 AND broker = $3) OR"
     " (SELECT count(*) FROM document WHERE site = $1) < " BOUND_DOCUMENTS ")"
     " ON CONFLICT (site, name, broker) DO UPDATE SET body = excluded.body, at = now()"},
    {"no_room",
     "SELECT CASE WHEN " IS_OURS " THEN 'has " BOUND_DOCUMENTS " documents' ELSE 'is retired' END"},
    {"over", "DELETE FROM document WHERE broker = $1 AND name LIKE 'alert/%'"
             " AND at < now() - $2::int8 * interval '1 ms'"},
    {"no_document", "DELETE FROM document WHERE site = $1 AND name = $2 AND broker = $3"},
    {"picked",
     "INSERT INTO day (site, day, kg, pickers, picked_told)"
     " SELECT $1, day, sum(kg), sum(pickers), " TOLD " FROM (SELECT"
     "  (p ->> 'day')::date AS day, (p ->> 'kg')::float8 AS kg, (p ->> 'pickers')::int4 AS pickers"
     "  FROM jsonb_array_elements($2::jsonb -> 'picked') p) d"
     " WHERE day BETWEEN now()::date - 60 AND now()::date + 1 AND kg BETWEEN 0 AND 100000"
     " AND pickers BETWEEN 0 AND 10000 AND " IS_OURS " GROUP BY day"
     " ON CONFLICT (site, day) DO UPDATE SET kg = excluded.kg, pickers = excluded.pickers,"
     " picked_told = excluded.picked_told WHERE " NEWER("picked_told")},
    {"expected",
     "INSERT INTO day (site, day, low, middle, high, expected_told)"
     " SELECT $1, (" MADE " AT TIME ZONE " ZONE ")::date + 1, sum((v #>> '{pick_kg,0}')::float8),"
     " sum((v #>> '{pick_kg,1}')::float8), sum((v #>> '{pick_kg,2}')::float8), " TOLD
     " FROM jsonb_each($2::jsonb -> 'plots') p(name, v) WHERE v #>> '{pick_kg,2}' IS NOT NULL"
     " AND abs(extract(epoch FROM now() - " MADE ")) < 86400 * 60"
     " AND (v #>> '{pick_kg,0}')::float8 BETWEEN 0 AND 100000"
     " AND (v #>> '{pick_kg,1}')::float8 BETWEEN 0 AND 100000"
     " AND (v #>> '{pick_kg,2}')::float8 BETWEEN 0 AND 100000 AND " IS_OURS " HAVING count(*) > 0"
     " ON CONFLICT (site, day) DO UPDATE SET low = excluded.low, middle = excluded.middle,"
     " high = excluded.high, expected_told = excluded.expected_told"
     " WHERE " NEWER("expected_told")},
    /* What a broker kept is news only when it was said after what is known; that it comes is no
     * sign of life. */
    {"log",
     "INSERT INTO gateway AS g (gw, site, first, last, sent, boot, told, version, month_bytes,"
     " broker, undone, seen) SELECT $1, $2, $3, $4, $5, $6, t, NULLIF($8, ''),"
     " NULLIF($9::int8, -1), $10, NULLIF($12, ''),"
     " CASE WHEN $11 THEN t ELSE now() END FROM (SELECT least(now(), to_timestamp($7::float8 /"
     " 1000))) c(t) WHERE NOT EXISTS (SELECT FROM retired r WHERE r.site = $2) AND (EXISTS"
     "  (SELECT FROM gateway WHERE gw = $1) OR (SELECT count(*) FROM gateway WHERE site = $2"
     "  AND seen > now() - interval '30 d') < " BOUND_GATEWAYS
     ") ON CONFLICT (gw) DO UPDATE SET first = excluded.first,"
     " last = greatest(g.last, excluded.last), sent = excluded.sent, boot = excluded.boot,"
     " told = excluded.told, version = coalesce(excluded.version, g.version),"
     " month_bytes = excluded.month_bytes, broker = excluded.broker, undone = excluded.undone,"
     " seen = greatest(g.seen, excluded.seen)"
     " WHERE g.site = excluded.site"
     " AND (NOT $11 OR coalesce(g.told <= excluded.told, g.last IS NULL))"},
    /* No row: what a broker had kept is older than what is known. */
    {"unheard", "SELECT CASE WHEN NOT " IS_OURS " THEN 'site ' || $1 || ' is retired'"
                " WHEN g.site <> $1 THEN 'gateway ' || $2 || ' is of site ' || g.site"
                " ELSE 'site ' || $1 || ' has had " BOUND_GATEWAYS " gateways within 30 days' END"
                " FROM (SELECT) one LEFT JOIN gateway g ON g.gw = $2::text::uuid"
                " WHERE g.site IS DISTINCT FROM $1 OR NOT " IS_OURS},
};

bool told_prepare(struct connection *connection)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        PGresult *result =
            PQprepare(connection->db, statements[i].name, statements[i].sql, 0, NULL);
        if (!connection_check(connection, result, PGRES_COMMAND_OK, NULL))
            return false;
    }
    return true;
}

/* Of a statement that does nothing for who may not: `*none`. */
static bool execute_if_allowed(struct connection *connection, const char *name, int count,
                               const char *const *parameters, bool *none)
{
    PGresult *result = PQexecPrepared(connection->db, name, count, parameters, NULL, NULL, 0);
    *none = PQcmdTuples(result)[0] == '0';
    return connection_check(connection, result, PGRES_COMMAND_OK, NULL);
}

/* Why it did nothing: false. true: there was no reason, and all is well. */
static bool say_why(struct connection *connection, const char *name, const char *prefix, int count,
                    const char *const *parameters)
{
    PGresult *result = NULL;
    if (!connection_query(connection, name, count, parameters, &result))
        return false;
    bool good = PQntuples(result) == 0;
    if (!good)
        (void)snprintf(connection->why, sizeof connection->why, "22023 %s%s", prefix,
                       PQgetvalue(result, 0, 0));
    PQclear(result);
    return good;
}

static bool store_document(struct connection *connection, const struct told *told)
{
    const char *parameters[] = {told->site, told->name, told->broker, told->json};
    const char *days[] = {told->site, told->json};
    char prefix[sizeof "site " + MESSAGE_NAME_SIZE];
    bool none = false;
    (void)snprintf(prefix, sizeof prefix, "site %s ", told->site);
    if (told->json == NULL)
        return connection_execute(connection, "no_document", 3, parameters);
    return execute_if_allowed(connection, "document", 4, parameters, &none) &&
           (!none || say_why(connection, "no_room", prefix, 1, parameters)) &&
           (strcmp(told->name, "forecast") != 0 ||
            (connection_execute(connection, "picked", 2, days) &&
             connection_execute(connection, "expected", 2, days)));
}

bool told_take(struct connection *connection, const struct told *told)
{
    return connection_run(connection, "BEGIN") && store_document(connection, told) &&
           connection_run(connection, "COMMIT");
}

bool told_take_log(struct connection *connection, const struct told_log *log, const char *site)
{
    const int64_t values[] = {log->first, log->last,  log->sent,
                              log->boot,  log->ts_ms, log->month_bytes};
    char numbers[6][24];
    for (unsigned i = 0; i < 6; i++)
        (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
    const char *parameters[] = {log->gateway,
                                site,
                                numbers[0],
                                numbers[1],
                                numbers[2],
                                numbers[3],
                                numbers[4],
                                log->version,
                                numbers[5],
                                log->broker,
                                log->kept ? "t" : "f",
                                log->undone};
    const char *whose[] = {site, log->gateway};
    bool none = false;
    return execute_if_allowed(connection, "log", 12, parameters, &none) &&
           (!none || say_why(connection, "unheard", "", 2, whose));
}

bool told_forget_alerts(struct connection *connection, const char *broker, int64_t age_ms)
{
    char age[24];
    (void)snprintf(age, sizeof age, "%" PRId64, age_ms);
    const char *parameters[] = {broker, age};
    return connection_execute(connection, "over", 2, parameters);
}
