/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration of our nodes: what a channel has, fresh samples of it, and a new table for it. The
 * node edits one channel at a time, and what is written counts only once it is stored, so a table
 * is there whole or not at all. Which points make sense is the asker's business (tools/cli). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/rpc/methods_node.h"
#include "protocols/modbus/pdu.h"
#include "protocols/node_map/calibration_table.h"
#include "protocols/node_map/node_text.h"

enum {
    STORE = 1,
    TABLE_WORDS = 2 + RPC_NODE_TABLE,
    AT_DATE = NODE_CALIBRATION_DATE - NODE_CALIBRATION_CHANNEL,
    COIL_SAMPLE = 1,
    SAMPLES_MAX = 50,
    LOOK_MS = 200,
    APART_MS = 1000,  /* so that what still settles is seen to move */
    SAMPLE_MS = 15000 /* the slowest probe's bound is far below */
};

_Static_assert(AT_DATE + RPC_NODE_TABLE == TABLE_WORDS, "the table goes to the end");

struct channel_job {
    struct rpc_node_job node; /* first */
    unsigned channel, samples;
    uint16_t seen[3]; /* boot and seq of the newest sample known */
    int64_t deadline_ms;
    json_t *raws, *values;
    struct loop_timer timer;
};

static void free_channel(void *state)
{
    struct channel_job *job = state;
    loop_timer_stop(&job->timer);
    json_decref(job->raws);
    json_decref(job->values);
}

/* {device, metric}; NULL: the call has failed. */
static struct channel_job *open_channel(struct rpc_call *call)
{
    struct channel_job *job = rpc_node_open(call, sizeof *job, free_channel);
    const char *metric = job != NULL ? rpc_text(call, "metric") : NULL;
    char message[128];
    if (metric == NULL)
        return NULL;
    for (job->channel = 0; job->channel < CHANNEL_COUNT; job->channel++) {
        if (strcmp(metric, node_channel_texts[job->channel].metric) == 0)
            return job;
    }
    (void)snprintf(message, sizeof message, "a node measures no \"%.40s\"", metric);
    rpc_fail(call, "unknown", message, "`baiye devices` lists what it measures");
    return NULL;
}

/* ---- the words of a table ---- */

/* From NODE_CALIBRATION_DATE on: date, operator, points, points. */
static void table_put(const struct calibration_table *table, uint16_t words[RPC_NODE_TABLE])
{
    node_u32_put(words, table->date);
    words[2] = table->operator_id;
    words[3] = table->points;
    for (size_t i = 0; i < NODE_CALIBRATION_POINTS_MAX; i++) {
        node_u32_put(words + 4 + 4 * i, (uint32_t)table->raw[i]);
        node_u32_put(words + 6 + 4 * i, (uint32_t)table->hundredths[i]);
    }
}

static json_t *table_json(const uint16_t words[RPC_NODE_TABLE])
{
    json_t *points = json_array();
    for (size_t i = 0; i < words[3] && i < NODE_CALIBRATION_POINTS_MAX; i++)
        (void)json_array_append_new(
            points, json_pack("[I,f]", (json_int_t)(int32_t)node_u32_get(words + 4 + 4 * i),
                              (int32_t)node_u32_get(words + 6 + 4 * i) / 100.0));
    return json_pack("{s:I,s:i,s:o}", "date", (json_int_t)node_u32_get(words), "operator",
                     (int)words[2], "points", points);
}

static void read_table(struct rpc_call *call)
{
    const struct channel_job *job = call->state;
    rpc_node_write(call, NODE_CALIBRATION_CHANNEL, (uint16_t)job->channel, "choosing the channel");
    rpc_node_read(call, NODE_CALIBRATION_CHANNEL, TABLE_WORDS, "reading its calibration");
}

static void read_raw(struct rpc_call *call)
{
    const struct channel_job *job = call->state;
    rpc_node_read(call, (uint16_t)(NODE_RAW + 2 * job->channel), 2, "reading its raw count");
}

/* ---- what it has ---- */

/* The value of a snapshot and its flag. */
static json_t *value_json(unsigned channel, const uint16_t *snapshot, const char **flag)
{
    struct node_values values;
    static const double steps[] = {1, 10, 100, 1000};
    node_values_get(snapshot, &values);
    *flag = metric_flag_name((enum metric_flag)values.flag[channel]);
    return values.value[channel] == NODE_NO_VALUE
               ? json_null()
               : json_real(values.value[channel] / steps[node_channels[channel].decimals]);
}

static const char *unit_of(unsigned channel)
{
    const struct metric_info *metric = metric_find(node_channel_texts[channel].metric);
    return metric != NULL ? metric->unit : "";
}

static json_t *raw_json(const uint16_t *words)
{
    uint32_t raw = node_u32_get(words);
    return raw == 0x80000000u ? json_null() : json_integer((int32_t)raw);
}

