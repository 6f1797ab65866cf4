/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that ask the store, and those that ask nobody. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/serial.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/live.h"
#include "protocols/metric/metric.h"
#include "protocols/mqtt/json.h"

static void run_time(struct rpc_call *call)
{
    struct wall_ms now = store_now(call->rpc->parts.store);
    rpc_end(call,
            json_pack("{s:I,s:b,s:s}", "ts", (json_int_t)now.ms, "trusted",
                      (int)(now.trust == TIME_TRUSTED), "timezone", call->rpc->config->timezone));
}

static json_t *device_json(const struct config *config, const struct device_config *device)
{
    json_t *metrics = json_array(), *writes = json_array();
    for (uint8_t i = 0; i < device->metric_count; i++)
        (void)json_array_append_new(metrics, json_string(device->metrics[i]->metric));
    for (uint16_t i = 0; i < device->profile->write_count; i++) {
        const struct write_config *write = &device->profile->writes[i];
        (void)json_array_append_new(
            writes,
            json_pack("{s:s,s:i,s:i,s:i,s:b,s:s,s:f}", "name", write->name, "min", (int)write->min,
                      "max", (int)write->max, "max_on_s", (int)write->max_on_s, "technician",
                      (int)write->technician, "unit", write->unit, "scale", write->scale));
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:s,s:f,s:o,s:o}", "name", device->name, "label",
                     device->label, "bus", config->buses[device->bus].name, "unit",
                     (int)device->unit, "profile", device->profile->name, "every_s",
                     (double)device->every_ms / 1000.0, "metrics", metrics, "writes", writes);
}

static void run_devices(struct rpc_call *call)
{
    const struct config *config = call->rpc->config;
    json_t *devices = json_array();
    for (uint16_t i = 0; i < config->device_count; i++) {
        struct device_health health;
        json_t *device = device_json(config, &config->devices[i]);
        bool known = live_get_health(store_live(call->rpc->parts.store), i, &health);
        (void)json_object_set_new(device, "away", json_boolean(known && health.away));
        (void)json_array_append_new(devices, device);
    }
    rpc_end(call, json_pack("{s:o}", "devices", devices));
}

/* ---- values ---- */

static json_t *values_json(const struct device_config *device, const struct reading *reading)
{
    json_t *values = json_array();
    for (uint8_t i = 0; i < reading->value_count && i < device->metric_count; i++) {
        const struct reading_value *value = &reading->values[i];
        const struct field_config *field = device->metrics[i];
        const struct metric_info *info = metric_find(field->metric);
        int decimals = info != NULL ? info->decimals : field->type == FIELD_BOOL ? 0 : 2;
        (void)json_array_append_new(
            values, json_pack("{s:s,s:o,s:s,s:s,s:i}", "metric", field->metric, "value",
                              value->present ? json_real(value->value) : json_null(), "unit",
                              field->unit, "flag", metric_flag_name((enum metric_flag)value->flag),
                              "decimals", decimals));
    }
    return values;
}

static void add_hint(json_t *object, struct hint hint)
{
    char text[HINT_TEXT_SIZE];
    (void)json_object_set_new(object, "hint", json_string(hint_text(hint, METRIC_EN, text)));
    (void)json_object_set_new(object, "hint_zh", json_string(hint_text(hint, METRIC_ZH, text)));
}

/* The newest of a device; `age_ms` by the monotonic clock, so that a wrong date changes nothing. */
static json_t *newest_json(struct rpc_call *call, const struct device_config *device)
{
    struct live *live = store_live(call->rpc->parts.store);
    struct device_health health;
    struct reading reading;
    if (!live_get_health(live, device->index, &health))
        health = (struct device_health){0};
    json_t *one = json_pack("{s:s,s:s,s:s,s:i,s:b}", "device", device->name, "label", device->label,
                            "bus", call->rpc->config->buses[device->bus].name, "unit",
                            (int)device->unit, "online", (int)health.online);
    add_hint(one, health.hint);
    if (!live_get(live, device->index, &reading)) {
        (void)json_object_set_new(one, "ts", json_null());
        return one;
    }
    (void)json_object_set_new(one, "ts", json_integer(reading.time.ms));
    (void)json_object_set_new(one, "age_ms", json_integer(loop_now_ms() - reading.taken.ms));
    (void)json_object_set_new(one, "values", values_json(device, &reading));
    return one;
}

