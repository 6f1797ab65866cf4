/* SPDX-License-Identifier: Apache-2.0 */
/* The bus thread. Each turn of its loop does one thing on the line, in this order of right:
 *
 *   requests of others ──> the poll whose turn it is ──> nodes' logs and settings ──> waits
 *
 * and a wait ends when a request comes. A line that is down is opened again with back-off. */
#include "gateway/daemon/bus/bus.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/bus/schedule.h"

#define QUEUE_SIZE      64
#define OPEN_FIRST_MS   200
#define OPEN_MOST_MS    1000
#define STEP_MOST_MS    500         /* the loop comes round at least so often */
#define BROADCAST_NS    100000000LL /* turnaround delay after a broadcast */
#define STARVED_MS      10000       /* a node's log waits for idle time no longer */
#define HEALTH_EVERY_MS 10000
#define STATS_EVERY_MS  100
#define GARBLED_NS      5000000LL
#define BUSY_NS         200000000LL /* a unit that says "busy" is asked again after this */
/* On a noisy line, on one where an answer came twice, and until a unit's turnaround is known, a
 * unit is left alone for a while after its answer: if that came once more while the next request
 * is lost, it would be taken for the next answer. Other units have the line meanwhile. */
#define ALONE_NS 150000000LL
#define TWICE_MS 600000
#define NOISY_MS 60000
#define US       1000LL
#define MS       1000000LL

struct bus {
    const struct config *config;
    const struct bus_config *bus;
    const struct reading_sink *sink;
    pthread_t thread;
    int wake_fd;
    /* Shared, under the mutex: */
    pthread_mutex_t mutex;
    struct bus_request queue[QUEUE_SIZE];
    unsigned queue_at, queue_count;
    struct bus_stats stats;
    atomic_bool stopping;
    atomic_llong paused_until_ms, step_ms;
    /* The thread's own: */
    struct line line;
    struct transact transact;
    struct schedule schedule;
    struct schedule_unit *units;
    struct device *devices;
    bool up, echo;
    int64_t open_at_ms, babble_ms, careful_until_ms;
    uint64_t stray_seen;
    uint32_t open_wait_ms;
    int64_t fetched_ms; /* last time that nodes' logs had the line */
    unsigned fetch_from;
    int64_t health_at_ms, published_ms;
    int64_t wall_offset_ms, wall_at_ms;
    enum time_trust trust;
    struct bus_stats counted;
    struct log_state line_log, babble_log;
};

const char *bus_result_text(enum bus_result result)
{
    static const char *const texts[] = {
        "done",
        "no answer",
        "only garbage came",
        "the device refused it",
        "no adapter or no connection",
        "too many requests wait; try again later",
        "the bus was stopped",
        "written, but reads back otherwise",
        "the request is wrong",
    };
    unsigned at = (unsigned)-(int)result;
    return at < sizeof texts / sizeof texts[0] ? texts[at] : "unknown";
}

static int64_t now_ms(void)
{
    return line_now_ns() / MS;
}

/* The sink's clock may cost a lock: asked ten times a second, in between it runs on. */
static struct wall_ms wall_at(struct bus *bus, int64_t mono_ms)
{
    if (mono_ms - bus->wall_at_ms >= 100 || bus->wall_at_ms == 0) {
        struct wall_ms now = {0, TIME_TRUSTED};
        if (bus->sink->now) {
            now = bus->sink->now(bus->sink->context);
        } else {
            struct timespec real;
            (void)clock_gettime(CLOCK_REALTIME, &real);
            now.ms = real.tv_sec * 1000LL + real.tv_nsec / MS;
        }
        bus->wall_offset_ms = now.ms - mono_ms;
        bus->trust = now.trust;
        bus->wall_at_ms = mono_ms;
    }
    return (struct wall_ms){bus->wall_offset_ms + mono_ms, bus->trust};
}

/* --- the line's state --- */

