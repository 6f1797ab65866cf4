/* SPDX-License-Identifier: Apache-2.0 */
/* One measurement by one SDI-12 probe: start, wait, fetch, convert. What differs from probe to
 * probe is a struct sdi12_kind; teros12.c and atmos14.c show one each.
 *
 *   aMC! → atttn   wait for "a" or ttt s (the line is held)   aD0! aD1! … → values
 *   aCC! → atttnn  wait ttt s (the line is free for others)   aD0! aD1! … → values
 *
 * CRC is asked for; a probe too old to know that is asked without, once it answered so. */
#ifndef BAIYE_SDI12_SENSOR_H
#define BAIYE_SDI12_SENSOR_H

#include "firmware/drivers/sdi12_line.h"
#include "firmware/drivers/sensor.h"

struct sdi12_sensor;

struct sdi12_kind {
    uint8_t numbers; /* that the probe gives: no fewer are accepted */
    /* Fills sensor.values from that many numbers. */
    void (*convert)(struct sdi12_sensor *probe, const struct sdi12_number *numbers);
};

struct sdi12_sensor {
    struct sensor sensor; /* first: the drivers are handed this */
    struct sensor_value value[SENSOR_VALUES_MAX];
    const struct sdi12_kind *kind;
    struct sdi12_line *line;
    char address;
    bool concurrent; /* measure while others do; set by the owner, used from the next start() */
    bool plain;      /* the probe knows no CRC */
    /* The probe's own. */
    uint8_t step, page, count, begins;
    bool asked;        /* an exchange of this step is under way */
    uint64_t limit_us; /* end of the whole measurement, come what may */
    uint64_t ready_us; /* end of ttt */
    struct sdi12_started started;
    struct sdi12_number numbers[9];
};

enum { SDI12_SENSOR_BOUND_MS = 8000, SDI12_SENSOR_SECONDS_MAX = 5 };

/* For the probes' init functions. */
void sdi12_sensor_init(struct sdi12_sensor *probe, const struct sensor_driver *driver,
                       const struct sdi12_kind *kind, struct sdi12_line *line, char address);
void sdi12_sensor_start(struct sensor *sensor, uint64_t now_us);
uint64_t sdi12_sensor_poll(struct sensor *sensor, uint64_t now_us);

/* For `convert`: the number x 10^decimals as value and raw, good between min and max, else range.
 * METER's probes say -9999, -9992, … for what they can't measure, and so do others: fault. */
struct sensor_value sdi12_value(struct sdi12_number number, uint8_t decimals, int32_t min,
                                int32_t max);

#endif
