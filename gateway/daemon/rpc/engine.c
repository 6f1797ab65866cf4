/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/common/text.h"
#include "gateway/daemon/rpc/call.h"
#include "protocols/modbus/pdu.h"

#define REFUSED_A_MINUTE 20 /* audit rows: somebody who floods must not fill the flash */

struct rpc_engine {
    char users_file[CONFIG_PATH_SIZE];
    uint32_t call_count;
    struct {
        uint64_t hash;
        int64_t at_ms;
    } duplicates[RPC_DUPLICATES_MAX];
    uint32_t next_duplicate;
    uint32_t refused_left; /* rows that refused requests may still take in this minute */
    int64_t refused_since_ms;
    struct log_rate audit_said;
};

static void close_rooms(struct rpc *rpc, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rpc_rooms[i]->close != NULL)
            rpc_rooms[i]->close(rpc);
    }
}

static size_t open_rooms(struct rpc *rpc)
{
    size_t i = 0;
    while (rpc_rooms[i] != NULL && (rpc_rooms[i]->open == NULL || rpc_rooms[i]->open(rpc)))
        i++;
    return i;
}

struct rpc *rpc_open(struct loop *loop, const struct config *config, const struct rpc_parts *parts)
{
    struct rpc *rpc = calloc(1, sizeof *rpc);
    struct rpc_engine *engine = calloc(1, sizeof *engine);
    if (rpc == NULL || engine == NULL) {
        free(rpc);
        free(engine);
        return NULL;
    }
    *rpc = (struct rpc){.loop = loop, .config = config, .parts = *parts, .engine = engine};
    engine->refused_left = REFUSED_A_MINUTE;
    if (!users_path(config->file, engine->users_file, sizeof engine->users_file))
        engine->users_file[0] = '\0';
    size_t opened = open_rooms(rpc);
    if (rpc_rooms[opened] != NULL) {
        close_rooms(rpc, opened);
        free(engine);
        free(rpc);
        return NULL;
    }
    return rpc;
}

static void free_call(struct rpc_call *call)
{
    json_decref(call->params);
    if (call->state != NULL && call->release != NULL)
        call->release(call->state);
    free(call->state);
    free(call);
}

void rpc_close(struct rpc *rpc)
{
    size_t rooms = 0;
    if (rpc == NULL)
        return;
    while (rpc->calls != NULL) {
        struct rpc_call *call = rpc->calls;
        rpc->calls = call->next;
        free_call(call);
    }
    while (rpc_rooms[rooms] != NULL)
        rooms++;
    close_rooms(rpc, rooms);
    free(rpc->engine);
    free(rpc);
}

void *rpc_attach(struct rpc_call *call, size_t size, void (*release)(void *state))
{
    call->state = calloc(1, size);
    call->release = release;
    if (call->state == NULL)
        rpc_fail(call, "memory", "the gateway is out of memory", "ask for less, or later");
    return call->state;
}

/* ---- Audit and duplicates ---- */

void rpc_copy_cut(char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);
    while (length > 0 && ((uint8_t)text[length] & 0xC0) == 0x80) /* no half of a character */
        length--;
    memcpy(out, text, length);
    out[length] = '\0';
}

static void write_audit(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                        const char *detail, const char *result)
{
    struct store_audit row = {.at_ms = store_now(rpc->parts.store).ms,
                              .asker = STORE_ASKER_GATEWAY};
    rpc_copy_cut(row.user, sizeof row.user, caller->user);
    rpc_copy_cut(row.via, sizeof row.via, caller->via);
    rpc_copy_cut(row.method, sizeof row.method, method);
    rpc_copy_cut(row.detail, sizeof row.detail, detail);
    rpc_copy_cut(row.result, sizeof row.result, result);
    enum store_result stored = store_audit(rpc->parts.store, &row, NULL, NULL);
    if (stored != STORE_OK)
        log_limited(&rpc->engine->audit_said, LOG_LEVEL_WARNING,
                    "audit: not stored (%s): %s by %s over %s: %s", store_result_text(stored),
                    row.method, row.user, row.via, row.result);
}

void rpc_audit_refused(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                       const char *detail, const char *result)
{
    struct rpc_engine *engine = rpc->engine;
    int64_t now = loop_now_ms();
    if (now - engine->refused_since_ms > 60000) {
        engine->refused_since_ms = now;
        engine->refused_left = REFUSED_A_MINUTE;
    }
    if (engine->refused_left == 0)
        return;
    engine->refused_left--;
    write_audit(rpc, caller, method, detail,
                engine->refused_left > 0 ? result : N_("more were refused in this minute"));
}

