/* SPDX-License-Identifier: Apache-2.0 */
/* The method `update`: one image, for one slot, to the nodes of one bus. gateway/daemon/update says
 * what to send; here it is sent, with pauses between, so that polling keeps its share of the line.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/serve/rpc_impl.h"
#include "gateway/daemon/update/update.h"

#define BROADCAST_MS    40  /* a node writes a block to its flash in less */
#define ANSWER_MS       500 /* a node that erases or verifies answers late */
#define SHARE_DEFAULT   50  /* percent of the time that the update may have the line */
#define PROGRESS_EVERY  5   /* per mille between two progress lines */
#define NOT_THERE_PAUSE 1000

struct update_run {
    struct update update;
    struct loop_timer timer;
    uint8_t *image;
    uint8_t units[UPDATE_NODES_MAX];
    const struct device_config *devices[UPDATE_NODES_MAX];
    unsigned device_count;
    unsigned share, told;
    bool others_listen;
    int64_t sent_ms, started_ms;
};

static void go_on(struct rpc_call *call);

void rpc_free_update(struct update_run *run)
{
    if (run == NULL)
        return;
    loop_timer_stop(&run->timer);
    free(run->image);
    free(run);
}

/* ---- what is said of a node ----------------------------------------------------------------- */

static const char *state_name(const struct update_node *node)
{
    switch ((enum node_state)node->state) {
    case NODE_DONE:
        return "updated";
    case NODE_CURRENT:
        return "current";
    case NODE_OTHER_SLOT:
        return "other-slot";
    case NODE_FAILED:
        return node->silent ? "silent" : "failed";
    case NODE_READY:
        return "ready";
    default:
        return "unfinished";
    }
}

static const char *reason_text(const struct update_node *node)
{
    if (node->state != NODE_FAILED)
        return "";
    if (node->silent)
        return "it no longer answers; look at its power and cable, then update again";
    return window_result_text(node->result);
}

static json_t *version_text(uint32_t version)
{
    return json_sprintf("%u.%u.%u", version >> 24, version >> 16 & 255, version & 0xFFFF);
}

static json_t *result_of(const struct update_run *run)
{
    json_t *nodes = json_array();
    for (unsigned i = 0; i < run->device_count; i++) {
        const struct update_node *node = &run->update.nodes[i];
        json_t *entry =
            json_pack("{s:s,s:i,s:s,s:s,s:i,s:o}", "device", run->devices[i]->name, "unit",
                      (int)node->unit, "state", state_name(node), "reason", reason_text(node),
                      "result", (int)node->result, "before", version_text(node->version_before));
        (void)json_array_append_new(nodes, entry);
    }
    return json_pack("{s:o,s:o,s:i}", "version", version_text(run->update.header.version), "nodes",
                     nodes, "slot", (int)run->update.header.slot);
}

static void tell(struct rpc_call *call)
{
    struct update_run *run = call->update;
    unsigned permille = update_progress(&run->update);
    if (permille < run->told + PROGRESS_EVERY)
        return;
    run->told = permille;
    int64_t spent_ms = loop_now_ms() - run->started_ms;
    json_t *body =
        json_pack("{s:i,s:I}", "permille", (int)permille, "seconds_left",
                  (json_int_t)(spent_ms * (1000 - (int64_t)permille) / ((int64_t)permille * 1000)));
    rpc_progress(call, body);
    json_decref(body);
}

/* ---- step by step ---------------------------------------------------------------------------- */

static void end(struct rpc_call *call)
{
    struct update_run *run = call->update;
    json_t *result = result_of(run);
    call->update = NULL;
    rpc_free_update(run);
    rpc_end(call, result);
}

static void pause_over(struct loop_timer *timer)
{
    go_on(timer->context);
}

static void pause_for(struct rpc_call *call, int64_t ms)
{
    struct update_run *run = call->update;
    run->timer.context = call;
    run->timer.expired = pause_over;
    loop_timer_start(call->rpc->loop, &run->timer, ms);
}

