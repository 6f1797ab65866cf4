/* SPDX-License-Identifier: Apache-2.0 */
/* An actuator with a maximum on-time is switched back when it is over, until the device confirms.
 * Which ones are on is kept in the store under "actuators" and written before the switch-on goes
 * out: a gateway that was killed switches them off when it starts again, by their place on the bus
 * where their name is another now. What an action has, the actions switch off. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/log.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/write_request.h"

#define ACTUATORS_MAX 32
#define RETRY_MS      5000
#define STORE_KEY     "actuators"

struct actuator {
    struct actuators *all;
    const struct device_config *device; /* NULL: free */
    const struct write_config *write;
    struct loop_timer timer;
    struct loop_task task;
    struct bus_reply reply;
    bool asking;
    struct log_state said;
};

struct actuators {
    struct rpc *rpc;
    struct actuator list[ACTUATORS_MAX];
    struct loop_task loaded;
    json_t *found; /* as the store had it */
};

static void keep(struct actuators *all)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ACTUATORS_MAX; i++) {
        const struct actuator *a = &all->list[i];
        if (a->device != NULL)
            (void)json_array_append_new(
                list, json_pack("{s:s,s:s,s:s,s:i}", "device", a->device->name, "name",
                                a->write->name, "bus", all->rpc->config->buses[a->device->bus].name,
                                "unit", (int)a->device->unit));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    if (text == NULL ||
        store_put(all->rpc->parts.store, STORE_KEY, text, strlen(text), NULL, NULL) != STORE_OK)
        log_write(LOG_LEVEL_WARNING,
                  "actuators: the store does not take which ones are on; after a loss of power "
                  "somebody must look that they are off");
    free(text);
    json_decref(list);
}

static void off_done(struct loop_task *task)
{
    struct actuator *a = (struct actuator *)((char *)task - offsetof(struct actuator, task));
    struct actuators *all = a->all;
    a->asking = false;
    if (a->device == NULL)
        return;
    bool off = a->reply.result == BUS_OK;
    log_change(&a->said, off, off ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
               off ? "actuator %s %s: switched off, its time was over%s%s"
                   : "actuator %s %s: can't be switched off (%s%s); trying again",
               a->device->name, a->write->name, off ? "" : bus_result_text(a->reply.result), "");
    if (!off) {
        loop_timer_start(all->rpc->loop, &a->timer, RETRY_MS);
        return;
    }
    a->device = NULL;
    keep(all);
}

/* Bus thread. */
static void off_answered(void *context, const struct bus_reply *reply)
{
    struct actuator *a = context;
    a->reply = *reply;
    a->task = (struct loop_task){.run = off_done};
    loop_post(a->all->rpc->loop, &a->task);
}

static void time_over(struct loop_timer *timer)
{
    struct actuator *a = timer->context;
    struct bus_request request = {
        .unit = a->device->unit, .retries = 2, .context = a, .done = off_answered};
    if (a->asking)
        return;
    bus_verify_as(&request, a->write);
    request.pdu_size = write_request_pdu(a->write, a->write->off, request.pdu);
    a->asking = bus_submit(a->all->rpc->parts.buses[a->device->bus], &request) == BUS_OK;
    if (!a->asking)
        loop_timer_start(a->all->rpc->loop, timer, RETRY_MS);
}

void actuators_set(struct actuators *all, const struct device_config *device,
                   const struct write_config *write, int32_t value, uint32_t on_s)
{
    struct actuator *place = NULL;
    for (size_t i = 0; i < ACTUATORS_MAX; i++) {
        struct actuator *a = &all->list[i];
        if (a->device == device && write_is_same(a->write, write)) {
            place = a;
            break;
        }
        if (a->device == NULL && !a->asking && place == NULL)
            place = a;
    }
    if (place == NULL) {
        log_write(LOG_LEVEL_ERROR,
                  "actuators: %d are on already; %s is not switched off by itself: write %d to it "
                  "when its time is over",
                  ACTUATORS_MAX, device->name, (int)write->off);
        return;
    }
    if (value == write->off) {
        loop_timer_stop(&place->timer);
        place->device = NULL;
    } else {
        place->all = all;
        place->device = device;
        place->write = write;
        place->said = (struct log_state){0};
        place->timer.context = place;
        place->timer.expired = time_over;
        loop_timer_start(all->rpc->loop, &place->timer, (int64_t)on_s * 1000);
    }
    keep(all);
}

static bool switch_off(struct actuators *all, const struct device_config *device,
                       const char *write_name)
{
    for (uint16_t i = 0; device != NULL && i < device->profile->write_count; i++) {
        const struct write_config *write = &device->profile->writes[i];
        if (strcmp(write->name, write_name) != 0)
            continue;
        log_write(LOG_LEVEL_WARNING, "actuator %s %s: was on when the gateway ended", device->name,
                  write_name);
        if (!config_acts(all->rpc->config, device->index, write)) /* else they have done it */
            actuators_set(all, device, write, write->off == 0 ? 1 : 0, 0);
        return true;
    }
    return false;
}

/* By its name, and by its place: a renamed device has only the latter. */
static void switch_off_found(struct actuators *all, const json_t *one, const char *name)
{
    const struct config *config = all->rpc->config;
    const char *device = json_string_value(json_object_get(one, "device"));
    const char *bus = json_string_value(json_object_get(one, "bus"));
    json_int_t unit = json_integer_value(json_object_get(one, "unit"));
    const struct device_config *named = device != NULL ? config_device(config, device) : NULL;
    bool found = switch_off(all, named, name);
    for (uint16_t i = 0; bus != NULL && i < config->device_count; i++) {
        const struct device_config *other = &config->devices[i];
        if (other != named && other->unit == unit &&
            strcmp(config->buses[other->bus].name, bus) == 0)
            found |= switch_off(all, other, name);
    }
    if (!found)
        log_write(LOG_LEVEL_ERROR,
                  "actuator %s %s: was on when the gateway ended, and the file has no such device "
                  "any more: see that it is off, by hand",
                  device != NULL ? device : "?", name);
}

static void loaded(struct loop_task *task)
{
    struct actuators *all = (struct actuators *)((char *)task - offsetof(struct actuators, loaded));
    size_t index;
    json_t *one;
    json_array_foreach (all->found, index, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name != NULL)
            switch_off_found(all, one, name);
    }
    json_decref(all->found);
    all->found = NULL;
}

/* Store thread. */
static void got(void *context, enum store_result result, const void *value, size_t size)
{
    struct actuators *all = context;
    if (result != STORE_OK || size == 0)
        return;
    all->found = json_loadb(value, size, 0, NULL);
    all->loaded = (struct loop_task){.run = loaded};
    loop_post(all->rpc->loop, &all->loaded);
}

struct actuators *actuators_open(struct rpc *rpc)
{
    struct actuators *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->rpc = rpc;
    (void)store_get(rpc->parts.store, STORE_KEY, got, all);
    return all;
}

void actuators_close(struct actuators *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < ACTUATORS_MAX; i++)
        loop_timer_stop(&all->list[i].timer);
    json_decref(all->found);
    free(all);
}
