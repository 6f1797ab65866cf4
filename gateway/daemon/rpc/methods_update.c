/* SPDX-License-Identifier: Apache-2.0 */
/* The method `update`: starts an update of the garden, or looks at the one under way. Whoever asks
 * watches: gets progress, and in the end what became of each node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/common/log.h"
#include "gateway/daemon/update/job.h"
#include "gateway/daemon/update/signature.h"

#define SHARE_DEFAULT  50 /* percent of the time that the update may have the line */
#define GUESS_FROM     20 /* per mille behind, before the time left is reported */
#define PROGRESS_EVERY 5  /* per mille between two progress lines, or a second */

/* ---- what is said of a node ---- */

/* It was not asked for by name, and the image is not for it. */
static bool is_skipped(const struct update_job *job, const struct update_node *node)
{
    return job->wanted.devices == NULL && node->state == NODE_FAILED && !node->silent &&
           (node->result == IMAGE_WRONG_HARDWARE || node->result == WINDOW_RESULT_NO_SLOTS);
}

static const char *state_name(const struct update_job *job, const struct update_row *row)
{
    switch ((enum node_state)row->node.state) {
    case NODE_DONE:
        return "updated";
    case NODE_CURRENT: /* or updated just before the gateway lost its power */
        return row->node.version_before == job->version ? "current" : "updated";
    case NODE_FAILED:
        return row->node.silent ? "silent" : is_skipped(job, &row->node) ? "skipped" : "failed";
    default:
        return job->wanted.dry_run ? "would-take" : "unfinished";
    }
}

/* "sensors (one gave nothing)" and so on, of NODE_SELF_TEST. */
static void name_checks(uint8_t checks, char *out, size_t size)
{
    static const char *const names[] = {"settings (both copies are damaged)",
                                        "memory (does not keep what is written)",
                                        "sensors (one gives nothing)", "supply (below 7 V)"};
    size_t at = 0;
    out[0] = '\0';
    for (unsigned bit = 0; bit < 8; bit++) {
        if (!(checks >> bit & 1) || at >= size)
            continue;
        int length = snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "",
                              bit < 4 ? names[bit] : "another check");
        at += length > 0 ? (size_t)length : 0;
    }
}

static void reason_of(const struct update_row *row, char *out, size_t size)
{
    const struct update_node *node = &row->node;
    char checks[160];
    name_checks(node->checks, checks, sizeof checks);
    out[0] = '\0';
    if (node->state == NODE_DONE && node->checks != 0)
        (void)snprintf(out, size, "its self-test fails as before: %s", checks);
    else if (node->state == NODE_FAILED && node->silent)
        (void)snprintf(out, size,
                       "it does not answer; look at its power and cable, then update again");
    else if (node->state == NODE_FAILED && node->result == WINDOW_RESULT_SELF_TEST)
        (void)snprintf(out, size, "its self-test failed, so it went back to its old image: %s",
                       checks);
    else if (node->state == NODE_FAILED)
        (void)snprintf(out, size, "%s", window_result_text(node->result));
}

static json_t *version_text(uint32_t version)
{
    return json_sprintf("%u.%u.%u", version >> 24, version >> 16 & 255, version & 0xFFFF);
}

static json_t *result_of(const struct update_job *job)
{
    const struct config *config = job->rpc->config;
    json_t *nodes = json_array();
    for (uint16_t i = 0; i < config->device_count; i++) {
        const struct update_row *row = &job->rows[i];
        char reason[320];
        if (!row->wanted)
            continue;
        reason_of(row, reason, sizeof reason);
        (void)json_array_append_new(
            nodes,
            json_pack("{s:s,s:s,s:i,s:s,s:s,s:i,s:i,s:o}", "device", config->devices[i].name, "bus",
                      config->buses[config->devices[i].bus].name, "unit",
                      (int)config->devices[i].unit, "state", state_name(job, row), "reason", reason,
                      "result", (int)row->node.result, "checks", (int)row->node.checks, "before",
                      row->node.version_before != 0 ? version_text(row->node.version_before)
                                                    : json_null()));
    }
    return json_pack("{s:o,s:b,s:o}", "version", version_text(job->version), "stopped",
                     (int)job->stopping, "nodes", nodes);
}

/* ---- those who watch ---- */

static bool watch(struct update_job *job, struct rpc_call *call)
{
    for (unsigned i = 0; i < UPDATE_WATCHERS_MAX; i++) {
        if (job->watchers[i] == NULL) {
            job->watchers[i] = call;
            return true;
        }
    }
    return false;
}

