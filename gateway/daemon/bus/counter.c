/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/counter.h"

#include <math.h>

#include "gateway/daemon/config/field_type.h"

#define HOUR_MS       3600000.0
#define LEAST_TIME_MS 300000 /* a shower is heavier than the heaviest hour */
#define TWO_POW_63    9223372036854775808.0
#define LEAST_CODES   2
#define LEAP_PART     4u  /* of the codes: more at once waits for the next answer */
#define BACK_PART     4u  /* of a leap: who ends so near above where it fell from is back there */
#define END_PART      16u /* of the codes: who was so near the end has gone over it */

/* 0: 2^64. */
static uint64_t codes_of(const struct field_config *field)
{
    return field->wraps ? field->wraps : field_type_codes(field);
}

/* A part of all codes. */
static uint64_t part_of_codes(const struct field_config *field, unsigned divisor)
{
    uint64_t codes = codes_of(field);
    return codes != 0 ? codes / divisor : UINT64_MAX / divisor;
}

/* Codes from one to the other, over the end. Of a type with 2^64 codes the sum wraps as they do. */
static bool over_the_end(const struct field_config *field, uint64_t from, uint64_t to,
                         uint64_t *step)
{
    uint64_t codes = codes_of(field);
    *step = to + codes - from;
    return codes == 0 || (from < codes && to < codes);
}

/* What may come in that time by its rate, in codes; infinite: it has none. */
static double codes_by_rate(const struct field_config *field, int64_t passed_ms)
{
    double time_ms = (double)(passed_ms > LEAST_TIME_MS ? passed_ms : LEAST_TIME_MS);
    return field->most_per_hour > 0 ? field->most_per_hour * time_ms / HOUR_MS / field->scale
                                    : (double)INFINITY;
}

/* What may come in that time at most, in codes. */
static double most_codes(const struct field_config *field, int64_t passed_ms)
{
    double most = field->max / field->scale, by_rate = codes_by_rate(field, passed_ms);
    most = by_rate < most ? by_rate : most;
    return most > LEAST_CODES ? most : LEAST_CODES;
}

/* More than one reading may hold, and possible nevertheless since long nothing was read. */
static bool came_meanwhile(const struct field_config *field, uint64_t step, int64_t passed_ms)
{
    return field->most_per_hour > 0 && (double)step <= codes_by_rate(field, passed_ms);
}

/* Does what may come distinguish good answers from wrong ones? Else any fall may be an overrun. */
static bool is_bounded(const struct field_config *field, int64_t passed_ms)
{
    return most_codes(field, passed_ms) < (double)part_of_codes(field, LEAP_PART);
}

/* Codes from one to the other, forwards or over the end; false: not in that time. Where nothing is
 * known of what may come, neither a fall nor a leap is believed at once. */
static bool goes_on(const struct field_config *field, uint64_t from, uint64_t to, int64_t passed_ms,
                    uint64_t *step)
{
    bool bounded = is_bounded(field, passed_ms);
    if (to >= from)
        *step = to - from;
    else if (!bounded || !over_the_end(field, from, to, step))
        return false;
    if (!bounded && *step > part_of_codes(field, LEAP_PART))
        return false;
    return (double)*step <= most_codes(field, passed_ms);
}

static struct reading_value increment(const struct field_config *field, uint64_t step, uint8_t flag)
{
    double value = (double)step * field->scale;
    if (flag == METRIC_GOOD && value > field->max)
        flag = METRIC_RANGE;
    return (struct reading_value){.value = value, .present = true, .flag = flag};
}

static struct reading_value nothing(uint8_t flag)
{
    return (struct reading_value){.flag = flag};
}

static void book(struct counter *counter, uint64_t raw, int64_t now_ms)
{
    uint64_t before = counter->known ? counter->last : raw;
    counter->known = true;
    counter->last = raw;
    counter->before = before;
    counter->at_ms = now_ms;
    counter->has_doubted = false;
}

/* Since `last`, after the next answer has confirmed what was doubted: `step` codes came since that
 * one, which is not as a wrong one before it would have it. */