/* {[device]} */
static void run_values(struct rpc_call *call)
{
    const struct config *config = call->rpc->config;
    const struct device_config *only = rpc_has(call, "device") ? rpc_device(call) : NULL;
    if (only == NULL && rpc_has(call, "device"))
        return;
    json_t *list = json_array();
    for (uint16_t i = 0; i < config->device_count; i++) {
        if (only == NULL || only == &config->devices[i])
            (void)json_array_append_new(list, newest_json(call, &config->devices[i]));
    }
    rpc_end(call, json_pack("{s:o}", "values", list));
}

/* ---- history ---- */

enum { COLUMNS = 7 };

struct history {
    struct store_point *points;
    uint32_t count;
    int64_t next_ms;
    bool raw, sums;
};

static void free_history(void *state)
{
    free(((struct history *)state)->points);
}

static json_t *number_or_null(const struct store_point *point, double number)
{
    return point->n > 0 && !isnan(number) ? json_real(number) : json_null();
}

static json_t *quality(const struct store_point *point, bool raw)
{
    if (!raw)
        return json_integer(point->bad);
    return point->flag == METRIC_GOOD
               ? json_null()
               : json_string(metric_flag_name((enum metric_flag)point->flag));
}

static void history_ready(struct rpc_call *call)
{
    const struct history *history = call->state;
    if (call->store_result != STORE_OK) {
        rpc_fail_store(call, call->store_result);
        return;
    }
    const char *const names[COLUMNS] = {
        "t", "n", "min", "mean", "max", history->raw ? "flags" : "bad", "sum"};
    json_t *columns[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        columns[i] = json_array();
    for (uint32_t i = 0; i < history->count; i++) {
        const struct store_point *point = &history->points[i];
        (void)json_array_append_new(columns[0], json_integer(point->t_ms));
        (void)json_array_append_new(columns[1], json_integer(point->n));
        (void)json_array_append_new(columns[2], number_or_null(point, point->min));
        (void)json_array_append_new(columns[3], number_or_null(point, point->mean));
        (void)json_array_append_new(columns[4], number_or_null(point, point->max));
        (void)json_array_append_new(columns[5], quality(point, history->raw));
        (void)json_array_append_new(columns[6], number_or_null(point, point->sum));
    }
    json_t *body = json_object();
    for (size_t i = 0; i < COLUMNS - 1; i++)
        (void)json_object_set_new(body, names[i], columns[i]);
    if (history->sums)
        (void)json_object_set(body, names[COLUMNS - 1], columns[COLUMNS - 1]);
    json_decref(columns[COLUMNS - 1]);
    (void)json_object_set_new(body, "next",
                              history->next_ms != 0 ? json_integer(history->next_ms) : json_null());
    rpc_end(call, body);
}

/* Store thread: the points are valid only here. */
static void history_done(void *context, const struct store_history *found)
{
    struct rpc_call *call = context;
    struct history *history = call->state;
    call->store_result = found->result;
    history->next_ms = found->next_ms;
    size_t size = found->count * sizeof *found->points;
    history->points = found->count > 0 ? malloc(size) : NULL;
    if (history->points != NULL) {
        memcpy(history->points, found->points, size);
        history->count = found->count;
    } else if (found->count > 0) {
        call->store_result = STORE_BUSY;
    }
    rpc_resume(call);
}

static bool history_of_what(struct rpc_call *call, struct store_history_query *query)
{
    query->device = -1;
    query->plot = -1;
    if (rpc_has(call, "plot")) {
        const char *name = rpc_text(call, "plot");
        const struct plot_config *plot = name != NULL ? config_plot(call->rpc->config, name) : NULL;
        if (name != NULL && plot == NULL)
            rpc_fail(call, "unknown", "there is no such plot", "the topic site lists them");
        if (plot != NULL)
            query->plot = (int32_t)(plot - call->rpc->config->plots);
        return plot != NULL;
    }
    const struct device_config *device = rpc_device(call);
    if (device != NULL)
        query->device = device->index;
    return device != NULL;
}

static bool adds_up(const char *metric)
{
    const struct metric_info *info = metric_find(metric);
    return info != NULL && info->kind == METRIC_SUM;
}

static void run_history(struct rpc_call *call)
{
    static const int64_t year_3000_ms = 32503680000000;
    struct store_history_query query = {.max_points = RPC_HISTORY_MAX,
                                        .asker = rpc_asker(&call->caller)};
    if (!history_of_what(call, &query))
        return;
    const char *metric = rpc_text(call, "metric");
    if (metric == NULL)
        return;
    if (strlen(metric) >= sizeof query.metric) {
        rpc_fail_store(call, STORE_UNKNOWN);
        return;
    }
    memcpy(query.metric, metric, strlen(metric) + 1);
    if (!rpc_integer(call, "from", 0, year_3000_ms, &query.from_ms) ||
        !rpc_integer(call, "to", 0, year_3000_ms, &query.to_ms))
        return;
    const char *step = rpc_has(call, "step") ? rpc_text(call, "step") : "raw";
    if (step == NULL)
        return;
    if (strcmp(step, "raw") != 0 && strcmp(step, "hour") != 0 && strcmp(step, "day") != 0) {
        rpc_fail(call, "invalid", "step: there is no such step", "raw, hour or day");
        return;
    }
    query.step = step[0] == 'r' ? STORE_RAW : step[0] == 'h' ? STORE_HOUR : STORE_DAY;
    struct history *history = rpc_attach(call, sizeof *history, free_history);
    if (history == NULL)
        return;
    history->raw = query.step == STORE_RAW;
    history->sums = adds_up(metric);
    if (history->sums) /* a column more, in the same 64 kB */
        query.max_points = RPC_HISTORY_MAX * 4 / 5;
    call->resume = history_ready;
    enum store_result result = store_history(call->rpc->parts.store, &query, history_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* ---- resend, ack, backup ---- */

struct resend {
    uint32_t found;
    struct store_resent resent; /* by numbers of records */
};

/* Brokers whose month's data is nearly used up: what is sent again waits for the next one. */
static json_t *resend_later(const struct rpc_call *call)
{
    const struct rpc *rpc = call->rpc;
    json_t *later = json_array();
    for (uint16_t i = 0; rpc->parts.publish != NULL && i < rpc->config->broker_count; i++) {
        struct publish_stats stats;
        if (call->caller.broker >= 0 && call->caller.broker != i)
            continue;
        publish_stats(rpc->parts.publish, i, &stats);
        if (stats.budget_limited)
            (void)json_array_append_new(
                later, json_pack("{s:s,s:o}", "broker", rpc->config->brokers[i].name, "ts",
                                 stats.later_ms != 0 ? json_integer((json_int_t)stats.later_ms)
                                                     : json_null()));
    }
    return later;
}

static void found_ready(struct rpc_call *call)
{
    if (call->store_result != STORE_OK) {
        rpc_fail_store(call, call->store_result);
        return;
    }
    const struct resend *resend = call->state;
    json_t *result = json_pack("{s:I}", "found", (json_int_t)resend->found);
    json_t *later = resend_later(call);
    if (resend->found > 0 && json_array_size(later) > 0)
        (void)json_object_set(result, "later", later);
    json_decref(later);
    rpc_end(call, result);
}

static void resend_done(void *context, enum store_result result, uint32_t found)
{
    struct rpc_call *call = context;
    struct resend *resend = call->state;
    resend->found = found;
    rpc_store_done(call, result);
}

static json_t *gone_ranges(const struct store_resent *resent)
{
    json_t *gone = json_array();
    for (uint32_t i = 0; i < resent->gone_count; i++)
        (void)json_array_append_new(gone, json_pack("[I,I]", (json_int_t)resent->gone[i].first,
                                                    (json_int_t)resent->gone[i].last));
    return gone;
}

static void resent_ready(struct rpc_call *call)
{
    if (call->store_result != STORE_OK) {
        rpc_fail_store(call, call->store_result);
        return;
    }
    const struct store_resent *resent = &((const struct resend *)call->state)->resent;
    json_t *result = json_pack("{s:I,s:o,s:I}", "found", (json_int_t)resent->found, "gone",
                               gone_ranges(resent), "next", (json_int_t)resent->next);
    json_t *later = resend_later(call);
    if (resent->found > 0 && json_array_size(later) > 0)
        (void)json_object_set(result, "later", later);
    json_decref(later);
    rpc_end(call, result);
}

static void resent_done(void *context, enum store_result result, const struct store_resent *resent)
{
    struct rpc_call *call = context;
    struct resend *resend = call->state;
    resend->resent = *resent;
    rpc_store_done(call, result);
}

/* {"ids":[first,last]} */
static void run_resend_ids(struct rpc_call *call)
{
    const json_t *ids = json_object_get(call->params, "ids");
    struct store_resend_ids_query query = {.broker = call->caller.broker,
                                           .asker = rpc_asker(&call->caller)};
    json_int_t first = json_integer_value(json_array_get(ids, 0));
    json_int_t last = json_integer_value(json_array_get(ids, 1));
    if (json_array_size(ids) != 2 || first < 1 || last < first ||
        last - first >= (json_int_t)STORE_RESEND_MOST) {
        rpc_fail(call, "invalid", "ids: two numbers are needed, the first and the last record",
                 "at most 100000 of them; see gateway/log");
        return;
    }
    query.ids = (struct store_id_range){(uint64_t)first, (uint64_t)last};
    if (rpc_attach(call, sizeof(struct resend), NULL) == NULL)
        return;
    call->resume = resent_ready;
    enum store_result result = store_resend_ids(call->rpc->parts.store, &query, resent_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

static void run_resend(struct rpc_call *call)
{
    int64_t boot, from, to;
    if (rpc_has(call, "ids")) {
        run_resend_ids(call);
        return;
    }
    const struct device_config *device = rpc_device(call);
    if (device == NULL || !rpc_integer(call, "boot", 0, UINT32_MAX, &boot) ||
        !rpc_integer(call, "from", 0, UINT32_MAX, &from) ||
        !rpc_integer(call, "to", from, UINT32_MAX, &to))
        return;
    struct store_resend_query query = {
        .broker = call->caller.broker,
        .asker = rpc_asker(&call->caller),
        .device = device->index,
        .boot = (uint32_t)boot,
        .first_seq = (uint32_t)from,
        .last_seq = (uint32_t)to,
    };
    if (rpc_attach(call, sizeof(struct resend), NULL) == NULL)
        return;
    call->resume = found_ready;
    enum store_result result = store_resend(call->rpc->parts.store, &query, resend_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

static void done_ready(struct rpc_call *call)
{
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, json_pack("{s:b}", "ok", 1));
}

/* The alert's own topic says who has seen it, so that every phone shows it. */
static void run_ack(struct rpc_call *call)
{
    struct rpc_parts *parts = &call->rpc->parts;
    const char *id = rpc_text(call, "id");
    if (id == NULL)
        return;
    if (parts->alerts == NULL ||
        !alerts_acknowledge(parts->alerts, id, call->caller.user, store_now(parts->store).ms))
        rpc_fail(call, "unknown", "there is no such alert now",
                 "`baiye alert list` has the ids of those that stand");
    else
        rpc_end(call, json_pack("{s:b}", "ok", 1));
}

static void run_backup(struct rpc_call *call)
{
    const char *path = rpc_text(call, "path");
    if (path == NULL)
        return;
    if (path[0] != '/') {
        rpc_fail(call, "invalid", "path: an absolute path is needed", "");
        return;
    }
    call->resume = done_ready;
    enum store_result result = store_backup(call->rpc->parts.store, path, rpc_store_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* ---- audits, stats ---- */

struct audits {
    json_t *rows; /* built by the store's thread */
};

static void free_audits(void *state)
{
    json_decref(((struct audits *)state)->rows);
}

static void audits_ready(struct rpc_call *call)
{
    const struct audits *found = call->state;
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, json_pack("{s:O}", "audits", found->rows));
}

static void audits_done(void *context, enum store_result result, const struct store_audit *audits,
                        uint32_t count)
{
    struct rpc_call *call = context;
    struct audits *found = call->state;
    found->rows = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(
            found->rows,
            json_pack("{s:I,s:s,s:s,s:s,s:s,s:s}", "ts", (json_int_t)audits[i].at_ms, "user",
                      audits[i].user, "via", audits[i].via, "method", audits[i].method, "detail",
                      audits[i].detail, "result", audits[i].result));
    rpc_store_done(call, result);
}

static void run_audits(struct rpc_call *call)
{
    int64_t limit = 50;
    if (rpc_has(call, "limit") && !rpc_integer(call, "limit", 1, 200, &limit))
        return;
    if (rpc_attach(call, sizeof(struct audits), free_audits) == NULL)
        return;
    call->resume = audits_ready;
    /* In one queue with the rows that are on their way to it: what was answered is in the list. */
    enum store_result result = store_audits(call->rpc->parts.store, STORE_ASKER_GATEWAY,
                                            (uint32_t)limit, audits_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* Volts; NULL: it reports none. */
static json_t *battery_of(struct rpc_call *call, const struct device_config *device)
{
    struct reading reading;
    if (!live_get(store_live(call->rpc->parts.store), device->index, &reading))
        return NULL;
    for (uint8_t i = 0; i < reading.value_count && i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, "battery_voltage") == 0 && reading.values[i].present)
            return json_real(reading.values[i].value);
    }
    return NULL;
}

static const char *board_text(uint32_t board, char text[SERIAL_TEXT_SIZE])
{
    serial_print(board, text);
    return text;
}

/* As in the topic dev/NAME/health, and the serial number of a node, which its readings have. */
static json_t *device_stats(struct rpc_call *call, const struct device_config *device)
{
    struct device_health health;
    char serial[SERIAL_TEXT_SIZE], text[HEALTH_JSON_SIZE];
    if (!live_get_health(store_live(call->rpc->parts.store), device->index, &health))
        health = (struct device_health){0};
    struct json_out o = json_out_init(text, sizeof text);
    json_out_open(&o, '{');
    json_out_key_string(&o, "device", device->name);
    device_health_json(&o, &health);
    if (health.serial[0] == '\0' && health.board != 0)
        json_out_key_string(&o, "serial", board_text(health.board, serial));
    json_out_close(&o, '}');
    json_t *json = json_loadb(text, o.failed ? 0 : o.at, 0, NULL);
    json_t *battery = battery_of(call, device);
    if (json == NULL)
        json = json_object();
    if (battery != NULL)
        (void)json_object_set_new(json, "battery", battery);
    return json;
}

static void run_stats(struct rpc_call *call)
{
    const struct rpc_parts *parts = &call->rpc->parts;
    if (json_object_get(call->params, "device") != NULL) {
        const struct device_config *device = rpc_device(call);
        if (device != NULL)
            rpc_end(call, device_stats(call, device));
        return;
    }
    rpc_end(call, parts->stats != NULL ? parts->stats(parts->context) : json_object());
}

/* {[lang]}: as SIGHUP, but whoever asks learns what came of it. `boot` is the count of the one that
 * ends: the next answer with another one is of the new configuration. */
static void run_reload(struct rpc_call *call)
{
    const struct rpc_parts *parts = &call->rpc->parts;
    char why[CONFIG_REFUSED_SIZE] = "this daemon can't";
    const char *lang = json_string_value(json_object_get(call->params, "lang"));
    bool chinese = lang != NULL && strcmp(lang, "zh") == 0;
    if (parts->reload == NULL || !parts->reload(parts->reload_context, chinese, why))
        rpc_fail(call, "refused", why, "the configuration that is in force stays so");
    else
        rpc_end(call,
                json_pack("{s:b,s:I}", "ok", 1, "boot", (json_int_t)store_boot(parts->store)));
}

static const struct rpc_method methods[] = {
    {.name = "time", .for_resend = true, .for_county = true, .run = run_time},
    {.name = "devices", .for_county = true, .run = run_devices},
    {.name = "values", .role = USER_TECHNICIAN, .socket_only = true, .run = run_values},
    {.name = "history", .for_county = true, .run = run_history},
    {.name = "resend",
     .role = USER_FARMER,
     .command = true,
     .for_resend = true,
     .for_county = true,
     .run = run_resend},
    {.name = "ack", .role = USER_FARMER, .command = true, .run = run_ack},
    {.name = "stats", .role = USER_TECHNICIAN, .for_county = true, .run = run_stats},
    {.name = "audits", .role = USER_TECHNICIAN, .socket_only = true, .run = run_audits},
    {.name = "reload",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_reload},
    {.name = "backup",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_backup},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_values = {.list = methods};