static void publish_stats(struct bus *bus)
{
    int64_t now = now_ms();
    bool paused = atomic_load(&bus->paused_until_ms) > now;
    if (now - bus->published_ms < STATS_EVERY_MS)
        return;
    bus->published_ms = now;
    bus->counted.busy_us = bus->transact.busy_ns / 1000;
    bus->counted.stray_bytes = bus->transact.stray_bytes;
    bus->counted.silence_violations = bus->transact.silence_violations;
    (void)snprintf(bus->counted.state, sizeof bus->counted.state, "%s",
                   !bus->up ? "down"
                   : paused ? "paused"
                            : "up");
    (void)pthread_mutex_lock(&bus->mutex);
    bus->stats = bus->counted;
    (void)pthread_mutex_unlock(&bus->mutex);
}

static void line_down(struct bus *bus)
{
    line_close(&bus->line);
    bus->up = false;
    bus->open_wait_ms = OPEN_FIRST_MS;
    bus->open_at_ms = now_ms() + (bus->bus->type == BUS_RTU ? OPEN_FIRST_MS : 0);
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        bus->devices[i].read = 0;
}

static void try_open(struct bus *bus)
{
    int error = line_open(&bus->line);
    int64_t now = now_ms();
    log_change(&bus->line_log, error == 0 ? 0 : error, error ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
               "bus %s: %s %s%s%s", bus->bus->name, bus->bus->port,
               error ? "can't be opened: " : "is open", error ? line_error_text(error) : "",
               error ? "; trying on" : "");
    if (error) {
        bus->open_wait_ms =
            bus->open_wait_ms * 2 < OPEN_MOST_MS ? bus->open_wait_ms * 2 : OPEN_MOST_MS;
        bus->open_at_ms = now + bus->open_wait_ms;
        return;
    }
    bus->up = true;
    bus->counted.reopened++;
    bus->transact.listening = false;
    if (bus->bus->type == BUS_RTU)
        schedule_restart(&bus->schedule, now * US);
}

/* --- polls --- */

static enum health_end health_end_of(enum bus_result result)
{
    switch (result) {
    case BUS_OK:
        return HEALTH_GOOD;
    case BUS_EXCEPTION:
        return HEALTH_EXCEPTION;
    case BUS_TIMEOUT:
        return HEALTH_SILENT;
    default:
        return HEALTH_GARBLED;
    }
}

static void note_state(struct bus *bus, struct device *device, enum device_state state)
{
    static const char *const texts[] = {
        "answers", "does not answer",
        "answers only garbage (babbling, wrong rate, or two devices "
        "with one address)"};
    device->report.online = state == DEVICE_ONLINE;
    log_change(&device->log, (int)state,
               state == DEVICE_ONLINE ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
               "device %s (bus %s, address %u) %s", device->config->name, bus->bus->name,
               device->config->unit, texts[state]);
}

/* A late answer that was heard while nothing was asked: it is over, the unit is there. */
static void note_late_answer(struct bus *bus)
{
    uint8_t unit = bus->transact.late_unit;
    bus->transact.late_unit = 0;
    for (unsigned i = 0; unit && i < bus->bus->device_count; i++) {
        struct device *device = &bus->devices[i];
        if (device->config->unit != unit)
            continue;
        device->health.late_answers++;
        bus->units[i].quiet_us = line_now_ns() / US;
        if (bus->units[i].dead) { /* its probe's timeout was cut too short */
            device->health.peak_ns = 0;
            bus->schedule.next_probe_us = 0;
            bus->units[i].probed_us = 0;
        }
    }
}

static int64_t ceiling_ns(const struct bus *bus, const struct device *device)
{
    uint32_t most = device->config->profile->response_max_ms;
    return (bus->bus->response_ms > most ? bus->bus->response_ms : most) * MS;
}

