/* SPDX-License-Identifier: Apache-2.0 */
/* Time on this line is ideal time (wire.h). Two kinds of events, one timer for the earliest:
 * the end of the master's request, and the hand-over of (the next byte of) a transmission. */
#include "tools/field/line.h"

#include <string.h>

#include "protocols/modbus/crc16.h"
#include "protocols/modbus/pdu.h"
#include "tools/field/trouble.h"

#define NS_PER_MS    1000000
#define BABBLE_BYTES 24

static int64_t next_handover(const struct transmission *t)
{
    return t->step_ns ? t->start_ns + (int64_t)(t->given + 1) * t->step_ns : t->end_ns;
}

void line_to_master(struct line *line, const uint8_t *bytes, size_t size)
{
    if (!line->deaf && !line->scene->deaf)
        port_write(&line->port, bytes, size);
}

static bool overlap(int64_t start_a, int64_t end_a, int64_t start_b, int64_t end_b)
{
    return start_a < end_b && start_b < end_a;
}

/* Marks everything that is on the wire together with [start, end). True: something was. */
static bool collide(struct line *line, const struct transmission *self, int64_t start_ns,
                    int64_t end_ns)
{
    bool hit = false;
    for (int i = 0; i < LINE_PENDING; i++) {
        struct transmission *t = &line->pending[i];
        if (t == self || !t->used || !overlap(start_ns, end_ns, t->start_ns, t->end_ns))
            continue;
        line->counts.collisions += t->hit ? 0 : 1;
        t->hit = hit = true;
    }
    if (self != NULL && line->saying &&
        overlap(start_ns, end_ns, line->sent_start_ns, line->sent_end_ns)) {
        line->counts.collisions += line->sent_hit ? 0 : 1;
        line->sent_hit = hit = true;
    }
    return hit;
}

/* Puts bytes of a unit on the wire. `step_ns` 0: handed over whole. NULL: no room. */
struct transmission *line_transmit(struct line *line, struct unit *unit,
                                   const struct wire_rate *rate, const uint8_t *bytes, size_t size,
                                   int64_t start_ns, int64_t step_ns)
{
    struct transmission *t = line->pending;
    while (t < line->pending + LINE_PENDING && t->used)
        t++;
    if (t == line->pending + LINE_PENDING) {
        line->counts.overrun++;
        return NULL;
    }
    *t = (struct transmission){.used = true,
                               .start_ns = start_ns,
                               .step_ns = step_ns,
                               .unit = unit,
                               .rate = *rate,
                               .size = size};
    t->end_ns = start_ns + (step_ns ? step_ns * (int64_t)size : wire_bytes_ns(rate, size));
    memcpy(t->bytes, bytes, size);
    t->hit = collide(line, t, t->start_ns, t->end_ns);
    return t;
}

static void scramble(struct line *line, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rng_next(&line->rng);
}

/* What was hit is noise from some byte on, and no one can believe it. */
static void garble_hit(struct line *line, struct transmission *t)
{
    size_t from = rng_below(&line->rng, (uint32_t)t->size);
    scramble(line, t->bytes + from, t->size - from);
    if (t->size > 2)
        fault_garble(&line->rng, t->bytes, t->size);
}

static void finish(struct line *line, struct transmission *t)
{
    struct unit *unit = t->unit;
    t->used = false;
    line->counts.answers++;
    line->counts.busy_ns += t->end_ns - t->start_ns;
    line->counts.mark_ns = t->end_ns;
    line->counts.mark_busy_ns = line->counts.busy_ns;
    line->counts.mark_answers = line->counts.answers;
    unit->answers++;
    unit->taken += t->sample && !t->hit;
    if (unit->scene->kind == UNIT_MASTER && !t->hit && !line->saying) {
        line_pass_on(line, t);
        return;
    }
    line_answered(line, t);
}

