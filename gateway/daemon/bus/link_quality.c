/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/link_quality.h"

#define CLASS_FIRST_US 50u
#define FLOOR_NS       100000000LL
#define MARGIN_NS      20000000LL
#define TOO_FAST_TIMES 3
#define TOO_FAST_FADES 64 /* good answers that make up for one */
#define ODD_RUN        3  /* of a unit that has not answered as asked lately; late answers to */
#define ODD_RUN_GOOD   20 /* something else can be the cause with one that has */
#define ENOUGH         8u /* tries before anything is reported, */
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

struct hint link_quality_odd_hint(const struct link_quality *health)
{
    const struct link_quality_odd *odd = &health->odd;
    if (odd->run < (tally_of(health).good == 0 ? ODD_RUN : ODD_RUN_GOOD))
        return (struct hint){.id = HINT_NONE};
    if (odd->function != odd->asked_function)
        return (struct hint){HINT_WRONG_FUNCTION, odd->function, odd->asked_function};
    return (struct hint){HINT_WRONG_SIZE, odd->bytes, odd->asked};
}

static enum hint_id garbage_hint(bool good, bool tcp)
{
    if (tcp)
        return good ? HINT_TCP_MIXED : HINT_TCP_WRONG_UNIT;
    return good ? HINT_ONE_ADDRESS_TWICE : HINT_UNIT_GARBAGE;
}

static enum hint_id device_hint(const struct link_quality *device, const struct tally *others,
                                bool tcp)
{
    struct tally own = tally_of(device);
    if (own.all < (own.silent == own.all ? ENOUGH_SILENT : ENOUGH))
        return HINT_NONE;
    if (own.good == 0 && own.silent * 4 > own.all * 3 && others->good > 0)
        return tcp ? HINT_TCP_UNIT_SILENT : HINT_UNIT_SILENT;
    bool others_fine = others->good > 0 && others->garbled * 20 < others->all;
    if (own.garbled * 4 >= own.all && others_fine)
        return garbage_hint(own.good > 0, tcp);
    return device->late_answers * 20 > device->polls ? HINT_ANSWERS_LATE : HINT_NONE;
}

struct hint link_quality_device_hint(const struct link_quality *devices, unsigned count,
                                     unsigned device, bool tcp)
{
    struct tally others = {0};
    for (unsigned i = 0; i < count; i++) {
        if (i == device)
            continue;
        add(&others, devices[i].recent[0]);
        add(&others, devices[i].recent[1]);
    }
    return (struct hint){.id = (uint8_t)device_hint(&devices[device], &others, tcp)};
}

/* Nothing good came of any unit. */
static enum hint_id dead_hint(bool garbage, bool tcp)
{
    if (tcp)
        return garbage ? HINT_TCP_GARBAGE : HINT_TCP_SILENT;
    return garbage ? HINT_LINE_GARBAGE : HINT_LINE_SILENT;
}

/* Of a serial line that answers: do long answers go wrong far more often than short ones? */
static bool errors_grow(const struct tally *brief, const struct tally *lengthy)
{
    return lengthy->all >= ENOUGH && brief->all >= ENOUGH && lengthy->garbled * 20 > lengthy->all &&
           lengthy->garbled * brief->all > 3 * brief->garbled * lengthy->all;
}

static enum hint_id bus_hint(const struct tally *brief, const struct tally *lengthy, bool odd,
                             const struct link_quality_line *line)
{
    unsigned good = brief->good + lengthy->good, garbled = brief->garbled + lengthy->garbled;
    unsigned all = brief->all + lengthy->all;
    if (line->babble)
        return HINT_BABBLE;
    if (line->other_master)
        return HINT_OTHER_MASTER;
    if (all < ENOUGH || (good == 0 && odd))
        return HINT_NONE;
    if (good == 0)
        return dead_hint(garbled * 2 > all, line->tcp);
    if (line->tcp)
        return HINT_NONE;
    if (errors_grow(brief, lengthy))
        return HINT_TERMINATION;
    return line->echo ? HINT_ECHO : HINT_NONE;
}

struct hint link_quality_bus_hint(const struct link_quality *devices, unsigned count,
                                  const struct link_quality_line *line)
{
    struct tally brief = {0}, lengthy = {0};
    bool odd = false;
    for (unsigned i = 0; i < count; i++) {
        add(&brief, devices[i].recent[0]);
        add(&lengthy, devices[i].recent[1]);
        odd = odd || devices[i].odd.run > 0;
    }
    return (struct hint){.id = (uint8_t)bus_hint(&brief, &lengthy, odd, line)};
}
