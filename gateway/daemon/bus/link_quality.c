/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/link_quality.h"

#include <stdio.h>

#define CLASS_FIRST_US 50u
#define FLOOR_NS       100000000LL
#define MARGIN_NS      20000000LL
#define TOO_FAST_TIMES 3
#define TOO_FAST_FADES 64 /* good answers that make up for one */
#define ODD_RUN        3  /* of a unit that has not answered as asked lately; late answers to */
#define ODD_RUN_GOOD   20 /* something else can be the cause with one that has */
#define ENOUGH         8u /* tries before anything is said, */
#define ENOUGH_SILENT  4u /* but of a unit that never answers: as many make it dead */

static unsigned class_of(int64_t turnaround_ns)
{
    uint64_t limit_us = CLASS_FIRST_US, us = turnaround_ns > 0 ? (uint64_t)turnaround_ns / 1000 : 0;
    unsigned class = 0;
    while (class + 4 < LINK_QUALITY_CLASSES && us >= limit_us * 2) {
        limit_us *= 2;
        class += 4;
    }
    for (unsigned quarter = 0; quarter < 4 && class + 1 < LINK_QUALITY_CLASSES; quarter++) {
        if (us < limit_us + limit_us * (quarter + 1) / 4)
            break;
        class ++;
    }
    return class;
}

static uint32_t class_end_us(unsigned class)
{
    uint64_t octave = (uint64_t)CLASS_FIRST_US << (class / 4);
    return (uint32_t)(octave + octave * (class % 4 + 1) / 4);
}

int64_t link_quality_fastest_ns(const struct link_quality *health)
{
    if (health->known == LINK_QUALITY_LEARNT)
        return health->fastest_ns;
    /* After a failed try an answer to that may still come. On a true line none can begin before the
     * request has ended. */
    return health->failing ? 0 : INT64_MIN;
}

void link_quality_too_fast(struct link_quality *health, int64_t turnaround_ns)
{
    if (++health->too_fast < TOO_FAST_TIMES)
        return; /* an answer that came twice may also have spoilt the true one */
    health->fastest_ns = turnaround_ns;
    health->known = LINK_QUALITY_LEARNT;
    health->too_fast = 0;
}

static void note_turnaround(struct link_quality *health, int64_t turnaround_ns)
{
    if (health->known == 0 || turnaround_ns < health->fastest_ns)
        health->fastest_ns = turnaround_ns;
    if (health->known < LINK_QUALITY_LEARNT)
        health->known++;
    if (++health->good_run >= TOO_FAST_FADES) {
        health->good_run = 0;
        if (health->too_fast > 0)
            health->too_fast--;
    }
    health->peak_ns -= health->peak_ns / 256;
    if (turnaround_ns > health->peak_ns)
        health->peak_ns = turnaround_ns;
    if (turnaround_ns > health->longest_ns)
        health->longest_ns = turnaround_ns;
    if (health->peak_ns == 0)
        health->peak_ns = 1; /* known, and nothing */
    if (health->class_sum >= LINK_QUALITY_WINDOW) {
        health->class_sum = 0;
        for (unsigned i = 0; i < LINK_QUALITY_CLASSES; i++)
            health->class_sum = (uint16_t)(health->class_sum + (health->classes[i] /= 2));
    }
    health->classes[class_of(turnaround_ns)]++;
    health->class_sum++;
}

void link_quality_try(struct link_quality *health, enum link_quality_end end, unsigned answer_size,
                      int64_t turnaround_ns)
{
    uint16_t *recent = health->recent[answer_size >= LINK_QUALITY_LONG_ANSWER];
    health->timeouts += end == LINK_QUALITY_SILENT;
    health->crc_errors += end == LINK_QUALITY_GARBLED;
    health->exceptions += end == LINK_QUALITY_EXCEPTION;
    health->failing = end == LINK_QUALITY_SILENT || end == LINK_QUALITY_GARBLED;
    if (!health->failing) {
        note_turnaround(health, turnaround_ns);
        health->odd.run = 0;
    }
    if (++recent[end] >= LINK_QUALITY_WINDOW) {
        for (unsigned i = 0; i < 4; i++)
            recent[i] /= 2;
    }
}

int64_t link_quality_timeout_ns(const struct link_quality *health, int64_t ceiling_ns)
{
    int64_t timeout_ns = 2 * health->peak_ns + MARGIN_NS;
    if (timeout_ns < FLOOR_NS)
        timeout_ns = FLOOR_NS;
    if (health->peak_ns == 0 || health->failing || timeout_ns > ceiling_ns)
        timeout_ns = ceiling_ns;
    return timeout_ns;
}

uint32_t link_quality_percentile_us(const struct link_quality *health, double share)
{
    double wanted = share * health->class_sum;
    unsigned sum = 0;
    for (unsigned i = 0; i < LINK_QUALITY_CLASSES && health->class_sum > 0; i++) {
        sum += health->classes[i];
        if (sum >= wanted && sum > 0)
            return class_end_us(i);
    }
    return 0;
}

