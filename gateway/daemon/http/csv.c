/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/http/csv_line.h"
#include "gateway/daemon/http/csv_stream.h"
#include "protocols/metric/metric.h"

#define POINTS   512
#define CSV_LINE 208 /* a time of 24, two names of 32, a unit of 15, five numbers, a flag */

struct export
{
    struct csv_stream stream;
    struct csv *csv;
    const uint16_t *devices;
    uint16_t one_device; /* what `devices` points to for a single one */
    uint16_t device_count, device_at;
    uint8_t metric_at;
    store_asker asker;
    struct store_history_query query;
    int64_t from_ms;
    uint32_t count;
    int64_t next_ms;
    struct store_point points[POINTS];
};

struct csv {
    struct loop *loop;
    const struct config *config;
    struct store *store;
    struct export exports[CSV_EXPORTS_MAX];
};

struct csv *csv_open(struct loop *loop, const struct config *config, struct store *store)
{
    struct csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL)
        return NULL;
    csv->loop = loop;
    csv->config = config;
    csv->store = store;
    return csv;
}

void csv_close(struct csv *csv)
{
    free(csv);
}

static const struct device_config *device_of(const struct export *export)
{
    return &export->csv->config->devices[export->devices[export->device_at]];
}

/* Takes the names as they are in the profile: no comma, quote or line end is possible in them. */
static size_t write_line(const struct export *export, const struct store_point *point, char *out)
{
    const struct device_config *device = device_of(export);
    const struct field_config *field = device->metrics[export->metric_at];
    const struct metric_info *metric = metric_find(field->metric);
    struct csv_line line = csv_line_init(out, CSV_LINE);
    if (point->n == 0)
        return 0; /* nothing that may be believed */
    csv_line_time(&line, point->t_ms, true);
    csv_line_plain(&line, device->name);
    csv_line_plain(&line, field->metric);
    csv_line_plain(&line, config_shown_unit(device, export->metric_at));
    csv_line_number(&line, "%u", point->n);
    csv_line_number(&line, "%.8g", point->min);
    if (isnan(point->mean)) /* directions that cancel each other out */
        csv_line_plain(&line, "");
    else
        csv_line_number(&line, "%.8g", point->mean);
    csv_line_number(&line, "%.8g", point->max);
    if (metric != NULL && metric->kind == METRIC_SUM)
        csv_line_number(&line, "%.8g", point->sum);
    else
        csv_line_plain(&line, "");
    /* Of many values there is no one flag; what may not be believed is not among them. */
    csv_line_plain(&line, export->query.step == STORE_RAW
                              ? metric_flag_name((enum metric_flag)point->flag)
                              : "");
    return csv_line_end(&line);
}

/* A device may have nothing but registers to write. */
static bool pass_over_empty(struct export *export)
{
    while (export->device_at < export->device_count && device_of(export)->metric_count == 0)
        export->device_at++;
    return export->device_at < export->device_count;
}

static bool step_on(struct export *export)
{
    if (export->next_ms != 0) {
        export->query.from_ms = export->next_ms;
        return true;
    }
    export->query.from_ms = export->from_ms;
    if (++export->metric_at < device_of(export)->metric_count)
        return true;
    export->metric_at = 0;
    export->device_at++;
    return pass_over_empty(export);
}

/* ---- Page by page ---- */

static bool has_more(struct csv_stream *stream)
{
    return pass_over_empty((struct export *)stream);
}

static char *page_text(struct csv_stream *stream, size_t *size)
{
    struct export *export = (struct export *)stream;
    char *text = malloc((size_t) export->count * CSV_LINE + 1);
    for (uint32_t i = 0; text != NULL && i < export->count; i++)
        *size += write_line(export, &export->points[i], text + *size);
    (void)step_on(export);
    return text;
}

