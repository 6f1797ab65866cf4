/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing up a line: who is there, at any rate; its address; its lamp (commission_job.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/daemon/rpc/commission_job.h"

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

/* Names of the configuration, and of `names`, for a plan. */
static void put_names(struct plan *plan, const struct config *config, const json_t *names)
{
    size_t index;
    const json_t *name;
    plan->names = calloc(config->device_count + json_array_size(names) + 1, sizeof *plan->names);
    if (plan->names == NULL)
        return; /* what it would be named is judged once more when it is added */
    for (unsigned i = 0; i < config->device_count; i++)
        (void)snprintf(plan->names[plan->name_count++], sizeof *plan->names, "%.39s",
                       config->devices[i].name);
    json_array_foreach (names, index, name) {
        const char *text = json_string_value(name);
        if (text != NULL)
            (void)snprintf(plan->names[plan->name_count++], sizeof *plan->names, "%.39s", text);
    }
}

static void begin_plan(struct plan *plan, const struct config *config, const struct bus_config *bus,
                       const json_t *names)
{
    plan->baud = bus->baud;
    plan->parity = bus->parity;
    for (unsigned i = 0; i < bus->device_count; i++)
        plan->used[config->devices[bus->devices[i]].unit] = true;
    put_names(plan, config, names);
}

static enum plan_kind kind_of(const struct survey_found *found)
{
    if (found->device != NULL)
        return PLAN_KNOWN;
    if (found->garbled)
        return PLAN_GARBLED;
    if (found->serial != 0)
        return PLAN_NODE;
    if (found->profile == NULL)
        return PLAN_UNKNOWN;
    return found->sure == RECOGNISE_PERHAPS ? PLAN_PERHAPS : PLAN_PROBE;
}

static void add_to_plan(struct plan *plan, const struct survey_found *found)
{
    struct plan_device *device = &plan->devices[plan->count++];
    *device = (struct plan_device){.kind = kind_of(found), .unit = found->unit};
    if (found->profile != NULL)
        (void)snprintf(device->profile, sizeof device->profile, "%s", found->profile->name);
    if (found->device != NULL)
        (void)snprintf(device->name, sizeof device->name, "%s", found->device);
}

/* What was found, and what is to become of each of them. */
static json_t *found_json(struct job *job)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < job->survey.count; i++)
        add_to_plan(&job->plan, &job->survey.found[i]);
    plan_places(&job->plan);
    for (unsigned i = 0; i < job->plan.count; i++) {
        const struct plan_device *device = &job->plan.devices[i];
        json_t *one = survey_found_json(&job->survey.found[i]);
        (void)json_object_set_new(one, "kind", json_string(plan_kind_name(device->kind)));
        (void)json_object_set_new(one, "to", json_integer(device->to));
        (void)json_object_set_new(one, "name", json_string(device->name));
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *survey_result(struct rpc_call *call)
{
    struct job *job = call->state;
    const struct config *config = call->rpc->config;
    const struct bus_config *bus = &config->buses[job->bus];
    json_t *silent = json_array(), *taken = json_array();
    begin_plan(&job->plan, config, bus, NULL);
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        (void)json_array_append_new(taken, json_integer(device->unit));
        if (found_as(config, device, &job->survey) == NULL)
            (void)json_array_append_new(silent, json_string(device->name));
    }
    return json_pack("{s:o,s:o,s:o,s:b,s:i,s:i,s:s%,s:s}", "found", found_json(job), "silent",
                     silent, "taken", taken, "echo", (int)job->bench.echo, "garbled",
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
    struct job *job = job_open(call);
    if (job == NULL || !open_book(call, job))
        return;
    const struct bus_config *bus = &call->rpc->config->buses[job->bus];
    for (unsigned i = 0; i < bus->device_count; i++)
        job->also[i] = call->rpc->config->devices[bus->devices[i]].unit;
    job->every_address = wants(call, "every_address");
    job->own_rate = wants(call, "own_rate");
    job->work = survey_work;
    job->result = survey_result;
    job_start(call);
}

/* ---- move ---- */

static void move_work(struct rpc_call *call, struct job *job)
{
    (void)call;
    job->moved = job->take_back ? move_take_back(&job->bench, &job->move)
                                : move_device(&job->bench, &job->move);
}

static const char *end_name(enum move_result result)
{
    static const char *const codes[] = {"ok",    "taken",   "timeout", "several", "fixed",
                                        "other", "refused", "undone",  "power",   "lost"};
    return codes[-(int)result];
}

static json_t *move_result(struct rpc_call *call)
{
    const struct job *job = call->state;
    const struct move_place *now = &job->move.now;
    return json_pack("{s:s,s:s,s:i,s:i,s:s%}", "end", end_name(job->moved), "text",
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

/* Who is meant, and where it is and is to go. NULL: the call has failed. */
static struct job *open_move(struct rpc_call *call)
{
    int64_t unit, to, serial = 0;
    struct job *job = job_open(call);
    if (job == NULL || !rpc_integer(call, "unit", 1, 255, &unit) ||
        !rpc_integer(call, "to", 1, 247, &to) ||
        (rpc_has(call, "serial") && !rpc_integer(call, "serial", 1, UINT32_MAX - 1, &serial)) ||
        !read_wire(call, "baud", "parity", &job->move.from.wire) ||
        !read_wire(call, "to_baud", "to_parity", &job->move.to.wire))
        return NULL;
    const char *name = serial == 0 ? rpc_text(call, "profile") : NULL;
    if (serial == 0 && (name == NULL || !open_book(call, job)))
        return NULL;
    job->move.profile = name != NULL ? recognise_find(&job->book, name) : NULL;
    if (name != NULL && (job->move.profile == NULL || job->move.profile->node)) {
        rpc_fail(call, "unknown", "there is no such profile of a bought device",
                 "our own nodes are meant by serial number");
        return NULL;
    }
    job->move.serial = (uint32_t)serial;
    job->move.from.unit = (uint8_t)unit;
    job->move.to.unit = (uint8_t)to;
    job->take_back = wants(call, "take_back");
    return may_be_moved(call, job) ? job : NULL;
}

/* {bus, unit [, baud, parity], to [, to_baud, to_parity], profile or serial [, take_back]} */
static void run_move(struct rpc_call *call)
{
    struct job *job = open_move(call);
    if (job == NULL)
        return;
    job->work = move_work;
    job->result = move_result;
    job_start(call);
}

/* ---- place ---- */

static void place_work(struct rpc_call *call, struct job *job)
{
    (void)call;
    if (job->take_back)
        place_take_back(&job->bench, &job->place);
    else
        place_device(&job->bench, &job->place);
}

static json_t *item_json(const struct plan *plan, const struct plan_device *device)
{
    json_t *item = json_pack("{s:s,s:s,s:i,s:s}", "name", device->name, "profile", device->profile,
                             "address", (int)device->unit, "every", PLAN_EVERY);
    if (device->baud != plan->baud)
        (void)json_object_set_new(item, "baud", json_integer(device->baud));
    if (device->parity != plan->parity)
        (void)json_object_set_new(item, "parity", json_string(plan_parity_name(device->parity)));
    return item;
}

/* As it would stand in the configuration. */
static json_t *placed_item(struct rpc_call *call)
{
    struct job *job = call->state;
    const struct move *move = &job->place.move;
    const struct config *config = call->rpc->config;
    begin_plan(&job->plan, config, &config->buses[job->bus],
               json_object_get(call->params, "names"));
    struct plan_device *device = &job->plan.devices[job->plan.count++];
    *device = (struct plan_device){.kind = move->profile != NULL ? PLAN_PROBE : PLAN_NODE,
                                   .unit = move->now.unit,
                                   .to = move->now.unit,
                                   .baud = move->now.wire.baud,
                                   .parity = move->now.wire.parity};
    (void)snprintf(device->profile, sizeof device->profile, "%s",
                   move->profile != NULL ? move->profile->name : "baiye-node");
    plan_names(&job->plan);
    return item_json(&job->plan, device);
}

static json_t *place_result(struct rpc_call *call)
{
    const struct job *job = call->state;
    const struct place *place = &job->place;
    const struct move_place *now = &place->move.now;
    const char *lang = json_string_value(json_object_get(call->params, "lang"));
    json_t *given_up = json_array();
    for (unsigned i = 0; i < place->given_up_count; i++)
        (void)json_array_append_new(given_up, json_integer(place->given_up[i]));
    language_here(lang != NULL && strcmp(lang, "zh") == 0);
    const char *text = _(move_result_text(place->end));
    language_here(false);
    return json_pack("{s:b,s:s,s:s,s:i,s:i,s:s%,s:o,s:o}", "placed", (int)place->placed, "end",
                     end_name(place->end), "text", text, "unit", (int)now->unit, "baud",
                     (int)now->wire.baud, "parity", &now->wire.parity, (size_t)1, "given_up",
                     given_up, "item", place->placed ? placed_item(call) : json_null());
}

/* As a move, and to another address where that one is in vain. `avoid`: addresses of the others;
 * `names`: that others are to get.
 * {bus, unit [, baud, parity], to, profile or serial [, take_back, avoid, names, lang]} */
static void run_place(struct rpc_call *call)
{
    size_t index;
    const json_t *unit;
    struct job *job = open_move(call);
    if (job == NULL)
        return;
    const struct bus_config *bus = &call->rpc->config->buses[job->bus];
    job->place.move = job->move;
    for (unsigned i = 0; i < bus->device_count; i++)
        job->place.taken[call->rpc->config->devices[bus->devices[i]].unit] = true;
    json_array_foreach (json_object_get(call->params, "avoid"), index, unit) {
        job->place.taken[json_integer_value(unit) & 0xFF] = true;
    }
    job->work = place_work;
    job->result = place_result;
    job_start(call);
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
    struct job *job = job_open(call);
    if (job == NULL || !rpc_integer(call, "serial", 1, UINT32_MAX - 1, &serial) ||
        !read_wire(call, "baud", "parity", &job->move.from.wire))
        return;
    job->move.serial = (uint32_t)serial;
    job->on = wants(call, "on");
    job->work = blink_work;
    job->result = blink_result;
    job_start(call);
}

static const struct rpc_method methods[] = {
    {.name = "survey", .role = USER_TECHNICIAN, .command = true, .run = run_survey},
    {.name = "move", .role = USER_TECHNICIAN, .command = true, .run = run_move},
    {.name = "place", .role = USER_TECHNICIAN, .command = true, .run = run_place},
    {.name = "blink", .role = USER_TECHNICIAN, .command = true, .run = run_blink},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_commission = {.list = methods};