enum user_role rpc_role(const struct rpc *rpc, const char *name)
{
    return user_name_valid(name) ? users_role(rpc->engine->users_file, name) : USER_UNKNOWN;
}

void rpc_wrong_login(struct rpc *rpc, const char *user, const char *peer, const char *via)
{
    struct rpc_caller caller = {.broker = -1};
    rpc_copy_cut(caller.user, sizeof caller.user, user);
    rpc_copy_cut(caller.via, sizeof caller.via, via);
    rpc_audit_refused(rpc, &caller, "login", peer, N_("refused: wrong password"));
}

/* FNV-1a, 64 bit: enough to tell 64 commands apart. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3u;
    return (hash ^ 0xFF) * 0x100000001B3u;
}

/* A second delivery is the same in all: who, what, its identifier and its parameters. */
static uint64_t hash_command(const struct rpc_caller *caller, const char *method,
                             const char *duplicate_id, const char *detail)
{
    uint64_t hash = hash_text(0xCBF29CE484222325u, caller->user);
    return hash_text(hash_text(hash_text(hash, method), duplicate_id), detail);
}

static bool is_duplicate(struct rpc_engine *engine, uint64_t hash)
{
    int64_t now = loop_now_ms();
    for (size_t i = 0; i < RPC_DUPLICATES_MAX; i++) {
        if (engine->duplicates[i].hash == hash && engine->duplicates[i].at_ms > 0 &&
            now - engine->duplicates[i].at_ms < RPC_DUPLICATES_MS)
            return true;
    }
    engine->duplicates[engine->next_duplicate].hash = hash;
    engine->duplicates[engine->next_duplicate].at_ms = now;
    engine->next_duplicate = (engine->next_duplicate + 1) % RPC_DUPLICATES_MAX;
    return false;
}

/* It failed: when it comes again it is tried again. */
static void forget_duplicate(struct rpc_engine *engine, uint64_t hash)
{
    for (size_t i = 0; i < RPC_DUPLICATES_MAX; i++) {
        if (engine->duplicates[i].hash == hash)
            engine->duplicates[i].at_ms = 0;
    }
}

/* ---- The end of a call ---- */

static void finish(struct rpc_call *call, json_t *body, const char *result, bool refused)
{
    struct rpc *rpc = call->rpc;
    if (json_object_get(body, "error") != NULL && call->duplicate_hash != 0)
        forget_duplicate(rpc->engine, call->duplicate_hash);
    for (struct rpc_call **at = &rpc->calls; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            rpc->engine->call_count--;
            break;
        }
    }
    if (call->method->command)
        write_audit(rpc, &call->caller, call->method->name, call->detail, result);
    else if (refused)
        rpc_audit_refused(rpc, &call->caller, call->method->name, call->detail, result);
    if (call->answer != NULL)
        call->answer(call->context, false, body);
    json_decref(body);
    free_call(call);
}

void rpc_end(struct rpc_call *call, json_t *result)
{
    if (result == NULL) {
        rpc_fail(call, "memory", "the gateway is out of memory", "ask for less, or later");
        return;
    }
    finish(call, result, N_("ok"), false);
}

static json_t *error_body(const char *code, const char *message, const char *hint)
{
    return json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "message", message, "hint", hint);
}

void rpc_fail(struct rpc_call *call, const char *code, const char *message, const char *hint)
{
    char result[128];
    (void)snprintf(result, sizeof result, "%s: %s", code, message);
    finish(call, error_body(code, message, hint), result, strcmp(code, "forbidden") == 0);
}

void rpc_fail_store(struct rpc_call *call, enum store_result result)
{
    static const char *const codes[] = {"ok",      "busy",    "unavailable", "unknown",
                                        "invalid", "stopped", "limit"};
    size_t index = (size_t)(-(int)result);
    rpc_fail(call, index < sizeof codes / sizeof codes[0] ? codes[index] : "failed",
             store_result_text(result),
             result == STORE_BUSY    ? "ask again in a few seconds"
             : result == STORE_LIMIT ? "go on tomorrow"
                                     : "");
}

void rpc_fail_bus(struct rpc_call *call, const struct bus_reply *reply)
{
    static const char *const codes[] = {"ok",   "timeout", "garbled",  "exception", "down",
                                        "busy", "stopped", "mismatch", "invalid",   "paused"};
    char message[96];
    size_t index = (size_t)(-(int)reply->result);
    if (reply->result == BUS_EXCEPTION) {
        (void)snprintf(message, sizeof message, "the device refused: Modbus exception %u, %s",
                       reply->exception, modbus_exception_text(reply->exception));
    } else {
        rpc_copy_cut(message, sizeof message, bus_result_text(reply->result));
    }
    rpc_fail(call, index < sizeof codes / sizeof codes[0] ? codes[index] : "failed", message, "");
}

