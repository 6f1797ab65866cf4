/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/alerts_csv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/daemon/http/csv_line.h"
#include "gateway/daemon/http/csv_stream.h"

#define PAGE 100

struct export
{
    struct csv_stream stream;
    struct alerts_csv *csv;
    store_asker asker;
    int64_t from_ms, to_ms; /* to_ms 0: there is no more */
    char *text;             /* of a page */
    size_t size;
};

struct alerts_csv {
    struct loop *loop;
    struct store *store;
    struct export exports[ALERTS_CSV_MAX];
};

struct alerts_csv *alerts_csv_open(struct loop *loop, struct store *store)
{
    struct alerts_csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL)
        return NULL;
    csv->loop = loop;
    csv->store = store;
    return csv;
}

void alerts_csv_close(struct alerts_csv *csv)
{
    for (size_t i = 0; csv != NULL && i < ALERTS_CSV_MAX; i++)
        free(csv->exports[i].text);
    free(csv);
}

/* ---- A line ---- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void put_worst(struct csv_line *line, const json_t *doc)
{
    const json_t *extreme = json_object_get(doc, "extreme");
    json_int_t decimals = json_integer_value(json_object_get(doc, "decimals"));
    if (!json_is_number(extreme) || decimals < 0 || decimals > 9)
        csv_line_plain(line, "");
    else
        csv_line_number(line, "%.*f", (int)decimals, json_number_value(extreme));
}

/* A log knows better than the alert how long it lasted. */
static void put_minutes(struct csv_line *line, const json_t *doc, int64_t since_ms,
                        int64_t ended_ms)
{
    int64_t held_ms = json_integer_value(json_object_get(doc, "held_to")) -
                      json_integer_value(json_object_get(doc, "held_from"));
    int64_t lasted_ms = held_ms > 0 ? held_ms : ended_ms - since_ms;
    if (ended_ms > since_ms)
        csv_line_number(line, "%lld", (long long)(lasted_ms / 60000));
    else
        csv_line_plain(line, "");
}

size_t alerts_csv_line(const struct store_alert *alert, char text[ALERTS_CSV_LINE])
{
    struct csv_line line = csv_line_init(text, ALERTS_CSV_LINE);
    json_t *doc = json_loadb(alert->doc, alert->size, 0, NULL);
    const json_t *zh = json_object_get(doc, "zh");
    int64_t since_ms = json_integer_value(json_object_get(doc, "since"));
    if (text_of(doc, "what") == NULL) {
        json_decref(doc);
        return 0;
    }
    csv_line_time(&line, since_ms, false);
    csv_line_time(&line, alert->ended_ms, false);
    put_minutes(&line, doc, since_ms, alert->ended_ms);
    csv_line_words(&line, text_of(doc, "level"));
    csv_line_words(&line, text_of(doc, "id"));
    csv_line_words(&line, text_of(doc, "what"));
    csv_line_words(&line, text_of(zh, "what"));
    csv_line_words(&line, text_of(doc, "place"));
    csv_line_words(&line, text_of(zh, "place"));
    put_worst(&line, doc);
    csv_line_words(&line, text_of(doc, "unit"));
    csv_line_words(&line, text_of(doc, "acked_by"));
    csv_line_time(&line, json_integer_value(json_object_get(doc, "acked_ts")), false);
    json_decref(doc);
    return csv_line_end(&line);
}

/* ---- Page by page ---- */

static bool has_more(struct csv_stream *stream)
{
    return ((const struct export *)stream)->to_ms != 0;
}

static char *page_text(struct csv_stream *stream, size_t *size)
{
    struct export *export = (struct export *)stream;
    char *text = export->text;
    *size = export->size;
    export->text = NULL;
    return text;
}

/* Store thread. */
static void page_done(void *context, enum store_result result, const struct store_alert *alerts,
                      uint32_t count, int64_t next_ms)
{
    struct export *export = context;
    export->to_ms = next_ms;
    export->size = 0;
    export->text = malloc((size_t)count * ALERTS_CSV_LINE + 1);
    for (uint32_t i = 0; export->text != NULL && i < count; i++)
        export->size += alerts_csv_line(&alerts[i], export->text + export->size);
    csv_stream_paged(&export->stream, result);
}

static enum store_result ask(struct csv_stream *stream)
{
    struct export *export = (struct export *)stream;
    return store_alerts(export->csv->store, export->asker, export->from_ms, export->to_ms, PAGE,
                        page_done, export);
}

static const struct csv_pages pages = {
    .header = "since,ended,minutes,level,id,what,what_zh,place,place_zh,worst,unit,"
              "acknowledged_by,acknowledged\r\n",
    .file_name = "alerts.csv",
    .more = has_more,
    .ask = ask,
    .text = page_text};

static const char *read_query(struct export *export)
{
    char from[32], to[32];
    export->to_ms = INT64_MAX;
    if (http_argument(export->stream.request, "from", from, sizeof from))
        export->from_ms = csv_time(from);
    if (http_argument(export->stream.request, "to", to, sizeof to))
        export->to_ms = csv_time(to);
    if (export->from_ms < 0 || export->to_ms < 0)
        return "from and to are UTC milliseconds or YYYY-MM-DD";
    return export->from_ms >= export->to_ms ? "to is not after from" : NULL;
}

void alerts_csv_get(struct alerts_csv *csv, struct http_request *request)
{
    struct export *export = NULL;
    for (size_t i = 0; i < ALERTS_CSV_MAX && export == NULL; i++)
        export = csv->exports[i].stream.pages == NULL ? &csv->exports[i] : NULL;
    if (export == NULL) {
        http_reply_error(request, 503, "busy", "other exports are under way",
                         "try again when one has ended");
        return;
    }
    *export = (struct export){.stream = {.loop = csv->loop, .request = request},
                              .csv = csv,
                              .asker = store_asker_of(http_user(request))};
    const char *wrong = read_query(export);
    if (wrong != NULL) {
        http_reply_error(request, 400, "invalid", wrong,
                         "/alerts.csv?from=2026-04-01&to=2026-04-30");
        return;
    }
    export->stream.pages = &pages;
    csv_stream_begin(&export->stream);
}