/* One transaction with a device, with all its settings. */
static void ask(struct bus *bus, struct device *device, struct transact_request *request,
                int64_t cost_max_us, struct transact_answer *answer)
{
    int64_t ceiling = ceiling_ns(bus, device);
    if (request->timeout_ns == 0)
        request->timeout_ns = health_timeout_ns(&device->health, ceiling);
    request->fastest_ns = health_fastest_ns(&device->health);
    int64_t frames_ns = wire_bytes_ns(&device->wire, request->pdu_size + 3u + request->answer_size);
    int64_t rest_ns = cost_max_us * US - frames_ns;
    if (cost_max_us > 0 && rest_ns < request->timeout_ns)
        request->timeout_ns = rest_ns > GARBLED_NS ? rest_ns : GARBLED_NS;
    request->late_ns = 2 * ceiling - request->timeout_ns;
    bus->counted.requests++;
    if (!line_set(&bus->line, &device->wire)) {
        *answer = (struct transact_answer){.result = BUS_DOWN};
        return;
    }
    transact_do(&bus->transact, request, answer);
    bus->counted.answers += answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
    bus->counted.timeouts += answer->result == BUS_TIMEOUT;
    bus->counted.crc_errors += answer->result == BUS_GARBLED;
    if (answer->too_fast_ns && answer->result == BUS_TIMEOUT)
        health_too_fast(&device->health, answer->too_fast_ns);
    if (answer->result == BUS_OK)
        bus->echo = answer->echo;
    if (answer->babble)
        bus->babble_ms = now_ms();
    note_late_answer(bus);
    bool noisy = bus->transact.stray_bytes != bus->stray_seen || answer->result == BUS_GARBLED;
    int64_t careful_ms = bus->transact.twice ? TWICE_MS : noisy ? NOISY_MS : 0;
    int64_t now = now_ms();
    bus->transact.twice = false;
    bus->stray_seen = bus->transact.stray_bytes;
    if (now + careful_ms > bus->careful_until_ms)
        bus->careful_until_ms = now + careful_ms;
    bool alone = device->health.known < HEALTH_LEARNT || bus->careful_until_ms > now;
    if (answer->result == BUS_OK && bus->bus->type != BUS_TCP && alone)
        answer->quiet_ns = answer->end_ns + ALONE_NS;
}

static void give_reading(struct bus *bus, struct device *device)
{
    struct reading reading;
    int64_t now = now_ms();
    struct wall_ms wall = wall_at(bus, now);
    device->report.last_seen = wall;
    if (device_reading(device, wall, now, &reading)) {
        device_gap_flush(device, bus->sink);
        bus->sink->reading(bus->sink->context, &reading);
    }
}

/* What an exception to a read means for the poll. */
static enum schedule_outcome refused(struct bus *bus, struct device *device, unsigned index,
                                     struct transact_answer *answer, bool *again)
{
    uint8_t code = answer->pdu[1];
    switch (code) {
    case MODBUS_ILLEGAL_ADDRESS:
    case MODBUS_ILLEGAL_VALUE:
        plan_refuse(device->map.items, device->map.item_count, &device->plan, device->read,
                    &device->lessons);
        device_plan(device);
        log_write(LOG_LEVEL_NOTICE,
                  "device %s (bus %s) refuses part of its registers; %u requests now",
                  device->config->name, bus->bus->name, device->plan.read_count);
        *again = device->plan.read_count > 0;
        return SCHEDULE_ANSWERED;
    case MODBUS_ACKNOWLEDGE:
    case MODBUS_DEVICE_BUSY:
        answer->quiet_ns = answer->end_ns + BUSY_NS;
        *again = bus->units[index].tries + 1 < SCHEDULE_TRIES;
        bus->units[index].tries++;
        return SCHEDULE_ANSWERED;
    case MODBUS_GATEWAY_PATH:
    case MODBUS_GATEWAY_TARGET: /* a TCP gateway speaks for a unit that does not */
        return SCHEDULE_SILENT;
    default:
        return SCHEDULE_ANSWERED;
    }
}

