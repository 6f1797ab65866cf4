/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/impl.h"

#include "gateway/daemon/write_request.h"
#include "protocols/node_log/node_log.h"

#define STARVED_MS         10000       /* a node's log waits for idle time no longer */
#define TIME_TURNAROUND_NS 100000000LL /* after the time by broadcast */
#define SLACK_SHARE        20
#define SLACK_MOST_US      500000LL
#define PROBE_LEAST_NS     5000000LL
#define PROBE_AWAY_SHARE   2000 /* of the time that it has been away */
/* Around the records of a window: request and answer frame, and the window's head. */
#define FETCH_BYTES       (19u + SERIAL_ANSWER_BYTES + 2u * NODE_LOG_WINDOW_HEAD)
#define LATE_MOST_NS      5000000000LL /* a unit that needs longer is none */
#define BUSY_NS           200000000LL  /* a unit that says "busy" is asked again after this */
#define SILENT_READS      2            /* in a row, of a unit that answers other reads */
#define SILENT_GOOD_READS 20           /* the same, of a read that it has answered */
#define REFUSED_AGAIN_MS  3600000      /* a field that was refused is asked for again so often */
#define REFUSED_US        60000000LL   /* one that refuses everything is tried anew so often */
/* On a noisy line, on one where an answer came twice, and until a unit's turnaround is known, a
 * unit is left alone for a while after its answer: if that came once more while the next request
 * is lost, it would be taken for the next answer. Other units have the line meanwhile. */
#define ALONE_NS 150000000LL
#define TWICE_MS 600000
#define NOISY_MS 60000

struct polling {
    int64_t good_ms, careful_until_ms;
    uint64_t stray_seen;
    unsigned fetch_from; /* the node whose log is fetched next */
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
    log_change(&device->log, (int)state,
               state == DEVICE_ONLINE ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
               "device %s (bus %s, address %u) %s", device->config->name, bus->bus->name,
               device->config->unit, garbage ? tcp_garbage : texts[state]);
}

/* It may take so long from now on: what comes within that is an answer like any other. */
static void learn_lateness(struct bus *bus, struct device *device)
{
    int64_t late_ns = bus->transact.late_after_ns;
    int64_t allowed_ns = device_ceiling_ns(device->config, bus->bus);
    if (late_ns <= device->late_ns || late_ns <= allowed_ns || late_ns > OWED_FORGET_NS)
        return;
    if (device->late_ns == 0 || late_ns > 2 * device->late_ns)
        log_write(LOG_LEVEL_WARNING,
                  "device %s (bus %s, address %u) answered %lld ms after its request, and %lld ms "
                  "are allowed; it is given more from now on: set response_max in its profile",
                  device->config->name, bus->bus->name, device->config->unit,
                  (long long)(late_ns / MS), (long long)(allowed_ns / MS));
    device->late_ns = late_ns;
}

/* What the unit may take to answer: what is set, or as long as it once took, and a quarter. */
static int64_t ceiling_of(const struct bus *bus, const struct device *device)
{
    int64_t set_ns = device_ceiling_ns(device->config, bus->bus);
    int64_t seen_ns = device->late_ns + device->late_ns / 4;
    seen_ns = seen_ns < LATE_MOST_NS ? seen_ns : LATE_MOST_NS;
    return set_ns > seen_ns ? set_ns : seen_ns;
}

/* A late answer: the unit is there, and may be asked again when it was surely its own. */
void bus_note_late(struct bus *bus)
{
    uint8_t unit = bus->transact.late_unit;
    int64_t now_us = line_now_ns() / US;
    bus->transact.late_unit = 0;
    bool over = bus->transact.late_over;
    if (over)
        bus->guest_quiet_us[unit] = now_us;
    for (unsigned i = 0; unit && i < bus->bus->device_count; i++) {
        struct device *device = &bus->devices[i];
        if (device->config->unit != unit)
            continue;
        device->health.late_answers++;
        own_silence_forget_try(&device->silence);
        learn_lateness(bus, device);
        if (over)
            bus->units[i].quiet_us = now_us;
        if (device->cut_short) /* or it would be too late each time */
            schedule_heard(&bus->schedule, i, now_us);
        device->cut_short = false;
    }
}