void rpc_progress(struct rpc_call *call, const json_t *body)
{
    if (call->answer != NULL)
        call->answer(call->context, true, body);
}

static void run_task(struct loop_task *task)
{
    struct rpc_call *call = (struct rpc_call *)((char *)task - offsetof(struct rpc_call, task));
    call->resume(call);
}

void rpc_resume(struct rpc_call *call)
{
    call->task = (struct loop_task){.run = run_task};
    loop_post(call->rpc->loop, &call->task);
}

void rpc_store_done(void *context, enum store_result result)
{
    struct rpc_call *call = context;
    call->store_result = result;
    rpc_resume(call);
}

void rpc_forget(struct rpc_call *call)
{
    call->answer = NULL;
}

/* ---- Parameters ---- */

bool rpc_has(const struct rpc_call *call, const char *name)
{
    const json_t *value = json_object_get(call->params, name);
    return value != NULL && !json_is_null(value);
}

static void fail_param(struct rpc_call *call, const char *name, const char *what)
{
    char message[96];
    (void)snprintf(message, sizeof message, "%s: %s", name, what);
    rpc_fail(call, "invalid", message, "see the manual page of baiye for the parameters");
}

const char *rpc_text(struct rpc_call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->params, name));
    if (text == NULL || text[0] == '\0') {
        fail_param(call, name, "a text is needed");
        return NULL;
    }
    return text;
}

bool rpc_integer(struct rpc_call *call, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = json_object_get(call->params, name);
    double number = json_number_value(value);
    char what[64];
    if (!json_is_number(value) || !(number >= (double)min && number <= (double)max) ||
        number != floor(number)) {
        (void)snprintf(what, sizeof what, "a whole number %" PRId64 "..%" PRId64 " is needed", min,
                       max);
        fail_param(call, name, what);
        return false;
    }
    *out = json_is_integer(value) ? json_integer_value(value) : (int64_t)number;
    return true;
}

/* Who asks by the control socket has the command line. */
static void fail_unknown(struct rpc_call *call, const char *what, const char *name,
                         const char *method)
{
    char asked[CONFIG_NAME_SIZE], message[CONFIG_NAME_SIZE + 32], hint[48];
    rpc_copy_cut(asked, sizeof asked, name);
    (void)snprintf(message, sizeof message, "there is no %s \"%s\"", what, asked);
    (void)snprintf(hint, sizeof hint,
                   call->caller.broker < 0 ? "`baiye %s` lists them" : "method %s lists them",
                   method);
    rpc_fail(call, "unknown", message, hint);
}

const struct device_config *rpc_device(struct rpc_call *call)
{
    const char *name = rpc_text(call, "device");
    if (name == NULL)
        return NULL;
    const struct device_config *device = config_device(call->rpc->config, name);
    if (device == NULL)
        fail_unknown(call, "device", name, "devices");
    return device;
}

bool rpc_bus(struct rpc_call *call, uint16_t *bus)
{
    const struct config *config = call->rpc->config;
    const char *name = rpc_text(call, "bus");
    if (name == NULL)
        return false;
    for (uint16_t i = 0; i < config->bus_count; i++) {
        if (strcmp(config->buses[i].name, name) == 0) {
            *bus = i;
            return true;
        }
    }
    fail_unknown(call, "bus", name, "stats");
    return false;
}

/* ---- The beginning ---- */

/* Expired by the sender's own date (UTC ms), when the gateway knows what time it is. */
static bool expired(struct rpc *rpc, const json_t *params)
{
    const json_t *expires = json_object_get(params, "expires");
    struct wall_ms now = store_now(rpc->parts.store);
    return json_is_number(expires) && now.trust == TIME_TRUSTED &&
           json_number_value(expires) < (double)now.ms;
}

static const struct rpc_method *find(const char *name)
{
    for (size_t i = 0; rpc_rooms[i] != NULL; i++) {
        for (const struct rpc_method *method = rpc_rooms[i]->list; method->name != NULL; method++) {
            if (strcmp(method->name, name) == 0)
                return method;
        }
    }
    return NULL;
}

/* For people: "methods: time, devices, ...", those that are for this way and this role. */
static void list_methods(const struct rpc_caller *caller, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; rpc_rooms[i] != NULL; i++) {
        for (const struct rpc_method *method = rpc_rooms[i]->list; method->name != NULL; method++) {
            if (method->role > caller->role || (method->socket_only && caller->broker >= 0))
                continue;
            (void)text_add(out, size, "%s%s", out[0] != '\0' ? ", " : "methods: ", method->name);
        }
    }
}

