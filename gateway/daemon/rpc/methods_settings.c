/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of our nodes by name (protocols/node_map/registers.def). What is asked for is checked
 * whole before the first write; the node keeps what was written apart until the commit, so that a
 * refusal in the middle leaves everything as it was. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/daemon/rpc/methods_node.h"
#include "protocols/modbus/pdu.h"
#include "protocols/node_map/node_text.h"

enum { COMMIT_STORE = 1, COMMIT_FORGET = 2, LINE_WORDS = 3 };

static double scale_of(size_t setting)
{
    return node_setting_texts[setting].decimals == 2 ? 100 : 1;
}

static json_t *number(size_t setting, uint16_t code)
{
    return node_setting_texts[setting].decimals > 0 ? json_real(code / scale_of(setting))
                                                    : json_integer(code);
}

static json_t *setting_json(size_t i, uint16_t code)
{
    const struct node_setting_text *text = &node_setting_texts[i];
    return json_pack("{s:s,s:i,s:o,s:o,s:o,s:o,s:i,s:s,s:s}", "name", text->name, "register",
                     (int)text->address, "value", number(i, code), "min",
                     number(i, node_settings[i].min), "max", number(i, node_settings[i].max),
                     "factory", number(i, node_settings[i].factory), "decimals",
                     (int)text->decimals, "unit", text->unit, "text", text->text);
}

struct setting_job {
    struct rpc_node_job node; /* first */
    uint16_t wanted[SETTING_COUNT];
    bool asked[SETTING_COUNT];
};

static void read_settings(struct rpc_call *call)
{
    rpc_node_read(call, NODE_SETTING_PERIOD, SETTING_COUNT, "reading its settings");
    rpc_node_read(call, NODE_STATUS, 1, "reading its state");
}

/* ---- show ---- */

static void shown(struct rpc_call *call)
{
    const struct rpc_node_job *job = call->state;
    const uint16_t *read = job->read;
    const uint16_t *line = read + SETTING_COUNT + 1;
    json_t *list = json_array();
    for (size_t i = 0; i < SETTING_COUNT; i++)
        (void)json_array_append_new(list, setting_json(i, read[i]));
    uint16_t status = read[SETTING_COUNT];
    rpc_end(call, json_pack("{s:o,s:b,s:b,s:b,s:{s:i,s:i,s:s}}", "settings", list, "uncommitted",
                            (int)((status & NODE_STATUS_UNCOMMITTED) != 0), "unreadable",
                            (int)((status & NODE_STATUS_DEFAULTS) != 0), "trial",
                            (int)((status & NODE_STATUS_PROVISIONAL) != 0), "line", "address",
                            (int)line[0], "baud", (int)node_baud(line[1]), "parity",
                            line[2] == 0   ? "none"
                            : line[2] == 1 ? "even"
                                           : "odd"));
}

/* {device} */
static void run_settings(struct rpc_call *call)
{
    if (rpc_node_open(call, sizeof(struct rpc_node_job), NULL) == NULL)
        return;
    read_settings(call);
    rpc_node_read(call, NODE_ADDRESS, LINE_WORDS, "reading its address");
    rpc_node_run(call, shown, rpc_node_failed);
}

/* ---- set: what may be set ---- */

static bool fail_invalid(struct rpc_call *call, const char *message, const char *hint)
{
    rpc_fail(call, "invalid", message, hint);
    return false;
}

/* What looks like a setting and is none that can be set so. */
static bool fail_name(struct rpc_call *call, const char *name)
{
    const struct rpc_node_job *job = call->state;
    char message[160], hint[96];
    if (strcmp(name, "address") == 0) {
        (void)snprintf(hint, sizeof hint, "`baiye address %s SERIAL ADDRESS`",
                       call->rpc->config->buses[job->device->bus].name);
        return fail_invalid(call, "the address is given by serial number, so that no two get one",
                            hint);
    }
    if (strcmp(name, "baud") == 0 || strcmp(name, "parity") == 0)
        return fail_invalid(call,
                            "all devices of a line have one rate and parity: this node alone would "
                            "be lost, and come back after a minute",
                            "the manual page of baiye says how a whole line is changed");
    (void)snprintf(message, sizeof message, "no setting is called \"%.40s\"", name);
    return fail_invalid(call, message, "`baiye settings DEVICE` lists them");
}

/* The gateway writes the period again and again: a node must not be at odds with its file. */
static bool is_period_of_file(struct rpc_call *call, uint16_t code)
{
    const struct rpc_node_job *job = call->state;
    char message[160];
    uint32_t every_s = job->device->every_ms < 1000 ? 1 : job->device->every_ms / 1000;
    if (code == every_s)
        return true;
    (void)snprintf(message, sizeof message,
                   "the gateway keeps the period at `every:` of its file, %u s for this device",
                   every_s);
    return fail_invalid(call, message, "change it there, then `systemctl reload baiyed`");
}

