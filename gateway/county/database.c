/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/database.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/copy.h"
#include "gateway/county/hours.h"
#include "gateway/county/schema.h"
#include "protocols/metric/metric.h"

#define METRICS_MAX   512 /* known to the county; more names than that are somebody's mistake */
#define COLUMNS_MAX   64  /* of them with a column of their own */
#define TRIES         3   /* of a transaction that met another one */
#define JSON_TEXT_MAX 4096

/* A text that grows, for PostgreSQL's array literals and for statements made at the start. */
struct text {
    char *data;
    size_t used, room;
    bool failed;
};

struct known_metric {
    char name[MESSAGE_NAME_SIZE];
    int32_t id;
    int column; /* -1: it goes into `more` */
    bool angle;
};

struct row {
    int32_t stream;
    bool known; /* was stored before, or stands in the message twice */
};

struct database {
    char *conninfo;
    unsigned keep_raw_days;
    PGconn *db;
    struct database_counts counts;
    struct known_metric metrics[METRICS_MAX];
    unsigned metric_count;
    unsigned column_count;
    struct copy copy;
    struct hours hours;
    struct text texts[4]; /* parameters of the statement at hand */
    struct text correct;  /* the statement that adds a boot's readings to the hours */
    struct row *rows;     /* by reading of the message */
    size_t row_room;
    char why[300];
};

/* ---- Texts ---- */

static void text_put(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void text_put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        text->failed = true;
    if (!text->failed && text->used + (size_t)size + 1 > text->room) {
        size_t room = (text->used + (size_t)size + 1) * 2;
        char *grown = realloc(text->data, room);
        text->failed = grown == NULL;
        if (grown != NULL) {
            text->data = grown;
            text->room = room;
        }
    }
    if (!text->failed) {
        (void)vsnprintf(text->data + text->used, (size_t)size + 1, format, again);
        text->used += (size_t)size;
    }
    va_end(again);
}

static void text_begin(struct text *text)
{
    text->used = 0;
    text->failed = false;
}

/* ---- The connection ---- */

struct database *database_create(const char *conninfo, unsigned keep_raw_days)
{
    struct database *database = calloc(1, sizeof *database);
    if (database == NULL)
        return NULL;
    database->keep_raw_days = keep_raw_days;
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
    PQfinish(database->db);
    copy_free(&database->copy);
    hours_free(&database->hours);
    for (unsigned i = 0; i < 4; i++)
        free(database->texts[i].data);
    free(database->correct.data);
    free(database->rows);
    free(database->conninfo);
    free(database);
}

const struct database_counts *database_counts(const struct database *database)
{
    return &database->counts;
}

/* Keeps why the result is not `wanted`. Clears it unless it is to be read. */
static bool judge(struct database *database, PGresult *result, ExecStatusType wanted,
                  PGresult **keep)
{
    bool good = PQresultStatus(result) == wanted;
    if (!good) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        (void)snprintf(database->why, sizeof database->why, "%.5s %.250s",
                       state != NULL ? state : "-----",
                       text != NULL ? text : PQerrorMessage(database->db));
    }
    if (good && keep != NULL)
        *keep = result;
    else
        PQclear(result);
    return good;
}

static bool run(struct database *database, const char *sql)
{
    return judge(database, PQexec(database->db, sql), PGRES_COMMAND_OK, NULL);
}

static bool ask(struct database *database, const char *name, int count,
                const char *const *parameters, PGresult **result)
{
    return judge(database, PQexecPrepared(database->db, name, count, parameters, NULL, NULL, 0),
                 PGRES_TUPLES_OK, result);
}

static bool tell(struct database *database, const char *name, int count,
                 const char *const *parameters)
{
    return judge(database, PQexecPrepared(database->db, name, count, parameters, NULL, NULL, 0),
                 PGRES_COMMAND_OK, NULL);
}