static void poll_failed(struct bus *bus, unsigned index, enum gap_why why)
{
    struct device *device = &bus->devices[index];
    device->read = 0;
    device_gap(device, 1, why, now_ms(), bus->sink);
    if (bus->units[index].dead)
        note_state(bus, device, why == GAP_GARBLED ? DEVICE_GARBAGE : DEVICE_SILENT);
}

static void poll_ended(struct bus *bus, unsigned index, const struct transact_answer *answer)
{
    struct device *device = &bus->devices[index];
    device->health.polls++;
    device->health.good++;
    device->read = 0;
    give_reading(bus, device);
    note_state(bus, device, DEVICE_ONLINE);
    (void)answer;
    if (device->config->profile->node && device->config->every_ms >= 1000)
        schedule_set_due(&bus->schedule, index, node_due_ms(&device->node, now_ms()) * US);
}

/* Lets the schedule know how a try ended, and the device when that was the end of its poll. */
static void try_ended(struct bus *bus, unsigned index, const struct transact_answer *answer,
                      enum schedule_outcome outcome, bool good)
{
    struct device *device = &bus->devices[index];
    bool was_dead = bus->units[index].dead;
    int64_t begin_ns = answer->sent_ns ? answer->sent_ns : answer->end_ns;
    bool over = schedule_end(&bus->schedule, index, outcome, answer->end_ns / US,
                             (answer->end_ns - begin_ns + bus->transact.silence_ns) / US,
                             answer->quiet_ns / US);
    if (was_dead && outcome == SCHEDULE_ANSWERED) {
        device->lessons = (struct plan_lessons){0}; /* it may be another one now */
        if (!good)
            device_plan(device);
    }
    if (!over) {
        device->health.retries++;
        return;
    }
    if (good) {
        poll_ended(bus, index, answer);
        return;
    }
    device->health.polls++;
    poll_failed(bus, index,
                outcome == SCHEDULE_ANSWERED ? GAP_EXCEPTION
                : outcome == SCHEDULE_NOISE  ? GAP_GARBLED
                                             : GAP_TIMEOUT);
}

/* One read of a device whose turn it is. False: the line is down. */
static bool poll_step(struct bus *bus, const struct schedule_turn *turn)
{
    unsigned index = (unsigned)turn->unit;
    struct device *device = &bus->devices[index];
    struct transact_request request;
    struct transact_answer answer;
    uint8_t pdu[5];
    if (device->plan.read_count == 0) { /* refuses everything: tried anew now and then */
        device->lessons = (struct plan_lessons){0};
        device_plan(device);
        bus->units[index].due_us += 60000000;
        poll_failed(bus, index, GAP_EXCEPTION);
        return true;
    }
    if (bus->units[index].dead)
        device_gap(device, schedule_skip(&bus->schedule, index, now_ms() * US), GAP_TIMEOUT,
                   now_ms(), bus->sink);
    device_request(device, pdu, &request);
    ask(bus, device, &request, turn->cost_max_us, &answer);
    if (answer.result == BUS_DOWN)
        return false;
    health_try(&device->health, health_end_of(answer.result), request.answer_size,
               answer.turnaround_ns);
    if (answer.result == BUS_OK) {
        const struct plan_read *read = &device->plan.reads[device->read];
        decode_answer(read, answer.pdu, device->image.words + device->image.start[device->read]);
        if (device->read == 0)
            device->answered_ns =
                answer.end_ns -
                wire_bytes_ns(&bus->line.wire, bus->bus->type == BUS_TCP ? 0 : answer.pdu_size + 3);
        device->read++;
        if (device->read < device->plan.read_count) {
            bus->units[index].quiet_us = answer.quiet_ns / US;
            return true; /* its due time is past: the next read follows soon */
        }
        try_ended(bus, index, &answer, SCHEDULE_ANSWERED, true);
        return true;
    }
    enum schedule_outcome outcome = answer.result == BUS_TIMEOUT ? SCHEDULE_SILENT : SCHEDULE_NOISE;
    bool again = false;
    if (answer.result == BUS_EXCEPTION)
        outcome = refused(bus, device, index, &answer, &again);
    if (again) {
        bus->units[index].quiet_us = answer.quiet_ns / US;
        return true;
    }
    try_ended(bus, index, &answer, outcome, false);
    return bus->bus->type != BUS_TCP || answer.result == BUS_EXCEPTION;
}

