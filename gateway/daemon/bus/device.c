/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/device.h"

#include <stddef.h>
#include <string.h>

#include "gateway/daemon/bus/line.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"

#define GAP_FLUSH_MS 60000 /* a long gap comes in pieces, so that a crash loses little of it */
#define AWAY_MOST_MS (INT64_C(365) * 86400000)
#define MS_PER_S     INT64_C(1000)
#define STILL_KEPT   16 /* part of the time until it is stuck: from then on it is kept */
#define NODE_GAP     8  /* a node's snapshot is one request, holes included */

/* Rate and parity that it is spoken to with. */
static struct serial_timing device_wire(const struct device_config *config,
                                        const struct bus_config *bus)
{
    struct serial_timing wire = {bus->baud, bus->parity, bus->stop_bits};
    if (config->baud)
        wire.baud = config->baud;
    if (config->parity)
        wire.parity = config->parity;
    return wire;
}

int64_t device_ceiling_ns(const struct device_config *config, const struct bus_config *bus)
{
    uint32_t most_ms = config->profile->response_max_ms;
    return (bus->response_ms > most_ms ? bus->response_ms : most_ms) * 1000000LL;
}

static struct plan_limits limits_of(const struct profile_config *profile)
{
    return (struct plan_limits){profile->max_registers,
                                profile->node ? NODE_GAP : profile->read_gap};
}

uint16_t device_words(const struct decode_map *map)
{
    struct plan_limits limits = limits_of(map->profile);
    unsigned most = plan_words_most(map->items, map->item_count, &limits);
    return (uint16_t)(most < DECODE_IMAGE ? most : DECODE_IMAGE);
}

void device_plan(struct device *device)
{
    device->refusal.answered = 0;
    device->refusal.silent_reads = 0;
    struct plan_limits limits = limits_of(device->config->profile);
    plan_make(device->map->items, device->map->item_count, &limits, &device->cost, &device->lessons,
              &device->plan);
    if (!decode_layout(&device->plan, &device->image)) { /* too much read through: read none */
        limits.gap = 0;
        plan_make(device->map->items, device->map->item_count, &limits, &device->cost,
                  &device->lessons, &device->plan);
        (void)decode_layout(&device->plan, &device->image);
    }
    device->read = 0;
}

/* The counters of a device without boots go on where the newest stored reading left them. Since
 * when is not known without a clock: then whatever fell since is possible. */
static void resume_counters(struct device *device, const struct reading_sink *sink)
{
    struct reading_mark mark;
    if (sink->mark == NULL || !sink->mark(sink->context, device->config->index, &mark))
        return;
    int64_t away_ms = AWAY_MOST_MS;
    struct wall_ms now = sink->now != NULL ? sink->now(sink->context) : (struct wall_ms){0};
    if (now.trust == TIME_TRUSTED && mark.wall_ms > 0 && now.ms >= mark.wall_ms)
        away_ms = now.ms - mark.wall_ms;
    unsigned counter = 0;
    for (unsigned m = 0; m < device->config->metric_count && counter < READING_COUNTERS_MAX; m++) {
        if (device->config->metrics[m]->role != ROLE_COUNTER)
            continue;
        if (mark.known & 1u << counter)
            device->rare->foreign[m] = (struct counter){.known = true,
                                                        .last = mark.codes[counter],
                                                        .at_ms = line_now_ns() / 1000000 - away_ms};
        counter++;
    }
}

/* What most devices have not is not looked for in each reading. */
static void note_kinds(struct device *device)
{
    for (unsigned i = 0; i < device->config->metric_count; i++) {
        const struct field_config *field = device->config->metrics[i];
        bool counter = field->role == ROLE_COUNTER;
        device->may_be_overdue = device->may_be_overdue || device->config->due[i] != 0;
        if (device->config->profile->node)
            continue;
        device->counts = device->counts || counter;
        device->may_freeze = device->may_freeze || (!counter && field->stuck_s != 0);
    }
}

void device_init(struct device *device, const struct device_config *config,
                 const struct bus_config *bus, uint32_t boot, const struct reading_sink *sink,
                 const struct device_memory *memory)
{
    *device = (struct device){.config = config,
                              .sink = sink,
                              .map = memory->map,
                              .rare = memory->rare,
                              .image = {.words = memory->words, .room = memory->room},
                              .boot = boot,
                              .wire = device_wire(config, bus)};
    int64_t silence_ns = serial_timing_silence_ns(&device->wire);
    if (bus->silence_us * 1000LL > silence_ns)
        silence_ns = bus->silence_us * 1000LL;
    device->cost =
        plan_cost_of(&device->wire, silence_ns, config->profile->extra_silence_us * 1000LL);
    device_plan(device);
    note_kinds(device);
    device->gap.device = config->index;
    struct own_node *node = memory->node;
    if (config->profile->node && node != NULL) {
        struct reading_stored before;
        bool known = sink->last != NULL && sink->last(sink->context, config->index, &before);
        device->node = node;
        own_node_init(node, config, known ? &before : NULL, &device->counters);
        node->asks_serial = sink->board != NULL;
    } else if (!config->profile->node) {
        resume_counters(device, sink);
    }
}

