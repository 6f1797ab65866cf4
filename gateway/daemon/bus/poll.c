/* SPDX-License-Identifier: Apache-2.0 */
/* A poll: the reads of a device whose turn it is, and what follows from how they end. */
#include <stdlib.h>

#include "gateway/daemon/bus/impl.h"

#include "gateway/daemon/write_request.h"

#define SILENT_READS      2          /* in a row, of a unit that answers other reads */
#define SILENT_GOOD_READS 20         /* the same, of a read that it has answered */
#define REFUSED_US        60000000LL /* one that refuses everything is tried anew so often */

struct polling {
    int64_t good_ms; /* end of the last good poll of any device */
};

bool polling_init(struct bus *bus)
{
    bus->polling = calloc(1, sizeof *bus->polling);
    return bus->polling != NULL;
}

static enum link_quality_end health_end_of(enum bus_result result)
{
    switch (result) {
    case BUS_OK:
        return LINK_QUALITY_GOOD;
    case BUS_EXCEPTION:
        return LINK_QUALITY_EXCEPTION;
    case BUS_TIMEOUT:
        return LINK_QUALITY_SILENT;
    default:
        return LINK_QUALITY_GARBLED;
    }
}

static void note_state(struct bus *bus, struct device *device, enum device_state state)
{
    static const char *const texts[] = {
        "answers", "does not answer",
        ("answers only garbage (babbling, wrong rate, or two devices "
         "with one address)"),
        "answers only with exceptions", "answers, but not what was asked"};
    static const char tcp_garbage[] = "answers only garbage (no Modbus TCP, or not what was asked)";
    bool garbage = state == DEVICE_GARBAGE && bus->bus->type == BUS_TCP;
    device->report.online = state == DEVICE_ONLINE;
    if (log_shows(&device->logs.state, (int)state))
        return;
    log_change(&device->logs.state, (int)state,
               state == DEVICE_ONLINE ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
               "device %s (bus %s, address %u) %s", device->config->name, bus->bus->name,
               device->config->unit, garbage ? tcp_garbage : texts[state]);
}

/* What is measured by a calibration that has run out is marked so; it is believed still. */
static void mark_overdue(const struct device_config *device, struct wall_ms wall,
                         struct reading *reading)
{
    int32_t today = 0;
    for (unsigned i = 0; i < reading->value_count; i++) {
        struct reading_value *value = &reading->values[i];
        if (device->due[i] == 0 || value->flag != METRIC_GOOD || !value->present)
            continue;
        today = today == 0 ? clock_day(wall.ms) : today;
        if (today >= device->due[i])
            value->flag = METRIC_UNCALIBRATED;
    }
}

static void give_reading(struct bus *bus, struct device *device, int64_t now)
{
    struct reading reading;
    struct wall_ms wall = bus_wall(bus, now);
    device->report.last_seen = wall;
    if (device_reading(device, wall, now, &reading)) {
        device_gap_flush(device, bus->sink);
        if (device->may_be_overdue && wall.trust == TIME_TRUSTED)
            mark_overdue(device->config, wall, &reading);
        bus->sink->reading(bus->sink->context, &reading);
    }
}

static void poll_failed(struct bus *bus, unsigned index, enum gap_why why)
{
    struct device *device = &bus->devices[index];
    device->read = 0;
    device_gap(device, 1, why, bus_now_ms(), bus->sink);
    if (why == GAP_EXCEPTION && device->refusal.polls < DEVICE_REFUSED_POLLS)
        device->refusal.polls++;
    if (bus->units[index].dead)
        note_state(bus, device,
                   link_quality_odd_hint(&device->health).id != HINT_NONE ? DEVICE_ODD
                   : why == GAP_GARBLED                                   ? DEVICE_GARBAGE
                                                                          : DEVICE_SILENT);
    else if (device->refusal.polls >= DEVICE_REFUSED_POLLS)
        note_state(bus, device, DEVICE_REFUSES);
}

