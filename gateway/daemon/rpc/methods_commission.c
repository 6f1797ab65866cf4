/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing up a line: who is there, at any rate; its address; its lamp.
 *
 *   run ─ pause the bus ─> port closed? ─> thread: the line is a bench's ─> resume, answer
 *                                              └ progress, by a message to the loop
 *
 * The bus is paused for as long as one step takes, again and again for a short while, so that it
 * polls on whatever becomes of the step. A survey ends when nobody waits for it any more; a move is
 * always done to its end, so that whoever asked may be killed at any time. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/daemon/commission/move.h"
#include "gateway/daemon/commission/survey.h"
#include "gateway/daemon/rpc/call.h"

#define PAUSE_S      15
#define RENEW_MS     5000
#define LOOK_MS      10
#define TICK_MS      200
#define BUSY_LOOKS   200   /* at a port that another program holds */
#define PORT_MOST_MS 10000 /* longer than any request takes */

struct job {
    uint16_t bus;
    bool started, joined;
    int64_t until_ms, renew_ms;
    struct loop_timer timer;
    pthread_t thread;
    atomic_bool abandoned; /* nobody waits for the answer, or the daemon ends */
    void (*work)(struct rpc_call *call, struct job *job); /* on the thread */
    json_t *(*result)(struct rpc_call *call);             /* in the loop; NULL: the call failed */
    struct bench bench;
    int error; /* of opening the port */
    struct recognise_book book;
    /* Progress: written by the thread, read in the loop. */
    pthread_mutex_t mutex;
    struct loop_task task;
    struct rpc_call *call;
    struct serial_timing at_wire;
    unsigned at_unit;
    atomic_bool posted;
    /* survey */
    bool every_address, own_rate;
    uint8_t also[256];
    struct survey survey;
    /* move, blink */
    struct move move;
    bool take_back, on, answered;
    enum move_result moved;
};

static void free_job(void *state)
{
    struct job *job = state;
    loop_timer_stop(&job->timer);
    if (job->started && !job->joined) { /* the daemon ends */
        atomic_store(&job->abandoned, true);
        (void)pthread_join(job->thread, NULL);
    }
    recognise_close(&job->book);
    (void)pthread_mutex_destroy(&job->mutex);
}

static bool is_job_of(const struct rpc_call *call, uint16_t bus)
{
    return call->release == free_job && ((const struct job *)call->state)->bus == bus;
}

/* ---- the way of every step ---- */

static void end_job(struct rpc_call *call)
{
    struct job *job = call->state;
    char message[CONFIG_PATH_SIZE + 160];
    (void)pthread_join(job->thread, NULL);
    job->joined = true;
    bus_pause(call->rpc->parts.buses[job->bus], 0);
    if (job->error != 0) {
        (void)snprintf(message, sizeof message, "%s: %s", call->rpc->config->buses[job->bus].port,
                       bus_open_text(job->error));
        rpc_fail(call, "down", message, "`baiye doctor` looks what is wrong with the port");
        return;
    }
    json_t *result = job->result(call);
    if (result != NULL)
        rpc_end(call, result);
}

static void *work(void *context)
{
    struct rpc_call *call = context;
    struct job *job = call->state;
    const struct bus_config *bus = &call->rpc->config->buses[job->bus];
    const struct timespec rest = {.tv_nsec = LOOK_MS * 1000000L};
    /* A bus that was just resumed may have been about to open the port. */
    for (unsigned i = 0; i == 0 || (job->error == EBUSY && i < BUSY_LOOKS); i++) {
        if (i > 0)
            (void)nanosleep(&rest, NULL);
        job->error = bench_open_bus(&job->bench, bus);
    }
    if (job->error == 0) {
        job->work(call, job);
        bench_close(&job->bench);
    }
    call->resume = end_job;
    rpc_resume(call);
    return NULL;
}