/* --- nodes: settings and log --- */

/* One request of a node that wants one, in at most `room_ns` of line. */
static bool node_step(struct bus *bus, int64_t room_ns)
{
    int64_t now = now_ms();
    struct wall_ms wall = wall_at(bus, now);
    for (unsigned k = 0; k < bus->bus->device_count; k++) {
        unsigned index = (bus->fetch_from + k) % bus->bus->device_count;
        struct device *device = &bus->devices[index];
        uint8_t pdu[MODBUS_PDU_MAX];
        struct transact_request request = {.pdu = pdu, .unit = device->config->unit};
        if (!device->config->profile->node || bus->units[index].dead ||
            bus->units[index].quiet_us > now * US)
            continue;
        enum node_job job =
            node_next(&device->node, now, wall, pdu, &request.pdu_size, &request.answer_size);
        int64_t need_ns =
            wire_bytes_ns(&device->wire, request.pdu_size + 3u + request.answer_size) +
            3 * bus->transact.silence_ns + 2 * device->health.peak_ns;
        if (job == NODE_IDLE || (room_ns < need_ns && now - bus->fetched_ms < STARVED_MS))
            continue;
        struct transact_answer answer;
        bus->fetch_from = index + (job == NODE_FETCH);
        bus->fetched_ms = now;
        ask(bus, device, &request, 0, &answer);
        if (answer.result == BUS_DOWN) {
            line_down(bus);
            return true;
        }
        bus->units[index].quiet_us = answer.quiet_ns / US;
        now = now_ms();
        node_done(&device->node, job, &answer, now, wall_at(bus, now), bus->sink);
        return true;
    }
    return false;
}

/* --- requests of others --- */

static bool take_request(struct bus *bus, struct bus_request *request)
{
    uint64_t count;
    (void)pthread_mutex_lock(&bus->mutex);
    bool any = bus->queue_count > 0;
    if (any) {
        *request = bus->queue[bus->queue_at];
        bus->queue_at = (bus->queue_at + 1) % QUEUE_SIZE;
        bus->queue_count--;
    }
    if (bus->queue_count == 0)
        any = (read(bus->wake_fd, &count, sizeof count) > 0 && any) || any;
    (void)pthread_mutex_unlock(&bus->mutex);
    return any;
}

static struct device *device_of_unit(struct bus *bus, uint8_t unit)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].config->unit == unit)
            return &bus->devices[i];
    }
    return NULL;
}