static void answer_table(struct rpc_call *call)
{
    const struct channel_job *job = call->state;
    const uint16_t *table = job->node.read, *raw = table + TABLE_WORDS, *snapshot = raw + 2;
    const uint16_t *settings = snapshot + NODE_SNAPSHOT_USED;
    const char *flag;
    json_t *result = table_json(table + AT_DATE);
    json_t *value = value_json(job->channel, snapshot, &flag);
    (void)json_object_update_new(
        result, json_pack("{s:s,s:s,s:i,s:o,s:o,s:s,s:f,s:f}", "metric",
                          node_channel_texts[job->channel].metric, "unit", unit_of(job->channel),
                          "decimals", (int)node_channels[job->channel].decimals, "raw",
                          raw_json(raw), "value", value, "flag", flag, "compensation",
                          settings[INDEX_SETTING_CONDUCTIVITY] / 100.0, "saturated",
                          node_saturated(job->channel, settings[INDEX_SETTING_SOIL]) / 100.0));
    rpc_end(call, result);
}

/* {device, metric} */
static void run_calibration(struct rpc_call *call)
{
    if (open_channel(call) == NULL)
        return;
    read_table(call);
    read_raw(call);
    rpc_node_read(call, NODE_MAP_VERSION, NODE_SNAPSHOT_USED, "reading its values");
    rpc_node_read(call, NODE_SETTING_PERIOD, SETTING_COUNT, "reading its settings");
    rpc_node_run(call, answer_table, rpc_node_failed);
}

/* ---- fresh samples ---- */

static void next_sample(struct rpc_call *call);

static void time_has_come(struct loop_timer *timer)
{
    struct rpc_call *call = timer->context;
    call->resume(call);
}

static void later(struct rpc_call *call, int64_t after_ms, void (*resume)(struct rpc_call *call))
{
    struct channel_job *job = call->state;
    call->resume = resume;
    job->timer.context = call;
    job->timer.expired = time_has_come;
    loop_timer_start(call->rpc->loop, &job->timer, after_ms);
}

static void measured(struct rpc_call *call)
{
    const struct channel_job *job = call->state;
    rpc_end(call, json_pack("{s:s,s:i,s:O,s:O}", "unit", unit_of(job->channel), "decimals",
                            (int)node_channels[job->channel].decimals, "raw", job->raws, "values",
                            job->values));
}

static void take_sample(struct rpc_call *call, const uint16_t *snapshot)
{
    struct channel_job *job = call->state;
    const char *flag;
    char message[128];
    json_t *value = value_json(job->channel, snapshot, &flag);
    json_t *raw = raw_json(job->node.read + NODE_SNAPSHOT_USED);
    if (json_is_null(value) || json_is_null(raw)) {
        json_decref(value);
        json_decref(raw);
        (void)snprintf(message, sizeof message, "its sensor gives no %s: %s",
                       node_channel_texts[job->channel].metric, flag);
        rpc_fail(call, "absent", message, "look at the probe and its cable");
        return;
    }
    json_t *progress =
        json_pack("{s:i,s:i,s:O,s:O,s:s}", "sample", (int)json_array_size(job->raws) + 1, "of",
                  (int)job->samples, "raw", raw, "value", value, "flag", flag);
    rpc_progress(call, progress);
    json_decref(progress);
    (void)json_array_append_new(job->raws, raw);
    (void)json_array_append_new(job->values, value);
    if (json_array_size(job->raws) == job->samples || call->answer == NULL)
        measured(call);
    else
        later(call, APART_MS, next_sample);
}

static void look(struct rpc_call *call);

static void looked(struct rpc_call *call)
{
    struct channel_job *job = call->state;
    if (memcmp(job->seen, job->node.read + NODE_BOOT, sizeof job->seen) != 0) {
        memcpy(job->seen, job->node.read + NODE_BOOT, sizeof job->seen);
        take_sample(call, job->node.read);
    } else if (loop_now_ms() > job->deadline_ms || call->answer == NULL) {
        rpc_fail(call, "timeout", "it takes no samples", "`baiye read DEVICE 0x60 72`: its errors");
    } else {
        later(call, LOOK_MS, look);
    }
}

static void look(struct rpc_call *call)
{
    rpc_node_clear(call);
    rpc_node_read(call, NODE_MAP_VERSION, NODE_SNAPSHOT_USED, "reading its values");
    read_raw(call);
    rpc_node_run(call, looked, rpc_node_failed);
}

/* A sample at once, beside the node's schedule; it is numbered and kept like any other. */
static void next_sample(struct rpc_call *call)
{
    struct channel_job *job = call->state;
    job->deadline_ms = loop_now_ms() + SAMPLE_MS;
    rpc_node_clear(call);
    (void)rpc_node_add(call, (struct rpc_node_step){.function = MODBUS_WRITE_COIL,
                                                    .address = COIL_SAMPLE,
                                                    .value = 0xFF00,
                                                    .what = "asking it to measure"});
    rpc_node_run(call, look, rpc_node_failed);
}

static void seen_first(struct rpc_call *call)
{
    struct channel_job *job = call->state;
    memcpy(job->seen, job->node.read + NODE_BOOT, sizeof job->seen);
    next_sample(call);
}