static void hand_over(struct line *line, struct transmission *t)
{
    if (t->hit && t->given == 0)
        garble_hit(line, t);
    size_t count = t->step_ns ? 1 : t->size;
    int64_t end_ns = next_handover(t), now = loop_now_ns();
    if (!wire_same(&line->sent_rate, &t->rate))
        scramble(line, t->bytes + t->given, count); /* the master listens at another rate */
    uint8_t passed[FAULT_BYTES_SIZE];
    memcpy(passed, t->bytes + t->given, count);
    if (trouble_apart(line->scene, t->unit->address))
        (void)trouble_joint(line->scene, &line->rng, passed, count);
    if (t->given == 0 && line->noise_end_ns > t->start_ns)
        scramble(line, passed, 1); /* its start bit came within a byte of noise */
    line_to_master(line, passed, count);
    t->given += count;
    if (end_ns > line->clock.quiet_since_ns)
        wire_gave(&line->clock, end_ns, now);
    if (t->given == t->size)
        finish(line, t);
}

/* A babbling unit's next bytes. */
static void babble(struct line *line, struct unit *unit, int64_t now_ns)
{
    uint8_t noise[BABBLE_BYTES];
    if (unit->babble_until_ns <= now_ns) {
        unit->babble_until_ns = 0;
        return;
    }
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)rng_next(&unit->rng);
    (void)line_transmit(line, unit, &unit->rate, noise, sizeof(noise), now_ns,
                        wire_bytes_ns(&unit->rate, 1));
    line->counts.faults.done[FAULT_BABBLE]++;
}

/* Another master asks. It does not listen before. */
static void ask_as_master(struct line *line, struct unit *unit, int64_t now_ns)
{
    uint8_t frame[8] = {unit->address, MODBUS_READ_HOLDING, 0, 0, 0, 1};
    uint16_t crc = crc16_modbus(CRC16_INITIAL, frame, 6);
    frame[6] = (uint8_t)(crc & 0xff);
    frame[7] = (uint8_t)(crc >> 8);
    if (unit->powered)
        (void)line_transmit(line, unit, &unit->rate, frame, sizeof(frame), now_ns, 0);
    unit->asks_ns = now_ns + (int64_t)unit->scene->every_ms * NS_PER_MS;
}

static bool is_idle(const struct line *line)
{
    bool idle = !line->saying;
    for (int i = 0; idle && i < LINE_PENDING; i++)
        idle = !line->pending[i].used || line->pending[i].start_ns > loop_now_ns();
    return idle;
}

/* A byte of noise, if no one drives the line just now. */
static void make_noise(struct line *line, int64_t now_ns)
{
    uint8_t byte = trouble_noise(&line->rng);
    if (is_idle(line)) {
        line->noise_end_ns = now_ns + wire_bytes_ns(&line->rate, 1);
        line_to_master(line, &byte, 1);
        line_overhear(line, NULL, &line->rate, &byte, 1);
    }
    line->noise_ns = trouble_noise_ns(line->scene, &line->rng, now_ns);
}

static bool transmitting(const struct line *line, const struct unit *unit)
{
    for (int i = 0; i < LINE_PENDING; i++)
        if (line->pending[i].used && line->pending[i].unit == unit)
            return true;
    return false;
}

static void line_step(void *context, int64_t now_ns)
{
    struct line *line = context;
    if (line->saying && line->sent_end_ns <= now_ns)
        line_deliver(line);
    for (int i = 0; i < LINE_PENDING; i++) {
        struct transmission *t = &line->pending[i];
        while (t->used && next_handover(t) <= now_ns)
            hand_over(line, t);
    }
    for (size_t i = 0; i < line->unit_count; i++)
        if (line->units[i].babble_until_ns && !transmitting(line, &line->units[i]))
            babble(line, &line->units[i], now_ns);
    for (size_t i = 0; i < line->unit_count; i++)
        if (line->units[i].asks_ns && line->units[i].asks_ns <= now_ns)
            ask_as_master(line, &line->units[i], now_ns);
    if (line->noise_ns && line->noise_ns <= now_ns)
        make_noise(line, now_ns);
    line_schedule(line);
}

void line_schedule(struct line *line)
{
    int64_t next = line->saying ? line->sent_end_ns : INT64_MAX;
    for (int i = 0; i < LINE_PENDING; i++)
        if (line->pending[i].used && next_handover(&line->pending[i]) < next)
            next = next_handover(&line->pending[i]);
    for (size_t i = 0; i < line->unit_count; i++)
        if (line->units[i].asks_ns && line->units[i].asks_ns < next)
            next = line->units[i].asks_ns;
    if (line->noise_ns && line->noise_ns < next)
        next = line->noise_ns;
    if (next == INT64_MAX)
        loop_disarm(&line->garden->loop, &line->timer);
    else
        loop_arm(&line->garden->loop, &line->timer, next);
}