int64_t bus_silence_ns(const struct bus *bus, const struct device *device)
{
    int64_t own_ns = serial_timing_silence_ns(&device->wire);
    return own_ns > bus->transact.silence_ns ? own_ns : bus->transact.silence_ns;
}

/* Was the request heard, after the silence that the line had before it? */
static void learn_silence(struct bus *bus, struct device *device,
                          const struct transact_request *request,
                          const struct transact_answer *answer)
{
    if (bus->bus->type != BUS_RTU || request->unit != device->config->unit || answer->sent_ns == 0)
        return;
    bool answered = answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
    if (!answered && answer->result != BUS_TIMEOUT)
        own_silence_forget_try(&device->silence);
    else
        own_silence_try(&device->silence, bus_silence_ns(bus, device), answer->gap_ns, answered);
}

static void count_request(struct bus *bus, struct device *device, struct transact_request *request)
{
    bus->counted.requests++;
    if (bus->bus->type == BUS_RTU && request->unit == device->config->unit)
        request->before_ns = own_silence_more_ns(&device->silence, bus_silence_ns(bus, device));
}

/* What the line has shown by a transaction. */
static void learn(struct bus *bus, struct device *device, const struct transact_request *request,
                  const struct transact_answer *answer)
{
    connection_used(bus, request, answer->result);
    learn_silence(bus, device, request, answer);
    bus->counted.answers += answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
    bus->counted.timeouts += answer->result == BUS_TIMEOUT;
    bus->counted.crc_errors += answer->result == BUS_GARBLED;
    if (answer->too_fast && answer->result == BUS_TIMEOUT)
        link_quality_too_fast(&device->health, answer->too_fast_ns);
    if (answer->result == BUS_OK)
        bus->echo = answer->echo;
    bus->useful = bus->useful || answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
    if (answer->babble) {
        bus->babble_ms = bus_now_ms();
        bus->health_at_ms = bus->babble_ms; /* say so at once */
    }
    bus_note_late(bus);
    bool noisy =
        bus->transact.stray_bytes != bus->polling->stray_seen || answer->result == BUS_GARBLED;
    int64_t careful_ms = bus->transact.twice ? TWICE_MS : noisy ? NOISY_MS : 0;
    int64_t now = bus_now_ms();
    bus->transact.twice = false;
    bus->polling->stray_seen = bus->transact.stray_bytes;
    if (now + careful_ms > bus->polling->careful_until_ms)
        bus->polling->careful_until_ms = now + careful_ms;
}

static void ask_once(struct bus *bus, struct device *device, struct transact_request *request,
                     struct transact_answer *answer)
{
    count_request(bus, device, request);
    transact_do(&bus->transact, request, answer);
    learn(bus, device, request, answer);
}

/* What the unit owes after a transaction. An exception is taken for the answer to this request
 * only where no other answer of its function is owed: else it is not known whose it is. */
static void note_owed(struct owed *owed, const struct transact_request *request, bool probe,
                      struct transact_answer *answer)
{
    uint8_t function = request->pdu[0];
    bool doubtful = answer->result == BUS_EXCEPTION && owed_function(owed, function);
    if (answer->sent_ns == 0)
        return; /* it was not made */
    if (doubtful && !probe)
        answer->result = BUS_TIMEOUT;
    if (answer->result == BUS_OK || (answer->result == BUS_EXCEPTION && !doubtful))
        owed_answered(owed, function, request->answer_size, answer->sent_ns);
    else if (answer->result != BUS_GARBLED || answer->quiet_ns > answer->end_ns)
        owed_add(owed, function, request->answer_size, probe, answer->sent_ns);
}

/* Asks for something else than the request does, so that the answer shows that the unit is past
 * what it owes. False: it does not, and `answer` is how the request has ended. */