/* Store thread. */
static void page_done(void *context, const struct store_history *history)
{
    struct export *export = context;
    bool known = history->result != STORE_UNKNOWN; /* else nothing of it was ever stored */
    export->count = history->count < POINTS ? history->count : POINTS;
    export->next_ms = history->next_ms;
    if (export->count > 0)
        memcpy(export->points, history->points, export->count * sizeof *history->points);
    csv_stream_paged(&export->stream, known ? history->result : STORE_OK);
}

static enum store_result ask(struct csv_stream *stream)
{
    struct export *export = (struct export *)stream;
    const struct device_config *device = device_of(export);
    export->query.device = device->index;
    export->query.plot = -1;
    memcpy(export->query.metric, device->metrics[export->metric_at]->metric,
           sizeof export->query.metric);
    return store_history(export->csv->store, &export->query, page_done, export);
}

static const struct csv_pages pages = {.header =
                                           "time,device,metric,unit,n,min,mean,max,sum,flag\r\n",
                                       .file_name = "baiye.csv",
                                       .more = has_more,
                                       .ask = ask,
                                       .text = page_text};

static const char *read_query(struct export *export, struct http_request *request)
{
    const struct config *config = export->csv->config;
    char name[CONFIG_NAME_SIZE], from[32], to[32], step[8];
    if (http_argument(request, "device", name, sizeof name)) {
        const struct device_config *device = config_device(config, name);
        if (device == NULL)
            return "there is no such device";
        export->one_device = device->index;
        export->devices = &export->one_device;
        export->device_count = 1;
    } else if (http_argument(request, "plot", name, sizeof name)) {
        const struct plot_config *plot = config_plot(config, name);
        if (plot == NULL)
            return "there is no such plot";
        export->devices = plot->devices;
        export->device_count = plot->device_count;
    } else {
        return "device= or plot= is needed";
    }
    if (!http_argument(request, "from", from, sizeof from) ||
        !http_argument(request, "to", to, sizeof to))
        return "from= and to= are needed: UTC milliseconds or YYYY-MM-DD";
    export->from_ms = csv_time(from);
    export->query.from_ms = export->from_ms;
    export->query.to_ms = csv_time(to);
    if (export->from_ms < 0 || export->query.to_ms < 0)
        return "from and to are UTC milliseconds or YYYY-MM-DD";
    if (export->from_ms >= export->query.to_ms)
        return "to is not after from";
    if (!http_argument(request, "step", step, sizeof step))
        memcpy(step, "raw", sizeof "raw");
    if (strcmp(step, "raw") != 0 && strcmp(step, "hour") != 0 && strcmp(step, "day") != 0)
        return "step is raw, hour or day";
    export->query.step = step[0] == 'r' ? STORE_RAW : step[0] == 'h' ? STORE_HOUR : STORE_DAY;
    export->query.max_points = POINTS;
    return NULL;
}

void csv_get(struct csv *csv, struct http_request *request)
{
    struct export *export = NULL;
    store_asker asker = store_asker_of(http_user(request));
    bool own = false;
    for (size_t i = 0; i < CSV_EXPORTS_MAX; i++) {
        if (csv->exports[i].stream.pages == NULL)
            export = export != NULL ? export : &csv->exports[i];
        else
            own = own || csv->exports[i].asker == asker;
    }
    if (export == NULL || own) {
        http_reply_error(request, 503, "busy",
                         own ? "another export of this user is under way"
                             : "other exports are under way",
                         "try again when it has ended");
        return;
    }
    *export = (struct export){.stream = {.loop = csv->loop, .request = request},
                              .csv = csv,
                              .asker = asker,
                              .query.asker = asker};
    const char *wrong = read_query(export, request);
    if (wrong != NULL) {
        http_reply_error(request, 400, "invalid", wrong,
                         "/export.csv?device=plot-1&from=2026-04-01&to=2026-04-30");
        return;
    }
    export->stream.pages = &pages;
    csv_stream_begin(&export->stream);
}