static const struct {
    const char *name, *sql;
} statements[] = {
    {"lock", "SELECT site, ids @> int8range($2, $3, '[]') FROM gateway WHERE gw = $1 FOR UPDATE"},
    {"new_gateway", "INSERT INTO gateway (gw, site) VALUES ($1, $2) ON CONFLICT (gw) DO NOTHING"},
    {"find", "SELECT s.id, s.have @> r.seq FROM unnest($2::text[], $3::int8[], $4::int8[])"
             " WITH ORDINALITY r(device, boot, seq, n) LEFT JOIN stream s"
             " ON s.gw = $1 AND s.device = r.device AND s.boot = r.boot ORDER BY r.n"},
    {"new_streams", "INSERT INTO stream (gw, device, boot, serial)"
                    " SELECT $1::uuid, device, boot, max(NULLIF(serial, 0)) FROM"
                    " unnest($2::text[], $3::int8[], $4::int8[]) r(device, boot, serial)"
                    " GROUP BY device, boot ON CONFLICT (gw, device, boot) DO UPDATE"
                    " SET serial = excluded.serial"
                    " WHERE stream.serial IS NULL AND excluded.serial IS NOT NULL"},
    {"have", "UPDATE stream SET have = have + r.ranges FROM (SELECT id, range_agg(int8range(seq,"
             " seq, '[]')) AS ranges FROM unnest($1::int4[], $2::int8[]) n(id, seq) GROUP BY id) r"
             " WHERE stream.id = r.id"},
    {"told", "UPDATE stream SET told = told + r.ranges FROM (SELECT device, boot,"
             " range_agg(int8range(first, last, '[]')) AS ranges FROM unnest($2::text[],"
             " $3::int8[], $4::int8[], $5::int8[]) g(device, boot, first, last)"
             " GROUP BY device, boot) r"
             " WHERE stream.gw = $1 AND stream.device = r.device AND stream.boot = r.boot"},
    {"hours",
     "INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
     " SELECT stream, to_timestamp(hour), metric, n, sum, min, max, x, y FROM unnest($1::int4[],"
     " $2::float8[], $3::int2[], $4::int8[], $5::float8[], $6::float8[], $7::float8[],"
     " $8::float8[], $9::float8[]) h(stream, hour, metric, n, sum, min, max, x, y)"
     " ON CONFLICT (stream, hour, metric) DO UPDATE SET n = hour.n + excluded.n,"
     " sum = hour.sum + excluded.sum, min = least(hour.min, excluded.min),"
     " max = greatest(hour.max, excluded.max), x = hour.x + excluded.x, y = hour.y + excluded.y"},
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
    {"shift", "UPDATE reading SET ts = ts + $3::int8 * interval '1 ms', gb = NULL WHERE gb = $2"
              " AND stream IN (SELECT id FROM stream WHERE gw = $1)"},
    {"ids", "UPDATE gateway SET seen = now(), ids = ids + int8multirange(int8range($2, $3, '[]'))"
            " WHERE gw = $1"},
    {"seen", "UPDATE gateway SET seen = now() WHERE gw = $1"},
    {"metric", "WITH new AS (INSERT INTO metric (name, unit, kind) SELECT $1::text, '', 'mean'"
               " WHERE NOT EXISTS (SELECT FROM metric WHERE name = $1)"
               " ON CONFLICT (name) DO NOTHING RETURNING id, kind)"
               " SELECT id, kind FROM new UNION ALL SELECT id, kind FROM metric WHERE name = $1"},
    {"log", "INSERT INTO gateway (gw, site, first, last, sent, boot, seen)"
            " VALUES ($1, $2, $3, $4, $5, $6, now()) ON CONFLICT (gw) DO UPDATE SET"
            " first = excluded.first, last = greatest(gateway.last, excluded.last),"
            " sent = excluded.sent, boot = excluded.boot, seen = now()"
            " WHERE gateway.site = excluded.site"},
    {"dead", "INSERT INTO dead (topic, content_type, reason, body)"
             " VALUES ($1, $2, $3, $4::bytea)"},
};

/* Of a boot's readings whose time has become known: into the hours. The columns are those of the
 * metrics, so the statement is made here. */
