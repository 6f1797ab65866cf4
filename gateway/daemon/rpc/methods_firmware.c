/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware for the nodes, from the county: it comes in parts within the data plan, is believed only
 * for a key of this gateway's own (update/trust.h), and goes to the nodes as `update` does, but not
 * while a frost stands. Each of these methods answers with how it stands (state_of()), so that
 * whoever asks may lose any answer and ask again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/rpc/firmware_head.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/live.h"
#include "gateway/daemon/update/job.h"
#include "gateway/daemon/update/offer.h"

#define SHARE_DEFAULT 50  /* percent of the line's time */
#define PLAN_PERCENT  80  /* of the month: what readings need is not for firmware */
#define PART_OVERHEAD 400 /* topic, frames and the answer, in bytes */
#define LISTED_MOST   20  /* nodes that are listed one by one */

/* ---- What is reported ---- */

static bool is_running(const struct rpc *rpc)
{
    return rpc->updates->job != NULL && rpc->updates->job->wanted.afar;
}

static unsigned node_count(const struct config *config)
{
    unsigned count = 0;
    for (uint16_t i = 0; i < config->device_count; i++)
        count += config->devices[i].profile->node;
    return count;
}

/* What one node of the outcome is now: "", "silent" (it does not answer) or "fell-back" (it runs
 * something else than it was brought to). */
static const char *now_of(const struct rpc *rpc, const json_t *node, const char *version,
                          char firmware[READING_TEXT_SIZE])
{
    const char *name = json_string_value(json_object_get(node, "device"));
    const struct device_config *device = config_device(rpc->config, name != NULL ? name : "");
    struct device_health health;
    firmware[0] = '\0';
    if (device == NULL)
        return ""; /* taken out of the garden since */
    if (!live_get_health(store_live(rpc->parts.store), device->index, &health) || !health.online)
        return "silent";
    (void)snprintf(firmware, READING_TEXT_SIZE, "%s", health.firmware);
    return firmware[0] != '\0' && strcmp(firmware, version) != 0 ? "fell-back" : "";
}

static void count_one(json_t *counts, const char *name)
{
    json_int_t so_far = json_integer_value(json_object_get(counts, name));
    (void)json_object_set_new(counts, name, json_integer(so_far + 1));
}

/* A node that never answered was lost before the update. */
static const char *fate_of(const json_t *node)
{
    const char *state = json_string_value(json_object_get(node, "state"));
    bool absent = state != NULL && strcmp(state, "silent") == 0 &&
                  json_is_null(json_object_get(node, "before"));
    return absent ? "absent" : state != NULL ? state : "unfinished";
}

/* {state: number}, and into `listed` the first of those that are not as they should be. Of those
 * that have it, a second count of what they are now. */
static json_t *count_nodes(const struct rpc *rpc, json_t *listed)
{
    const json_t *outcome = rpc->offer->outcome, *node;
    const char *version = json_string_value(json_object_get(outcome, "version"));
    json_t *counts = json_object();
    size_t i;
    json_array_foreach (json_object_get(outcome, "nodes"), i, node) {
        char firmware[READING_TEXT_SIZE] = "";
        const char *fate = fate_of(node), *now = "";
        bool has_it = strcmp(fate, "updated") == 0 || strcmp(fate, "current") == 0;
        if (has_it)
            now = now_of(rpc, node, version != NULL ? version : "", firmware);
        count_one(counts, fate);
        if (now[0] != '\0')
            count_one(counts, strcmp(now, "silent") == 0 ? "lost" : now);
        if ((has_it ? now[0] != '\0' : strcmp(fate, "skipped") != 0) &&
            json_array_size(listed) < LISTED_MOST)
            (void)json_array_append_new(
                listed, json_pack("{s:O,s:s,s:O,s:s}", "device", json_object_get(node, "device"),
                                  "state", has_it ? now : fate, "reason",
                                  json_object_get(node, "reason"), "firmware", firmware));
    }
    return counts;
}

static json_t *outcome_of(const struct rpc *rpc)
{
    const json_t *outcome = rpc->offer->outcome;
    if (outcome == NULL)
        return json_null();
    json_t *listed = json_array(), *counts = count_nodes(rpc, listed);
    return json_pack("{s:O,s:O,s:O,s:o,s:o}", "sha256", json_object_get(outcome, "sha256"),
                     "version", json_object_get(outcome, "version"), "stopped",
                     json_object_get(outcome, "stopped"), "counts", counts, "nodes", listed);
}

/* Of the broker that asks; limit 0: it has no plan. */
static uint64_t plan_of(const struct rpc_call *call, uint64_t *used)
{
    const struct rpc *rpc = call->rpc;
    struct publish_stats stats = {.bytes_month = 0};
    *used = 0;
    if (call->caller.broker < 0 || rpc->parts.publish == NULL)
        return 0;
    publish_stats(rpc->parts.publish, (uint16_t)call->caller.broker, &stats);
    *used = stats.bytes_month;
    return rpc->config->brokers[call->caller.broker].budget_bytes_month;
}