static void begin_request(struct line *line, int64_t now_ns, int64_t wrote_ns)
{
    int64_t least_ns = (int64_t)line->scene->silence_ms * NS_PER_MS;
    line->sent_rate = line->rate;
    port_rate(&line->port, !line->scene->parity_blind, &line->sent_rate);
    if (line->sent_rate.baud == 0)
        line->sent_rate.baud = line->rate.baud;
    if (wire_silence_ns(&line->sent_rate) > least_ns)
        least_ns = wire_silence_ns(&line->sent_rate);
    int64_t start_ns = wire_request_start(&line->clock, now_ns, wrote_ns, least_ns);
    line->early = !wire_silence_kept(&line->clock, start_ns, least_ns);
    line->counts.t35_violations += line->early;
    int64_t gap_ns = start_ns - line->clock.quiet_since_ns;
    if (line->clock.quiet_since_ns &&
        (line->counts.gap_min_ns < 0 || gap_ns < line->counts.gap_min_ns))
        line->counts.gap_min_ns = gap_ns;
    line->gap_ns = line->clock.quiet_since_ns ? gap_ns : INT64_MAX;
    line->saying = true;
    line->sent_hit = false;
    line->sent_size = 0;
    line->sent_start_ns = line->sent_end_ns = start_ns;
}

/* The node that is being asked has heard the others before its request is over. */
static void wake_addressee(struct line *line, uint8_t address)
{
    struct unit *unit = line_unit(line, address);
    if (unit != NULL && unit->node != NULL)
        line_catch_up(line, unit);
}

/* Bytes of the master: one write is one frame unless more comes before its wire time is over. */
static void master_says(void *context, const uint8_t *bytes, size_t size)
{
    struct line *line = context;
    int64_t now = loop_now_ns(),
            wrote_ns = write_stamps_take(&line->garden->stamps, line->pty, now);
    if (!line->saying)
        begin_request(line, now, wrote_ns);
    if (line->sent_size && now > line->sent_end_ns)
        line->sent_end_ns = now;
    size_t room = sizeof(line->sent) - line->sent_size;
    if (size > room)
        size = room;
    memcpy(line->sent + line->sent_size, bytes, size);
    if (line->sent_size == 0 && size)
        wake_addressee(line, bytes[0]);
    line->sent_size += size;
    line->sent_end_ns += wire_bytes_ns(&line->sent_rate, size);
    line->sent_hit |= collide(line, NULL, line->sent_start_ns, line->sent_end_ns);
    line_schedule(line);
}

static void master_closed(void *context)
{
    ((struct line *)context)->deaf = false;
}

void line_begin(struct line *line)
{
    line->timer.fire = line_step;
    line->timer.context = line;
    line->port = (struct port){.loop = &line->garden->loop,
                               .watch.fd = -1,
                               .listen.fd = -1,
                               .closes.fd = -1,
                               .bytes = master_says,
                               .closed = master_closed,
                               .context = line};
}

bool line_deafen(struct line *line)
{
    line->deaf = port_hear_close(&line->port);
    return line->deaf;
}

struct unit *line_unit(struct line *line, uint8_t address)
{
    for (size_t i = 0; i < line->unit_count; i++)
        if (line->units[i].address == address)
            return &line->units[i];
    return NULL;
}

void line_fault(struct line *line, struct unit *unit, const struct scene_fault *fault)
{
    fault_put(&unit->faults, fault);
    if (fault->kind != FAULT_BABBLE)
        return;
    int64_t now = loop_now_ns();
    if (fault->probability <= 0)
        unit->babble_until_ns = 0;
    else
        unit->babble_until_ns = fault->ms ? now + (int64_t)fault->ms * NS_PER_MS : INT64_MAX;
    if (unit->babble_until_ns && !transmitting(line, unit))
        babble(line, unit, now);
    line_schedule(line);
}