static void make_correct(struct database *database)
{
    struct text *text = &database->correct;
    text_begin(text);
    text_put(text, "INSERT INTO hour (stream, hour, metric, n, sum, min, max, x, y)"
                   " SELECT r.stream, date_trunc('hour', r.ts + $3::int8 * interval '1 ms'), m.id,"
                   " count(*), sum(v.value), min(v.value), max(v.value),"
                   " CASE m.kind WHEN 'angle' THEN sum(cosd(v.value)) ELSE 0 END,"
                   " CASE m.kind WHEN 'angle' THEN sum(sind(v.value)) ELSE 0 END"
                   " FROM reading r CROSS JOIN LATERAL (SELECT key AS name, value::float8 AS value"
                   " FROM jsonb_each_text(COALESCE(r.more, '{}'))");
    for (unsigned i = 0; i < database->metric_count; i++) {
        const struct known_metric *metric = &database->metrics[i];
        if (metric->column >= 0)
            text_put(text, " UNION ALL SELECT '%s', r.\"%s\"", metric->name, metric->name);
    }
    text_put(text, ") v JOIN metric m ON m.name = v.name WHERE r.gb = $2 AND v.value IS NOT NULL"
                   " AND COALESCE(r.flags ->> v.name, 'good') IN ('good', 'clock', 'uncalibrated')"
                   " AND r.stream IN (SELECT id FROM stream WHERE gw = $1)"
                   " GROUP BY r.stream, 2, m.id, m.kind"
                   " ON CONFLICT (stream, hour, metric) DO UPDATE SET n = hour.n + excluded.n,"
                   " sum = hour.sum + excluded.sum, min = least(hour.min, excluded.min),"
                   " max = greatest(hour.max, excluded.max), x = hour.x + excluded.x,"
                   " y = hour.y + excluded.y");
}

static bool load_metrics(struct database *database)
{
    PGresult *result = NULL;
    if (!judge(database,
               PQexec(database->db,
                      "SELECT m.name, m.id, m.kind, a.attnum IS NOT NULL FROM metric m"
                      " LEFT JOIN pg_attribute a ON a.attrelid = 'reading'::regclass"
                      " AND a.attname = m.name AND NOT a.attisdropped ORDER BY m.id"),
               PGRES_TUPLES_OK, &result))
        return false;
    database->metric_count = database->column_count = 0;
    for (int i = 0; i < PQntuples(result) && database->metric_count < METRICS_MAX; i++) {
        struct known_metric *metric = &database->metrics[database->metric_count++];
        bool column = PQgetvalue(result, i, 3)[0] == 't' && database->column_count < COLUMNS_MAX;
        (void)snprintf(metric->name, sizeof metric->name, "%s", PQgetvalue(result, i, 0));
        metric->id = (int32_t)strtol(PQgetvalue(result, i, 1), NULL, 10);
        metric->angle = strcmp(PQgetvalue(result, i, 2), metric_kind_name(METRIC_ANGLE)) == 0;
        metric->column = column ? (int)database->column_count++ : -1;
    }
    PQclear(result);
    make_correct(database);
    return !database->correct.failed;
}

static bool prepare_all(struct database *database)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!judge(database,
                   PQprepare(database->db, statements[i].name, statements[i].sql, 0, NULL),
                   PGRES_COMMAND_OK, NULL))
            return false;
    }
    return judge(database, PQprepare(database->db, "correct", database->correct.data, 0, NULL),
                 PGRES_COMMAND_OK, NULL);
}