struct rpc_call *rpc_refuse(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                            const char *detail, const char *code, const char *message,
                            const char *hint, rpc_answer answer, void *context)
{
    char result[128];
    (void)snprintf(result, sizeof result, "%s: %s", code, message);
    rpc_audit_refused(rpc, caller, method, detail, result);
    json_t *body = error_body(code, message, hint);
    if (answer != NULL)
        answer(context, false, body);
    json_decref(body);
    return NULL;
}

/* No user may have more calls under way than there are places left: whoever floods the gateway
 * always leaves one for somebody else, and the control socket has some of its own. */
static bool room_for(const struct rpc *rpc, const struct rpc_caller *caller)
{
    bool socket = caller->broker < 0;
    uint32_t own = 0, places = socket ? RPC_CALLS_MAX : RPC_CALLS_MAX - RPC_CALLS_SOCKET;
    for (const struct rpc_call *call = rpc->calls; call != NULL; call = call->next)
        own += call->caller.broker >= 0 && strcmp(call->caller.user, caller->user) == 0;
    return rpc->engine->call_count < places && (socket || own < places - rpc->engine->call_count);
}

/* May whoever asks call it, and if not: why? Roles are of the farm's users, and the names at a
 * broker that is not the farm's are not theirs. */
static const char *why_not(const struct rpc *rpc, const struct rpc_caller *caller,
                           const struct rpc_method *method)
{
    uint8_t requests =
        caller->broker < 0 ? REQUESTS_FARM : rpc->config->brokers[caller->broker].requests;
    bool granted = requests == REQUESTS_FARM ? caller->role >= method->role
                   : requests == REQUESTS_COUNTY
                       ? method->for_county
                       : requests == REQUESTS_RESEND && method->for_resend;
    if (granted)
        return NULL;
    if (requests != REQUESTS_FARM)
        return "by this broker that may not be asked (requests: in the configuration)";
    return method->role == USER_TECHNICIAN ? "a technician may (baiye user add)"
                                           : "a farmer may (baiye user add)";
}

struct rpc_call *rpc_call(struct rpc *rpc, const struct rpc_caller *caller, const char *name,
                          json_t *params, const char *duplicate_id, rpc_answer answer,
                          void *context)
{
    char detail[512] = "";
    size_t size =
        json_dumpb(params, detail, sizeof detail - 1, JSON_COMPACT | JSON_REAL_PRECISION(12));
    detail[size < sizeof detail ? size : sizeof detail - 1] = '\0';
    const struct rpc_method *method = find(name);
    if (method == NULL || method->secret)
        detail[0] = '\0'; /* that of an unknown one may be meant for it */
    if (method == NULL || (method->socket_only && caller->broker >= 0)) {
        char methods[256];
        list_methods(caller, methods, sizeof methods);
        return rpc_refuse(rpc, caller, name, detail, "unknown-method",
                          N_("there is no such method"), methods, answer, context);
    }
    const char *hint = why_not(rpc, caller, method);
    if (hint != NULL)
        return rpc_refuse(rpc, caller, name, detail, "forbidden", N_("this user may not do that"),
                          hint, answer, context);
    if (expired(rpc, params))
        return rpc_refuse(rpc, caller, name, detail, "expired", N_("the request came too late"),
                          "send it anew", answer, context);
    struct rpc_call *call = room_for(rpc, caller) ? calloc(1, sizeof *call) : NULL;
    if (call == NULL)
        return rpc_refuse(rpc, caller, name, detail, "busy", N_("too many requests are under way"),
                          "ask again in a few seconds", answer, context);
    uint64_t hash = method->command && duplicate_id[0] != '\0'
                        ? hash_command(caller, name, duplicate_id, detail)
                        : 0;
    if (hash != 0 && is_duplicate(rpc->engine, hash)) {
        free(call);
        rpc_audit_refused(rpc, caller, name, detail, N_("duplicate: already taken"));
        if (answer != NULL)
            answer(context, false, NULL);
        return NULL;
    }
    call->rpc = rpc;
    call->method = method;
    call->caller = *caller;
    call->duplicate_hash = hash;
    call->params = json_incref(params);
    call->answer = answer;
    call->context = context;
    memcpy(call->detail, detail, sizeof detail);
    call->next = rpc->calls;
    rpc->calls = call;
    rpc->engine->call_count++;
    method->run(call);
    for (struct rpc_call *at = rpc->calls; at != NULL; at = at->next) {
        if (at == call)
            return call;
    }
    return NULL;
}
