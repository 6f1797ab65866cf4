/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/line/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/daemon/bus/device.h"
#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"

#define NS_PER_MS       1000000LL
#define AFTER_NS        (40 * NS_PER_MS) /* a twin that is slower is heard as well, */
#define AFTER_ROUNDS    8                /* and if there is one it is known by then */
#define WAIT_MS         1000 /* for one that has answered: a late answer must not meet another request */
#define RATE_WAIT_MS    400
#define RATE_TRIED      3 /* silent devices are tried at each rate, until one answers at it */
#define NEVER_TRIES     6 /* in vain, and it is believed to be silent */
#define NEVER_EVERY     16
#define COUNT_TRIES     3
#define COUNTERS        12 /* registers of NODE_LINE_COUNTS and NODE_LINE_ERRORS */
#define OPEN_LOOKS      300
#define OPEN_LOOK_NS    (10 * NS_PER_MS)
#define COIL_LAMP       0
#define LISTEN_SLICE_MS 20

static bool is_going(const struct trial *trial)
{
    return !trial->gone && (trial->going == NULL || trial->going(trial->context));
}

/* ---- what is asked ---- */

bool trial_longest(const struct device_config *config, const struct bus_config *bus,
                   struct trial_read *longest, struct serial_timing *wire)
{
    struct device polled;
    struct device_alone *alone = calloc(1, sizeof *alone);
    const struct reading_sink sink = {.context = NULL};
    if (alone == NULL)
        return false;
    device_init_alone(&polled, config, bus, 0, &sink, NULL, alone);
    free(alone);
    *wire = polled.wire;
    unsigned best = 0;
    for (unsigned i = 0; i < polled.plan.read_count; i++) {
        const struct plan_read *read = &polled.plan.reads[i];
        if (plan_read_bytes(read) > best)
            *longest = (struct trial_read){read->function, read->address, read->count};
        best = plan_read_bytes(read) > best ? plan_read_bytes(read) : best;
    }
    return best > 0;
}

static void choose_reads(struct trial_device *device, const struct bus_config *bus)
{
    if (!trial_longest(device->config, bus, &device->lengthy, &device->wire))
        return;
    /* The first registers of the long one; a device that answers all or none is asked for all. */
    device->brief = device->lengthy;
    if (device->config->profile->node)
        device->brief.count = 1;
    for (unsigned i = 0; i < device->config->profile->field_count; i++) {
        const struct field_config *field = &device->config->profile->fields[i];
        bool narrow = field->type == FIELD_U16 || field->type == FIELD_S16;
        if (device->config->profile->block_count == 0 && narrow && field->address_words < 2 &&
            field->every_ms == 0 && field->role == ROLE_METRIC)
            device->brief = (struct trial_read){field->function, field->address, 1};
    }
}

bool trial_begin(struct trial *trial, const struct config *config, const struct bus_config *bus)
{
    trial->config = config;
    trial->bus = bus;
    trial->devices = calloc(bus->device_count + 1u, sizeof *trial->devices);
    trial->tallies = calloc(bus->device_count + 1u, sizeof *trial->tallies);
    if (trial->devices == NULL || trial->tallies == NULL) {
        trial_end(trial);
        return false;
    }
    for (unsigned i = 0; i < bus->device_count && i < VERDICT_DEVICES; i++) {
        struct trial_device *device = &trial->devices[i];
        device->config = &config->devices[bus->devices[i]];
        choose_reads(device, bus);
        device->wait_ns = device_ceiling_ns(device->config, bus);
        trial->tallies[i].name = device->config->name;
        trial->heard.count = i + 1;
    }
    const struct serial_timing wire = {bus->baud, bus->parity, bus->stop_bits};
    trial->heard.devices = trial->tallies;
    trial->heard.bytes_s = 1e9 / (double)serial_timing_bytes_ns(&wire, 1);
    return true;
}

void trial_end(struct trial *trial)
{
    free(trial->devices);
    free(trial->tallies);
    trial->devices = NULL;
    trial->tallies = NULL;
}

int trial_open(struct trial *trial)
{
    const struct timespec rest = {.tv_nsec = OPEN_LOOK_NS};
    line_init(&trial->line, trial->bus, -1);
    int error = EAGAIN;
    for (unsigned i = 0; i < OPEN_LOOKS && error != 0; i++) {
        error = line_open(&trial->line);
        if (error != EBUSY && error != EINPROGRESS && error != EALREADY)
            break;
        (void)nanosleep(&rest, NULL);
    }
    return error;
}

