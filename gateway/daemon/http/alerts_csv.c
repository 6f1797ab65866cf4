/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/alerts_csv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/daemon/http/csv_line.h"

#define PAGE 100

struct export
{
    struct alerts_csv *csv;       /* NULL: free */
    struct http_request *request; /* NULL: the client is gone */
    store_asker asker;
    int64_t from_ms, to_ms; /* to_ms 0: all is told */
    bool asking, header_sent;
    struct loop_task task;
    enum store_result result;
    char *text; /* of a page */
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

static const char header[] = "since,ended,minutes,level,id,what,what_zh,place,place_zh,worst,unit,"
                             "acknowledged_by,acknowledged\r\n";

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

static void ask(struct export *export);

static void page_ready(struct loop_task *task)
{
    struct export *export = (struct export *)((char *)task - offsetof(struct export, task));
    char *text = export->text;
    size_t size = export->size;
    export->asking = false;
    export->text = NULL;
    if (export->request == NULL)
        export->csv = NULL;
    else if (export->result != STORE_OK || text == NULL)
        http_stream_break(export->request);
    else if (size == 0 && export->to_ms != 0)
        ask(export); /* nothing of the page can be read */
    else
        http_stream_piece(export->request, text, size);
    free(text);
}

/* Store thread. */
static void page_done(void *context, enum store_result result, const struct store_alert *alerts,
                      uint32_t count, int64_t next_ms)
{
    struct export *export = context;
    export->result = result;
    export->to_ms = next_ms;
    export->size = 0;
    export->text = malloc((size_t)count * ALERTS_CSV_LINE + 1);
    for (uint32_t i = 0; export->text != NULL && i < count; i++)
        export->size += alerts_csv_line(&alerts[i], export->text + export->size);
    export->task = (struct loop_task){.run = page_ready};
    loop_post(export->csv->loop, &export->task);
}

static void ask(struct export *export)
{
    export->asking = store_alerts(export->csv->store, export->asker, export->from_ms, export->to_ms,
                                  PAGE, page_done, export) == STORE_OK;
    if (!export->asking)
        http_stream_break(export->request);
}

static void more(void *context, struct http_request *request)
{
    struct export *export = context;
    if (!export->header_sent) {
        export->header_sent = true;
        http_stream_piece(request, header, sizeof header - 1);
    } else if (export->to_ms == 0) {
        http_stream_piece(request, "", 0);
    } else {
        ask(export);
    }
}

static void gone(void *context)
{
    struct export *export = context;
    export->request = NULL;
    if (!export->asking)
        export->csv = NULL;
}

static const char *read_query(struct export *export)
{
    char from[32], to[32];
    export->to_ms = INT64_MAX;
    if (http_argument(export->request, "from", from, sizeof from))
        export->from_ms = csv_time(from);
    if (http_argument(export->request, "to", to, sizeof to))
        export->to_ms = csv_time(to);
    if (export->from_ms < 0 || export->to_ms < 0)
        return "from and to are UTC milliseconds or YYYY-MM-DD";
    return export->from_ms >= export->to_ms ? "to is not after from" : NULL;
}

void alerts_csv_get(struct alerts_csv *csv, struct http_request *request)
{
    struct export *export = NULL;
    for (size_t i = 0; i < ALERTS_CSV_MAX && export == NULL; i++)
        export = csv->exports[i].csv == NULL ? &csv->exports[i] : NULL;
    if (export == NULL) {
        http_reply_error(request, 503, "busy", "other exports are under way",
                         "try again when one has ended");
        return;
    }
    *export = (struct export){
        .csv = csv, .request = request, .asker = store_asker_of(http_user(request))};
    const char *wrong = read_query(export);
    if (wrong != NULL) {
        export->csv = NULL;
        http_reply_error(request, 400, "invalid", wrong,
                         "/alerts.csv?from=2026-04-01&to=2026-04-30");
        return;
    }
    struct http_stream stream = {.context = export, .more = more, .gone = gone};
    http_stream_begin(request, "text/csv; charset=utf-8", "alerts.csv", &stream);
}