static uint64_t came_since(const struct counter *counter, const struct field_config *field,
                           uint64_t raw, uint64_t step, int64_t passed_ms)
{
    bool bounded = is_bounded(field, passed_ms), fell = counter->doubted < counter->last;
    uint64_t over;
    if (counter->before <= counter->doubted && fell)
        return raw > counter->last ? raw - counter->last : 0; /* the last one was the wrong one */
    if (!bounded && fell && over_the_end(field, counter->last, raw, &over) &&
        over <= part_of_codes(field, END_PART))
        return over;
    if (!bounded && !fell)
        return raw - counter->last; /* held back, nothing against it */
    if (fell && (double)raw <= most_codes(field, passed_ms))
        return raw; /* it was restarted: all of it came since */
    if (!fell && came_meanwhile(field, raw - counter->last, passed_ms))
        return raw - counter->last;
    return step;
}

/* A meter that shows 0 while it starts, for more than one answer, is taken for one that was
 * restarted. Then it shows again what it had, and a bit more: only that has come. */
static bool came_back_to(const struct counter *counter, uint64_t fallen, uint64_t raw, double most,
                         uint64_t *step)
{
    if (raw < fallen || counter->last >= fallen)
        return false;
    *step = raw - fallen;
    return *step < (raw - counter->last) / BACK_PART && (double)*step <= most;
}

/* To where it last fell, or, of several falls in a row, to where the first one was. */
static bool came_back(const struct counter *counter, const struct field_config *field, uint64_t raw,
                      int64_t passed_ms, uint64_t *step)
{
    double most = most_codes(field, passed_ms);
    return counter->has_fallen && (came_back_to(counter, counter->fell, raw, most, step) ||
                                   came_back_to(counter, counter->fallen, raw, most, step));
}

/* A restart, confirmed. */
static void note_fall(struct counter *counter)
{
    if (!counter->has_fallen || counter->last >= counter->fallen)
        counter->fallen = counter->last;
    counter->fell = counter->last;
    counter->has_fallen = true;
}

/* The first 0 of a counter of which nothing says how much may come: while a meter starts it shows
 * 0, and all that it ever counted would be booked with the next answer. One that stands is one. */
static bool may_be_starting(struct counter *counter, const struct field_config *field, uint64_t raw,
                            int64_t now_ms)
{
    if (raw != 0 || is_bounded(field, 0))
        return false;
    if (!counter->zero_seen)
        counter->at_ms = now_ms;
    counter->zero_seen = true;
    return now_ms - counter->at_ms < LEAST_TIME_MS;
}

struct reading_value counter_take(struct counter *counter, const struct field_config *field,
                                  uint64_t raw, uint8_t flag, int64_t now_ms)
{
    uint64_t step = 0;
    int64_t passed_ms = now_ms - counter->at_ms;
    if (!counter->known) {
        if (!may_be_starting(counter, field, raw, now_ms))
            book(counter, raw, now_ms);
        return nothing(METRIC_ABSENT);
    }
    if (came_back(counter, field, raw, passed_ms, &step) ||
        goes_on(field, counter->last, raw, passed_ms, &step)) {
        book(counter, raw, now_ms); /* what was doubted between was a wrong answer */
        return increment(field, step, flag);
    }
    bool confirmed = counter->has_doubted &&
                     goes_on(field, counter->doubted, raw, passed_ms, &step) &&
                     raw >= counter->doubted;
    if (!confirmed) {
        counter->has_doubted = true;
        counter->doubted = raw;
        return nothing(METRIC_RANGE);
    }
    uint64_t came = came_since(counter, field, raw, step, passed_ms);
    if (raw < counter->last && came <= raw) /* else it has gone over its end */
        note_fall(counter);
    book(counter, raw, now_ms);
    struct reading_value value = increment(field, came, flag);
    if (value.flag == METRIC_RANGE && came_meanwhile(field, came, passed_ms))
        value.flag = flag;
    return value;
}

bool counter_exponent(struct counter *counter, int exponent)
{
    int lost = counter->exponent - exponent;
    bool same = !counter->exponent_known || lost == 0;
    if (!same && (!counter->other_seen || counter->other != exponent)) {
        counter->other_seen = true;
        counter->other = (int8_t)exponent;
        return false;
    }
    if (!same) { /* what is booked, in its new codes */
        double last = (double)counter->last * pow(10, lost);
        bool fits = last < TWO_POW_63;
        *counter = (struct counter){.at_ms = counter->at_ms,
                                    .known = counter->known && fits,
                                    .last = fits ? (uint64_t)last : 0};
        counter->before = counter->last;
    }
    counter->exponent = (int8_t)exponent;
    counter->exponent_known = true;
    counter->other_seen = false;
    return true;
}