/* Bytes on the network for what is not here yet. */
static uint64_t needs_of(const struct offer *offer)
{
    size_t left = offer->size - offer->have;
    return left / 3 * 4 + (left + OFFER_PART - 1) / OFFER_PART * PART_OVERHEAD;
}

static json_t *state_of(const struct rpc_call *call)
{
    const struct rpc *rpc = call->rpc;
    const struct offer *offer = rpc->offer;
    const struct update_job *job = is_running(rpc) ? rpc->updates->job : NULL;
    uint64_t used = 0, limit = plan_of(call, &used);
    return json_pack(
        "{s:s,s:I,s:I,s:i,s:i,s:b,s:i,s:s,s:{s:I,s:I,s:I},s:o}", "sha256", offer->sha256, "size",
        (json_int_t)offer->size, "have", (json_int_t)offer->have, "part", (int)OFFER_PART, "nodes",
        (int)node_count(rpc->config), "running", job != NULL, "permille",
        job != NULL ? (int)update_job_progress(job) : 0, "phase",
        job != NULL ? update_job_phase(job) : "", "plan", "limit", (json_int_t)limit, "used",
        (json_int_t)used, "needs", (json_int_t)needs_of(offer), "outcome", outcome_of(rpc));
}

/* ---- firmware_part ---- */

static bool is_hash(const char *text)
{
    return strlen(text) == OFFER_HASH_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == OFFER_HASH_SIZE - 1;
}

/* NULL: none that is one, and the call has failed; so it has before the store has been read. */
static const char *wanted_hash(struct rpc_call *call)
{
    if (call->rpc->offer->loading || call->rpc->updates->loading != NULL) {
        rpc_fail(call, "starting", "the gateway has just started", "ask again in a few seconds");
        return NULL;
    }
    const char *sha256 = rpc_text(call, "sha256");
    if (sha256 != NULL && !is_hash(sha256)) {
        rpc_fail(call, "invalid", "sha256: 64 hexadecimal digits are needed", "");
        return NULL;
    }
    return sha256;
}

/* The whole rest must fit, or nothing of it comes: half an image is of no use to anybody. */
static bool fits_plan(struct rpc_call *call)
{
    char message[128];
    uint64_t used = 0, limit = plan_of(call, &used), needs = needs_of(call->rpc->offer);
    if (limit == 0 || used + needs <= limit / 100 * PLAN_PERCENT)
        return true;
    (void)snprintf(message, sizeof message,
                   "%.1f MB are needed, and %.1f of %.1f MB of this month are used",
                   (double)needs / 1e6, (double)used / 1e6, (double)limit / 1e6);
    rpc_fail(call, "budget", message, "it goes on by itself when the next month begins");
    return false;
}

struct part {
    size_t size;
};

static void part_stored(struct rpc_call *call)
{
    const struct part *part = call->state;
    const char *wrong = offer_taken(call->rpc->offer, part->size, call->store_result);
    if (wrong != NULL)
        rpc_fail(call, "refused", wrong, "only what is signed for this gateway's nodes is taken");
    else if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, state_of(call));
}

