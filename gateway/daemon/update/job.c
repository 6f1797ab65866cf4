/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/job.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/common/log.h"
#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/update/signature.h"

#define BROADCAST_MS 40  /* a node writes a block to its flash in less */
#define ANSWER_MS    500 /* a node that erases or verifies answers late */
#define DOWN_MS      1000
#define FROST_MS     10000
#define KEEP_MS      2000 /* rows are kept at most so often */

/* ---- the job ---- */

static bool is_wanted(const struct update_job *job, const struct device_config *device)
{
    const struct bus_config *bus = &job->rpc->config->buses[device->bus];
    if (!device->profile->node ||
        (job->wanted.bus[0] != '\0' && strcmp(job->wanted.bus, bus->name) != 0))
        return false;
    size_t i;
    const json_t *name;
    json_array_foreach (job->wanted.devices, i, name) {
        if (strcmp(json_string_value(name), device->name) == 0)
            return true;
    }
    return job->wanted.devices == NULL;
}

/* Both variants are signed, fit an update, and are of one version. */
static bool check_file(struct update_job *job)
{
    if (signature_file(job->file, job->file_size) != IMAGE_OK)
        return false;
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        size_t size;
        struct image_header header;
        const uint8_t *image = image_file_slot(job->file, job->file_size, slot, &size);
        if (size > UPDATE_IMAGE_MAX || image_header_read(image, size, &header) != IMAGE_OK ||
            (slot > 0 && header.version != job->version))
            return false;
        job->version = header.version;
    }
    (void)SHA256(job->file, job->file_size, job->id);
    return true;
}

struct update_job *update_job_new(struct rpc *rpc, uint8_t *file, size_t size,
                                  struct update_options_wanted *wanted)
{
    struct update_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        free(file);
        json_decref(wanted->devices);
        return NULL;
    }
    *job = (struct update_job){.rpc = rpc, .file = file, .file_size = size, .wanted = *wanted};
    job->rows = calloc(rpc->config->device_count + 1u, sizeof *job->rows);
    if (job->rows == NULL || !check_file(job)) {
        update_job_free(job);
        return NULL;
    }
    for (uint16_t i = 0; i < rpc->config->device_count; i++)
        job->rows[i].wanted = is_wanted(job, &rpc->config->devices[i]);
    return job;
}

void update_job_free(struct update_job *job)
{
    if (job == NULL)
        return;
    loop_timer_stop(&job->timer);
    json_decref(job->wanted.devices);
    free(job->rows);
    free(job->file);
    free(job);
}

/* ---- sessions ---- */

static void go_on(struct update_job *job);

/* The rows of a bus that are still open; true: a session with them has begun. */
static bool open_session(struct update_job *job)
{
    const struct config *config = job->rpc->config;
    const struct bus_config *bus = &config->buses[job->bus];
    uint8_t units[UPDATE_NODES_MAX];
    unsigned count = 0, nodes = 0;
    for (uint16_t i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        const struct update_row *row = &job->rows[device->index];
        nodes += device->profile->node;
        if (row->wanted && !row->over && count < UPDATE_NODES_MAX) {
            units[count] = device->unit;
            job->devices[count++] = device->index;
        }
    }
    size_t size;
    const uint8_t *image = image_file_slot(job->file, job->file_size, job->slot, &size);
    const struct update_options options = {
        .dry_run = job->wanted.dry_run, .hold_back = job->held, .others_listen = nodes > count};
    if (count == 0 || !update_start(&job->update, image, size, units, count, options))
        return false;
    for (unsigned i = 0; i < count; i++) {
        const struct update_node *before = &job->rows[job->devices[i]].node;
        job->update.nodes[i].version_before = before->version_before;
        job->update.nodes[i].checks_before = before->checks_before;
    }
    job->persisted_phase = UPDATE_ASK;
    return true;
}

/* What the session says of a node that is not settled: those that run from the other slot are left
 * for the second session. */
static void take_rows(struct update_job *job, bool ended)
{
    bool changed = job->held != (job->held || job->update.canary_failed);
    job->held = job->held || job->update.canary_failed;
    for (unsigned i = 0; i < job->update.node_count; i++) {
        const struct update_node *node = &job->update.nodes[i];
        struct update_row *row = &job->rows[job->devices[i]];
        bool over = node->state == NODE_DONE || node->state == NODE_CURRENT ||
                    node->state == NODE_FAILED ||
                    (ended && (node->state != NODE_OTHER_SLOT || job->slot > 0));
        changed = changed || over != row->over;
        row->over = over;
        row->node = *node;
    }
    bool trials = job->update.phase == UPDATE_RESTART && job->persisted_phase != UPDATE_RESTART;
    job->persisted_phase = job->update.phase;
    if (trials || (changed && (ended || loop_now_ms() - job->kept_ms >= KEEP_MS)))
        update_keep_rows(job);
}

static void hold_back_rest(struct update_job *job)
{
    for (uint16_t i = 0; i < job->rpc->config->device_count; i++) {
        struct update_row *row = &job->rows[i];
        if (row->wanted && !row->over)
            row->node =
                (struct update_node){.state = NODE_FAILED, .result = WINDOW_RESULT_HELD_BACK};
    }
}

/* The next session of this bus or the first of a later one; false: there is none. */
static bool next_session(struct update_job *job)
{
    if (++job->slot < IMAGE_SLOTS && open_session(job))
        return true;
    for (job->slot = 0; !job->held && ++job->bus < job->rpc->config->bus_count;) {
        if (open_session(job))
            return true;
    }
    if (job->held)
        hold_back_rest(job);
    return false;
}