static void tick(struct loop_timer *timer)
{
    struct rpc_call *call = timer->context;
    struct job *job = call->state;
    struct bus *bus = call->rpc->parts.buses[job->bus];
    int64_t now_ms = loop_now_ms();
    if (call->answer == NULL)
        atomic_store(&job->abandoned, true);
    if (now_ms >= job->renew_ms) {
        bus_pause(bus, PAUSE_S);
        job->renew_ms = now_ms + RENEW_MS;
    }
    if (!job->started && bus_port_free(bus)) {
        job->started = pthread_create(&job->thread, NULL, work, call) == 0;
        if (!job->started) {
            bus_pause(bus, 0);
            rpc_fail(call, "memory", "the gateway can't start a thread", "ask again later");
            return;
        }
    } else if (!job->started && now_ms > job->until_ms) {
        bus_pause(bus, 0);
        rpc_fail(call, "timeout", "the line is still at work", "ask again in a few seconds");
        return;
    }
    loop_timer_start(call->rpc->loop, timer, job->started ? TICK_MS : LOOK_MS);
}

/* NULL: the call has failed. */
static struct job *open_job(struct rpc_call *call)
{
    uint16_t bus;
    if (!rpc_bus(call, &bus))
        return NULL;
    bool busy = false;
    for (const struct rpc_call *other = call->rpc->calls; other != NULL; other = other->next)
        busy = busy || is_job_of(other, bus);
    if (call->rpc->config->buses[bus].type != BUS_RTU) {
        rpc_fail(call, "invalid", "this works on serial lines only",
                 "what is behind a converter is set up at the converter, or by `baiye scan`");
        return NULL;
    }
    if (busy) {
        rpc_fail(call, "busy", "another step is under way on this line",
                 "ask again when that is over");
        return NULL;
    }
    struct job *job = rpc_attach(call, sizeof *job, free_job);
    if (job == NULL)
        return NULL;
    job->bus = bus;
    job->call = call;
    (void)pthread_mutex_init(&job->mutex, NULL);
    return job;
}

static void start_job(struct rpc_call *call)
{
    struct job *job = call->state;
    job->until_ms = loop_now_ms() + PORT_MOST_MS;
    job->timer = (struct loop_timer){.context = call, .expired = tick};
    tick(&job->timer);
}

static bool open_book(struct rpc_call *call, struct job *job)
{
    if (recognise_open(&job->book, call->rpc->config->profile_dir))
        return true;
    rpc_fail(call, "memory", "the gateway is out of memory", "ask later");
    return false;
}

/* ---- survey ---- */

static struct serial_timing wire_of(const struct config *config, const struct device_config *device)
{
    const struct bus_config *bus = &config->buses[device->bus];
    struct serial_timing wire = {bus->baud, bus->parity, bus->stop_bits};
    if (device->baud != 0)
        wire.baud = device->baud;
    if (device->parity != 0)
        wire.parity = device->parity;
    return wire;
}

static void say_step(struct loop_task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    (void)pthread_mutex_lock(&job->mutex);
    json_t *at = json_pack("{s:i,s:s%,s:i}", "baud", (int)job->at_wire.baud, "parity",
                           &job->at_wire.parity, (size_t)1, "unit", (int)job->at_unit);
    (void)pthread_mutex_unlock(&job->mutex);
    atomic_store(&job->posted, false);
    rpc_progress(job->call, at);
    json_decref(at);
}

/* On the thread; at most one message is on its way to the loop. */
static bool step(void *context, const struct serial_timing *wire, unsigned unit)
{
    struct job *job = context;
    (void)pthread_mutex_lock(&job->mutex);
    job->at_wire = *wire;
    job->at_unit = unit;
    (void)pthread_mutex_unlock(&job->mutex);
    if (!atomic_exchange(&job->posted, true)) {
        job->task = (struct loop_task){.run = say_step};
        loop_post(job->call->rpc->loop, &job->task);
    }
    return !atomic_load(&job->abandoned);
}

/* Of several nodes of ours at a known address the one with the least number is taken for it: they
 * have to be told apart somehow, and then each has its own. */
static const struct survey_found *
found_as(const struct config *config, const struct device_config *device, struct survey *survey)
{
    struct serial_timing wire = wire_of(config, device);
    struct survey_found *least = NULL;
    for (unsigned i = 0; i < survey->count; i++) {
        struct survey_found *found = &survey->found[i];
        if (found->unit == device->unit && found->wire.baud == wire.baud &&
            found->wire.parity == wire.parity && (least == NULL || found->serial < least->serial))
            least = found;
    }
    if (least != NULL && !least->garbled)
        least->device = device->name;
    return least;
}

