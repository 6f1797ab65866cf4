/* SPDX-License-Identifier: Apache-2.0 */
/* Measures on its own schedule, polled or not: rails on, warm-up, all sensors started at one
 * instant (the sample's time), each polled when it wants, and when the last has ended or its bound
 * has passed, one consistent sample is put together.
 *
 *   ── due - warm-up: rails on ── due: start all, taken_us ── … ── all done: sample, seq + 1 ── */
#ifndef BAIYE_NODE_SAMPLER_H
#define BAIYE_NODE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/drivers/sensor.h"
#include "protocols/node_map/node_map.h"

#define SAMPLER_PROBES_MAX 8u /* NODE_SENSOR_ERRORS has room for so many */

/* A sensor of the board and where its values go. */
struct node_probe {
    struct sensor *sensor;
    int8_t channel[SENSOR_VALUES_MAX]; /* enum node_channel_index, or -1: not shown */
    uint8_t rails;                     /* mask for hal_rails() */
};

struct sample {
    uint32_t seq;      /* from 1; 0: none yet */
    uint64_t taken_us; /* start of the measurement */
    struct node_values values;
    int32_t raw[CHANNEL_COUNT];        /* SENSOR_NO_VALUE: none */
    int32_t hundredths[CHANNEL_COUNT]; /* before rounding */
};

/* Since when an air value has not moved. */
struct sampler_still {
    int32_t raw;
    uint64_t since_us;
};

struct sampler {
    const struct node_probe *probes;
    uint8_t probe_count;
    enum { SAMPLER_WAITING, SAMPLER_WARMING, SAMPLER_MEASURING } state;
    uint64_t due_us;                      /* of the sample that comes next, or is under way */
    uint64_t next_us[SAMPLER_PROBES_MAX]; /* when each probe is polled; SENSOR_DONE: ended */
    uint64_t bound_us;
    uint32_t period_us;
    uint32_t warm_us;
    uint32_t interval_ds; /* between the last two samples if a multiple of the period, else it */
    uint16_t late;        /* samples that began late */
    uint8_t rails;
    struct sampler_still still[2];
    struct sample sample; /* the last whole one */
};

/* What turns measurements into values, besides the sensors themselves. */
struct sampler_rules {
    uint16_t conductivity; /* NODE_SETTING_CONDUCTIVITY */
    uint16_t stuck_h;
    /* The calibrated value for a channel; false: the sensor's own stands. */
    bool (*calibrate)(const void *context, unsigned channel, int32_t raw, int32_t *hundredths,
                      uint8_t *flag);
    const void *context;
};

void sampler_init(struct sampler *s, const struct node_probe *probes, size_t count,
                  uint16_t period_s, uint64_t now_us);
/* From the next sample on. */
void sampler_set_period(struct sampler *s, uint16_t period_s, uint64_t now_us);
/* A sample at once, outside of the schedule. */
void sampler_now(struct sampler *s, uint64_t now_us);
/* True when a new sample is whole: look at s->sample. `*due_us`: when to be called again. */
bool sampler_poll(struct sampler *s, const struct sampler_rules *rules, uint64_t now_us,
                  uint64_t *due_us);

#endif