/* ---- listening ---- */

/* Frames of others, in what came while nobody was asked. */
struct ear {
    struct rtu_receiver receiver;
    unsigned framed; /* bytes of frames */
};

static void hear_frame(struct trial *trial, struct ear *ear, const struct rtu_frame *frame)
{
    uint8_t bytes[RTU_FRAME_MAX];
    size_t size = rtu_build(frame->unit, frame->pdu, frame->pdu_size, bytes, sizeof bytes);
    ear->framed += (unsigned)size;
    if (exchange_is_request(bytes, size)) {
        bool gateways = (int64_t)frame->end_us * 1000 < trial->gateway_until_ns;
        *(gateways ? &trial->before : &trial->heard.others) += 1;
    }
    if (trial->frame != NULL)
        trial->frame(trial->context, (int64_t)frame->end_us * 1000, false, bytes, size);
}

static bool hear(struct trial *trial, struct ear *ear, unsigned *heard)
{
    uint8_t bytes[RTU_FRAME_MAX];
    struct rtu_frame frame;
    int got = line_read(&trial->line, bytes, sizeof bytes);
    uint64_t now_us = (uint64_t)line_now_ns() / 1000;
    if (got > 0 && rtu_receiver_idle(&ear->receiver, now_us, &frame))
        hear_frame(trial, ear, &frame);
    for (int i = 0; i < got; i++) {
        if (rtu_receiver_feed(&ear->receiver, bytes[i], true, now_us, &frame))
            hear_frame(trial, ear, &frame);
    }
    *heard += got > 0 ? (unsigned)got : 0;
    trial->line.last_ns = got > 0 ? line_now_ns() : trial->line.last_ns;
    return got >= 0;
}

void trial_listen(struct trial *trial, int64_t ms)
{
    struct ear ear = {.framed = 0};
    struct rtu_frame frame;
    unsigned heard = 0;
    int64_t begin = line_now_ns(), end = begin + ms * NS_PER_MS;
    rtu_receiver_init(&ear.receiver, rtu_silence_us(trial->bus->baud));
    trial->step(trial->context, N_("listening"));
    while (line_now_ns() < end && is_going(trial)) {
        enum line_event event =
            line_wait(&trial->line, line_now_ns() + LISTEN_SLICE_MS * NS_PER_MS, false);
        trial->gone = event == LINE_GONE || (event == LINE_BYTES && !hear(trial, &ear, &heard));
        if (event == LINE_TIME &&
            rtu_receiver_idle(&ear.receiver, (uint64_t)line_now_ns() / 1000, &frame))
            hear_frame(trial, &ear, &frame);
    }
    trial->heard.listened_s += (double)(line_now_ns() - begin) / 1e9;
    trial->heard.noise += heard > ear.framed ? heard - ear.framed : 0;
}

/* ---- asking ---- */

static void show_frames(const struct trial *trial, const struct exchange *x)
{
    if (trial->frame == NULL)
        return;
    if (x->before_kept > 0)
        trial->frame(trial->context, x->sent_ns, false, x->before_bytes, x->before_kept);
    trial->frame(trial->context, x->sent_ns, true, x->request, x->request_size);
    if (x->heard_size > 0)
        trial->frame(trial->context, x->at_ns[x->heard_size - 1], false, x->heard, x->heard_size);
}

static bool exchange(struct trial *trial, const struct serial_timing *wire, struct exchange *x,
                     int64_t wait_ns, int64_t after_ns, struct exchange_judged *judged)
{
    x->echoes = trial->echoes;
    trial->gone = trial->gone || !exchange_do(&trial->line, wire, x, wait_ns, after_ns);
    if (trial->gone)
        return false;
    exchange_judge(x, serial_timing_bytes_ns(wire, 1), judged);
    trial->echoes = judged->echoes;
    show_frames(trial, x);
    return true;
}