static void survey_work(struct rpc_call *call, struct job *job)
{
    const struct config *config = call->rpc->config;
    const struct bus_config *bus = &config->buses[job->bus];
    const struct serial_timing own = {bus->baud, bus->parity, bus->stop_bits};
    struct serial_timing settings[SURVEY_SETTINGS];
    unsigned count = survey_settings(&job->book, &own, settings);
    struct survey *survey = &job->survey;
    *survey = (struct survey){.bench = &job->bench,
                              .book = &job->book,
                              .every_address = job->every_address,
                              .also = job->also,
                              .step = step,
                              .context = job};
    bool going = true;
    for (unsigned i = 0; going && i < (job->own_rate ? 1 : count); i++)
        going = survey_look(survey, &settings[i]);
    for (unsigned i = 0; i < bus->device_count; i++)
        (void)found_as(config, &config->devices[bus->devices[i]], survey);
    if (going)
        (void)survey_recognise(survey);
}

static json_t *survey_result(struct rpc_call *call)
{
    struct job *job = call->state;
    const struct config *config = call->rpc->config;
    const struct bus_config *bus = &config->buses[job->bus];
    json_t *found = json_array(), *silent = json_array(), *taken = json_array();
    for (unsigned i = 0; i < job->survey.count; i++)
        (void)json_array_append_new(found, survey_found_json(&job->survey.found[i]));
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        (void)json_array_append_new(taken, json_integer(device->unit));
        if (found_as(config, device, &job->survey) == NULL)
            (void)json_array_append_new(silent, json_string(device->name));
    }
    return json_pack("{s:o,s:o,s:o,s:b,s:i,s:i,s:s%,s:s}", "found", found, "silent", silent,
                     "taken", taken, "echo", (int)job->bench.echo, "garbled",
                     (int)job->bench.garbled, "baud", (int)bus->baud, "parity", &bus->parity,
                     (size_t)1, "port", bus->port);
}

static bool wants(const struct rpc_call *call, const char *name)
{
    return json_is_true(json_object_get(call->params, name));
}

/* {bus [, every_address] [, own_rate]} */
static void run_survey(struct rpc_call *call)
{
    struct job *job = open_job(call);
    if (job == NULL || !open_book(call, job))
        return;
    const struct bus_config *bus = &call->rpc->config->buses[job->bus];
    for (unsigned i = 0; i < bus->device_count; i++)
        job->also[i] = call->rpc->config->devices[bus->devices[i]].unit;
    job->every_address = wants(call, "every_address");
    job->own_rate = wants(call, "own_rate");
    job->work = survey_work;
    job->result = survey_result;
    start_job(call);
}

/* ---- move ---- */

static void move_work(struct rpc_call *call, struct job *job)
{
    (void)call;
    job->moved = job->take_back ? move_take_back(&job->bench, &job->move)
                                : move_device(&job->bench, &job->move);
}

static json_t *move_result(struct rpc_call *call)
{
    static const char *const codes[] = {"ok",    "taken",   "timeout", "several", "fixed",
                                        "other", "refused", "undone",  "power",   "lost"};
    const struct job *job = call->state;
    const struct move_place *now = &job->move.now;
    return json_pack("{s:s,s:s,s:i,s:i,s:s%}", "end", codes[-(int)job->moved], "text",
                     move_result_text(job->moved), "unit", (int)now->unit, "baud",
                     (int)now->wire.baud, "parity", &now->wire.parity, (size_t)1);
}

/* `prefix`baud, `prefix`parity, `prefix`unit; without a rate: the bus's. */
static bool read_wire(struct rpc_call *call, const char *baud_key, const char *parity_key,
                      struct serial_timing *wire)
{
    int64_t baud;
    const struct bus_config *bus = &call->rpc->config->buses[((struct job *)call->state)->bus];
    *wire = (struct serial_timing){bus->baud, bus->parity, bus->stop_bits};
    if (rpc_has(call, baud_key)) {
        if (!rpc_integer(call, baud_key, 300, 921600, &baud))
            return false;
        wire->baud = (uint32_t)baud;
    }
    if (rpc_has(call, parity_key)) {
        const char *parity = rpc_text(call, parity_key);
        if (parity == NULL)
            return false;
        if (strlen(parity) != 1 || strchr("NEO", parity[0]) == NULL) {
            rpc_fail(call, "invalid", "parity: N, E or O is needed", "");
            return false;
        }
        wire->parity = parity[0];
    }
    if (config_rate_possible(wire->baud))
        return true;
    rpc_fail(call, "invalid", "no serial port can do this rate", "for example 9600");
    return false;
}