static bool past_what_it_owes(struct bus *bus, struct device *device,
                              const struct transact_request *request,
                              struct transact_answer *answer)
{
    struct owed *owed = &bus->owed[request->unit];
    uint8_t pdu[OWED_PDU_SIZE];
    struct transact_request probe = *request;
    probe.answer_size = owed_probe(owed, request->pdu, request->pdu_size, pdu);
    *answer = (struct transact_answer){.result = BUS_TIMEOUT};
    answer->end_ns = line_now_ns();
    answer->quiet_ns = owed->last_ns + OWED_FORGET_NS;
    if (probe.answer_size == 0 || (owed->probes >= OWED_PROBES && !request->insists))
        return false; /* left alone until nothing is owed any more */
    probe.pdu = pdu;
    probe.pdu_size = sizeof pdu;
    uint64_t overheard = bus->transact.overheard.requests;
    ask_once(bus, device, &probe, answer);
    bool shows = (answer->result == BUS_EXCEPTION || answer->other_size) &&
                 bus->transact.overheard.requests == overheard;
    if (!shows || !owed_past_single(owed, pdu[0], probe.answer_size, answer->sent_ns))
        note_owed(owed, &probe, true, answer);
    bool past = answer->result != BUS_DOWN &&
                !owed_blocks(owed, request->pdu[0], request->answer_size, answer->end_ns);
    if (past && request->extra_ns > 0) /* its own silence */
        past = transact_idle(&bus->transact, answer->quiet_ns, false) == LINE_TIME;
    if (!past && (answer->result == BUS_OK || answer->result == BUS_EXCEPTION))
        answer->result = BUS_TIMEOUT; /* of something else: no answer to the request */
    return past;
}

/* How long a dead unit is waited for: so that it can be asked often, three times as long as it ever
 * took; longer the longer it has been away: another may have its place, and on TCP nobody hears
 * what comes later. */
static int64_t probe_timeout_ns(const struct bus *bus, const struct device *device)
{
    const struct schedule_unit *unit = &bus->units[device - bus->devices];
    int64_t away_ns = line_now_ns() - unit->good_us * US, known_ns = 3 * device->health.longest_ns;
    int64_t late_ns = device->late_ns + device->late_ns / 4;
    if (device->health.known < LINK_QUALITY_LEARNT)
        return INT64_MAX;
    known_ns = known_ns > late_ns ? known_ns : late_ns;
    known_ns = known_ns > away_ns / PROBE_AWAY_SHARE ? known_ns : away_ns / PROBE_AWAY_SHARE;
    return known_ns > PROBE_LEAST_NS ? known_ns : PROBE_LEAST_NS;
}

/* The device's settings for a request; those of a probe that may cost so much, 0: it is none. */
static void set_limits(struct bus *bus, struct device *device, struct transact_request *request,
                       int64_t cost_max_us)
{
    int64_t ceiling = ceiling_of(bus, device);
    if (request->timeout_ns == 0) {
        bool fresh = bus->bus->type != BUS_RTU && !bus->useful; /* it may have slept until now */
        request->timeout_ns = fresh ? ceiling : link_quality_timeout_ns(&device->health, ceiling);
    }
    request->fastest_ns = link_quality_fastest_ns(&device->health);
    bool varies = bus->bus->dial_in != NULL; /* a mobile network is slow one time, fast the next */
    if (bus->bus->type != BUS_RTU && (varies || device->health.known < LINK_QUALITY_LEARNT))
        request->fastest_ns = INT64_MIN; /* a converter's line may be faster than is known here */
    int64_t frames_ns =
        serial_timing_bytes_ns(&device->wire, request->pdu_size + 3u + request->answer_size);
    /* One that was never late: what is asked does not pile up at a unit that is slow. */
    bool known = device->health.known == LINK_QUALITY_LEARNT && device->late_ns == 0;
    request->insists = request->insists || (cost_max_us > 0 && known);
    if (cost_max_us > 0 && probe_timeout_ns(bus, device) < request->timeout_ns)
        request->timeout_ns = probe_timeout_ns(bus, device);
    int64_t rest_ns = cost_max_us * US - frames_ns;
    if (cost_max_us > 0 && rest_ns < request->timeout_ns)
        request->timeout_ns = rest_ns > PROBE_LEAST_NS ? rest_ns : PROBE_LEAST_NS;
    device->cut_short = cost_max_us > 0 && request->timeout_ns < ceiling;
    request->late_ns = 2 * ceiling > request->timeout_ns ? 2 * ceiling - request->timeout_ns : 0;
    request->wire = &device->wire;
    bool guest = device->config->unit != request->unit; /* asked by people, one by one */
    if (!guest)                                         /* else it has another's settings */
        request->extra_ns = device->config->profile->extra_silence_us * US;
}