void device_init_alone(struct device *device, const struct device_config *config,
                       const struct bus_config *bus, uint32_t boot, const struct reading_sink *sink,
                       struct own_node *node, struct device_alone *alone)
{
    decode_map_init(&alone->map, config->profile);
    struct device_memory memory = {.map = &alone->map,
                                   .rare = &alone->rare,
                                   .words = alone->words,
                                   .room = DECODE_IMAGE,
                                   .node = node};
    device_init(device, config, bus, boot, sink, &memory);
}

static void mark_counters(const struct device *device, struct reading *reading)
{
    unsigned counter = 0;
    reading->mark.wall_ms = reading->time.trust == TIME_TRUSTED ? reading->time.ms : 0;
    for (unsigned m = 0; m < device->config->metric_count && counter < READING_COUNTERS_MAX; m++) {
        if (device->config->metrics[m]->role != ROLE_COUNTER)
            continue;
        reading->mark.codes[counter] = device->rare->foreign[m].last;
        reading->mark.known |= (uint8_t)(device->rare->foreign[m].known ? 1u << counter : 0);
        counter++;
    }
}

void device_read_request(const struct device *device, const struct plan_read *read, uint8_t pdu[5],
                         struct transact_request *request)
{
    *request = (struct transact_request){
        .pdu = pdu,
        .pdu_size = (uint16_t)modbus_read(pdu, read->function, read->address, read->count),
        .answer_size = (uint16_t)(plan_read_bytes(read) + SERIAL_ANSWER_BYTES),
        .unit = device->config->unit,
        .wide_registers = read->words > 1,
    };
}

void device_request(const struct device *device, uint8_t pdu[5], struct transact_request *request)
{
    device_read_request(device, &device->plan.reads[device->read], pdu, request);
}

/* ---- Reads with a period of their own ---- */

/* A poll that comes a little early counts for the one at which the read would be due. */
static bool is_due(const struct device *device, const struct plan_read *read, int64_t now_ms)
{
    return read->every_ms == 0 || device->rare->group_due_ms[read->group] <= now_ms;
}

static void skip_rests(struct device *device)
{
    while (device->read < device->plan.read_count && device->image.rests >> device->read & 1)
        device->read++;
}

void device_poll_begin(struct device *device, int64_t now_ms)
{
    uint64_t rests = 0;
    unsigned due = 0;
    for (unsigned i = 0; i < device->plan.read_count; i++) {
        if (is_due(device, &device->plan.reads[i], now_ms))
            due++;
        else
            rests |= UINT64_C(1) << i;
    }
    /* What comes with each poll is all refused: then the rest is requested, or nothing came. */
    device->image.rests = due > 0 ? rests : 0;
    skip_rests(device);
    device->poll.first_read = device->read;
}

bool device_poll_next(struct device *device)
{
    device->read++;
    skip_rests(device);
    return device->read < device->plan.read_count;
}

void device_poll_done(struct device *device, int64_t now_ms)
{
    for (unsigned i = 0; i < device->plan.read_count; i++) {
        const struct plan_read *read = &device->plan.reads[i];
        if (read->every_ms > 0 && (device->image.rests >> i & 1) == 0)
            device->rare->group_due_ms[read->group] =
                now_ms + read->every_ms - device->config->every_ms / 2;
    }
}

void device_all_due(struct device *device)
{
    for (unsigned i = 0; i < device->map->group_count; i++)
        if (device->rare->group_due_ms[i] != 0) /* a page that is not written costs nothing */
            device->rare->group_due_ms[i] = 0;
}

static bool node_reading(struct device *device, const struct decoded *decoded,
                         struct reading *reading)
{
    const struct plan_read *first = &device->plan.reads[0];
    unsigned at = (unsigned)(NODE_PERIOD - first->address);
    uint16_t period_s =
        device->plan.read_count > 0 && at < first->count ? device->image.words[at] : 0;
    if (!own_node_snapshot(device->node, decoded, period_s, device->poll.answered_ns / 1000000))
        return false;
    reading->boot = decoded->boot;
    reading->seq = decoded->seq;
    reading->taken.ms = device->node->taken_ms;
    return true;
}

static void keep_still(struct device *device, unsigned metric, const struct reading_still *still)
{
    const struct reading_sink *sink = device->sink;
    device->rare->still[metric].kept = still != NULL;
    if (sink->stands != NULL)
        sink->stands(sink->context, device->config->index, (uint8_t)metric, still);
}

