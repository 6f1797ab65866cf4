/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/sampler.h"

#include <string.h>

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

#define SECOND_US    1000000u
#define LATE_US      100000u /* a sample that begins later than this gets its true time */
#define AGAIN_US     1000u   /* no probe is polled more often than this for want of a time */
#define BOUND_ADD_US 500000u /* on top of the drivers' own bounds */

/* Values that nature never keeps for hours to the last count; soil may. */
static const uint8_t still_channels[2] = {CHANNEL_AIR_TEMPERATURE, CHANNEL_AIR_HUMIDITY};

void sampler_init(struct sampler *s, const struct node_probe *probes, size_t count,
                  uint16_t period_s, uint64_t now_us)
{
    memset(s, 0, sizeof *s);
    s->probes = probes;
    s->probe_count = (uint8_t)(count < SAMPLER_PROBES_MAX ? count : SAMPLER_PROBES_MAX);
    for (unsigned i = 0; i < s->probe_count; i++) {
        uint32_t warm_us = probes[i].sensor->driver->warm_ms * 1000u;
        if (warm_us > s->warm_us)
            s->warm_us = warm_us;
        s->rails |= probes[i].rails;
    }
    s->still[0].since_us = s->still[1].since_us = now_us;
    s->due_us = now_us + s->warm_us;
    sampler_set_period(s, period_s, now_us);
}

void sampler_set_period(struct sampler *s, uint16_t period_s, uint64_t now_us)
{
    uint32_t old_us = s->period_us;
    s->period_us = period_s * SECOND_US;
    s->interval_ds = period_s * 10u;
    if (old_us == 0 || old_us == s->period_us || s->state != SAMPLER_WAITING)
        return;
    s->due_us = s->due_us - old_us + s->period_us;
    if (s->due_us < now_us + s->warm_us)
        s->due_us = now_us + s->warm_us;
}

void sampler_now(struct sampler *s, uint64_t now_us)
{
    if (s->state == SAMPLER_WAITING)
        s->due_us = now_us + s->warm_us;
}

static void start(struct sampler *s, uint64_t now_us)
{
    s->state = SAMPLER_MEASURING;
    if (now_us > s->due_us + LATE_US) {
        s->due_us = now_us;
        s->late++;
    }
    uint32_t bound_ms = 0;
    for (unsigned i = 0; i < s->probe_count; i++) {
        struct sensor *sensor = s->probes[i].sensor;
        sensor->driver->start(sensor, now_us);
        s->next_us[i] = now_us;
        if (sensor->driver->bound_ms > bound_ms)
            bound_ms = sensor->driver->bound_ms;
    }
    s->bound_us = now_us + bound_ms * (uint64_t)1000 + BOUND_ADD_US;
}

/* Polls the probes whose time has come; when the next one's has, SENSOR_DONE: all have ended. */
static uint64_t poll_probes(struct sampler *s, uint64_t now_us)
{
    uint64_t next_us = SENSOR_DONE;
    for (unsigned i = 0; i < s->probe_count; i++) {
        struct sensor *sensor = s->probes[i].sensor;
        if (s->next_us[i] <= now_us) {
            uint64_t at = sensor->driver->poll(sensor, now_us);
            s->next_us[i] = at > now_us + AGAIN_US ? at : now_us + AGAIN_US;
        }
        if (s->next_us[i] < next_us)
            next_us = s->next_us[i];
    }
    return next_us;
}

static void take_value(struct sample *sample, unsigned channel, const struct sensor_value *v,
                       const struct sampler_rules *rules)
{
    int32_t hundredths = v->hundredths;
    uint8_t flag = v->flag;
    sample->raw[channel] = v->raw;
    if (rules->calibrate != NULL && v->raw != SENSOR_NO_VALUE &&
        (flag == METRIC_GOOD || flag == METRIC_UNCALIBRATED))
        rules->calibrate(rules->context, channel, v->raw, &hundredths, &flag);
    sample->hundredths[channel] = hundredths;
    sample->values.flag[channel] = flag;
}

static void take_probes(struct sampler *s, struct sample *sample, const struct sampler_rules *rules)
{
    static const struct sensor_value overdue = {SENSOR_NO_VALUE, SENSOR_NO_VALUE, METRIC_FAULT};
    for (unsigned i = 0; i < s->probe_count; i++) {
        const struct node_probe *probe = &s->probes[i];
        for (unsigned k = 0; k < probe->sensor->driver->values; k++) {
            if (probe->channel[k] < 0)
                continue;
            const struct sensor_value *v =
                s->next_us[i] == SENSOR_DONE ? &probe->sensor->values[k] : &overdue;
            take_value(sample, (unsigned)probe->channel[k], v, rules);
        }
    }
}

