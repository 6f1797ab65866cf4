/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/sampler.h"

#define NS_PER_MS 1000000

/* Repeats of a failed command come within this; the shortest sampling period is 1 s. */
#define ROUND_LEAST_NS (700ll * NS_PER_MS)
/* The node tells its sample's age in tenths of a second, and reads the clock near the asking. */
#define TAKEN_SLACK_NS (250ll * NS_PER_MS)

const char *sampler_metric(enum sampler_channel channel)
{
    static const char *const names[SAMPLER_CHANNEL_COUNT] = {
        [SAMPLER_AIR_TEMPERATURE] = "air_temperature",
        [SAMPLER_AIR_HUMIDITY] = "air_humidity",
        [SAMPLER_SOIL_MOISTURE] = "soil_moisture",
        [SAMPLER_SOIL_TEMPERATURE] = "soil_temperature",
        [SAMPLER_SOIL_CONDUCTIVITY] = "soil_conductivity",
    };
    return names[channel];
}

static struct sampler_round *round_at(struct sampler *s, uint32_t number)
{
    return &s->rounds[number % SAMPLER_ROUNDS];
}

void sampler_asks(struct sampler *s, enum sampler_source source, int64_t now_ns)
{
    struct sampler_round *last = s->count ? round_at(s, s->count - 1) : NULL;
    if (last == NULL || last->cut ||
        ((last->sources & (1u << source)) && now_ns - last->start_ns >= ROUND_LEAST_NS)) {
        last = round_at(s, s->count++);
        *last = (struct sampler_round){.start_ns = now_ns};
    }
    last->sources |= 1u << source;
}

void sampler_gives(struct sampler *s, enum sampler_channel channel, double value)
{
    if (s->count == 0)
        return;
    struct sampler_round *round = round_at(s, s->count - 1);
    round->value[channel] = value;
    round->channels |= 1u << channel;
}

void sampler_cut(struct sampler *s)
{
    if (s->count == 0)
        return;
    struct sampler_round *last = round_at(s, s->count - 1);
    if (last->cut)
        return;
    last->cut = true;
    last->doubtful = s->told < s->count;
}

/* The oldest round that is still remembered. */
static uint32_t oldest(const struct sampler *s)
{
    return s->count > SAMPLER_ROUNDS ? s->count - SAMPLER_ROUNDS : 0;
}

/* The last round that began before `taken_ns`. */
static bool find_round(struct sampler *s, int64_t taken_ns, uint32_t *number)
{
    for (uint32_t n = s->count; n > oldest(s); n--) {
        if (round_at(s, n - 1)->start_ns <= taken_ns + TAKEN_SLACK_NS) {
            *number = n - 1;
            return true;
        }
    }
    return false;
}

/* Emits the untold rounds up to `last`, counted from the one that is known. */
static void tell(struct sampler *s, uint32_t last)
{
    if (s->told < oldest(s))
        s->told = oldest(s);
    for (; s->told <= last; s->told++) {
        int64_t seq = (int64_t)s->seq + ((int64_t)s->told - (int64_t)s->round);
        if (seq >= 1)
            s->emit(s->context, s->boot, (uint32_t)seq, round_at(s, s->told));
    }
}

bool sampler_seen(struct sampler *s, uint32_t boot, uint32_t seq, int64_t taken_ns)
{
    uint32_t round;
    if (seq == 0 || (s->known && s->boot == boot && s->seq == seq))
        return true;
    if (!find_round(s, taken_ns, &round))
        return false;
    if (s->known && s->boot != boot && round + 1 >= seq) {
        uint32_t first = round + 1 - seq; /* what came before belongs to the boot before */
        if (first > s->told)
            tell(s, first - 1);
    }
    s->known = true;
    s->boot = boot;
    s->round = round;
    s->seq = seq;
    s->samples++;
    tell(s, round);
    return true;
}