/* The largest answer that the request can have, for the deadline. */
static uint16_t answer_size_of(const uint8_t *pdu, size_t size)
{
    unsigned count = size >= 5 ? (unsigned)(pdu[3] << 8 | pdu[4]) : 0;
    switch (pdu[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        return (uint16_t)(WIRE_ANSWER_BYTES + (count + 7) / 8 % 256);
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_READ_WRITE:
        return (uint16_t)(WIRE_ANSWER_BYTES + count % 128 * 2);
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return 8;
    default:
        return RTU_FRAME_MAX;
    }
}

/* One request with its retries. Units that are no device here get the bus's own settings. */
static void do_request(struct bus *bus, const struct bus_request *request,
                       struct transact_answer *answer)
{
    struct device *device = device_of_unit(bus, request->unit), guest = {0};
    if (!device) {
        device = &guest;
        guest.config = bus->devices[0].config; /* for its ceiling only */
        guest.wire = (struct wire){bus->bus->baud, bus->bus->parity, bus->bus->stop_bits};
    }
    for (unsigned try = 0; try <= request->retries; try++) {
        struct transact_request line = {.pdu = request->pdu,
                                        .pdu_size = request->pdu_size,
                                        .answer_size =
                                            answer_size_of(request->pdu, request->pdu_size),
                                        .unit = request->unit,
                                        .timeout_ns = request->timeout_ms * MS};
        if (device != &guest)
            line.extra_ns = device->config->profile->extra_silence_us * US;
        if (request->unit == 0)
            line.timeout_ns = request->timeout_ms ? request->timeout_ms * MS : BROADCAST_NS;
        ask(bus, device, &line, 0, answer);
        if (device != &guest && answer->quiet_ns > bus->units[device - bus->devices].quiet_us * US)
            bus->units[device - bus->devices].quiet_us = answer->quiet_ns / US;
        if (answer->result == BUS_OK || answer->result == BUS_EXCEPTION ||
            answer->result == BUS_DOWN || answer->result == BUS_INVALID)
            return;
        if (bus->bus->type == BUS_TCP)
            return; /* the connection must be closed first */
        if (try < request->retries)
            (void)transact_idle(&bus->transact, answer->quiet_ns, false);
    }
}

/* The request that reads back what a write wrote; false: nothing to compare. */
static bool read_back_of(const struct bus_request *write, struct bus_request *read)
{
    uint8_t function = write->pdu[0];
    bool one = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER;
    bool many = function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS;
    if ((!one && !many) || write->no_read_back || write->unit == 0 ||
        write->pdu_size < (one ? 5 : 7))
        return false;
    *read = *write;
    read->pdu_size = 5;
    read->pdu[0] = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_COILS
                       ? MODBUS_READ_COILS
                       : MODBUS_READ_HOLDING;
    if (one) {
        read->pdu[3] = 0;
        read->pdu[4] = 1;
    }
    return true;
}

static bool reads_as_written(const struct bus_request *write, const uint8_t *pdu, size_t size)
{
    switch (write->pdu[0]) {
    case MODBUS_WRITE_COIL:
        return size == 3 && (pdu[2] & 1) == (write->pdu[3] == 0xFF);
    case MODBUS_WRITE_REGISTER:
        return size == 4 && memcmp(pdu + 2, write->pdu + 3, 2) == 0;
    default:
        return size == write->pdu_size - 4u && memcmp(pdu + 2, write->pdu + 6, size - 2) == 0;
    }
}

/* False: the line must be opened anew. */
static bool serve_request(struct bus *bus, const struct bus_request *request)
{
    struct transact_answer answer = {.result = BUS_DOWN};
    struct bus_reply reply = {0};
    struct bus_request back;
    if (bus->up)
        do_request(bus, request, &answer);
    reply.result = answer.result;
    reply.turnaround_us = (uint32_t)(answer.turnaround_ns / US);
    if (answer.pdu) {
        reply.pdu_size = (uint16_t)answer.pdu_size;
        memcpy(reply.pdu, answer.pdu, answer.pdu_size);
        reply.exception = answer.result == BUS_EXCEPTION ? answer.pdu[1] : 0;
    }
    if (answer.result == BUS_OK && read_back_of(request, &back)) {
        do_request(bus, &back, &answer);
        if (answer.result == BUS_OK && !reads_as_written(request, answer.pdu, answer.pdu_size))
            reply.result = BUS_MISMATCH;
        else if (answer.result != BUS_OK && answer.result != BUS_EXCEPTION)
            reply.result = answer.result;
    }
    request->done(request->context, &reply);
    bool broken =
        bus->bus->type == BUS_TCP && (answer.result == BUS_TIMEOUT || answer.result == BUS_GARBLED);
    return answer.result != BUS_DOWN && !broken;
}

static void end_requests(struct bus *bus)
{
    static const struct bus_reply stopped = {.result = BUS_STOPPED};
    struct bus_request request;
    while (take_request(bus, &request))
        request.done(request.context, &stopped);
}

/* --- the loop --- */

static void report_health(struct bus *bus)
{
    int64_t now = now_ms();
    if (now < bus->health_at_ms)
        return;
    bus->health_at_ms = now + HEALTH_EVERY_MS;
    unsigned count = bus->bus->device_count;
    struct health *health = calloc(count, sizeof *health);
    if (!health)
        return;
    for (unsigned i = 0; i < count; i++)
        health[i] = bus->devices[i].health;
    for (unsigned i = 0; i < count; i++) {
        const struct device *device = &bus->devices[i];
        struct device_health report = {.device = device->config->index,
                                       .online = device->report.online && bus->up,
                                       .last_seen = device->report.last_seen,
                                       .polls = health[i].polls,
                                       .good = health[i].good,
                                       .timeouts = health[i].timeouts,
                                       .crc_errors = health[i].crc_errors,
                                       .exceptions = health[i].exceptions,
                                       .late_answers = health[i].late_answers,
                                       .retries = health[i].retries,
                                       .turnaround_p50_us = health_percentile_us(&health[i], 0.5),
                                       .turnaround_p99_us = health_percentile_us(&health[i], 0.99)};
        (void)snprintf(report.hint, sizeof report.hint, "%s", health_device_hint(health, count, i));
        bus->sink->health(bus->sink->context, &report);
    }
    bool babble = bus->babble_ms && now - bus->babble_ms < 60000;
    const char *hint = health_bus_hint(health, count, bus->echo, babble);
    (void)snprintf(bus->counted.hint, sizeof bus->counted.hint, "%s", hint);
    log_change(&bus->babble_log, hint[0] ? (int)(unsigned char)hint[0] + (int)strlen(hint) : 0,
               hint[0] ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "bus %s: %s", bus->bus->name,
               hint[0] ? hint : "fine again");
    free(health);
}

/* While the line is down, polls that would be due are gaps. */
static void count_missed(struct bus *bus)
{
    int64_t now = now_ms();
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        uint32_t missed = schedule_skip(&bus->schedule, i, now * US);
        device_gap(&bus->devices[i], missed, GAP_BUS_DOWN, now, bus->sink);
    }
}