static void compensate(struct sample *sample, const struct sampler_rules *rules)
{
    int32_t *conductivity = &sample->hundredths[CHANNEL_SOIL_CONDUCTIVITY];
    int32_t temperature = sample->hundredths[CHANNEL_SOIL_TEMPERATURE];
    if (rules->conductivity == 0 || *conductivity == SENSOR_NO_VALUE)
        return;
    if (temperature == SENSOR_NO_VALUE) {
        /* Not compensated when it should be: not to be taken for one that is. */
        *conductivity = SENSOR_NO_VALUE;
        sample->values.flag[CHANNEL_SOIL_CONDUCTIVITY] = METRIC_FAULT;
        return;
    }
    *conductivity = conductivity_at_25(*conductivity, temperature, rules->conductivity);
}

/* Saturated air is 100 % for hours in fog: that is not stuck. */
static void flag_stuck(struct sampler *s, struct sample *sample, uint16_t stuck_h, uint64_t now_us)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned channel = still_channels[i];
        bool saturated = channel == CHANNEL_AIR_HUMIDITY && sample->hundredths[channel] >= 9900;
        if (sample->raw[channel] != s->still[i].raw || saturated) {
            s->still[i].raw = sample->raw[channel];
            s->still[i].since_us = now_us;
        }
        bool stuck = stuck_h > 0 && sample->values.flag[channel] == METRIC_GOOD &&
                     now_us - s->still[i].since_us >= stuck_h * (uint64_t)3600 * SECOND_US;
        if (stuck)
            sample->values.flag[channel] = METRIC_STUCK;
    }
}

static void round_values(struct sample *sample)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        struct node_values *v = &sample->values;
        if (sample->hundredths[i] == SENSOR_NO_VALUE) {
            v->value[i] = NODE_NO_VALUE;
            if (v->flag[i] == METRIC_GOOD)
                v->flag[i] = METRIC_FAULT;
        } else {
            v->value[i] = node_channel_round(i, sample->hundredths[i], &v->flag[i]);
        }
    }
}

static void finish(struct sampler *s, const struct sampler_rules *rules, uint64_t now_us)
{
    struct sample sample = {.seq = s->sample.seq + 1, .taken_us = s->due_us};
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        sample.hundredths[i] = SENSOR_NO_VALUE;
        sample.raw[i] = SENSOR_NO_VALUE;
        sample.values.flag[i] = METRIC_ABSENT;
    }
    take_probes(s, &sample, rules);
    compensate(&sample, rules);
    flag_stuck(s, &sample, rules->stuck_h, now_us);
    round_values(&sample);
    uint64_t apart_us = s->sample.seq ? sample.taken_us - s->sample.taken_us : s->period_us;
    bool regular = apart_us > 0 && apart_us % s->period_us == 0 && apart_us / 100000 <= UINT16_MAX;
    s->interval_ds = (uint32_t)((regular ? apart_us : s->period_us) / 100000);
    s->sample = sample;
    s->state = SAMPLER_WAITING;
    if (s->warm_us > 0)
        hal_rails(0);
    s->due_us += s->period_us;
    if (s->due_us < now_us + s->warm_us) /* took longer than a period: the next one on the grid */
        s->due_us += s->period_us * ((now_us + s->warm_us - s->due_us) / s->period_us + 1);
}

bool sampler_poll(struct sampler *s, const struct sampler_rules *rules, uint64_t now_us,
                  uint64_t *due_us)
{
    if (s->state == SAMPLER_WAITING) {
        *due_us = s->due_us - s->warm_us;
        if (now_us < *due_us)
            return false;
        s->state = SAMPLER_WARMING;
        hal_rails(s->rails);
    }
    if (s->state == SAMPLER_WARMING) {
        *due_us = s->due_us;
        if (now_us < s->due_us)
            return false;
        start(s, now_us);
    }
    *due_us = poll_probes(s, now_us);
    if (*due_us != SENSOR_DONE && now_us < s->bound_us) {
        if (*due_us > s->bound_us)
            *due_us = s->bound_us;
        return false;
    }
    finish(s, rules, now_us);
    *due_us = s->due_us - s->warm_us;
    return true;
}