static void answered(struct rpc_call *call)
{
    struct update_run *run = call->update;
    const struct bus_reply *reply = &call->reply;
    int64_t now_ms = loop_now_ms(), took_ms = now_ms - run->sent_ms;
    bool believed = reply->result == BUS_OK || reply->result == BUS_EXCEPTION;
    if (reply->result == BUS_STOPPED) {
        call->update = NULL;
        rpc_free_update(run);
        rpc_fail_bus(call, reply);
        return;
    }
    update_answered(&run->update, now_ms, believed ? reply->pdu : NULL, reply->pdu_size);
    tell(call);
    if (reply->result == BUS_DOWN)
        took_ms = NOT_THERE_PAUSE;
    pause_for(call, update_pause_ms(took_ms, run->share));
}

static void go_on(struct rpc_call *call)
{
    struct update_run *run = call->update;
    struct update_request request;
    int64_t again_ms, now_ms = loop_now_ms();
    if (call->answer == NULL) { /* whoever asked is gone; the nodes keep what they have */
        end(call);
        return;
    }
    switch (update_next(&run->update, now_ms, &request, &again_ms)) {
    case UPDATE_SEND_REQUEST:
        run->sent_ms = now_ms;
        call->unit = request.unit;
        rpc_ask_bus(call, 0, request.unit == 0 ? BROADCAST_MS : ANSWER_MS, request.pdu,
                    request.pdu_size, answered);
        break;
    case UPDATE_WAIT:
        pause_for(call, again_ms - now_ms);
        break;
    case UPDATE_FINISHED:
        end(call);
        break;
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

static bool is_named(const json_t *names, const char *name)
{
    size_t i;
    const json_t *entry;
    if (!json_is_array(names))
        return true;
    json_array_foreach(names, i, entry)
    {
        const char *text = json_string_value(entry);
        if (text != NULL && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

static void choose_devices(const struct rpc_call *call, struct update_run *run)
{
    const struct config *config = call->rpc->config;
    const struct bus_config *bus = &config->buses[call->bus];
    const json_t *names = json_object_get(call->params, "devices");
    for (uint16_t i = 0; i < bus->device_count && run->device_count < UPDATE_NODES_MAX; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        if (!device->profile->node)
            continue;
        if (!is_named(names, device->name)) {
            run->others_listen = true;
            continue;
        }
        run->units[run->device_count] = device->unit;
        run->devices[run->device_count++] = device;
    }
}

/* The image out of base64; its size, 0 when it is none. */
static size_t take_image(struct update_run *run, const char *text)
{
    size_t room = strlen(text) / 4 * 3 + 4;
    run->image = malloc(room);
    int size = run->image != NULL ? lws_b64_decode_string(text, (char *)run->image, (int)room) : 0;
    return size > 0 ? (size_t)size : 0;
}

/* {bus, image: base64 of one slot's variant [, devices: [names], dry_run, share: percent]} */
void rpc_run_update(struct rpc_call *call)
{
    int64_t share = SHARE_DEFAULT;
    if (!rpc_bus(call, &call->bus) ||
        (rpc_has(call, "share") && !rpc_integer(call, "share", 1, 100, &share)))
        return;
    const char *text = rpc_text(call, "image");
    if (text == NULL)
        return;
    struct update_run *run = calloc(1, sizeof *run);
    size_t size = run != NULL ? take_image(run, text) : 0;
    bool dry_run = json_is_true(json_object_get(call->params, "dry_run"));
    if (run != NULL)
        choose_devices(call, run);
    if (size == 0 || !update_start(&run->update, run->image, size, run->units, run->device_count,
                                   (struct update_options){.dry_run = dry_run,
                                                           .others_listen = run->others_listen})) {
        rpc_free_update(run);
        rpc_fail(call, "invalid", "this is no firmware image for one slot",
                 "make one with `baiye sign` and send it with `baiye update`");
        return;
    }
    run->share = (unsigned)share;
    run->started_ms = loop_now_ms();
    call->update = run;
    call->no_read_back = call->patient = true;
    go_on(call);
}