static json_t *progress_of(const struct update_job *job, unsigned permille)
{
    json_t *body = json_pack("{s:i,s:s,s:s,s:o}", "permille", (int)permille, "phase",
                             update_job_phase(job), "bus", job->rpc->config->buses[job->bus].name,
                             "version", version_text(job->version));
    int64_t spent_ms = loop_now_ms() - job->started_ms;
    if (permille >= job->started_permille + GUESS_FROM && !job->down)
        (void)json_object_set_new(
            body, "seconds_left",
            json_integer(spent_ms * (1000 - (int64_t)permille) /
                         ((int64_t)(permille - job->started_permille) * 1000)));
    return body;
}

void update_job_describe(struct update_job *job)
{
    unsigned permille = update_job_progress(job);
    int64_t now_ms = loop_now_ms();
    if (permille < job->reported_permille + PROGRESS_EVERY && now_ms - job->reported_ms < 1000)
        return;
    job->reported_permille = permille;
    job->reported_ms = now_ms;
    json_t *body = progress_of(job, permille);
    for (unsigned i = 0; i < UPDATE_WATCHERS_MAX; i++) {
        struct rpc_call *call = job->watchers[i];
        if (call == NULL)
            continue;
        if (call->answer != NULL) {
            rpc_progress(call, body);
            continue;
        }
        job->watchers[i] = NULL; /* whoever asked is gone */
        rpc_fail(call, "gone", "nobody watches; the update goes on", "");
    }
    json_decref(body);
}

static void log_rows(const struct update_job *job)
{
    const struct config *config = job->rpc->config;
    for (uint16_t i = 0; i < config->device_count && !job->wanted.dry_run; i++) {
        const struct update_row *row = &job->rows[i];
        char reason[320];
        if (!row->wanted)
            continue;
        reason_of(row, reason, sizeof reason);
        log_write(row->node.state == NODE_FAILED ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
                  "update: %s: %s%s%s", config->devices[i].name, state_name(job, row),
                  reason[0] != '\0' ? ", " : "", reason);
    }
}

void update_job_ended(struct update_job *job)
{
    struct rpc *rpc = job->rpc;
    log_rows(job);
    if (job->wanted.afar)
        update_job_came_to(rpc, job->id, result_of(job));
    for (unsigned i = 0; i < UPDATE_WATCHERS_MAX; i++) {
        if (job->watchers[i] != NULL)
            rpc_end(job->watchers[i], result_of(job));
    }
    update_keep_forget(job);
    rpc->updates->job = NULL;
    update_job_free(job);
}

/* ---- parameters ---- */

/* The image out of base64; NULL when it is none. */
static uint8_t *take_file(const char *text, size_t *size)
{
    size_t room = strlen(text) / 4 * 3 + 4;
    uint8_t *file = malloc(room);
    int got = file != NULL ? lws_b64_decode_string(text, (char *)file, (int)room) : 0;
    *size = got > 0 ? (size_t)got : 0;
    return file;
}

/* Every name is a device of ours that can be updated. */
static bool check_names(struct rpc_call *call, const json_t *names)
{
    size_t i;
    const json_t *entry;
    if (names != NULL && !json_is_array(names)) {
        rpc_fail(call, "invalid", "devices: a list of names is needed", "");
        return false;
    }
    json_array_foreach (names, i, entry) {
        const char *name = json_string_value(entry);
        const struct device_config *device =
            name != NULL ? config_device(call->rpc->config, name) : NULL;
        char message[128];
        if (device != NULL && device->profile->node)
            continue;
        (void)snprintf(message, sizeof message, "%.64s %s", name != NULL ? name : "?",
                       device == NULL ? "is no device of this gateway"
                                      : "is no node of ours and takes no update");
        rpc_fail(call, "unknown", message, "`baiye devices` lists them");
        return false;
    }
    return true;
}

static bool read_wanted(struct rpc_call *call, struct update_options_wanted *wanted)
{
    int64_t share = SHARE_DEFAULT;
    uint16_t bus = 0;
    json_t *names = json_object_get(call->params, "devices");
    if ((rpc_has(call, "bus") && !rpc_bus(call, &bus)) ||
        (rpc_has(call, "share") && !rpc_integer(call, "share", 1, 100, &share)) ||
        !check_names(call, names))
        return false;
    *wanted = (struct update_options_wanted){
        .devices = json_incref(names),
        .share = (unsigned)share,
        .dry_run = json_is_true(json_object_get(call->params, "dry_run"))};
    if (rpc_has(call, "bus"))
        (void)snprintf(wanted->bus, sizeof wanted->bus, "%s", call->rpc->config->buses[bus].name);
    return true;
}

static bool wants_any(const struct update_job *job)
{
    for (uint16_t i = 0; i < job->rpc->config->device_count; i++) {
        if (job->rows[i].wanted)
            return true;
    }
    return false;
}