/* Somebody of the configuration must not be moved away from under it: but to the place that it has
 * there. */
static bool may_be_moved(struct rpc_call *call, const struct job *job)
{
    const struct config *config = call->rpc->config;
    const struct bus_config *bus = &config->buses[job->bus];
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        struct serial_timing wire = wire_of(config, device);
        bool its_place = device->unit == job->move.from.unit &&
                         wire.baud == job->move.from.wire.baud && job->move.serial == 0;
        if (!its_place)
            continue;
        char message[CONFIG_NAME_SIZE + 64];
        (void)snprintf(message, sizeof message, "device %s is polled at this address",
                       device->name);
        rpc_fail(call, "taken", message, "change the configuration first");
        return false;
    }
    return true;
}

/* {bus, unit [, baud, parity], to [, to_baud, to_parity], profile or serial [, take_back]} */
static void run_move(struct rpc_call *call)
{
    int64_t unit, to, serial = 0;
    struct job *job = open_job(call);
    if (job == NULL || !rpc_integer(call, "unit", 1, 255, &unit) ||
        !rpc_integer(call, "to", 1, 247, &to) ||
        (rpc_has(call, "serial") && !rpc_integer(call, "serial", 1, UINT32_MAX - 1, &serial)) ||
        !read_wire(call, "baud", "parity", &job->move.from.wire) ||
        !read_wire(call, "to_baud", "to_parity", &job->move.to.wire))
        return;
    const char *name = serial == 0 ? rpc_text(call, "profile") : NULL;
    if (serial == 0 && (name == NULL || !open_book(call, job)))
        return;
    job->move.profile = name != NULL ? recognise_find(&job->book, name) : NULL;
    if (name != NULL && (job->move.profile == NULL || job->move.profile->node)) {
        rpc_fail(call, "unknown", "there is no such profile of a bought device",
                 "our own nodes are meant by serial number");
        return;
    }
    job->move.serial = (uint32_t)serial;
    job->move.from.unit = (uint8_t)unit;
    job->move.to.unit = (uint8_t)to;
    job->take_back = wants(call, "take_back");
    job->work = move_work;
    job->result = move_result;
    if (may_be_moved(call, job))
        start_job(call);
}

/* ---- blink ---- */

static void blink_work(struct rpc_call *call, struct job *job)
{
    (void)call;
    job->answered = move_blink(&job->bench, &job->move.from.wire, job->move.serial, job->on);
}

static json_t *blink_result(struct rpc_call *call)
{
    const struct job *job = call->state;
    if (job->answered)
        return json_pack("{s:b}", "ok", 1);
    rpc_fail(call, "timeout", "no node of ours with this serial number answers",
             "`baiye nodes BUS` lists them");
    return NULL;
}

/* {bus, serial, on [, baud, parity]}: it goes out by itself after a minute. */
static void run_blink(struct rpc_call *call)
{
    int64_t serial;
    struct job *job = open_job(call);
    if (job == NULL || !rpc_integer(call, "serial", 1, UINT32_MAX - 1, &serial) ||
        !read_wire(call, "baud", "parity", &job->move.from.wire))
        return;
    job->move.serial = (uint32_t)serial;
    job->on = wants(call, "on");
    job->work = blink_work;
    job->result = blink_result;
    start_job(call);
}

static const struct rpc_method methods[] = {
    {.name = "survey", .role = USER_TECHNICIAN, .command = true, .run = run_survey},
    {.name = "move", .role = USER_TECHNICIAN, .command = true, .run = run_move},
    {.name = "blink", .role = USER_TECHNICIAN, .command = true, .run = run_blink},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_commission = {.list = methods};