/* The exchange is over: what is learned of it. */
static enum bus_result asked(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    const struct transact_request *request = &exchange->request;
    struct transact_answer *answer = &exchange->answer;
    struct device *device = exchange->device;
    exchange->waiting = false;
    learn(bus, device, request, answer);
    if (!exchange->numbered)
        note_owed(&bus->owed[request->unit], request, false, answer);
    bool guest = device->config->unit != request->unit;
    bool unknown = device->health.known < LINK_QUALITY_LEARNT && !guest;
    bool alone = unknown || bus->polling->careful_until_ms > bus_now_ms();
    bool told_apart = request->pdu[0] > MODBUS_READ_INPUT; /* answers to writes name what */
    if (answer->result == BUS_OK && bus->bus->type != BUS_TCP && alone && !told_apart &&
        answer->quiet_ns < answer->end_ns + ALONE_NS)
        answer->quiet_ns = answer->end_ns + ALONE_NS;
    return exchange->ended(bus, answer);
}

enum bus_result bus_ask_on(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    bool over = transact_go_on(&bus->transact, &exchange->request, &exchange->answer);
    return over ? asked(bus) : BUS_OK;
}

/* Modbus TCP: asked now, answered later. */
static enum bus_result ask_without_waiting(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    count_request(bus, exchange->device, &exchange->request);
    exchange->waiting = !transact_begin(&bus->transact, &exchange->request, &exchange->answer);
    return exchange->waiting ? BUS_OK : asked(bus);
}

enum bus_result bus_ask(struct bus *bus, struct device *device,
                        const struct transact_request *wanted, int64_t cost_max_us,
                        enum bus_result (*ended)(struct bus *, struct transact_answer *))
{
    struct bus_exchange *exchange = &bus->exchange;
    struct transact_request *request = &exchange->request;
    struct transact_answer *answer = &exchange->answer;
    exchange->device = device;
    exchange->ended = ended;
    *request = *wanted;
    memcpy(exchange->pdu, wanted->pdu, wanted->pdu_size);
    request->pdu = exchange->pdu;
    /* Scans are answered with serial numbers, and silence is an answer there; the answer to a
     * single write repeats address and value. */
    exchange->numbered = bus->bus->type == BUS_TCP || request->unit == MODBUS_BROADCAST ||
                         request->pdu[0] == MODBUS_FAST || request->pdu[0] == MODBUS_WRITE_COIL ||
                         request->pdu[0] == MODBUS_WRITE_REGISTER;
    set_limits(bus, device, request, cost_max_us);
    if (bus->bus->type == BUS_TCP)
        return ask_without_waiting(bus);
    bool awake = false;
    if (!exchange->numbered && owed_blocks(&bus->owed[request->unit], request->pdu[0],
                                           request->answer_size, line_now_ns())) {
        awake = past_what_it_owes(bus, device, request, answer);
        if (!awake)
            return ended(bus, answer);
    }
    count_request(bus, device, request);
    transact_do(&bus->transact, request, answer);
    answer->awake = awake;
    return asked(bus);
}

/* What is measured by a calibration that has run out is marked so; it is believed still. */
static void mark_overdue(const struct device_config *device, struct wall_ms wall,
                         struct reading *reading)
{
    int32_t today = 0;
    for (unsigned i = 0; i < reading->value_count && wall.trust == TIME_TRUSTED; i++) {
        struct reading_value *value = &reading->values[i];
        if (device->due[i] == 0 || value->flag != METRIC_GOOD || !value->present)
            continue;
        today = today == 0 ? clock_day(wall.ms) : today;
        if (today >= device->due[i])
            value->flag = METRIC_UNCALIBRATED;
    }
}

static void give_reading(struct bus *bus, struct device *device)
{
    struct reading reading;
    int64_t now = bus_now_ms();
    struct wall_ms wall = bus_wall(bus, now);
    device->report.last_seen = wall;
    if (device_reading(device, wall, now, &reading)) {
        device_gap_flush(device, bus->sink);
        mark_overdue(device->config, wall, &reading);
        bus->sink->reading(bus->sink->context, &reading);
    }
}

/* What an exception to a read means for the poll. */
/* The read that was refused is planned anew in parts, or left out. */
static void leave_out(struct device *device)
{
    plan_refuse(device->map.items, device->map.item_count, &device->plan, device->read,
                &device->lessons);
    device_plan(device);
}