static void take_part(struct rpc_call *call, const char *text)
{
    char data[OFFER_PART + 4];
    struct offer *offer = call->rpc->offer;
    size_t left = offer->size - offer->have, wanted = left < OFFER_PART ? left : OFFER_PART;
    int got = strlen(text) <= (OFFER_PART + 2) / 3 * 4
                  ? lws_b64_decode_string(text, data, (int)sizeof data)
                  : -1;
    if (got < 0 || (size_t)got != wanted) {
        rpc_fail(call, "invalid", "data: this is not the next part, in base64", "");
        return;
    }
    struct part *part = rpc_attach(call, sizeof *part, NULL);
    if (part == NULL)
        return;
    part->size = wanted;
    call->resume = part_stored;
    if (call->rpc->parts.publish != NULL && call->caller.broker >= 0)
        publish_spent(call->rpc->parts.publish, strlen(text) + PART_OVERHEAD);
    enum store_result result =
        offer_take(offer, (const uint8_t *)data, wanted, rpc_store_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* From now on it is about this file; false: it can't be, and the call has failed. */
static bool turn_to(struct rpc_call *call, const char *sha256, size_t size)
{
    struct offer *offer = call->rpc->offer;
    bool other = strcmp(sha256, offer->sha256) != 0 || size != offer->size;
    if (node_count(call->rpc->config) == 0) {
        rpc_fail(call, "none", "this gateway has no node of ours", "");
        return false;
    }
    if (offer->writing || (other && is_running(call->rpc))) {
        rpc_fail(call, "busy", "another part is being taken, or another image is under way",
                 "ask again later");
        return false;
    }
    if (other && !offer_begin(offer, sha256, size)) {
        rpc_fail(call, "memory", "the gateway is out of memory", "ask again later");
        return false;
    }
    return true;
}

static void receive(struct rpc_call *call)
{
    struct offer *offer = call->rpc->offer;
    int64_t size = 0, at = 0;
    const char *sha256 = wanted_hash(call), *data = NULL;
    if (sha256 == NULL || !rpc_integer(call, "size", 1, OFFER_MOST, &size) ||
        (rpc_has(call, "at") && !rpc_integer(call, "at", 0, OFFER_MOST, &at)) ||
        (rpc_has(call, "data") && (data = rpc_text(call, "data")) == NULL) ||
        !turn_to(call, sha256, (size_t)size))
        return;
    if (!offer_is_whole(offer) && !fits_plan(call))
        return;
    if (offer_is_whole(offer) || data == NULL || (size_t)at != offer->have)
        rpc_end(call, state_of(call));
    else
        take_part(call, data);
}

/* {sha256, size [, at, data]}: a part of that file, or without data only how much is here. With
 * `head` in the place of data: unless it is for no node of this gateway. */
static void run_part(struct rpc_call *call)
{
    if (rpc_has(call, "head") && !rpc_has(call, "data"))
        firmware_head_judge(call, receive);
    else
        receive(call);
}

/* ---- firmware_start ---- */

static bool begin(struct rpc_call *call, int64_t share)
{
    struct rpc *rpc = call->rpc;
    struct update_options_wanted wanted = {.share = (unsigned)share, .afar = true};
    uint8_t *file = malloc(rpc->offer->size);
    if (file == NULL)
        return false;
    memcpy(file, rpc->offer->file, rpc->offer->size);
    struct update_job *job = update_job_new(rpc, file, rpc->offer->size, &wanted);
    if (job == NULL)
        return false;
    offer_set_outcome(rpc->offer, NULL);
    rpc->updates->job = job;
    job->begun = call;
    update_keep_and_start(job);
    return true;
}

/* Who has reported that it began need not do it again, whatever happens to this gateway. */
void update_job_is_kept(struct update_job *job)
{
    struct rpc_call *call = job->begun;
    job->begun = NULL;
    if (call != NULL)
        rpc_end(call, state_of(call));
}

/* {sha256 [, share: percent of the line's time]}; it is under way already: how far. */
static void run_start(struct rpc_call *call)
{
    struct rpc *rpc = call->rpc;
    int64_t share = SHARE_DEFAULT;
    const char *sha256 = wanted_hash(call);
    if (sha256 == NULL || (rpc_has(call, "share") && !rpc_integer(call, "share", 1, 100, &share)))
        return;
    bool it = strcmp(sha256, rpc->offer->sha256) == 0, runs = it && is_running(rpc);
    if (!runs && rpc->updates->job != NULL)
        rpc_fail(call, "busy", "an update of the nodes is under way", "ask again later");
    else if (!it || !offer_is_whole(rpc->offer))
        rpc_fail(call, "unknown", "that file is not here", "send it with firmware_part");
    else if (!runs && rpc->parts.alerts != NULL && alerts_frost_stands(rpc->parts.alerts))
        rpc_fail(call, "frost", "there is a frost, and the nodes are needed", "ask again later");
    else if (runs && rpc->updates->job->begun != NULL)
        rpc_fail(call, "starting", "it is about to begin", "ask again in a few seconds");
    else if (runs)
        rpc_end(call, state_of(call));
    else if (!begin(call, share))
        rpc_fail(call, "memory", "the gateway is out of memory", "ask again later");
}

/* ---- firmware_state, firmware_stop ---- */

/* {} */
static void run_state(struct rpc_call *call)
{
    if (call->rpc->offer->loading || call->rpc->updates->loading != NULL)
        rpc_fail(call, "starting", "the gateway has just started", "ask again in a few seconds");
    else
        rpc_end(call, state_of(call));
}

/* {sha256}: nodes keep what they have; one on trial is left to its own time limit. */
static void run_stop(struct rpc_call *call)
{
    const char *sha256 = wanted_hash(call);
    if (sha256 == NULL)
        return;
    if (is_running(call->rpc) && strcmp(sha256, call->rpc->offer->sha256) == 0)
        update_job_stop(call->rpc->updates->job);
    rpc_end(call, state_of(call));
}

void update_job_came_to(struct rpc *rpc, const uint8_t id[UPDATE_ID_SIZE], json_t *result)
{
    char hex[2 * UPDATE_ID_SIZE + 1];
    hex_write(id, UPDATE_ID_SIZE, hex);
    (void)json_object_set_new(result, "sha256", json_string(hex));
    offer_set_outcome(rpc->offer, result);
}

/* ---- The room ---- */

static bool open_offer(struct rpc *rpc)
{
    rpc->offer = offer_open(rpc);
    return rpc->offer != NULL;
}

static void close_offer(struct rpc *rpc)
{
    offer_close(rpc->offer);
}

static const struct rpc_method methods[] = {
    {.name = "firmware_part",
     .role = USER_TECHNICIAN,
     .secret = true, /* it is long, and not for the audit */
     .for_county = true,
     .run = run_part},
    {.name = "firmware_start",
     .role = USER_TECHNICIAN,
     .command = true,
     .for_county = true,
     .run = run_start},
    {.name = "firmware_stop",
     .role = USER_TECHNICIAN,
     .command = true,
     .for_county = true,
     .run = run_stop},
    {.name = "firmware_state", .role = USER_TECHNICIAN, .for_county = true, .run = run_state},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_firmware = {
    .list = methods, .open = open_offer, .close = close_offer};