static void disconnect(struct database *database)
{
    PQfinish(database->db);
    database->db = NULL;
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static const char session_options[] =
    "-c timezone=UTC -c synchronous_commit=on -c statement_timeout=15000 "
    "-c client_min_messages=warning";

bool database_connect(struct database *database, char *why, size_t why_size)
{
    static const char *const names[] = {"dbname", "connect_timeout", "application_name", "options",
                                        NULL};
    const char *const values[] = {database->conninfo, "10", "baiye-ingest", session_options, NULL};
    if (database->db != NULL && PQstatus(database->db) == CONNECTION_OK)
        return true;
    disconnect(database);
    database->db = PQconnectdbParams(names, values, 1);
    if (PQstatus(database->db) != CONNECTION_OK) {
        (void)snprintf(why, why_size, "%.200s", PQerrorMessage(database->db));
        disconnect(database);
        return false;
    }
    (void)PQsetNoticeProcessor(database->db, ignore_notice, NULL);
    if (schema_migrate(database->db, database->keep_raw_days, why, why_size)) {
        if (load_metrics(database) && prepare_all(database))
            return true;
        (void)snprintf(why, why_size, "%.200s", database->why);
    }
    disconnect(database);
    return false;
}

bool database_maintain(struct database *database, char *why, size_t why_size)
{
    return schema_maintain(database->db, why, why_size);
}

/* ---- Metrics ---- */

/* NULL: there are too many, or the database does not answer (`why`). */
static const struct known_metric *metric_of(struct database *database, const char *name)
{
    for (unsigned i = 0; i < database->metric_count; i++) {
        if (strcmp(database->metrics[i].name, name) == 0)
            return &database->metrics[i];
    }
    PGresult *result = NULL;
    if (database->metric_count == METRICS_MAX) {
        (void)snprintf(database->why, sizeof database->why,
                       "22023 there are %d metrics already; \"%s\" would be one more", METRICS_MAX,
                       name);
        return NULL;
    }
    if (!ask(database, "metric", 1, &name, &result))
        return NULL;
    struct known_metric *metric = NULL;
    if (PQntuples(result) > 0) {
        metric = &database->metrics[database->metric_count++];
        *metric = (struct known_metric){.column = -1};
        (void)snprintf(metric->name, sizeof metric->name, "%s", name);
        metric->id = (int32_t)strtol(PQgetvalue(result, 0, 0), NULL, 10);
        metric->angle = strcmp(PQgetvalue(result, 0, 1), metric_kind_name(METRIC_ANGLE)) == 0;
    } else { /* another program's transaction has just added it */
        (void)snprintf(database->why, sizeof database->why, "40001 metric %s", name);
    }
    PQclear(result);
    return metric;
}

/* ---- Which readings are new ---- */

/* Three array literals of devices, boots and `third`; devices are names, so nothing needs quotes
 * but the word null. */
static void put_arrays(struct database *database, const struct message *message, bool serials)
{
    struct text *devices = &database->texts[0], *boots = &database->texts[1],
                *third = &database->texts[2];
    for (unsigned i = 0; i < 3; i++) {
        text_begin(&database->texts[i]);
        text_put(&database->texts[i], "{");
    }
    for (size_t i = 0; i < message->reading_count; i++) {
        const struct message_reading *r = &message->readings[i];
        const char *comma = i > 0 ? "," : "";
        text_put(devices, "%s\"%s\"", comma, r->device);
        text_put(boots, "%s%" PRId64, comma, r->boot);
        text_put(third, "%s%" PRId64, comma, serials ? r->serial : r->seq);
    }
    /* Streams that only gaps or means name are made as well. */
    bool first = message->reading_count == 0;
    for (size_t i = 0; serials && i < message->gap_count; i++, first = false) {
        const struct message_gap *gap = &message->gaps[i];
        text_put(devices, "%s\"%s\"", first ? "" : ",", gap->device);
        text_put(boots, "%s%" PRId64, first ? "" : ",", gap->boot);
        text_put(third, "%s%" PRId64, first ? "" : ",", gap->serial);
    }
    for (size_t i = 0; serials && i < message->mean_count; i++, first = false) {
        text_put(devices, "%s\"%s\"", first ? "" : ",", message->means[i].device);
        text_put(boots, "%s%" PRId64, first ? "" : ",", message->means[i].boot);
        text_put(third, "%s0", first ? "" : ",");
    }
    for (unsigned i = 0; i < 3; i++)
        text_put(&database->texts[i], "}");
}

static bool texts_failed(struct database *database)
{
    for (unsigned i = 0; i < 4; i++) {
        if (database->texts[i].failed) {
            (void)snprintf(database->why, sizeof database->why, "53200 no memory");
            return true;
        }
    }
    return false;
}

static bool room_for_rows(struct database *database, size_t count)
{
    if (count <= database->row_room)
        return true;
    struct row *grown = realloc(database->rows, count * sizeof *grown);
    if (grown == NULL) {
        (void)snprintf(database->why, sizeof database->why, "53200 no memory");
        return false;
    }
    database->rows = grown;
    database->row_room = count;
    return true;
}

/* The stream of each reading, and whether it is known. `*all`: each has a stream. */
static bool look_up(struct database *database, const struct message *message, bool *all)
{
    PGresult *result = NULL;
    put_arrays(database, message, false);
    const char *parameters[] = {message->gateway, database->texts[0].data, database->texts[1].data,
                                database->texts[2].data};
    if (texts_failed(database) || !ask(database, "find", 4, parameters, &result))
        return false;
    *all = true;
    for (size_t i = 0; i < message->reading_count; i++) {
        bool found = !PQgetisnull(result, (int)i, 0);
        database->rows[i] = (struct row){0};
        *all = *all && found;
        if (!found)
            continue;
        database->rows[i].stream = (int32_t)strtol(PQgetvalue(result, (int)i, 0), NULL, 10);
        database->rows[i].known = PQgetvalue(result, (int)i, 1)[0] == 't';
    }
    PQclear(result);
    return true;
}

static bool make_streams(struct database *database, const struct message *message)
{
    put_arrays(database, message, true);
    const char *parameters[] = {message->gateway, database->texts[0].data, database->texts[1].data,
                                database->texts[2].data};
    return !texts_failed(database) && tell(database, "new_streams", 4, parameters);
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
static bool mark_twins(struct database *database, const struct message *message)
{
    size_t count = message->reading_count;
    struct place *places = malloc((count + 1) * sizeof *places);
    if (places == NULL) {
        (void)snprintf(database->why, sizeof database->why, "53200 no memory");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){database->rows[i].stream, message->readings[i].seq, i};
    qsort(places, count, sizeof *places, by_place);
    for (size_t i = 1; i < count; i++) {
        if (places[i].stream == places[i - 1].stream && places[i].seq == places[i - 1].seq)
            database->rows[places[i].at].known = true;
    }
    free(places);
    return true;
}

static bool find_new(struct database *database, const struct message *message)
{
    bool all = message->gap_count == 0 && message->mean_count == 0;
    if (!room_for_rows(database, message->reading_count))
        return false;
    if (message->reading_count > 0 && all && !look_up(database, message, &all))
        return false;
    if (!all && (!make_streams(database, message) ||
                 (message->reading_count > 0 && !look_up(database, message, &all))))
        return false;
    return mark_twins(database, message);
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

static void put_json(struct database *database, json_t *object)
{
    char text[JSON_TEXT_MAX];
    if (json_object_size(object) == 0) {
        copy_null(&database->copy);
        return;
    }
    size_t size = json_dumpb(object, text, sizeof text - 1, JSON_COMPACT);
    char *large = size >= sizeof text ? json_dumps(object, JSON_COMPACT) : NULL;
    text[size < sizeof text ? size : 0] = '\0';
    copy_jsonb(&database->copy, large != NULL ? large : text);
    free(large);
}

/* Values by column, the others in `more`; and into the hours, where the time is known. */
static bool spread(struct database *database, const struct message_reading *r, int32_t stream,
                   int64_t ts_ms, bool dated, double values[COLUMNS_MAX], bool present[COLUMNS_MAX],
                   json_t *more)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (r->values, name, value) {
        const struct known_metric *metric = metric_of(database, name);
        if (metric == NULL)
            return false;
        double number = json_number_value(value);
        if (dated && message_believes(json_string_value(json_object_get(r->flags, name))))
            hours_add(&database->hours, stream, metric->id, ts_ms, number, metric->angle);
        if (metric->column < 0) {
            (void)json_object_set(more, name, value);
            continue;
        }
        values[metric->column] = number;
        present[metric->column] = true;
    }
    return true;
}

static bool put_row(struct database *database, const struct message *message,
                    const PGresult *corrections, size_t at)
{
    const struct message_reading *r = &message->readings[at];
    double values[COLUMNS_MAX] = {0};
    bool present[COLUMNS_MAX] = {false}, dated = false;
    struct copy *copy = &database->copy;
    int64_t ts_ms = r->ts_ms + corrected_ms(corrections, message, r, &dated);
    if (ts_ms < 0 || ts_ms > MESSAGE_TIME_MAX_MS) {
        (void)snprintf(database->why, sizeof database->why, "22008 a time is out of range");
        return false;
    }
    json_t *more = json_object();
    bool good = more != NULL &&
                spread(database, r, database->rows[at].stream, ts_ms, dated, values, present, more);
    if (good) {
        copy_row(copy, (uint16_t)(6 + database->column_count));
        copy_int4(copy, database->rows[at].stream);
        copy_int8(copy, r->seq);
        copy_time(copy, ts_ms);
        if (dated)
            copy_null(copy);
        else
            copy_int8(copy, r->gateway_boot);
        put_json(database, more);
        put_json(database, r->flags);
        for (unsigned i = 0; i < database->column_count; i++) {
            if (present[i])
                copy_float8(copy, values[i]);
            else
                copy_null(copy);
        }
    }
    json_decref(more);
    return good;
}

static bool send_rows(struct database *database)
{
    struct text *text = &database->texts[3];
    text_begin(text);
    text_put(text, "COPY reading (stream, seq, ts, gb, more, flags");
    for (unsigned i = 0; i < database->metric_count; i++) {
        if (database->metrics[i].column >= 0)
            text_put(text, ", \"%s\"", database->metrics[i].name);
    }
    text_put(text, ") FROM STDIN (FORMAT binary)");
    if (database->copy.failed || texts_failed(database))
        return false;
    if (!judge(database, PQexec(database->db, text->data), PGRES_COPY_IN, NULL))
        return false;
    bool sent = PQputCopyData(database->db, (const char *)database->copy.data,
                              (int)database->copy.used) == 1;
    sent = PQputCopyEnd(database->db, sent ? NULL : "it could not be sent") == 1 && sent;
    bool good = judge(database, PQgetResult(database->db), PGRES_COMMAND_OK, NULL) && sent;
    PGresult *rest = NULL;
    while ((rest = PQgetResult(database->db)) != NULL)
        PQclear(rest);
    return good;
}

static bool tell_have(struct database *database, const struct message *message)
{
    struct text *ids = &database->texts[0], *seqs = &database->texts[1];
    bool first = true;
    text_begin(ids);
    text_begin(seqs);
    text_put(ids, "{");
    text_put(seqs, "{");
    for (size_t i = 0; i < message->reading_count; i++) {
        if (database->rows[i].known)
            continue;
        text_put(ids, "%s%" PRId32, first ? "" : ",", database->rows[i].stream);
        text_put(seqs, "%s%" PRId64, first ? "" : ",", message->readings[i].seq);
        first = false;
    }
    text_put(ids, "}");
    text_put(seqs, "}");
    const char *parameters[] = {ids->data, seqs->data};
    return !texts_failed(database) && tell(database, "have", 2, parameters);
}

static bool tell_hours(struct database *database)
{
    struct text columns[9] = {{0}};
    const char *parameters[9];
    hours_fold(&database->hours);
    if (database->hours.count == 0)
        return true;
    for (unsigned k = 0; k < 9; k++)
        text_put(&columns[k], "{");
    for (size_t i = 0; i < database->hours.count; i++) {
        const struct hour_cell *cell = &database->hours.cells[i];
        const char *comma = i > 0 ? "," : "";
        const double numbers[] = {cell->sum, cell->min, cell->max, cell->x, cell->y};
        text_put(&columns[0], "%s%" PRId32, comma, cell->stream);
        text_put(&columns[1], "%s%" PRId64, comma, cell->hour_ms / 1000);
        text_put(&columns[2], "%s%" PRId32, comma, cell->metric);
        text_put(&columns[3], "%s%" PRIu64, comma, cell->n);
        for (unsigned k = 0; k < 5; k++)
            text_put(&columns[4 + k], "%s%.17g", comma, numbers[k]);
    }
    bool failed = database->hours.failed;
    for (unsigned k = 0; k < 9; k++) {
        text_put(&columns[k], "}");
        parameters[k] = columns[k].data;
        failed = failed || columns[k].failed;
    }
    if (failed)
        (void)snprintf(database->why, sizeof database->why, "53200 no memory");
    bool good = !failed && tell(database, "hours", 9, parameters);
    for (unsigned k = 0; k < 9; k++)
        free(columns[k].data);
    return good;
}

/* ---- The parts of a message ---- */

static bool take_readings(struct database *database, const struct message *message,
                          struct database_counts *counts)
{
    PGresult *corrections = NULL;
    const char *gateway = message->gateway;
    size_t fresh = 0;
    bool undated = false, good = true;
    for (size_t i = 0; i < message->reading_count; i++)
        undated = undated || message->readings[i].gateway_boot >= 0;
    if (undated && !ask(database, "corrections", 1, &gateway, &corrections))
        return false;
    copy_begin(&database->copy);
    hours_clear(&database->hours);
    for (size_t i = 0; good && i < message->reading_count; i++) {
        counts->duplicates += database->rows[i].known;
        if (database->rows[i].known)
            continue;
        good = put_row(database, message, corrections, i);
        fresh++;
    }
    PQclear(corrections);
    copy_end(&database->copy);
    counts->readings += fresh;
    return good && (fresh == 0 ||
                    (send_rows(database) && tell_have(database, message) && tell_hours(database)));
}

static bool take_gaps(struct database *database, const struct message *message,
                      struct database_counts *counts)
{
    if (message->gap_count == 0)
        return true;
    for (unsigned k = 0; k < 4; k++) {
        text_begin(&database->texts[k]);
        text_put(&database->texts[k], "{");
    }
    for (size_t i = 0; i < message->gap_count; i++) {
        const struct message_gap *gap = &message->gaps[i];
        const char *comma = i > 0 ? "," : "";
        text_put(&database->texts[0], "%s\"%s\"", comma, gap->device);
        text_put(&database->texts[1], "%s%" PRId64, comma, gap->boot);
        text_put(&database->texts[2], "%s%" PRId64, comma, gap->first);
        text_put(&database->texts[3], "%s%" PRId64, comma, gap->last);
    }
    for (unsigned k = 0; k < 4; k++)
        text_put(&database->texts[k], "}");
    const char *parameters[] = {message->gateway, database->texts[0].data, database->texts[1].data,
                                database->texts[2].data, database->texts[3].data};
    counts->gaps += message->gap_count;
    return !texts_failed(database) && tell(database, "told", 5, parameters);
}

static bool take_mean(struct database *database, const struct message *message,
                      const struct message_mean *mean, const char *name, json_t *value)
{
    double n = 0, min = 0, middle = 0, max = 0;
    char texts[8][40];
    const struct known_metric *metric = metric_of(database, name);
    if (metric == NULL || json_unpack(value, "[F,F,F,F]", &n, &min, &middle, &max) != 0)
        return false;
    (void)snprintf(texts[0], sizeof texts[0], "%" PRId64, mean->boot);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRId64, mean->hour_ms / 1000);
    (void)snprintf(texts[2], sizeof texts[2], "%" PRId64, mean->first);
    (void)snprintf(texts[3], sizeof texts[3], "%" PRId64, mean->last);
    (void)snprintf(texts[4], sizeof texts[4], "%" PRId32, metric->id);
    (void)snprintf(texts[5], sizeof texts[5], "%.0f", n);
    (void)snprintf(texts[6], sizeof texts[6], "%.17g", min);
    (void)snprintf(texts[7], sizeof texts[7], "%.17g", middle);
    char most[40];
    (void)snprintf(most, sizeof most, "%.17g", max);
    const char *parameters[] = {message->gateway, mean->device, texts[0], texts[1],
                                texts[2],         texts[3],     texts[4], texts[5],
                                texts[6],         texts[7],     most};
    return tell(database, "thinned", 11, parameters);
}

static bool take_means(struct database *database, const struct message *message,
                       struct database_counts *counts)
{
    for (size_t i = 0; i < message->mean_count; i++) {
        const char *name = NULL;
        json_t *value = NULL;
        json_object_foreach (message->means[i].means, name, value) {
            if (!take_mean(database, message, &message->means[i], name, value))
                return false;
        }
    }
    counts->means += message->mean_count;
    return true;
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
    PGresult *result = PQexecPrepared(database->db, "new_correction", 4, row, NULL, NULL, 0);
    bool fresh = PQresultStatus(result) == PGRES_COMMAND_OK && PQcmdTuples(result)[0] == '1';
    if (!judge(database, result, PGRES_COMMAND_OK, NULL))
        return false;
    if (!fresh)
        return true;
    counts->corrections++;
    return tell(database, "correct", 3, shift) && tell(database, "shift", 3, shift);
}

static bool take_corrections(struct database *database, const struct message *message,
                             struct database_counts *counts)
{
    for (size_t i = 0; i < message->correction_count; i++) {
        if (!take_correction(database, message, &message->corrections[i], counts))
            return false;
    }
    return true;
}

/* Locks the gateway's row. `*known`: all its records are there. false: see `why`. */
static bool lock_gateway(struct database *database, const struct message *message, const char *site,
                         bool *known)
{
    char first[24], last[24];
    bool ids = message->first_id > 0;
    (void)snprintf(first, sizeof first, "%" PRId64, message->first_id);
    (void)snprintf(last, sizeof last, "%" PRId64, message->last_id);
    const char *parameters[] = {message->gateway, ids ? first : NULL, ids ? last : NULL};
    const char *row[] = {message->gateway, site};
    PGresult *result = NULL;
    if (!ask(database, "lock", 3, parameters, &result))
        return false;
    if (PQntuples(result) == 0) {
        PQclear(result);
        if (!tell(database, "new_gateway", 2, row) ||
            !ask(database, "lock", 3, parameters, &result))
            return false;
    }
    bool same = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), site) == 0;
    if (!same)
        (void)snprintf(database->why, sizeof database->why, "22023 gateway %s is of site %.32s",
                       message->gateway,
                       PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "another");
    *known = same && ids && PQgetvalue(result, 0, 1)[0] == 't';
    PQclear(result);
    return same;
}