/* {device, metric [, samples]} */
static void run_measure(struct rpc_call *call)
{
    int64_t samples = 1;
    struct channel_job *job = open_channel(call);
    if (job == NULL ||
        (rpc_has(call, "samples") && !rpc_integer(call, "samples", 1, SAMPLES_MAX, &samples)))
        return;
    job->samples = (unsigned)samples;
    job->raws = json_array();
    job->values = json_array();
    rpc_node_read(call, NODE_MAP_VERSION, NODE_SNAPSHOT_USED, "reading its values");
    rpc_node_run(call, seen_first, rpc_node_failed);
}

/* ---- a new table ---- */

static bool want_points(struct rpc_call *call, struct calibration_table *table)
{
    size_t i;
    const json_t *point, *points = json_object_get(call->params, "points");
    bool good = json_is_array(points) && json_array_size(points) <= NODE_CALIBRATION_POINTS_MAX;
    json_array_foreach (points, i, point) {
        double raw = json_number_value(json_array_get(point, 0));
        double value = json_number_value(json_array_get(point, 1)) * 100;
        good = good && json_is_number(json_array_get(point, 0)) &&
               json_is_number(json_array_get(point, 1)) && fabs(raw) < INT32_MAX &&
               fabs(value) < INT32_MAX;
        if (!good)
            break;
        table->raw[i] = (int32_t)lround(raw);
        table->hundredths[i] = (int32_t)lround(value);
        table->points = (uint8_t)(i + 1);
    }
    good = good && calibration_table_valid(table);
    if (!good)
        rpc_fail(call, "invalid",
                 "points: up to five [raw count, value], raw counts rising or falling",
                 "one point is an offset, no point is the sensor's own conversion");
    return good;
}

static void stored(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    const uint16_t *before = job->read + AT_DATE, *now = job->read + TABLE_WORDS + AT_DATE;
    if (memcmp(now, job->table, sizeof job->table) == 0) {
        json_t *result = table_json(now);
        (void)json_object_set_new(result, "before", table_json(before));
        rpc_node_end(call, result);
        return;
    }
    job->code = "mismatch";
    job->hint = "`baiye calibrate DEVICE METRIC` shows what it has";
    (void)snprintf(job->message, sizeof job->message,
                   "it stored the calibration, but it reads otherwise");
    rpc_node_end(call, NULL);
}

static void not_stored(struct rpc_call *call)
{
    const struct channel_job *channel = call->state;
    const struct rpc_node_job *job = &channel->node;
    const struct rpc_node_step *step = &job->steps[job->at];
    bool committing = step->address == NODE_CALIBRATION_COMMAND;
    bool committed = job->read_count >= TABLE_WORDS && job->at + 2 >= job->count;
    bool perhaps = committed || (committing && call->reply.result != BUS_EXCEPTION);
    if (job->read_count < TABLE_WORDS || step->address == NODE_UNLOCK)
        rpc_node_failed(call);
    else
        rpc_node_give_up(call, NODE_CALIBRATION_CHANNEL, (uint16_t)channel->channel,
                         perhaps ? "; perhaps it has it: look with `baiye calibrate`"
                                 : "; nothing was changed");
}

/* {device, metric, points: [[raw, value]] [, date, operator]} */
static void run_calibrate(struct rpc_call *call)
{
    struct calibration_table table = {.points = 0};
    int64_t date = 0, operator_id = 0;
    struct channel_job *job = open_channel(call);
    if (job == NULL || !want_points(call, &table) ||
        (rpc_has(call, "date") && !rpc_integer(call, "date", 0, 99991231, &date)) ||
        (rpc_has(call, "operator") && !rpc_integer(call, "operator", 0, 65535, &operator_id)))
        return;
    table.date = (uint32_t)date;
    table.operator_id = (uint16_t)operator_id;
    table_put(&table, job->node.table);
    read_table(call);
    rpc_node_write(call, NODE_UNLOCK, NODE_UNLOCK_KEY, "unlocking it");
    rpc_node_write(call, NODE_CALIBRATION_CHANNEL, (uint16_t)job->channel, "choosing the channel");
    (void)rpc_node_add(call, (struct rpc_node_step){.function = MODBUS_WRITE_REGISTERS,
                                                    .reads_back = true,
                                                    .address = NODE_CALIBRATION_DATE,
                                                    .value = RPC_NODE_TABLE,
                                                    .what = "writing the calibration"});
    rpc_node_write(call, NODE_CALIBRATION_COMMAND, STORE, "storing it");
    read_table(call);
    rpc_node_run(call, stored, not_stored);
}

static const struct rpc_method methods[] = {
    {.name = "calibration", .role = USER_TECHNICIAN, .socket_only = true, .run = run_calibration},
    {.name = "measure", .role = USER_TECHNICIAN, .socket_only = true, .run = run_measure},
    {.name = "calibrate",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_calibrate},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_calibrate = {.list = methods};
