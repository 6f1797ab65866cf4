/* SPDX-License-Identifier: Apache-2.0 */
/* What the units of a line make of a request: who hears it, as what, and what each answers. */
#include <string.h>

#include "protocols/modbus/crc16.h"
#include "protocols/modbus/pdu.h"
#include "tools/field/line.h"
#include "tools/field/node.h"
#include "tools/field/trouble.h"
#include "tools/field/uart.h"

#define SCAN_BITS    (35 + 33 * 18) /* silence and windows of an arbitration, of at most 18 bits */
#define SCAN_LATE_NS INT64_C(500000000) /* emulated nodes come late */

/* Plans one answer with all that its unit's faults make of it; it starts at `start_ns`. */
static void plan_answer(struct line *line, struct unit *unit, const uint8_t *right, size_t size,
                        int64_t start_ns, bool sample)
{
    struct fault_plan plan;
    uint8_t frame[FRAME_SIZE];
    size = wrong_answer(&unit->faults, &unit->wrong, &unit->rng, right, size, start_ns, frame,
                        &line->counts.faults);
    const struct wire_rate *rate = &line->sent_rate;
    fault_answer(&unit->faults, &unit->rng, frame, size, &plan, &line->counts.faults);
    if (plan.size == 0)
        return;
    start_ns += plan.delay_ns;
    if (plan.foreign) {
        uint8_t foreign[FRAME_SIZE];
        fault_foreign(&unit->rng, frame, size, foreign);
        (void)line_transmit(line, unit, rate, foreign, size, start_ns, 0);
        start_ns += wire_bytes_ns(rate, size) + wire_silence_ns(rate);
    }
    struct transmission *t =
        line_transmit(line, unit, rate, plan.bytes, plan.size, start_ns, plan.step_ns);
    if (t == NULL)
        return;
    t->sample = sample;
    if (plan.duplicate) {
        /* Byte by byte, so that a master that listens hears that the line is not silent. */
        (void)line_transmit(line, unit, rate, plan.bytes, plan.size,
                            t->end_ns + plan.duplicate_gap_ns, wire_bytes_ns(rate, 1));
    }
}

static int64_t answer_start(const struct line *line, const struct unit *unit)
{
    return line->sent_end_ns + wire_silence_ns(&line->sent_rate) +
           (int64_t)unit->scene->delay_us * 1000;
}

static void ask_probe(struct line *line, struct unit *unit)
{
    uint8_t answer[FRAME_SIZE];
    struct probe_given given;
    size_t size = unit_serve(unit, line->sent, line->sent_size, answer, &given);
    if (size == 0)
        return;
    int64_t start_ns = answer_start(line, unit);
    plan_answer(line, unit, answer, size, start_ns, given.sample);
    if (!line->scene->quiet)
        unit_ledger(unit, &given, line->scene->name,
                    garden_wall_ms(start_ns + wire_bytes_ns(&unit->rate, size)));
}

/* The node hears what was said since it last did. */
void line_catch_up(struct line *line, struct unit *unit)
{
    uint8_t bytes[OVERHEARD_BYTES];
    size_t size = overheard_take(&line->overheard, unit, &unit->rate, &unit->heard, bytes);
    if (size && unit->powered)
        node_hear(unit->node, bytes, size);
}

static void all_catch_up(struct line *line)
{
    for (size_t i = 0; i < line->unit_count; i++) {
        if (line->units[i].node != NULL)
            line_catch_up(line, &line->units[i]);
        line->units[i].heard = 0;
    }
    line->overheard.count = 0;
}

/* For all nodes but `except`, when they come to it. */
void line_overhear(struct line *line, const struct unit *except, const struct wire_rate *rate,
                   const uint8_t *bytes, size_t size)
{
    if (overheard_add(&line->overheard, bytes, size, rate, except))
        return;
    all_catch_up(line);
    if (!overheard_add(&line->overheard, bytes, size, rate, except))
        garden_log("line %s: a frame of %zu bytes is too long", line->scene->name, size);
}