static bool tell_ids(struct database *database, const struct message *message)
{
    char first[24], last[24];
    const char *parameters[] = {message->gateway, first, last};
    (void)snprintf(first, sizeof first, "%" PRId64, message->first_id);
    (void)snprintf(last, sizeof last, "%" PRId64, message->last_id);
    return message->first_id > 0 ? tell(database, "ids", 3, parameters)
                                 : tell(database, "seen", 1, parameters);
}

static bool take_whole(struct database *database, const struct message *message, const char *site,
                       struct database_counts *counts)
{
    bool known = false;
    if (!run(database, "BEGIN") || !lock_gateway(database, message, site, &known))
        return false;
    if (known) {
        counts->duplicates += message->reading_count;
        return tell(database, "seen", 1, (const char *const[]){message->gateway}) &&
               run(database, "COMMIT");
    }
    return find_new(database, message) && take_readings(database, message, counts) &&
           take_gaps(database, message, counts) && take_means(database, message, counts) &&
           take_corrections(database, message, counts) && tell_ids(database, message) &&
           run(database, "COMMIT");
}

/* ---- Whole transactions ---- */

/* After a failure: is it the message's fault, or may it work another time? `*again`: at once. */
static enum database_result after_failure(struct database *database, bool *again, char *why,
                                          size_t why_size)
{
    char kept[sizeof database->why];
    memcpy(kept, database->why, sizeof kept);
    (void)snprintf(why, why_size, "%.200s", kept);
    *again = strncmp(kept, "40", 2) == 0; /* met another transaction */
    bool usable = PQstatus(database->db) == CONNECTION_OK && run(database, "ROLLBACK");
    if (!usable || (database->metric_count > 0 && !load_metrics(database))) {
        disconnect(database);
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
        counts.messages++;
        if (take_whole(database, message, site, &counts)) {
            database->counts = counts;
            return DATABASE_STORED;
        }
        result = after_failure(database, &again, why, why_size);
    }
    return result;
}

enum database_result database_note(struct database *database, const struct database_log *log,
                                   const char *site, char *why, size_t why_size)
{
    char numbers[4][24];
    const int64_t values[] = {log->first, log->last, log->sent, log->boot};
    bool again = false;
    if (!database_connect(database, why, why_size))
        return DATABASE_UNAVAILABLE;
    for (unsigned i = 0; i < 4; i++)
        (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
    const char *parameters[] = {log->gateway, site, numbers[0], numbers[1], numbers[2], numbers[3]};
    if (tell(database, "log", 6, parameters))
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
    unsigned char *escaped = PQescapeByteaConn(database->db, body, size, &escaped_size);
    if (escaped == NULL) {
        (void)snprintf(why, why_size, "no memory");
        return DATABASE_UNAVAILABLE;
    }
    const char *parameters[] = {topic, content_type, reason, (const char *)escaped};
    bool good = tell(database, "dead", 4, parameters);
    PQfreemem(escaped);
    if (good) {
        database->counts.dead++;
        return DATABASE_STORED;
    }
    return after_failure(database, &again, why, why_size);
}
