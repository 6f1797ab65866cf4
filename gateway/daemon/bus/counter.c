/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/counter.h"

#include "gateway/daemon/config/profile.h"

#define HOUR_MS       3600000.0
#define LEAST_TIME_MS 300000 /* a shower is heavier than the heaviest hour */
#define LEAST_CODES   2

static uint64_t codes_of(const struct field_config *field)
{
    if (field->wraps)
        return field->wraps;
    return profile_field_registers(field) == 1 ? 0x10000u : UINT64_C(0x100000000);
}

/* What may come in that time at most, in codes. */
static double most_codes(const struct field_config *field, int64_t passed_ms)
{
    double most = field->max / field->scale;
    if (field->most_per_hour > 0) {
        double time_ms = (double)(passed_ms > LEAST_TIME_MS ? passed_ms : LEAST_TIME_MS);
        double by_rate = field->most_per_hour * time_ms / HOUR_MS / field->scale;
        most = by_rate < most ? by_rate : most;
    }
    return most > LEAST_CODES ? most : LEAST_CODES;
}

/* Codes from one to the other, forwards or over the end; false: not in that time. */
static bool goes_on(const struct field_config *field, uint32_t from, uint32_t to, int64_t passed_ms,
                    uint64_t *step)
{
    uint64_t codes = codes_of(field);
    if (to >= from)
        *step = to - from;
    else if (from < codes && to < codes)
        *step = to + codes - from;
    else
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

static void book(struct counter *counter, uint32_t raw, int64_t now_ms)
{
    uint32_t before = counter->known ? counter->last : raw;
    *counter = (struct counter){.known = true, .last = raw, .before = before, .at_ms = now_ms};
}

struct reading_value counter_take(struct counter *counter, const struct field_config *field,
                                  uint32_t raw, uint8_t flag, int64_t now_ms)
{
    uint64_t step = 0;
    int64_t passed_ms = now_ms - counter->at_ms;
    if (!counter->known) {
        book(counter, raw, now_ms);
        return nothing(METRIC_ABSENT);
    }
    if (goes_on(field, counter->last, raw, passed_ms, &step)) {
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
    uint64_t came = step;
    if (counter->before <= counter->doubted && counter->doubted < counter->last)
        came = raw > counter->last ? raw - counter->last : 0; /* the last one was the wrong one */
    else if (counter->doubted < counter->last && (double)raw <= most_codes(field, passed_ms))
        came = raw; /* it was restarted: all of it came since */
    book(counter, raw, now_ms);
    return increment(field, came, flag);
}