static void poll_ended(struct bus *bus, unsigned index, int64_t now)
{
    struct device *device = &bus->devices[index];
    device->health.polls++;
    device->health.good++;
    bus->polling->good_ms = now;
    device_poll_done(device, now);
    device->read = 0;
    if (!device->report.online)
        device->back_ms = now;
    device->refusal.polls = 0;
    device->refusal.alive = device->refusal.elsewhere = false; /* not of later ones */
    give_reading(bus, device, now);
    note_state(bus, device, DEVICE_ONLINE);
    if (device->refusal.one_item) { /* it answers again: all of it is requested */
        device->refusal.one_item = false;
        refused_forget(device);
    } else {
        refused_note(bus, device);
        refused_try_again(device, now);
    }
    if (device->node != NULL && device->config->every_ms >= 1000)
        schedule_set_due(&bus->schedule, index, own_node_due_ms(device->node, now) * US);
}

/* It was dead, and answers: it may be another one now, and what was refused is requested again. */
static void came_back(struct device *device)
{
    if (device->node != NULL)
        own_node_silent(device->node);
    device->lessons = (struct plan_lessons){0};
    device->refusal.busy = 0;
    device->refusal.busy_ms = 0;
    device->silence = (struct own_silence){0};
    device_all_due(device);
    if (device->config->profile->write_count > 0)
        own_writes_forget(&device->rare->writes);
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
    bool another = was_dead && outcome == SCHEDULE_ANSWERED && !device->refusal.learned_now;
    if (another)
        came_back(device);
    if (another && !good)
        device_plan(device);
    if (outcome == SCHEDULE_ANSWERED)
        device->refusal.learned_now = false;
    if (!over) {
        device->health.retries++;
        return;
    }
    if (good) {
        poll_ended(bus, index, answer->end_ns / MS);
        if (another) {
            device_all_due(device);
            device_plan(device);
        }
        return;
    }
    device->health.polls++;
    poll_failed(bus, index,
                outcome == SCHEDULE_ANSWERED ? GAP_EXCEPTION
                : outcome == SCHEDULE_NOISE  ? GAP_GARBLED
                                             : GAP_TIMEOUT);
}

/* Somebody talks without end. False: it is the unit that was asked, since others answered after it
 * had done so before. Else no one can be asked, and no unit is to blame for its silence. */
static bool babbled_on(struct bus *bus, unsigned index, const struct transact_answer *answer)
{
    struct device *device = &bus->devices[index];
    int64_t now = bus_now_ms();
    bool own = device->babble_ms && bus->polling->good_ms > device->babble_ms;
    device->babble_ms = now;
    if (own)
        return false;
    bus->units[index].quiet_us = answer->quiet_ns / US;
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        uint32_t missed = schedule_skip(&bus->schedule, i, now * US);
        device_gap(&bus->devices[i], missed, GAP_GARBLED, now, bus->sink);
        bus->devices[i].read = 0;
    }
    return true;
}

static enum bus_result own_write_ended(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index, at = bus->exchange.write;
    struct device *device = &bus->devices[index];
    const struct profile_config *profile = device->config->profile;
    const struct write_config *write = &profile->writes[at];
    bool good = answer->result == BUS_OK;
    own_writes_ended(&device->rare->writes, profile, at, good, bus_now_ms());
    bus->units[index].quiet_us = answer->quiet_ns / US;
    log_change(&device->logs.write, good ? 0 : (int)at + 1,
               good ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
               good ? "device %s: %s is written (%d)%s"
                    : "device %s: %s can't be written (%d): %s; it is tried again",
               device->config->name, write->name, write->value,
               good                              ? ""
               : answer->result == BUS_EXCEPTION ? modbus_exception_text(answer->pdu[1])
                                                 : bus_result_text(answer->result));
    return answer->result == BUS_DOWN ? BUS_DOWN : BUS_OK;
}

/* A write of the gateway's own, in front of a poll. BUS_STOPPED: none is due. */
static enum bus_result write_own(struct bus *bus, unsigned index, int64_t now)
{
    struct device *device = &bus->devices[index];
    const struct profile_config *profile = device->config->profile;
    uint8_t pdu[MODBUS_PDU_MAX];
    int next = device->report.online ? own_writes_next(&device->rare->writes, profile, now) : -1;
    if (next < 0)
        return BUS_STOPPED;
    const struct write_config *write = &profile->writes[next];
    struct transact_request request = {.pdu = pdu, .unit = device->config->unit};
    request.pdu_size = write_request_pdu(write, write->value, pdu);
    request.answer_size = rtu_answer_size(pdu, request.pdu_size);
    bus->exchange.index = index;
    bus->exchange.write = (unsigned)next;
    return bus_exchange(bus, device, &request, 0, own_write_ended);
}