static void start(struct rpc_call *call, const char *text)
{
    struct update_options_wanted wanted;
    size_t size;
    if (!read_wanted(call, &wanted))
        return;
    uint8_t *file = take_file(text, &size);
    enum image_result verdict = file != NULL ? signature_file(file, size) : IMAGE_NO_MAGIC;
    struct update_job *job = update_job_new(call->rpc, file, size, &wanted);
    if (job == NULL) {
        rpc_fail(call, "invalid",
                 verdict != IMAGE_OK ? image_result_text(verdict)
                                     : "its two variants are of different versions, or too large",
                 "make one with `baiye sign` and send it with `baiye update`");
        return;
    }
    if (!wants_any(job)) {
        update_job_free(job);
        rpc_fail(call, "unknown", "no node of ours is on this bus", "`baiye devices` lists them");
        return;
    }
    call->rpc->updates->job = job;
    (void)watch(job, call);
    update_keep_and_start(job);
}

/* The same command as that of the update under way: whoever asked was cut off, or looks again. */
static bool is_same(const struct rpc_call *call, const char *text)
{
    const struct update_job *job = call->rpc->updates->job;
    uint8_t id[UPDATE_ID_SIZE];
    size_t size;
    uint8_t *file = take_file(text, &size);
    bool same = file != NULL && SHA256(file, size, id) != NULL &&
                memcmp(id, job->id, sizeof id) == 0 &&
                json_is_true(json_object_get(call->params, "dry_run")) == job->wanted.dry_run;
    free(file);
    const char *bus = json_string_value(json_object_get(call->params, "bus"));
    const json_t *names = json_object_get(call->params, "devices");
    bool same_names =
        names == NULL ? job->wanted.devices == NULL : json_equal(names, job->wanted.devices);
    return same && same_names && strcmp(bus != NULL ? bus : "", job->wanted.bus) == 0;
}

static void fail_busy(struct rpc_call *call)
{
    const struct update_job *job = call->rpc->updates->job;
    char message[128];
    (void)snprintf(message, sizeof message, "an update to %u.%u.%u is under way (%u %%)",
                   job->version >> 24, job->version >> 16 & 255, job->version & 0xFFFF,
                   update_job_progress(job) / 10);
    rpc_fail(call, "busy", message, "`baiye update` shows it, `baiye update --stop` ends it");
}

/* For the audit: all but the image, of which its version is named when there is one. */
static void show_params(struct rpc_call *call)
{
    const char *text = json_string_value(json_object_get(call->params, "image"));
    size_t file_size, image_size;
    struct image_header header;
    uint8_t *file = text != NULL ? take_file(text, &file_size) : NULL;
    const uint8_t *image = file != NULL ? image_file_slot(file, file_size, 0, &image_size) : NULL;
    json_t *shown = json_copy(call->params);
    (void)json_object_del(shown, "image");
    if (image != NULL && image_header_read(image, image_size, &header) == IMAGE_OK)
        (void)json_object_set_new(shown, "version", version_text(header.version));
    size_t size = json_dumpb(shown, call->detail, sizeof call->detail - 1, JSON_COMPACT);
    call->detail[size < sizeof call->detail ? size : sizeof call->detail - 1] = '\0';
    json_decref(shown);
    free(file);
}

/* {image: base64 of the file [, bus, devices: [names], dry_run, share: percent]}: start it, or
 * watch it when it is under way. {}: watch. {stop: true}: end it. */
static void run_update(struct rpc_call *call)
{
    struct update_job *job = call->rpc->updates->job;
    const char *text = json_string_value(json_object_get(call->params, "image"));
    bool stop = json_is_true(json_object_get(call->params, "stop"));
    show_params(call);
    if (call->rpc->updates->loading != NULL) {
        rpc_fail(call, "starting", "the gateway has just started", "ask again in a few seconds");
    } else if (job == NULL && text != NULL && !stop) {
        start(call, text);
    } else if (job == NULL) {
        rpc_fail(call, "unknown", "no update is under way", "start one with `baiye update IMAGE`");
    } else if (text != NULL && !stop && !is_same(call, text)) {
        fail_busy(call);
    } else if (!watch(job, call)) {
        rpc_fail(call, "busy", "too many watch this update", "ask again later");
    } else if (stop) {
        update_job_stop(job);
    }
}

static const struct rpc_method methods[] = {
    {.name = "update",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_update},
    {.name = NULL},
};

static bool open_updates(struct rpc *rpc)
{
    rpc->updates = calloc(1, sizeof *rpc->updates);
    if (rpc->updates != NULL)
        update_keep_load(rpc);
    return rpc->updates != NULL;
}

/* What of an update is in memory; the next daemon goes on with it. */
static void close_updates(struct rpc *rpc)
{
    update_job_free(rpc->updates->job);
    update_keep_free(rpc->updates->loading);
    free(rpc->updates);
}

const struct rpc_methods rpc_methods_update = {
    .list = methods, .open = open_updates, .close = close_updates};