static void tally(struct trial *trial, unsigned i, bool lengthy, const struct exchange *x,
                  const struct exchange_judged *judged)
{
    struct verdict_device *device = &trial->tallies[i];
    struct trial_device *asked = &trial->devices[i];
    struct verdict_tries *tries = lengthy ? &device->lengthy : &device->brief;
    bool answered = judged->end == EXCHANGE_GOOD || judged->end == EXCHANGE_REFUSED;
    *(lengthy ? &device->lengthy_bytes : &device->brief_bytes) = (unsigned)x->answer_size;
    tries->all++;
    tries->good += answered;
    tries->silent += judged->end == EXCHANGE_SILENT;
    tries->garbled += judged->end == EXCHANGE_GARBLED;
    device->again += judged->again;
    asked->refused += judged->end == EXCHANGE_REFUSED;
    trial->heard.asked++;
    trial->heard.echoed += judged->echo;
    trial->heard.breaks += judged->broke;
    trial->heard.others += judged->others;
    if (answered && asked->turn_count < TRIAL_TURNS)
        asked->turns_us[asked->turn_count++] =
            judged->turnaround_ns > 0 ? (uint32_t)(judged->turnaround_ns / 1000) : 0;
}

static bool differ(const struct trial_read *a, const struct trial_read *b)
{
    return a->function != b->function || a->address != b->address || a->count != b->count;
}

/* Some answer only to the whole of their registers. */
static void learn(struct trial_device *device, const struct exchange_judged *judged)
{
    if (judged->end == EXCHANGE_REFUSED)
        device->brief = device->lengthy;
}

static void ask_one(struct trial *trial, unsigned i, bool lengthy, unsigned round)
{
    struct trial_device *device = &trial->devices[i];
    const struct trial_read *read = lengthy ? &device->lengthy : &device->brief;
    struct exchange x;
    struct exchange_judged judged;
    bool known = trial->tallies[i].brief.good + trial->tallies[i].lengthy.good > 0;
    int64_t wait_ns =
        known && device->wait_ns < WAIT_MS * NS_PER_MS ? WAIT_MS * NS_PER_MS : device->wait_ns;
    bool after = round < AFTER_ROUNDS || trial->tallies[i].again > 0;
    trial->tallies[i].waited += after;
    if (lengthy && !differ(read, &device->brief))
        lengthy = false;
    if (!exchange_read(&x, device->config->unit, read->function, read->address, read->count) ||
        !exchange(trial, &device->wire, &x, wait_ns, after ? AFTER_NS : 0, &judged))
        return;
    if (!lengthy && differ(read, &device->lengthy))
        learn(device, &judged);
    tally(trial, i, lengthy, &x, &judged);
}

/* One that has never answered is asked seldom: it costs its whole wait. */
static bool rests(const struct trial *trial, unsigned i, unsigned round)
{
    const struct verdict_device *device = &trial->tallies[i];
    unsigned tries = device->brief.all + device->lengthy.all;
    bool never = device->brief.silent + device->lengthy.silent == tries;
    return never && tries >= NEVER_TRIES && round % NEVER_EVERY != 0;
}

static bool nobody(const struct trial *trial)
{
    bool none = trial->heard.asked >= NEVER_TRIES * trial->heard.count;
    for (unsigned i = 0; i < trial->heard.count; i++)
        none = none && trial->tallies[i].brief.good + trial->tallies[i].lengthy.good == 0;
    return none;
}

void trial_request(struct trial *trial, unsigned polls)
{
    trial->step(trial->context, N_("asking each in turn"));
    for (unsigned round = 0; round < polls && !nobody(trial); round++) {
        for (unsigned i = 0; i < trial->heard.count; i++) {
            if (!is_going(trial))
                return;
            if (!rests(trial, i, round))
                ask_one(trial, i, round % 2 == 1, round);
        }
    }
}

void trial_settle(struct trial *trial)
{
    if (!trial->echoes.known || !echoes_possible(&trial->echoes))
        trial->heard.others += trial->before;
    trial->before = 0;
}

/* ---- other rates ---- */

static bool answers_at(struct trial *trial, unsigned i, const struct serial_timing *wire)
{
    const struct trial_device *device = &trial->devices[i];
    const struct trial_read *read = &device->brief;
    struct exchange x;
    struct exchange_judged judged;
    for (unsigned tries = 0; tries < 2; tries++) {
        if (!exchange_read(&x, device->config->unit, read->function, read->address, read->count) ||
            !exchange(trial, wire, &x, RATE_WAIT_MS * NS_PER_MS, 0, &judged))
            return false;
        if (judged.size > 0)
            return true;
        if (judged.end == EXCHANGE_SILENT)
            return false; /* at the right rate a damaged answer is heard */
    }
    return false;
}