void update_job_start(struct update_job *job)
{
    job->bus = 0;
    job->slot = 0;
    bool open = open_session(job);
    while (!open && ++job->bus < job->rpc->config->bus_count)
        open = open_session(job);
    job->started_ms = loop_now_ms();
    job->started_permille = open ? update_job_progress(job) : 0;
    if (!open || job->stopping)
        update_job_ended(job);
    else
        go_on(job);
}

void update_job_stop(struct update_job *job)
{
    job->stopping = true;
    if (job->busy)
        return;
    loop_timer_stop(&job->timer);
    update_job_ended(job);
}

/* ---- step by step ---- */

static void pause_over(struct loop_timer *timer)
{
    go_on(timer->context);
}

static void pause_for(struct update_job *job, int64_t ms)
{
    job->timer.context = job;
    job->timer.expired = pause_over;
    loop_timer_start(job->rpc->loop, &job->timer, ms);
}

static void answered(struct loop_task *task)
{
    struct update_job *job =
        (struct update_job *)((char *)task - offsetof(struct update_job, task));
    const struct bus_reply *reply = &job->reply;
    int64_t now_ms = loop_now_ms(), took_ms = reply->took_us / 1000 + 1;
    unsigned share = update_share(&job->update, job->wanted.share);
    bool believed = reply->result == BUS_OK || reply->result == BUS_EXCEPTION;
    job->busy = false;
    if (reply->result == BUS_STOPPED)
        return; /* so does the daemon; the next one goes on */
    job->down = reply->result == BUS_DOWN || reply->result == BUS_PAUSED;
    if (!job->down)
        update_answered(&job->update, now_ms, believed ? reply->pdu : NULL, reply->pdu_size);
    take_rows(job, false);
    update_job_describe(job);
    if (job->stopping)
        update_job_ended(job);
    else
        pause_for(job, job->down ? DOWN_MS : update_pause_ms(took_ms, share));
}

/* Bus thread. */
static void bus_done(void *context, const struct bus_reply *reply)
{
    struct update_job *job = context;
    job->reply = *reply;
    job->task = (struct loop_task){.run = answered};
    loop_post(job->rpc->loop, &job->task);
}

/* Also again: while the line is down nobody is asked, so nobody has failed to answer. */
static void send_request(struct update_job *job)
{
    const struct update_request *update = &job->request;
    struct bus_request request = {.unit = update->unit,
                                  .timeout_ms = update->unit == 0 ? BROADCAST_MS : ANSWER_MS,
                                  .no_read_back = true,
                                  .background = !update_hurries(&job->update),
                                  .pdu_size = update->pdu_size,
                                  .context = job,
                                  .done = bus_done};
    memcpy(request.pdu, update->pdu, update->pdu_size);
    job->busy = true;
    enum bus_result result = bus_submit(job->rpc->parts.buses[job->bus], &request);
    if (result != BUS_OK)
        bus_done(job, &(struct bus_reply){.result = BUS_DOWN});
}

/* Its nights are what the garden's thermometers are for. Once nodes restart they are seen through:
 * on trial they wait for no one. */
static bool waits_for_frost(struct update_job *job)
{
    struct alerts *alerts = job->rpc->parts.alerts;
    job->frost = job->wanted.afar && alerts != NULL && job->update.phase < UPDATE_RESTART &&
                 alerts_frost_stands(alerts);
    return job->frost;
}

static void go_on(struct update_job *job)
{
    int64_t again_ms, now_ms = loop_now_ms();
    if (waits_for_frost(job)) {
        pause_for(job, FROST_MS);
        return;
    }
    if (job->down) {
        send_request(job);
        return;
    }
    for (;;) {
        switch (update_next(&job->update, now_ms, &job->request, &again_ms)) {
        case UPDATE_SEND_REQUEST:
            update_job_describe(job);
            send_request(job);
            return;
        case UPDATE_WAIT:
            pause_for(job, again_ms - now_ms);
            return;
        case UPDATE_FINISHED:
            take_rows(job, true);
            if (next_session(job))
                break;
            update_job_ended(job);
            return;
        }
    }
}

/* ---- how far ---- */

unsigned update_job_progress(const struct update_job *job)
{
    unsigned wanted = 0, over = 0, now = 0;
    for (uint16_t i = 0; i < job->rpc->config->device_count; i++) {
        wanted += job->rows[i].wanted;
        over += job->rows[i].wanted && job->rows[i].over;
    }
    for (unsigned i = 0; i < job->update.node_count; i++)
        now += !job->rows[job->devices[i]].over && job->update.nodes[i].state != NODE_OTHER_SLOT;
    return wanted == 0 ? 1000 : (1000 * over + now * update_progress(&job->update)) / wanted;
}

const char *update_job_phase(const struct update_job *job)
{
    if (job->down)
        return "waiting for the line";
    if (job->frost)
        return "waiting for the frost to pass";
    switch ((enum update_phase)job->update.phase) {
    case UPDATE_ASK:
        return "asking";
    case UPDATE_OPEN:
    case UPDATE_ERASE:
        return "erasing";
    case UPDATE_SEND:
        return "sending";
    case UPDATE_COLLECT:
    case UPDATE_REPAIR:
        return "repairing";
    case UPDATE_RESTART:
        return "restarting";
    case UPDATE_END:
        break;
    }
    return "ending";
}