static bool want(struct rpc_call *call, size_t i, const json_t *value)
{
    struct setting_job *job = call->state;
    const struct node_setting *setting = &node_settings[i];
    const struct node_setting_text *text = &node_setting_texts[i];
    char message[160];
    double scaled = json_number_value(value) * scale_of(i), code = round(scaled);
    int digits = text->decimals;
    if (!json_is_number(value) || !(code >= setting->min && code <= setting->max) ||
        fabs(scaled - code) > 1e-6) {
        (void)snprintf(message, sizeof message, "%s: %.*f to %.*f%s%s is possible, in steps of %s",
                       text->name, digits, setting->min / scale_of(i), digits,
                       setting->max / scale_of(i), text->unit[0] != '\0' ? " " : "", text->unit,
                       digits == 2 ? "0.01" : "1");
        return fail_invalid(call, message, N_("nothing was changed"));
    }
    job->wanted[i] = (uint16_t)code;
    job->asked[i] = true;
    return i != INDEX_SETTING_PERIOD || is_period_of_file(call, (uint16_t)code);
}

static bool want_all(struct rpc_call *call, const json_t *values)
{
    const char *name;
    const json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)values, name, value) {
        size_t i = 0;
        while (i < SETTING_COUNT && strcmp(name, node_setting_texts[i].name) != 0)
            i++;
        if (i == SETTING_COUNT ? !fail_name(call, name) : !want(call, i, value))
            return false;
    }
    return json_object_size(values) > 0 ||
           fail_invalid(call, "values: {name: value} is needed", "`baiye settings DEVICE`");
}

/* ---- set: doing it ---- */

/* Both readings are there: before it, and what is in force now. */
static void compare(struct rpc_call *call)
{
    struct setting_job *job = call->state;
    const uint16_t *before = job->node.read, *now = before + SETTING_COUNT + 1;
    json_t *list = json_array();
    bool same = !(now[SETTING_COUNT] & NODE_STATUS_UNCOMMITTED);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!job->asked[i])
            continue;
        json_t *one = setting_json(i, now[i]);
        (void)json_object_set_new(one, "before", number(i, before[i]));
        (void)json_array_append_new(list, one);
        same = same && now[i] == job->wanted[i];
    }
    if (!same) {
        json_decref(list);
        job->node.code = "mismatch";
        job->node.hint = "`baiye settings DEVICE` shows what it has";
        (void)snprintf(job->node.message, sizeof job->node.message,
                       "it stored the settings, but they read otherwise");
        rpc_node_end(call, NULL);
        return;
    }
    rpc_node_end(call, json_pack("{s:o}", "settings", list));
}

/* From the commit on it is not known what it has, unless it refused. */
static void not_set(struct rpc_call *call)
{
    const struct rpc_node_job *job = call->state;
    const struct rpc_node_step *step = &job->steps[job->at];
    bool committing = step->address == NODE_COMMIT && step->value == COMMIT_STORE;
    bool committed = step->function == MODBUS_READ_HOLDING && job->read_count > SETTING_COUNT;
    bool stored = committed || (committing && call->reply.result != BUS_EXCEPTION);
    if (step->address == NODE_UNLOCK || job->read_count <= SETTING_COUNT)
        rpc_node_failed(call);
    else
        rpc_node_give_up(call, NODE_COMMIT, COMMIT_FORGET,
                         stored ? "; perhaps it has them: look with `baiye settings`"
                                : "; nothing was changed");
}

/* {device, values: {name: value}} */
static void run_set(struct rpc_call *call)
{
    struct setting_job *job = rpc_node_open(call, sizeof *job, NULL);
    if (job == NULL || !want_all(call, json_object_get(call->params, "values")))
        return;
    read_settings(call);
    rpc_node_write(call, NODE_UNLOCK, NODE_UNLOCK_KEY, "unlocking it");
    rpc_node_write(call, NODE_COMMIT, COMMIT_FORGET, "clearing what others left unstored");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!job->asked[i])
            continue;
        rpc_node_write(call, node_setting_texts[i].address, job->wanted[i],
                       node_setting_texts[i].name);
        job->node.steps[job->node.count - 1].reads_back = true;
    }
    rpc_node_write(call, NODE_COMMIT, COMMIT_STORE, "storing them");
    read_settings(call);
    rpc_node_run(call, compare, not_set);
}

static const struct rpc_method methods[] = {
    {.name = "settings", .role = USER_TECHNICIAN, .socket_only = true, .run = run_settings},
    {.name = "set", .role = USER_TECHNICIAN, .socket_only = true, .command = true, .run = run_set},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_settings = {.list = methods};