struct tally {
    unsigned good, silent, garbled, all;
};

static void add(struct tally *tally, const uint16_t recent[4])
{
    tally->good += recent[LINK_QUALITY_GOOD] + recent[LINK_QUALITY_EXCEPTION];
    tally->silent += recent[LINK_QUALITY_SILENT];
    tally->garbled += recent[LINK_QUALITY_GARBLED];
    tally->all = tally->good + tally->silent + tally->garbled;
}

static struct tally tally_of(const struct link_quality *health)
{
    struct tally tally = {0};
    add(&tally, health->recent[0]);
    add(&tally, health->recent[1]);
    return tally;
}

void link_quality_odd(struct link_quality *health, const struct link_quality_odd *odd)
{
    uint8_t run = health->odd.run;
    health->odd = *odd;
    health->odd.run = run < UINT8_MAX ? (uint8_t)(run + 1) : run;
}

bool link_quality_is_odd(const struct link_quality *health, char *text, size_t size)
{
    const struct link_quality_odd *odd = &health->odd;
    if (odd->run < (tally_of(health).good == 0 ? ODD_RUN : ODD_RUN_GOOD))
        return false;
    if (odd->function != odd->asked_function)
        (void)snprintf(text, size,
                       "it answers with function %u where %u was asked: not this profile's device?",
                       odd->function, odd->asked_function);
    else
        (void)snprintf(text, size,
                       "it answers, %u bytes where %u were asked: not this profile's device?",
                       odd->bytes, odd->asked);
    return true;
}

static const char *garbage_hint(bool good, bool tcp)
{
    if (tcp)
        return good ? "now and then its answers don't fit the question: another program that asks "
                      "it?"
                    : "its answers don't fit the question: wrong unit address, or no Modbus TCP";
    return good ? "CRC errors on this unit only: two devices with one address?"
                : "answers only garbage: wrong rate or parity, two devices with one "
                  "address, or it is broken";
}

const char *link_quality_device_hint(const struct link_quality *devices, unsigned count,
                                     unsigned device, bool tcp)
{
    struct tally own = tally_of(&devices[device]), others = {0};
    for (unsigned i = 0; i < count; i++) {
        if (i == device)
            continue;
        add(&others, devices[i].recent[0]);
        add(&others, devices[i].recent[1]);
    }
    if (own.all < (own.silent == own.all ? ENOUGH_SILENT : ENOUGH))
        return "";
    if (own.good == 0 && own.silent * 4 > own.all * 3 && others.good > 0)
        return tcp ? "no answer: look at its power, its unit address, and what is behind the server"
                   : "no answer: look at its power, address, rate and wiring";
    bool others_fine = others.good > 0 && others.garbled * 20 < others.all;
    if (own.garbled * 4 >= own.all && others_fine)
        return garbage_hint(own.good > 0, tcp);
    if (devices[device].late_answers * 20 > devices[device].polls)
        return "answers late: raise response_max in its profile";
    return "";
}

/* Nothing good came of any unit. */
static const char *dead_hint(bool garbage, bool tcp)
{
    if (tcp)
        return garbage
                   ? "what comes is no Modbus TCP: a converter that passes RTU frames on? type: "
                     "rtu-over-tcp"
                   : "the server takes connections, but no unit answers: power behind it, unit "
                     "addresses?";
    return garbage ? "only garbage: A and B swapped, or wrong rate or parity"
                   : "no unit answers: look at the cable, the power, A and B, rate and parity";
}

const char *link_quality_bus_hint(const struct link_quality *devices, unsigned count,
                                  const struct link_quality_line *line)
{
    struct tally all = {0}, brief = {0}, lengthy = {0};
    bool odd = false;
    for (unsigned i = 0; i < count; i++) {
        add(&brief, devices[i].recent[0]);
        add(&lengthy, devices[i].recent[1]);
        add(&all, devices[i].recent[0]);
        add(&all, devices[i].recent[1]);
        odd = odd || devices[i].odd.run > 0;
    }
    if (line->babble)
        return "a unit talks without being asked: unplug one after the other to find it";
    if (line->other_master)
        return "another master is on it: requests are heard that are not ours; take one away";
    if (all.all < ENOUGH || (all.good == 0 && odd))
        return "";
    if (all.good == 0)
        return dead_hint(all.garbled * 2 > all.all, line->tcp);
    if (line->tcp)
        return "";
    if (lengthy.all >= ENOUGH && brief.all >= ENOUGH && lengthy.garbled * 20 > lengthy.all &&
        lengthy.garbled * brief.all > 3 * brief.garbled * lengthy.all)
        return "errors grow with length: missing termination or bias";
    if (line->echo)
        return "the adapter echoes what is sent: switch its local echo off";
    return "";
}