/* Waits until a time or a request; throws stray bytes away and notices when the line goes. */
static void rest(struct bus *bus, int64_t until_us)
{
    int64_t most = line_now_ns() / US + STEP_MOST_MS * 1000;
    if (until_us > most)
        until_us = most;
    enum line_event event = bus->up ? transact_idle(&bus->transact, until_us * US, true)
                                    : line_wait(&bus->line, until_us * US, true);
    note_late_answer(bus);
    if (event == LINE_GONE)
        line_down(bus);
}

static void step(struct bus *bus)
{
    struct bus_request request;
    int64_t now = now_ms();
    if (!bus->up && now >= bus->open_at_ms)
        try_open(bus);
    if (take_request(bus, &request)) {
        if (!serve_request(bus, &request) && bus->up)
            line_down(bus);
        return;
    }
    if (!bus->up) {
        count_missed(bus);
        rest(bus, bus->open_at_ms * 1000);
        return;
    }
    int64_t paused = atomic_load(&bus->paused_until_ms);
    if (paused > now) {
        count_missed(bus);
        rest(bus, paused * 1000);
        return;
    }
    int64_t now_us = line_now_ns() / US;
    struct schedule_turn turn = schedule_next(&bus->schedule, now_us);
    if (turn.unit >= 0 && now - bus->fetched_ms < STARVED_MS) {
        if (!poll_step(bus, &turn))
            line_down(bus);
        return;
    }
    int64_t room_ns = turn.unit >= 0 ? 0 : (turn.wake_us - now_us) * US;
    if (node_step(bus, room_ns))
        return;
    bus->fetched_ms = now; /* nobody waits */
    if (turn.unit < 0)
        rest(bus, turn.wake_us);
}

