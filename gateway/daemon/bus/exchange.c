/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction with a unit: what it is allowed, what the unit still owes, what is learned. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/impl.h"

#define PROBE_LEAST_NS   5000000LL
#define PROBE_AWAY_SHARE 2000         /* of the time that it has been away */
#define LATE_MOST_NS     5000000000LL /* a unit that needs longer is none */
/* On a noisy line, on one where an answer came twice, and until a unit's turnaround is known, a
 * unit is left alone for a while after its answer: if that came once more while the next request
 * is lost, it would be taken for the next answer. Other units have the line meanwhile. */
#define ALONE_NS 150000000LL
#define TWICE_MS 600000
#define NOISY_MS 60000

struct caution {
    int64_t until_ms;
    uint64_t stray_seen;
};

bool caution_init(struct bus *bus)
{
    bus->caution = calloc(1, sizeof *bus->caution);
    return bus->caution != NULL;
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
    if (unit == 0)
        return;
    int64_t now_us = line_now_ns() / US;
    bus->transact.late_unit = 0;
    bool over = bus->transact.late_over;
    if (over)
        bus_request_answered_late(bus, unit, now_us);
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        struct device *device = &bus->devices[i];
        if (device->config->unit != unit)
            continue;
        device->health.late_answers++;
        own_silence_forget_try(&device->silence);
        learn_lateness(bus, device);
        if (over)
            bus->units[i].quiet_us = now_us;
        if (device->poll.cut_short) /* or it would be too late each time */
            schedule_heard(&bus->schedule, i, now_us);
        device->poll.cut_short = false;
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
    report_request(bus);
    if (bus->bus->type == BUS_RTU && request->unit == device->config->unit)
        request->before_ns = own_silence_more_ns(&device->silence, bus_silence_ns(bus, device));
}

/* What the line has shown by a transaction. */
static void learn(struct bus *bus, struct device *device, const struct transact_request *request,
                  const struct transact_answer *answer)
{
    connection_used(bus, request, answer);
    learn_silence(bus, device, request, answer);
    report_answer(bus, answer, request->unit != device->config->unit);
    if (answer->too_fast && answer->result == BUS_TIMEOUT)
        link_quality_too_fast(&device->health, answer->too_fast_ns);
    bus_note_late(bus);
    bool noisy =
        bus->transact.stray_bytes != bus->caution->stray_seen || answer->result == BUS_GARBLED;
    int64_t careful_ms = bus->transact.twice ? TWICE_MS : noisy ? NOISY_MS : 0;
    int64_t now = answer->end_ns / MS;
    bus->transact.twice = false;
    bus->caution->stray_seen = bus->transact.stray_bytes;
    if (now + careful_ms > bus->caution->until_ms)
        bus->caution->until_ms = now + careful_ms;
}