/* It answers, but not what was requested: once may be an answer to something earlier. */
static void note_odd(struct device *device, const struct transact_request *request,
                     const struct transact_answer *answer)
{
    const struct link_quality_odd odd = {.function = answer->other_function,
                                         .asked_function = request->pdu[0],
                                         .bytes = answer->other_bytes,
                                         .asked =
                                             (uint8_t)(request->answer_size - SERIAL_ANSWER_BYTES)};
    link_quality_odd(&device->health, &odd);
}

/* Did it not answer, although it answers other reads? So often in a row that it is left out. */
static bool is_silent_to(struct device *device, const struct transact_answer *answer)
{
    struct device_refusal *refusal = &device->refusal;
    bool silent = answer->result == BUS_TIMEOUT || refused_by_another(answer);
    bool awake = answer->awake || refusal->alive ||
                 device->read > device->poll.first_read; /* it has answered a part of this poll */
    bool same = refusal->silent_read == device->read;
    if (answer->unasked || answer->too_fast)
        return false; /* that is no answer to this, nor a sign that none will come */
    if (answer->other_function != 0 && device->read == 0 && device->health.good == 0)
        awake = false; /* it is another device, and refuses nothing */
    refusal->silent_reads = silent && awake ? (uint8_t)(same ? refusal->silent_reads + 1 : 1) : 0;
    refusal->silent_read = device->read;
    bool was_good = refusal->answered >> (device->read & 63) & 1;
    return refusal->silent_reads >= (was_good ? SILENT_GOOD_READS : SILENT_READS);
}

/* It did not answer, or refused. BUS_DOWN: the connection is to be made anew. */
static enum bus_result poll_not_answered(struct bus *bus, unsigned index,
                                         struct transact_answer *answer)
{
    struct device *device = &bus->devices[index];
    enum schedule_outcome outcome =
        answer->result == BUS_TIMEOUT ? SCHEDULE_SILENT : SCHEDULE_NOISE;
    bool again = false;
    bool by_another = refused_by_another(answer);
    if (by_another)
        outcome = SCHEDULE_SILENT;
    if (answer->awake && device->health.odd.run == 0) /* it has just answered something else */
        bus->units[index].weakness = 0;
    if (is_silent_to(device, answer)) { /* it answers, but not this */
        device->refusal.silent_reads = 0;
        device->refusal.code = by_another ? answer->pdu[1] : 0;
        device->refusal.learned_now = true;
        refused_leave_out(device);
        outcome = SCHEDULE_ANSWERED;
        again = device->plan.read_count > 0;
    } else if (by_another) {
        device->refusal.code = answer->pdu[1];
    } else if (answer->result == BUS_EXCEPTION) {
        outcome = refused_judge(bus, device, index, answer, &again);
    } else if (answer->result == BUS_TIMEOUT && device->refusal.code >= MODBUS_GATEWAY_PATH) {
        device->refusal.code = 0; /* no one speaks for it any more */
    }
    if (again) {
        bus->units[index].quiet_us = answer->quiet_ns / US;
        return connection_outlives(bus, answer->result) ? BUS_OK : BUS_DOWN;
    }
    try_ended(bus, index, answer, outcome, false);
    return connection_outlives(bus, answer->result) ? BUS_OK : BUS_DOWN;
}

/* A gateway that hangs up whenever this unit is polled must not be polled for it for ever. */
static enum bus_result hung_up(struct bus *bus, unsigned index, struct transact_answer *answer)
{
    if (answer->sent_ns && bus->bus->type != BUS_RTU && !atomic_load(&bus->control.stopping)) {
        link_quality_try(&bus->devices[index].health, LINK_QUALITY_SILENT,
                         bus->exchange.request.answer_size, 0);
        answer->quiet_ns = answer->end_ns = line_now_ns();
        try_ended(bus, index, answer, SCHEDULE_SILENT, false);
    }
    return BUS_DOWN;
}

/* Of a dead unit one field alone was requested. When it answers that, its whole poll follows at
 * once. */