static void *run(void *context)
{
    struct bus *bus = context;
    (void)prctl(PR_SET_TIMERSLACK, 1); /* silences are waited for to the microsecond */
    if (bus->bus->type == BUS_RTU) {   /* first in line for a processor, where that is allowed: a
                                          line's thread sleeps nearly all the time */
        struct sched_param real_time = {.sched_priority = 1};
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &real_time);
    }
    while (!atomic_load(&bus->stopping)) {
        atomic_store(&bus->step_ms, now_ms());
        step(bus);
        report_health(bus);
        publish_stats(bus);
    }
    end_requests(bus);
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        device_gap_flush(&bus->devices[i], bus->sink);
    line_end(&bus->line);
    return NULL;
}

/* --- from other threads --- */

static void destroy(struct bus *bus)
{
    if (bus->wake_fd >= 0)
        (void)close(bus->wake_fd);
    (void)pthread_mutex_destroy(&bus->mutex);
    free(bus->units);
    free(bus->devices);
    free(bus);
}

struct bus *bus_start(const struct config *config, uint16_t bus_index, uint32_t boot,
                      const struct reading_sink *sink)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        return NULL;
    const struct bus_config *own = &config->buses[bus_index];
    unsigned count = own->device_count;
    (void)pthread_mutex_init(&bus->mutex, NULL);
    bus->config = config;
    bus->bus = own;
    bus->sink = sink;
    bus->open_wait_ms = OPEN_FIRST_MS;
    bus->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bus->units = calloc(count, sizeof *bus->units);
    bus->devices = calloc(count, sizeof *bus->devices);
    atomic_store(&bus->step_ms, now_ms());
    if (bus->wake_fd < 0 || !bus->units || !bus->devices) {
        destroy(bus);
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct device_config *device = &config->devices[own->devices[i]];
        device_init(&bus->devices[i], device, own, boot, sink);
        log_state_init(&bus->devices[i].log, DEVICE_ONLINE);
        bus->units[i].period_us = device->every_ms * 1000LL;
    }
    log_state_init(&bus->babble_log, 0);
    line_init(&bus->line, own, bus->wake_fd);
    transact_init(&bus->transact, &bus->line);
    schedule_init(&bus->schedule, bus->units, (uint16_t)count, now_ms() * US);
    bus->health_at_ms = now_ms() + 2000;
    bus->fetched_ms = now_ms();
    int error = pthread_create(&bus->thread, NULL, run, bus);
    if (error) {
        destroy(bus);
        errno = error;
        return NULL;
    }
    return bus;
}

static void wake(struct bus *bus)
{
    uint64_t one = 1;
    ssize_t written = write(bus->wake_fd, &one, sizeof one);
    (void)written; /* full: it is awake anyhow */
}

void bus_stop(struct bus *bus)
{
    if (!bus)
        return;
    atomic_store(&bus->stopping, true);
    atomic_store(&bus->transact.stopping, true);
    wake(bus);
    (void)pthread_join(bus->thread, NULL);
    destroy(bus);
}

enum bus_result bus_submit(struct bus *bus, const struct bus_request *request)
{
    if (request->pdu_size == 0 || request->pdu_size > sizeof request->pdu || request->retries > 3 ||
        !request->done)
        return BUS_INVALID;
    (void)pthread_mutex_lock(&bus->mutex);
    bool room = bus->queue_count < QUEUE_SIZE && !atomic_load(&bus->stopping);
    if (room)
        bus->queue[(bus->queue_at + bus->queue_count++) % QUEUE_SIZE] = *request;
    (void)pthread_mutex_unlock(&bus->mutex);
    if (!room)
        return BUS_BUSY;
    wake(bus);
    return BUS_OK;
}

void bus_pause(struct bus *bus, uint32_t seconds)
{
    atomic_store(&bus->paused_until_ms, seconds ? now_ms() + seconds * 1000LL : 0);
    wake(bus);
}

void bus_stats(struct bus *bus, struct bus_stats *stats)
{
    (void)pthread_mutex_lock(&bus->mutex);
    *stats = bus->stats;
    (void)pthread_mutex_unlock(&bus->mutex);
}

int64_t bus_idle_ms(struct bus *bus)
{
    return now_ms() - atomic_load(&bus->step_ms);
}