static void exchange_once(struct bus *bus, struct device *device, struct transact_request *request,
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

/* Is it the device's own read that comes next? */
static bool is_poll(const struct device *device, const struct transact_request *request)
{
    uint8_t pdu[5];
    struct transact_request next;
    if (device->read >= device->plan.read_count || device->config->unit != request->unit)
        return false;
    device_request(device, pdu, &next);
    return request->pdu_size == sizeof pdu && memcmp(request->pdu, pdu, sizeof pdu) == 0;
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
    uint8_t about[MODBUS_PDU_MAX];
    memcpy(about, request->pdu, request->pdu_size);
    bool elsewhere = (owed->probes > 0 || device->refusal.elsewhere) && is_poll(device, request);
    if (elsewhere) /* to these it may be silent */
        refused_elsewhere(device, request->wide_registers, about);
    probe.answer_size = owed_probe(owed, about, request->pdu_size, pdu);
    *answer = (struct transact_answer){.result = BUS_TIMEOUT};
    answer->end_ns = line_now_ns();
    answer->quiet_ns = owed->last_ns + OWED_FORGET_NS;
    if (probe.answer_size == 0 || (owed->probes >= OWED_PROBES && !request->insists))
        return false; /* left alone until nothing is owed any more */
    probe.pdu = pdu;
    probe.pdu_size = sizeof pdu;
    uint64_t overheard = bus->transact.overheard.requests;
    exchange_once(bus, device, &probe, answer);
    bool shows = (answer->result == BUS_EXCEPTION || answer->other_size) &&
                 bus->transact.overheard.requests == overheard;
    if (!shows || !owed_past_single(owed, pdu[0], probe.answer_size, answer->sent_ns))
        note_owed(owed, &probe, true, answer);
    bool past = answer->result != BUS_DOWN &&
                !owed_blocks(owed, request->pdu[0], request->answer_size, answer->end_ns);
    device->refusal.elsewhere = device->refusal.elsewhere || (past && elsewhere);
    if (past && request->extra_ns > 0) /* its own silence */
        past = transact_idle(&bus->transact, answer->quiet_ns, false) == LINE_TIME;
    if (!past && (answer->result == BUS_OK || answer->result == BUS_EXCEPTION))
        answer->result = BUS_TIMEOUT; /* of something else: no answer to the request */
    return past;
}

/* How long a dead unit is waited for: so that it can be asked often, three times as long as it ever
 * took; longer the longer it has been away: another may have its place, and on TCP no one hears
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
        bool fresh =
            bus->bus->type != BUS_RTU && !bus->link.useful; /* it may have slept until now */
        request->timeout_ns = fresh ? ceiling : link_quality_timeout_ns(&device->health, ceiling);
    }
    request->fastest_ns = link_quality_fastest_ns(&device->health);
    bool varies = bus->bus->dial_in != NULL; /* a mobile network is slow one time, fast the next */
    if (bus->bus->type != BUS_RTU && (varies || device->health.known < LINK_QUALITY_LEARNT))
        request->fastest_ns = INT64_MIN; /* a converter's line may be faster than is known here */
    int64_t frames_ns =
        serial_timing_bytes_ns(&device->wire, request->pdu_size + 3u + request->answer_size);
    /* One that was never late: requests do not pile up at a unit that is slow. */
    bool known = device->health.known == LINK_QUALITY_LEARNT && device->late_ns == 0;
    request->insists = request->insists || (cost_max_us > 0 && known);
    if (cost_max_us > 0 && probe_timeout_ns(bus, device) < request->timeout_ns)
        request->timeout_ns = probe_timeout_ns(bus, device);
    int64_t rest_ns = cost_max_us * US - frames_ns;
    if (cost_max_us > 0 && rest_ns < request->timeout_ns)
        request->timeout_ns = rest_ns > PROBE_LEAST_NS ? rest_ns : PROBE_LEAST_NS;
    device->poll.cut_short = cost_max_us > 0 && request->timeout_ns < ceiling;
    request->late_ns = 2 * ceiling > request->timeout_ns ? 2 * ceiling - request->timeout_ns : 0;
    request->wire = &device->wire;
    bool guest = device->config->unit != request->unit; /* requested by people, one by one */
    if (!guest)                                         /* else it has another's settings */
        request->extra_ns = device->config->profile->extra_silence_us * US;
}

/* The exchange is over: what is learned of it. */
static enum bus_result end_exchange(struct bus *bus)
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
    bool alone = unknown || bus->caution->until_ms > answer->end_ns / MS;
    bool unambiguous = request->pdu[0] > MODBUS_READ_INPUT; /* answers to writes name what */
    if (answer->result == BUS_OK && bus->bus->type != BUS_TCP && alone && !unambiguous &&
        answer->quiet_ns < answer->end_ns + ALONE_NS)
        answer->quiet_ns = answer->end_ns + ALONE_NS;
    return exchange->ended(bus, answer);
}

enum bus_result bus_exchange_continue(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    bool over = transact_go_on(&bus->transact, &exchange->request, &exchange->answer);
    return over ? end_exchange(bus) : BUS_OK;
}

/* Modbus TCP: requested now, answered later. */
static enum bus_result begin_exchange(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    count_request(bus, exchange->device, &exchange->request);
    exchange->waiting = !transact_begin(&bus->transact, &exchange->request, &exchange->answer);
    return exchange->waiting ? BUS_OK : end_exchange(bus);
}

enum bus_result bus_exchange(struct bus *bus, struct device *device,
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
        return begin_exchange(bus);
    bool awake = false;
    if (!exchange->numbered && owed_blocks(&bus->owed[request->unit], request->pdu[0],
                                           request->answer_size, line_now_ns())) {
        awake = past_what_it_owes(bus, device, request, answer);
        answer->unasked = !awake;
        if (!awake)
            return ended(bus, answer);
    }
    count_request(bus, device, request);
    transact_do(&bus->transact, request, answer);
    answer->awake = awake;
    return end_exchange(bus);
}
