/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration from afar, on trial: the daemon runs by it, and goes back to its file
 * unless whoever asked confirms it in time by the same broker. So what cuts the gateway off, or
 * makes it fall over, ends by itself (gateway/daemon/config/trial.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/last_good.h"
#include "gateway/daemon/config/trial.h"
#include "gateway/daemon/config/whole_file.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/rpc/helper.h"
#include "gateway/daemon/rpc/methods_config.h"

#define RESTART_MS 1000 /* the answer goes out first */

struct tried {
    struct rpc *rpc;
    struct config_trial trial;
    bool runs;     /* what is tried is what runs */
    bool starting; /* it will be */
    bool ending;   /* it was called off */
    struct loop_timer timer;
};

static const char *way_of(const struct rpc_call *call)
{
    return call->caller.broker < 0 ? "socket"
                                   : call->rpc->config->brokers[call->caller.broker].name;
}

static void start_anew(struct loop_timer *timer)
{
    struct tried *tried = timer->context;
    tried->rpc->parts.restart(tried->rpc->parts.reload_context);
}

static void time_is_up(struct loop_timer *timer)
{
    struct tried *tried = timer->context;
    config_trial_undo(last_good_folder(), &tried->trial, "nobody confirmed it in time");
    start_anew(timer);
}

/* ---- config ---- */

static bool is_hash(const char *text)
{
    return strlen(text) == TRIAL_HASH_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == TRIAL_HASH_SIZE - 1;
}

static void fail_refused(struct rpc_call *call, const char *why)
{
    rpc_fail(call, "refused", why, "the configuration that is in force stays so");
}

bool config_may_try(struct rpc_call *call, const char *hash_old)
{
    char hash[TRIAL_HASH_SIZE], message[160];
    const struct rpc *rpc = call->rpc;
    if (rpc->parts.judge == NULL || rpc->tried->runs || rpc->tried->starting) {
        rpc_fail(call, "busy", "another configuration is being tried", "wait for its end");
        return false;
    }
    if (!config_trial_hash_file(rpc->config->file, hash) || strcmp(hash, hash_old) != 0) {
        (void)snprintf(message, sizeof message, "the file has another sha256: %s", hash);
        rpc_fail(call, "changed", message, "look at the file that is there, then ask anew");
        return false;
    }
    if (config_trial_way(rpc->config) == TRIAL_NOT) {
        rpc_fail(call, "unavailable", "the gateway can't write its configuration file",
                 "at the gateway: systemctl status baiye-config.socket");
        return false;
    }
    return true;
}

static void begin(struct rpc_call *call, int64_t confirm_s)
{
    struct tried *tried = call->rpc->tried;
    (void)snprintf(tried->trial.via, sizeof tried->trial.via, "%s", way_of(call));
    if (!config_trial_begin(last_good_folder(), &tried->trial, call->rpc->config->file,
                            (uint32_t)confirm_s)) {
        rpc_fail(call, "unavailable", "what is tried can't be kept on the disk",
                 "see whether it is full");
        return;
    }
    tried->starting = true;
    tried->timer.expired = start_anew;
    loop_timer_start(call->rpc->loop, &tried->timer, RESTART_MS);
    rpc_end(call, json_pack("{s:s,s:I,s:I}", "sha256", tried->trial.hash, "confirm_s",
                            (json_int_t)confirm_s, "boot",
                            (json_int_t)store_boot(call->rpc->parts.store)));
}

void config_try(struct rpc_call *call, const char *yaml, size_t size, int64_t confirm_s)
{
    char why[CONFIG_REFUSED_SIZE];
    const struct rpc_parts *parts = &call->rpc->parts;
    if (size > TRIAL_YAML_MAX || strlen(yaml) != size) {
        fail_refused(call, "it is longer than 60 KiB, or holds a NUL");
        return;
    }
    const char *lang = json_string_value(json_object_get(call->params, "lang"));
    language_here(lang != NULL && strcmp(lang, "zh") == 0);
    bool good = parts->judge(parts->reload_context, yaml, size,
                             call->caller.broker < 0 ? NULL : way_of(call), why, sizeof why);
    language_here(false);
    if (good)
        begin(call, confirm_s);
    else
        fail_refused(call, why);
}

/* {sha256_old, yaml, confirm_s [, lang]} */
static void run_config(struct rpc_call *call)
{
    char hash[TRIAL_HASH_SIZE];
    int64_t confirm_s;
    const char *hash_old = rpc_text(call, "sha256_old");
    const char *yaml = hash_old != NULL ? rpc_text(call, "yaml") : NULL;
    if (yaml == NULL ||
        !rpc_integer(call, "confirm_s", CONFIG_CONFIRM_LEAST_S, CONFIG_CONFIRM_MOST_S, &confirm_s))
        return;
    size_t size = json_string_length(json_object_get(call->params, "yaml"));
    config_trial_hash(yaml, size, hash);
    (void)snprintf(call->detail, sizeof call->detail, "sha256_old %.64s sha256 %s confirm_s %lld",
                   is_hash(hash_old) ? hash_old : "?", hash, (long long)confirm_s);
    if (config_may_try(call, hash_old))
        config_try(call, yaml, size, confirm_s);
}

/* ---- config_confirm ---- */

static void fail_confirm(struct rpc_call *call, const char *why)
{
    rpc_fail(call, "unavailable", why, "it is undone when its time is up");
}

static void is_file_now(struct rpc_call *call)
{
    struct tried *tried = call->rpc->tried;
    config_trial_done(last_good_folder());
    loop_timer_stop(&tried->timer);
    tried->runs = false;
    (void)last_good_keep(call->rpc->config, last_good_folder()); /* else at the next start */
    rpc_end(call, json_pack("{s:s}", "sha256", tried->trial.hash));
}

static void release(void *state)
{
    helper_forget(state);
}

static void answered(struct helper *helper, const char *line)
{
    struct rpc_call *call = helper->context;
    char why[HELPER_ANSWER_SIZE + 32];
    /* Meanwhile it may have been confirmed twice, or its time be up. */
    if (strcmp(line, "ok") == 0 && call->rpc->tried->runs) {
        is_file_now(call);
        return;
    }
    (void)snprintf(why, sizeof why, "the file was not written%s%s", line[0] != '\0' ? ": " : "",
                   line);
    fail_confirm(call, why);
}

/* "SHA256-OLD SIZE\n", then the text. */
static void ask_helper(struct rpc_call *call, const char *yaml, size_t size)
{
    enum { HEAD_SIZE = TRIAL_HASH_SIZE + 16 };
    struct helper *helper = rpc_attach(call, sizeof *helper, release);
    if (helper == NULL)
        return;
    char *question = size <= TRIAL_YAML_MAX ? malloc(HEAD_SIZE + size) : NULL;
    if (question == NULL) {
        fail_confirm(call, "no memory for the text");
        return;
    }
    int head = snprintf(question, HEAD_SIZE, "%s %zu\n", call->rpc->tried->trial.hash_old, size);
    helper->context = call;
    helper->answered = answered;
    memcpy(question + head, yaml, size); /* 64 digits and a number of five fit */
    bool asked = helper_request(helper, call->rpc->loop, call->rpc->config->config_socket, question,
                                (size_t)head + size);
    free(question);
    if (!asked)
        fail_confirm(call, "nobody is there who writes the file (baiye-config.socket)");
}

static void confirm(struct rpc_call *call)
{
    char why[TRIAL_WHY_SIZE];
    size_t size = 0;
    const struct config *config = call->rpc->config;
    char *yaml = config_trial_accept(last_good_folder(), &call->rpc->tried->trial, config, &size,
                                     why, sizeof why);
    if (yaml == NULL)
        fail_confirm(call, why);
    else if (config_trial_way(config) == TRIAL_BY_HELPER)
        ask_helper(call, yaml, size);
    else if (config_trial_replace(config->file, yaml, size))
        is_file_now(call);
    else
        fail_confirm(call, "the file can't be written");
    free(yaml);
}

/* Answered before, or done by hand at the gateway: that it is so is all that counts. */
static bool is_in_force(const struct rpc_call *call, const char *hash)
{
    char now[TRIAL_HASH_SIZE];
    return !call->rpc->tried->runs && config_trial_hash_file(call->rpc->config->file, now) &&
           strcmp(hash, now) == 0;
}

/* {sha256} */
static void run_confirm(struct rpc_call *call)
{
    const struct tried *tried = call->rpc->tried;
    const char *hash = rpc_text(call, "sha256");
    if (hash == NULL)
        return;
    bool it = tried->runs && strcmp(tried->trial.hash, hash) == 0;
    if (it && strcmp(tried->trial.via, way_of(call)) != 0)
        rpc_fail(call, "forbidden", "it is confirmed by the broker that it came by", "");
    else if (it)
        confirm(call);
    else if (tried->starting && strcmp(tried->trial.hash, hash) == 0)
        rpc_fail(call, "busy", "the gateway is about to start anew by it",
                 "again in a few seconds");
    else if (is_in_force(call, hash))
        rpc_end(call, json_pack("{s:s}", "sha256", hash));
    else
        rpc_fail(call, "unknown", "no such configuration is being tried",
                 "method config_state says what is");
}

/* ---- config_undo ---- */

/* {sha256}: what is tried, or is about to be, is called off at once and need not run out. */
static void run_undo(struct rpc_call *call)
{
    struct tried *tried = call->rpc->tried;
    const char *hash = rpc_text(call, "sha256");
    if (hash == NULL)
        return;
    if ((!tried->runs && !tried->starting) || strcmp(tried->trial.hash, hash) != 0) {
        rpc_fail(call, "unknown", "no such configuration is being tried",
                 "method config_state says what is");
    } else if (strcmp(tried->trial.via, way_of(call)) != 0) {
        rpc_fail(call, "forbidden", "it is called off by the broker that it came by", "");
    } else if (tried->ending) {
        rpc_fail(call, "busy", "the gateway is about to start anew by its file",
                 "again in a few seconds");
    } else {
        config_trial_undo(last_good_folder(), &tried->trial, "it was called off");
        tried->runs = false;
        tried->starting = tried->ending = true;
        tried->timer.expired = start_anew;
        loop_timer_start(call->rpc->loop, &tried->timer, RESTART_MS);
        rpc_end(call, json_object());
    }
}

/* ---- config_state ---- */

static json_t *trial_json(const struct tried *tried)
{
    if (!tried->runs)
        return json_null();
    return json_pack("{s:s,s:s,s:I}", "sha256", tried->trial.hash, "via", tried->trial.via,
                     "left_s", (json_int_t)(config_trial_left_ms(&tried->trial) / 1000));
}

static json_t *undone_json(void)
{
    char hash[TRIAL_HASH_SIZE], why[TRIAL_WHY_SIZE];
    const char *folder = last_good_folder();
    if (folder == NULL || !config_trial_undone(folder, hash, why))
        return json_null();
    return json_pack("{s:s,s:s}", "sha256", hash, "why", why);
}

/* {yaml: true}: the file's text as well */
static void run_state(struct rpc_call *call)
{
    char hash[TRIAL_HASH_SIZE] = "";
    size_t size = 0;
    char *text = whole_file_read(call->rpc->config->file, &size);
    if (text != NULL)
        config_trial_hash(text, size, hash);
    json_t *state = json_pack("{s:s,s:o,s:o}", "sha256", hash, "trial",
                              trial_json(call->rpc->tried), "undone", undone_json());
    if (json_is_true(json_object_get(call->params, "yaml")) && size <= TRIAL_YAML_MAX)
        (void)json_object_set_new(state, "yaml", json_stringn(text, size));
    free(text);
    rpc_end(call, state);
}

/* ---- The room ---- */

static bool open_tried(struct rpc *rpc)
{
    const char *folder = last_good_folder();
    struct tried *tried = rpc->tried = calloc(1, sizeof *tried);
    if (tried == NULL)
        return false;
    tried->rpc = rpc;
    tried->runs = rpc->config->trial && folder != NULL && config_trial_read(folder, &tried->trial);
    tried->timer = (struct loop_timer){.context = tried, .expired = start_anew};
    if (tried->runs) {
        tried->timer.expired = time_is_up;
        loop_timer_start(rpc->loop, &tried->timer, config_trial_left_ms(&tried->trial));
    }
    return true;
}

static void close_tried(struct rpc *rpc)
{
    loop_timer_stop(&rpc->tried->timer);
    free(rpc->tried);
}

static const struct rpc_method methods[] = {
    {.name = "config",
     .role = USER_TECHNICIAN,
     .command = true,
     .secret = true,
     .for_county = true,
     .run = run_config},
    {.name = "config_confirm",
     .role = USER_TECHNICIAN,
     .command = true,
     .for_county = true,
     .run = run_confirm},
    {.name = "config_undo",
     .role = USER_TECHNICIAN,
     .command = true,
     .for_county = true,
     .run = run_undo},
    {.name = "config_state", .role = USER_TECHNICIAN, .for_county = true, .run = run_state},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_config = {
    .list = methods, .open = open_tried, .close = close_tried};