static unsigned bits_of(uint64_t bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* One line when what the device refuses has changed. */
static void note_refusals(struct bus *bus, struct device *device)
{
    uint64_t bad = device->lessons.bad;
    unsigned refused = bits_of(bad), first = 0;
    if (bad == 0 && !device->refusals_told)
        return;
    device->refusals_told = true;
    while (refused > 0 && (bad >> first & 1) == 0)
        first++;
    const struct plan_item *item = &device->map.items[first];
    log_change(
        &device->refusal_log, (int)((bad ^ bad >> 32) & INT32_MAX),
        refused > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
        refused > 0 ? "device %s (bus %s, address %u) refuses %u of %u fields, from register "
                      "%u (function %u) on: %s; its profile may not be right for it. They "
                      "are asked for again every hour"
                    : "device %s (bus %s, address %u) refuses no field any more",
        device->config->name, bus->bus->name, device->config->unit, refused, device->map.item_count,
        item->address, item->function,
        device->refused_code ? modbus_exception_text(device->refused_code) : "no answer to them");
}

/* Every hour one of what was refused is asked for again, alone; if it is answered, all are. */
static void ask_anew(struct device *device, int64_t now_ms)
{
    uint64_t bad = device->lessons.bad;
    bool answered = device->retrying && (bad >> device->refused_item & 1) == 0;
    device->retrying = false;
    if (answered && bad != 0) {
        device->lessons = (struct plan_lessons){0};
        device_plan(device);
        return;
    }
    if (bad == 0 || device->refused_ms == 0) {
        device->refused_ms = bad == 0 ? 0 : now_ms;
        return;
    }
    if (device->one_item || now_ms - device->refused_ms < REFUSED_AGAIN_MS)
        return;
    do {
        device->refused_item = (uint8_t)((device->refused_item + 1) % device->map.item_count);
    } while ((bad >> device->refused_item & 1) == 0);
    plan_retry(device->map.items, device->map.item_count, device->refused_item, &device->lessons);
    device_plan(device);
    device->retrying = true;
    device->refused_ms = now_ms;
}

/* Everything is refused: one field a minute, each in its turn, until one is answered. */
static void ask_one(struct device *device)
{
    device->refused_item = (uint8_t)((device->refused_item + 1) % device->map.item_count);
    device->lessons = (struct plan_lessons){.bad = ~(1ull << device->refused_item)};
    device->one_item = true;
    device_plan(device);
}

static enum schedule_outcome refused(struct bus *bus, struct device *device, unsigned index,
                                     struct transact_answer *answer, bool *again)
{
    uint8_t code = answer->pdu[1];
    bool was_good = device->reads_answered >> (device->read & 63) & 1;
    device->refused_code = code;
    if (was_good && device->refused_polls + 1 < DEVICE_REFUSED_POLLS &&
        code <= MODBUS_DEVICE_FAILURE)
        return SCHEDULE_ANSWERED; /* once is no proof against what it has answered before */
    switch (code) {
    case MODBUS_ILLEGAL_FUNCTION:
    case MODBUS_ILLEGAL_ADDRESS:
    case MODBUS_ILLEGAL_VALUE:
    case MODBUS_DEVICE_FAILURE:
        leave_out(device);
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
    device_gap(device, 1, why, bus_now_ms(), bus->sink);
    if (why == GAP_EXCEPTION && device->refused_polls < DEVICE_REFUSED_POLLS)
        device->refused_polls++;
    if (bus->units[index].dead)
        note_state(bus, device,
                   link_quality_odd_hint(&device->health).id != HINT_NONE ? DEVICE_ODD
                   : why == GAP_GARBLED                                   ? DEVICE_GARBAGE
                                                                          : DEVICE_SILENT);
    else if (device->refused_polls >= DEVICE_REFUSED_POLLS)
        note_state(bus, device, DEVICE_REFUSES);
}

static void poll_ended(struct bus *bus, unsigned index)
{
    struct device *device = &bus->devices[index];
    device->health.polls++;
    device->health.good++;
    bus->polling->good_ms = bus_now_ms();
    device_poll_done(device, bus->polling->good_ms);
    device->read = 0;
    if (!device->report.online)
        device->back_ms = bus_now_ms();
    device->refused_polls = 0;
    give_reading(bus, device);
    note_state(bus, device, DEVICE_ONLINE);
    if (device->one_item) { /* it answers again: all of it is asked for */
        device->one_item = false;
        device->lessons = (struct plan_lessons){0};
        device_plan(device);
    } else {
        note_refusals(bus, device);
        ask_anew(device, bus_now_ms());
    }
    if (device->node != NULL && device->config->every_ms >= 1000)
        schedule_set_due(&bus->schedule, index, own_node_due_ms(device->node, bus_now_ms()) * US);
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
    bool another = was_dead && outcome == SCHEDULE_ANSWERED && !device->learned_now;
    if (another && device->node != NULL)
        own_node_silent(device->node);
    if (another) { /* it may be another one now: what was refused is asked for again */
        device->lessons = (struct plan_lessons){0};
        device->silence = (struct own_silence){0};
        device_all_due(device);
        if (device->config->profile->write_count > 0)
            own_writes_forget(&device->rare->writes);
    }
    if (another && !good)
        device_plan(device);
    if (outcome == SCHEDULE_ANSWERED)
        device->learned_now = false;
    if (!over) {
        device->health.retries++;
        return;
    }
    if (good) {
        poll_ended(bus, index);
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
 * had done so before. Else nobody can be asked, and no unit is to blame for its silence. */
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
    log_change(&device->write_log, good ? 0 : (int)at + 1,
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
static enum bus_result write_own(struct bus *bus, unsigned index)
{
    struct device *device = &bus->devices[index];
    const struct profile_config *profile = device->config->profile;
    int64_t now = bus_now_ms();
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
    return bus_ask(bus, device, &request, 0, own_write_ended);
}

/* It answers, but not what was asked: once may be an answer to something earlier. */
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

/* It did not answer, or refused. BUS_DOWN: the connection is to be made anew. */
static enum bus_result poll_not_answered(struct bus *bus, unsigned index,
                                         struct transact_answer *answer)
{
    struct device *device = &bus->devices[index];
    enum schedule_outcome outcome =
        answer->result == BUS_TIMEOUT ? SCHEDULE_SILENT : SCHEDULE_NOISE;
    bool again = false;
    bool awake = answer->awake ||
                 device->read > device->first_read; /* or it has answered a part of this poll */
    bool same = device->silent_read == device->read;
    if (answer->other_function != 0 && device->read == 0 && device->health.good == 0)
        awake = false; /* it is another device, and refuses nothing */
    device->silent_reads =
        answer->result == BUS_TIMEOUT && awake ? (uint8_t)(same ? device->silent_reads + 1 : 1) : 0;
    device->silent_read = device->read;
    bool was_good = device->reads_answered >> (device->read & 63) & 1;
    if (device->silent_reads >=
        (was_good ? SILENT_GOOD_READS : SILENT_READS)) { /* it answers, but not this */
        device->silent_reads = 0;
        device->refused_code = 0;
        device->learned_now = true;
        leave_out(device);
        outcome = SCHEDULE_ANSWERED;
        again = device->plan.read_count > 0;
    }
    if (answer->result == BUS_TIMEOUT && device->refused_code >= MODBUS_GATEWAY_PATH)
        device->refused_code = 0; /* no one speaks for it any more */
    if (answer->result == BUS_EXCEPTION)
        outcome = refused(bus, device, index, answer, &again);
    if (again) {
        bus->units[index].quiet_us = answer->quiet_ns / US;
        return connection_outlives(bus, answer->result) ? BUS_OK : BUS_DOWN;
    }
    try_ended(bus, index, answer, outcome, false);
    return connection_outlives(bus, answer->result) ? BUS_OK : BUS_DOWN;
}

static enum bus_result poll_answered(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index;
    struct device *device = &bus->devices[index];
    const struct transact_request *request = &bus->exchange.request;
    if (answer->result == BUS_DOWN) {
        /* A gateway that hangs up whenever this unit is asked must not be asked for it for ever. */
        if (answer->sent_ns && bus->bus->type != BUS_RTU && !atomic_load(&bus->stopping)) {
            link_quality_try(&device->health, LINK_QUALITY_SILENT, request->answer_size, 0);
            answer->quiet_ns = answer->end_ns = line_now_ns();
            try_ended(bus, index, answer, SCHEDULE_SILENT, false);
        }
        return BUS_DOWN;
    }
    if (answer->babble && babbled_on(bus, index, answer))
        return BUS_OK;
    link_quality_try(&device->health, health_end_of(answer->result), request->answer_size,
                     answer->turnaround_ns);
    if (answer->other_function != 0)
        note_odd(device, request, answer);
    if (answer->result == BUS_OK) {
        const struct plan_read *read = &device->plan.reads[device->read];
        decode_answer(read, answer->pdu, device->image.words + device->image.start[device->read]);
        if (device->read == device->first_read)
            device->answered_ns =
                answer->end_ns -
                serial_timing_bytes_ns(&bus->line.wire,
                                       bus->bus->type == BUS_TCP ? 0 : answer->pdu_size + 3);
        if (device->silent_read == device->read)
            device->silent_reads = 0;
        device->reads_answered |= 1ull << (device->read & 63);
        if (device_poll_next(device)) {
            bus->units[index].quiet_us = answer->quiet_ns / US;
            return BUS_OK; /* its due time is past: the next read follows soon */
        }
        try_ended(bus, index, answer, SCHEDULE_ANSWERED, true);
        return BUS_OK;
    }
    return poll_not_answered(bus, index, answer);
}

bool bus_poll(struct bus *bus, const struct schedule_turn *turn)
{
    unsigned index = (unsigned)turn->unit;
    struct device *device = &bus->devices[index];
    struct transact_request request;
    uint8_t pdu[5];
    if (device->plan.read_count == 0) { /* refuses everything: tried anew now and then */
        if (!device->one_item)
            note_refusals(bus, device);
        ask_one(device);
        device->refused_polls = DEVICE_REFUSED_POLLS; /* each of its fields was */
        bus->units[index].due_us += REFUSED_US;
        poll_failed(bus, index, GAP_EXCEPTION);
        return true;
    }
    if (bus->units[index].dead)
        device_gap(device, schedule_skip(&bus->schedule, index, bus_now_ms() * US), GAP_TIMEOUT,
                   bus_now_ms(), bus->sink);
    if (device->read == 0) {
        enum bus_result written = write_own(bus, index);
        if (written == BUS_DOWN)
            return false;
        if (written != BUS_STOPPED)
            return true; /* the poll follows: its due time is past */
        device_poll_begin(device, bus_now_ms());
    }
    device_request(device, pdu, &request);
    bus->exchange.index = index;
    return bus_ask(bus, device, &request, turn->cost_max_us, poll_answered) != BUS_DOWN;
}

/* ---- nodes: settings and log ---- */

static int64_t need_ns(const struct bus *bus, const struct device *device, size_t bytes)
{
    return serial_timing_bytes_ns(&device->wire, bytes) + 3 * bus->transact.silence_ns +
           device->health.peak_ns;
}

/* A log may put off the poll that comes next by a twentieth of the shortest period. */
static int64_t slack_ns(const struct bus *bus)
{
    int64_t shortest_us = SLACK_MOST_US * SLACK_SHARE;
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        if (!bus->units[i].dead && bus->units[i].period_us < shortest_us)
            shortest_us = bus->units[i].period_us;
    return shortest_us / SLACK_SHARE * US;
}

/* How many of a log's records can be asked for in `room_ns`; at least 1. A window of fewer records
 * costs more line a record, but a line with many polls never has room for a whole one. */
static unsigned records_in(const struct bus *bus, const struct device *device, int64_t room_ns)
{
    int64_t record_ns = serial_timing_bytes_ns(&device->wire, 2 * NODE_LOG_RECORD_WORDS);
    int64_t rest_ns = room_ns - need_ns(bus, device, FETCH_BYTES);
    if (rest_ns < record_ns)
        return 1;
    return (unsigned)(rest_ns / record_ns < NODE_LOG_WINDOW_RECORDS ? rest_ns / record_ns
                                                                    : NODE_LOG_WINDOW_RECORDS);
}

/* Nobody but our own nodes hears a broadcast here: what others would make of it, nobody knows. */
static bool all_are_own(const struct bus *bus)
{
    const struct serial_timing *first = &bus->devices[0].wire;
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        const struct serial_timing *wire = &bus->devices[i].wire;
        if (bus->devices[i].node == NULL || wire->baud != first->baud ||
            wire->parity != first->parity || wire->stop_bits != first->stop_bits)
            return false;
    }
    return bus->bus->type != BUS_TCP && bus->bus->device_count > 1;
}

static enum bus_result time_told(struct bus *bus, struct transact_answer *answer)
{
    int64_t now = bus_now_ms();
    for (unsigned i = 0; answer->result == BUS_OK && i < bus->bus->device_count; i++)
        if (bus->devices[i].node->status & NODE_STATUS_TIME)
            own_node_told_time(bus->devices[i].node, now);
    return answer->result == BUS_DOWN ? BUS_DOWN : BUS_OK;
}

/* The clocks of a whole line by one frame, as soon as one of them is to be set again; one that has
 * no time yet is told alone, since it says so when it missed that. BUS_STOPPED: none is to be
 * set. */
static enum bus_result tell_time(struct bus *bus, int64_t room_ns)
{
    int64_t now = bus_now_ms();
    struct wall_ms wall = bus_wall(bus, now);
    uint8_t pdu[MODBUS_PDU_MAX];
    struct transact_request request = {
        .pdu = pdu, .unit = MODBUS_BROADCAST, .timeout_ns = TIME_TURNAROUND_NS};
    bool wanted = false;
    if (!all_are_own(bus) || room_ns < 2 * TIME_TURNAROUND_NS)
        return BUS_STOPPED;
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        wanted = wanted || (bus->devices[i].node->status & NODE_STATUS_TIME &&
                            own_node_wants_time(bus->devices[i].node, now, wall));
    if (!wanted)
        return BUS_STOPPED;
    request.pdu_size = own_node_time_request(wall, pdu);
    return bus_ask(bus, &bus->devices[0], &request, 0, time_told);
}

static enum bus_result node_answered(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index;
    if (answer->result == BUS_DOWN)
        return BUS_DOWN;
    bus->units[index].quiet_us = answer->quiet_ns / US;
    int64_t now = bus_now_ms();
    own_node_done(bus->devices[index].node, bus->exchange.job, answer, now, bus_wall(bus, now),
                  bus->sink);
    if (bus->exchange.job == OWN_NODE_SET_PERIOD) /* its next sample comes by another clock now */
        schedule_set_due(&bus->schedule, index, now * US);
    return BUS_OK;
}

/* One request of a node that wants one, in at most `room_ns` of line; in more, and a whole window,
 * when none had room for long. */
enum bus_result bus_tend_nodes(struct bus *bus, int64_t room_ns)
{
    if (bus->only_polls)
        return BUS_STOPPED;
    int64_t now = bus_now_ms();
    if (bus->node_count == 0) {
        bus->fetched_ms = now;
        return BUS_STOPPED;
    }
    struct wall_ms wall = bus_wall(bus, now);
    bool starved = now - bus->fetched_ms >= STARVED_MS, waiting = false;
    room_ns += slack_ns(bus);
    enum bus_result told = tell_time(bus, room_ns);
    if (told != BUS_STOPPED)
        return told;
    for (unsigned k = 0; k < bus->bus->device_count; k++) {
        unsigned index = (bus->polling->fetch_from + k) % bus->bus->device_count;
        struct device *device = &bus->devices[index];
        uint8_t pdu[MODBUS_PDU_MAX];
        struct transact_request request = {.pdu = pdu, .unit = device->config->unit};
        if (device->node == NULL || bus->units[index].dead || bus->units[index].quiet_us > now * US)
            continue;
        unsigned records = starved ? NODE_LOG_WINDOW_RECORDS : records_in(bus, device, room_ns);
        enum own_node_job job = own_node_next(device->node, now, wall, records, pdu,
                                              &request.pdu_size, &request.answer_size);
        waiting = waiting || job != OWN_NODE_IDLE;
        /* Nothing of it counts before it is known which board it is. */
        bool urgent = job == OWN_NODE_IDENTIFY && own_node_unknown(device->node);
        if (job == OWN_NODE_IDLE ||
            (!starved && !urgent &&
             room_ns < need_ns(bus, device, request.pdu_size + 3u + request.answer_size)))
            continue;
        bus->polling->fetch_from = index + (job == OWN_NODE_FETCH);
        bus->fetched_ms = now;
        bus->exchange.index = index;
        bus->exchange.job = job;
        return bus_ask(bus, device, &request, 0, node_answered);
    }
    if (!waiting)
        bus->fetched_ms = now;
    return BUS_STOPPED;
}