void line_answered(struct line *line, const struct transmission *t)
{
    line_overhear(line, t->unit, &t->rate, t->bytes, t->size);
    if (t->unit->node != NULL && !t->hit)
        node_said(t->unit->node, t->bytes, t->size, t->end_ns);
}

/* A request that exactly one of our units is going to answer can wait for the others; what more
 * than one might have to act upon can't. NULL: everybody must hear it now. */
static struct unit *only_addressee(const struct line *line, bool good)
{
    struct unit *only = NULL;
    for (size_t i = 0; good && i < line->unit_count; i++) {
        if (line->units[i].address != line->sent[0])
            continue;
        if (only != NULL)
            return NULL;
        only = &line->units[i];
    }
    return only;
}

static void ask_node(struct line *line, struct unit *unit)
{
    if (line->sent[0] == unit->address) {
        unit->requests++;
        unit->asked_size = line->sent_size < FRAME_SIZE ? line->sent_size : FRAME_SIZE;
        memcpy(unit->asked, line->sent, unit->asked_size);
    }
    node_hear(unit->node, line->sent, line->sent_size);
}

/* The request for one came; the master does not get its bytes, they have no timing on this line. */
static bool begins_arbitration(struct line *line)
{
    bool scan = line->sent_size == ARBITRATION_REQUEST && line->sent[0] == MODBUS_FAST_UNIT &&
                line->sent[1] == MODBUS_FAST &&
                (line->sent[2] == FAST_SCAN_START || line->sent[2] == FAST_SCAN_CONTINUE);
    if (scan)
        line->arbitration_end_ns =
            loop_now_ns() + SCAN_BITS * INT64_C(1000000000) / line->sent_rate.baud + SCAN_LATE_NS;
    return scan;
}

/* Not silent long enough for this unit: to it the request belongs to what was said before. */
static bool too_early(const struct line *line, const struct unit *unit)
{
    return (double)line->gap_ns < unit->scene->silence * (double)wire_silence_ns(&unit->rate);
}

/* A and B exchanged: what the nodes hear is no frame, and the probes hear nothing that is for
 * them. */
static void deliver_inverted(struct line *line)
{
    static const uint8_t break_byte = TROUBLE_BREAK;
    uint8_t heard[LINE_HEAR_SIZE];
    size_t size = uart_receive(line->sent, line->sent_size, true, 1, heard, sizeof(heard));
    line_overhear(line, NULL, &line->sent_rate, heard, size);
    all_catch_up(line);
    if (line->scene->biased)
        line_to_master(line, &break_byte, 1);
}

/* What a unit behind the joint hears of the request; true: it is not what was said. */
static bool hear_across(struct line *line, const struct unit *unit, uint8_t *heard)
{
    memcpy(heard, line->sent, line->sent_size);
    return trouble_apart(line->scene, unit->address) &&
           trouble_joint(line->scene, &line->rng, heard, line->sent_size);
}

static void count_write(struct line *line)
{
    uint8_t function = line->sent[1];
    unsigned takers = 0;
    for (size_t i = 0; i < line->unit_count; i++) {
        const struct unit *unit = &line->units[i];
        takers += unit->powered && wire_same(&unit->rate, &line->sent_rate) &&
                  unit_hears(unit, line->sent[0]);
    }
    bool writes = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_COILS ||
                  function == MODBUS_WRITE_REGISTER || function == MODBUS_WRITE_REGISTERS;
    line->counts.writes += writes && line->sent[0] != 0;
    line->counts.shared_writes += writes && line->sent[0] != 0 && takers > 1;
}