static enum bus_result part_answered(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index;
    struct device *device = &bus->devices[index];
    if (answer->result == BUS_DOWN)
        return hung_up(bus, index, answer);
    if (answer->babble && babbled_on(bus, index, answer))
        return BUS_OK;
    link_quality_try(&device->health, health_end_of(answer->result),
                     bus->exchange.request.answer_size, answer->turnaround_ns);
    device->refusal.alive = answer->result == BUS_OK ||
                            (answer->result == BUS_EXCEPTION && !refused_by_another(answer));
    device->refusal.asked_part = !device->refusal.alive;
    if (!device->refusal.alive) {
        device->refusal.learned_now = false; /* it may have been silent as a whole */
        if (refused_by_another(answer))
            device->refusal.code = answer->pdu[1];
        bool garbage = answer->result == BUS_GARBLED;
        try_ended(bus, index, answer, garbage ? SCHEDULE_NOISE : SCHEDULE_SILENT, false);
        return connection_outlives(bus, answer->result) ? BUS_OK : BUS_DOWN;
    }
    (void)schedule_end(&bus->schedule, index, SCHEDULE_ANSWERED, answer->end_ns / US,
                       (answer->end_ns - answer->sent_ns + bus->transact.silence_ns) / US,
                       answer->quiet_ns / US);
    schedule_set_due(&bus->schedule, index, answer->end_ns / US);
    if (!device->refusal.learned_now) {
        came_back(device);
        device_plan(device);
    }
    return BUS_OK;
}

static enum bus_result poll_answered(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index;
    struct device *device = &bus->devices[index];
    const struct transact_request *request = &bus->exchange.request;
    if (answer->result == BUS_DOWN)
        return hung_up(bus, index, answer);
    if (answer->babble && babbled_on(bus, index, answer))
        return BUS_OK;
    link_quality_try(&device->health, health_end_of(answer->result), request->answer_size,
                     answer->turnaround_ns);
    if (answer->other_function != 0)
        note_odd(device, request, answer);
    if (answer->result == BUS_OK) {
        const struct plan_read *read = &device->plan.reads[device->read];
        decode_answer(read, answer->pdu, device->image.words + device->image.start[device->read]);
        if (device->read == device->poll.first_read)
            device->poll.answered_ns =
                answer->end_ns -
                serial_timing_bytes_ns(&bus->line.wire,
                                       bus->bus->type == BUS_TCP ? 0 : answer->pdu_size + 3);
        if (device->refusal.silent_read == device->read)
            device->refusal.silent_reads = 0;
        device->refusal.answered |= 1ull << (device->read & 63);
        if (device_poll_next(device)) {
            bus->units[index].quiet_us = answer->quiet_ns / US;
            return BUS_OK; /* its due time is past: the next read follows soon */
        }
        try_ended(bus, index, answer, SCHEDULE_ANSWERED, true);
        return BUS_OK;
    }
    return poll_not_answered(bus, index, answer);
}

bool bus_poll(struct bus *bus, const struct schedule_turn *turn, int64_t now)
{
    unsigned index = (unsigned)turn->unit;
    struct device *device = &bus->devices[index];
    struct transact_request request;
    uint8_t pdu[5];
    if (device->plan.read_count == 0) { /* refuses everything: tried anew now and then */
        if (!device->refusal.one_item)
            refused_note(bus, device);
        refused_try_one(device);
        device->refusal.polls = DEVICE_REFUSED_POLLS; /* each of its fields was */
        if (!refused_is_busy(device)) {               /* that one ends soon: no poll is left out */
            bus->units[index].due_us += REFUSED_US;
            poll_failed(bus, index, GAP_EXCEPTION);
            return true;
        }
    }
    if (bus->units[index].dead)
        device_gap(device, schedule_skip(&bus->schedule, index, now * US), GAP_TIMEOUT, now,
                   bus->sink);
    if (device->read == 0) {
        enum bus_result written = write_own(bus, index, now);
        if (written == BUS_DOWN)
            return false;
        if (written != BUS_STOPPED)
            return true; /* the poll follows: its due time is past */
        device_poll_begin(device, now);
    }
    bool begins = device->read == device->poll.first_read;
    bus->exchange.index = index;
    if (bus->units[index].dead && begins && refused_part(bus, device, pdu, &request))
        return bus_exchange(bus, device, &request, turn->cost_max_us, part_answered) != BUS_DOWN;
    device_request(device, pdu, &request);
    return bus_exchange(bus, device, &request, turn->cost_max_us, poll_answered) != BUS_DOWN;
}