void trial_rates(struct trial *trial)
{
    static const uint32_t rates[] = {9600, 4800, 19200, 2400, 38400, 57600, 115200, 1200};
    static const char parities[] = {'N', 'E', 'O'};
    if (trial->bus->type != BUS_RTU)
        return;
    trial->step(trial->context, N_("trying other rates"));
    for (unsigned k = 0; k < sizeof rates / sizeof rates[0] * sizeof parities; k++) {
        const struct serial_timing wire = {rates[k / 3], parities[k % 3], 1};
        unsigned tried = 0;
        for (unsigned i = 0; i < trial->heard.count && tried < RATE_TRIED && is_going(trial); i++) {
            struct verdict_device *device = &trial->tallies[i];
            const struct serial_timing *own = &trial->devices[i].wire;
            bool dead = device->brief.good + device->lengthy.good == 0 && device->other.baud == 0;
            if (!dead || (own->baud == wire.baud && own->parity == wire.parity))
                continue;
            if (answers_at(trial, i, &wire))
                device->other = wire;
            else
                tried++;
        }
    }
}

/* ---- our nodes ---- */

static void read_counters(const struct exchange *x, const struct exchange_judged *judged,
                          struct verdict_node *node)
{
    struct byte_reader r = byte_reader_init(x->heard + judged->answer + 3, 2 * COUNTERS);
    uint16_t words[COUNTERS];
    for (unsigned i = 0; i < COUNTERS; i++)
        words[i] = byte_read_u16(&r);
    *node = (struct verdict_node){.known = true,
                                  .messages = words[0],
                                  .crc = words[1],
                                  .framing = words[8],
                                  .parity = words[9],
                                  .noise = words[10]};
}

static bool count_node(struct trial *trial, unsigned i, struct verdict_node *node)
{
    const struct trial_device *device = &trial->devices[i];
    struct exchange x;
    struct exchange_judged judged = {.size = 0};
    for (unsigned tries = 0; tries < COUNT_TRIES && judged.size == 0; tries++) {
        if (!exchange_read(&x, device->config->unit, MODBUS_READ_INPUT, NODE_LINE_COUNTS,
                           COUNTERS) ||
            !exchange(trial, &device->wire, &x, device->wait_ns, AFTER_NS, &judged))
            return false;
    }
    if (judged.end != EXCHANGE_GOOD || judged.size == 0)
        return false;
    read_counters(&x, &judged, node);
    return true;
}

static unsigned grown(unsigned now, unsigned before)
{
    return (uint16_t)(now - before); /* they are registers, and go round */
}

void trial_count(struct trial *trial, bool end)
{
    for (unsigned i = 0; i < trial->heard.count; i++) {
        struct trial_device *device = &trial->devices[i];
        const struct verdict_device *tried = &trial->tallies[i];
        struct verdict_node now;
        bool dead = end && tried->brief.good + tried->lengthy.good == 0;
        if (!device->config->profile->node || dead || trial->gone || !count_node(trial, i, &now))
            continue;
        if (!end) {
            device->before = now;
            continue;
        }
        const struct verdict_node *before = &device->before;
        trial->tallies[i].node =
            (struct verdict_node){.known = before->known,
                                  .messages = grown(now.messages, before->messages),
                                  .crc = grown(now.crc, before->crc),
                                  .framing = grown(now.framing, before->framing),
                                  .parity = grown(now.parity, before->parity),
                                  .noise = grown(now.noise, before->noise)};
    }
}

bool trial_blink(struct trial *trial)
{
    bool some = false;
    for (unsigned i = 0; i < trial->heard.count && is_going(trial); i++) {
        const struct trial_device *device = &trial->devices[i];
        struct exchange x = {.heard_size = 0};
        struct exchange_judged judged;
        uint8_t pdu[MODBUS_REQUEST_SIZE];
        if (!device->config->profile->node)
            continue;
        size_t size = modbus_write_coil(pdu, COIL_LAMP, true);
        x.request_size = rtu_build(device->config->unit, pdu, size, x.request, sizeof x.request);
        x.answer_size = rtu_answer_size(pdu, size);
        some = exchange(trial, &device->wire, &x, RATE_WAIT_MS * NS_PER_MS, 0, &judged) || some;
    }
    return some;
}

static int compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

uint32_t trial_turnaround_us(struct trial_device *device, double share)
{
    if (device->turn_count == 0)
        return 0;
    qsort(device->turns_us, device->turn_count, sizeof device->turns_us[0], compare);
    unsigned at = (unsigned)(share * (device->turn_count - 1) + 0.5);
    return device->turns_us[at];
}