/* What it stood at before a start is requested once the time is known. */
static void resume_still(struct device *device, unsigned metric, int64_t wall_ms, int64_t now_ms)
{
    const struct reading_sink *sink = device->sink;
    struct device_still *still = &device->rare->still[metric];
    struct reading_still before;
    still->asked = true;
    if (sink->stood == NULL ||
        !sink->stood(sink->context, device->config->index, (uint8_t)metric, &before))
        return;
    if (before.value != still->value || before.since_ms > wall_ms) {
        keep_still(device, metric, NULL);
        return;
    }
    still->since_ms = now_ms - (wall_ms - before.since_ms);
    still->kept = true;
}

/* A probe that gives the same raw answer for longer than nature allows is frozen: the value is
 * kept, with the flag that says so. Without a value for a while, or with a restart in between, it
 * is frozen all the same. */
static void flag_stuck(struct device *device, struct reading_value *values, struct wall_ms wall,
                       int64_t now_ms)
{
    for (unsigned i = 0; i < device->config->metric_count; i++) {
        const struct field_config *field = device->config->metrics[i];
        struct device_still *still = &device->rare->still[i];
        int64_t most_ms = field->stuck_s * MS_PER_S;
        if (field->stuck_s == 0 || field->role == ROLE_COUNTER || !values[i].present)
            continue;
        if (!still->known || still->value != values[i].value) {
            if (still->kept)
                keep_still(device, i, NULL);
            still->value = values[i].value;
            still->since_ms = now_ms;
            still->known = true;
        }
        if (!still->asked && wall.trust == TIME_TRUSTED)
            resume_still(device, i, wall.ms, now_ms);
        int64_t stands_ms = now_ms - still->since_ms;
        if (!still->kept && wall.trust == TIME_TRUSTED && stands_ms >= most_ms / STILL_KEPT)
            keep_still(device, i, &(struct reading_still){still->value, wall.ms - stands_ms});
        if (values[i].flag == METRIC_GOOD && stands_ms >= most_ms)
            values[i].flag = METRIC_STUCK;
    }
}

bool device_reading(struct device *device, struct wall_ms wall, int64_t now_ms,
                    struct reading *reading)
{
    const struct device_config *config = device->config;
    bool own = config->profile->node;
    struct decode_counters tried, *counters = &device->counters;
    struct decoded decoded;
    if (device->node != NULL)
        device->counters.boot_base = device->node->boot_base;
    if (own) { /* an answer that is no new reading moves no counter */
        tried = device->counters;
        counters = &tried;
    }
    decode_device(config, device->map, &device->plan, &device->image, counters,
                  own ? NULL : device->rare->foreign, now_ms, &decoded);
    if (!decoded.believed)
        return false;
    for (unsigned i = 0; i < DECODE_TEXTS; i++) {
        if (decoded.said >> i & 1)
            memcpy(device->texts[i], decoded.texts[i], sizeof device->texts[i]);
    }
    memset(reading, 0, offsetof(struct reading, values));
    reading->device = config->index;
    reading->value_count = decoded.value_count;
    reading->taken.ms = device->poll.answered_ns / 1000000;
    if (own) {
        bool fresh = device->node != NULL && node_reading(device, &decoded, reading);
        if (!fresh)
            return false;
        own_node_counters(device->node, counters, decoded.values);
        device->counters = *counters;
    } else {
        reading->boot = device->boot;
        reading->seq = ++device->seq;
    }
    if (config->profile->warm_up_ms > 0 && now_ms - device->back_ms < config->profile->warm_up_ms) {
        for (unsigned i = 0; i < decoded.value_count; i++) {
            if (config->metrics[i]->role != ROLE_COUNTER && /* what was counted was counted */
                !reading_value_rests(&decoded.values[i]))
                decoded.values[i] = (struct reading_value){.flag = METRIC_ABSENT};
        }
    }
    if (device->may_freeze)
        flag_stuck(device, decoded.values, wall, now_ms);
    memcpy(reading->values, decoded.values, decoded.value_count * sizeof decoded.values[0]);
    reading->time = (struct wall_ms){wall.ms - (now_ms - reading->taken.ms), wall.trust};
    if (device->counts)
        mark_counters(device, reading);
    return true;
}

void device_gap_flush(struct device *device, const struct reading_sink *sink)
{
    if (device->gap.first_seq == 0)
        return;
    sink->gap(sink->context, &device->gap);
    device->gap.first_seq = 0;
}

void device_gap(struct device *device, uint32_t count, enum gap_why why, int64_t now_ms,
                const struct reading_sink *sink)
{
    if (count == 0 || device->config->profile->node)
        return; /* a node numbers its samples itself and keeps them */
    if (device->gap.first_seq != 0 &&
        (device->gap.why != (uint8_t)why || now_ms - device->gap_since_ms > GAP_FLUSH_MS))
        device_gap_flush(device, sink);
    if (device->gap.first_seq == 0) {
        device->gap.first_seq = device->seq + 1;
        device->gap.boot = device->boot;
        device->gap.why = (uint8_t)why;
        device->gap_since_ms = now_ms;
    }
    device->seq += count;
    device->gap.last_seq = device->seq;
}