/* The request is over on the wire: the units have it. */
void line_deliver(struct line *line)
{
    bool good = line->sent_size >= 4 && line->sent_size <= FRAME_SIZE &&
                crc16_modbus(CRC16_INITIAL, line->sent, line->sent_size) == 0;
    line->saying = false;
    line->delivered_late_ns = loop_now_ns() - line->sent_end_ns;
    wire_took(&line->clock, line->sent_end_ns);
    line->counts.busy_ns += line->sent_end_ns - line->sent_start_ns;
    if (line->scene->echo)
        line_to_master(line, line->sent, line->sent_size);
    if (line->scene->swapped) {
        line->counts.garbled++;
        deliver_inverted(line);
        return;
    }
    if (line->sent_hit) {
        fault_garble(&line->rng, line->sent, line->sent_size);
        good = false;
    }
    line->counts.requests += good;
    line->counts.garbled += !good;
    line->counts.broadcasts += good && line->sent[0] == 0;
    line->counts.unheard += good && line->early && line->scene->strict;
    if (line->garden->sampling_stopped || (line->early && line->scene->strict))
        return;
    line_arbitration_end(line); /* whoever speaks now waits for it no longer */
    bool scan = good && begins_arbitration(line);
    if (good)
        count_write(line);
    struct unit *only = only_addressee(line, good);
    if (only != NULL)
        line_overhear(line, only, &line->sent_rate, line->sent, line->sent_size);
    else
        all_catch_up(line);
    for (size_t i = 0; i < line->unit_count; i++) {
        struct unit *unit = &line->units[i];
        bool addressed = good && unit_hears(unit, line->sent[0]);
        if (!unit->powered)
            continue;
        if (!wire_same(&unit->rate, &line->sent_rate)) {
            line->counts.mismatched += addressed && line->sent[0] != 0;
            continue;
        }
        if (too_early(line, unit)) {
            line->counts.unheard += addressed;
            continue;
        }
        if (addressed && rng_chance(&unit->rng, unit->faults.of[FAULT_REQUEST].probability)) {
            line->counts.faults.done[FAULT_REQUEST]++;
            continue; /* bits flipped on its way: nothing a unit could answer */
        }
        uint8_t heard[LINE_HEAR_SIZE];
        if (hear_across(line, unit, heard)) {
            if (unit->node != NULL && (only == NULL || only == unit))
                node_hear(unit->node, heard, line->sent_size);
            continue;
        }
        if (scan && unit->node != NULL && line_arbitration_take(line, unit))
            continue;
        if (unit->node != NULL && (only == NULL || only == unit))
            ask_node(line, unit);
        else if (unit->node == NULL && good)
            ask_probe(line, unit);
    }
    if (scan)
        line_arbitration_begin(line);
}

void line_dominant(struct line *line, const struct unit *unit, uint8_t byte)
{
    for (size_t i = 0; i < line->unit_count; i++) {
        struct unit *other = &line->units[i];
        if (other != unit && other->node != NULL && other->powered &&
            wire_same(&other->rate, &unit->rate))
            node_hear(other->node, &byte, 1);
    }
}

void line_answer(struct line *line, struct unit *unit, const uint8_t *frame, size_t size,
                 int64_t ready_ns)
{
    int64_t start_ns = answer_start(line, unit);
    if (line->garden->sampling_stopped)
        return;
    ready_ns -=
        line->delivered_late_ns < WIRE_LATE_MAX_NS ? line->delivered_late_ns : WIRE_LATE_MAX_NS;
    if (ready_ns > start_ns)
        start_ns = ready_ns;
    plan_answer(line, unit, frame, size, start_ns, false);
    line_schedule(line);
}

/* Another master's request: those that it is for have it. */
void line_pass_on(struct line *line, const struct transmission *t)
{
    memcpy(line->sent, t->bytes, t->size);
    line->sent_size = t->size;
    line->sent_rate = t->rate;
    line->sent_end_ns = t->end_ns;
    line->sent_hit = false;
    line_arbitration_end(line);
    all_catch_up(line);
    for (size_t i = 0; i < line->unit_count; i++) {
        struct unit *unit = &line->units[i];
        if (!unit->powered || !wire_same(&unit->rate, &t->rate))
            continue;
        if (unit->node != NULL)
            ask_node(line, unit);
        else if (unit_hears(unit, line->sent[0]))
            ask_probe(line, unit);
    }
}
