/* SPDX-License-Identifier: Apache-2.0 */
/* The one interface of every sensor driver. A driver is a struct that begins with struct sensor,
 * an init function that takes the struct and the sensor's address, and the two functions of its
 * struct sensor_driver. It never waits: start() begins a measurement, poll() is called when the
 * time it named has come (or earlier; then it names it again), and says when it is done. Drivers
 * that share a line (SDI-12) queue up for it inside poll(). Every measurement ends, good or bad,
 * within the driver's `bound_ms` from start(), whatever the sensor and the wires do.
 *
 *   start() ── poll() → time ── poll() → time ── … ── poll() → SENSOR_DONE ── values[] are valid
 *
 * Values are integers in hundredths of the metric's unit (protocols/metric); no floats. */
#ifndef BAIYE_SENSOR_H
#define BAIYE_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/metric/metric.h"

#define SENSOR_VALUES_MAX 4
#define SENSOR_NO_VALUE   INT32_MIN  /* value or raw: not measured; never 0, never an old one */
#define SENSOR_DONE       UINT64_MAX /* of poll(): the measurement has ended */

struct sensor_value {
    int32_t hundredths; /* SENSOR_NO_VALUE unless the flag is good, range or uncalibrated */
    int32_t raw;        /* what the sensor reported before conversion (counts; hundredths of a count
                           where it says decimals), SENSOR_NO_VALUE when it said nothing */
    uint8_t flag;       /* enum metric_flag: good, range, absent, uncalibrated or fault */
};

struct sensor;

struct sensor_driver {
    const char *name;  /* "tmp105", for people */
    uint8_t values;    /* how many of sensor.values it fills, 1..SENSOR_VALUES_MAX */
    uint16_t warm_ms;  /* power must be on this long before start() */
    uint32_t bound_ms; /* longest time from start() to SENSOR_DONE */
    void (*start)(struct sensor *sensor, uint64_t now_us);
    /* The hal_now_us() time at which it wants to be called again, or SENSOR_DONE. */
    uint64_t (*poll)(struct sensor *sensor, uint64_t now_us);
};

/* Counted since reset, wrap at 65535; shown in the node's black box. */
struct sensor_errors {
    uint16_t absent;  /* measurements that no one answered */
    uint16_t corrupt; /* answers with a wrong checksum, parity or form */
    uint16_t late;    /* answers that did not come in time */
    uint16_t retries;
};

struct sensor {
    const struct sensor_driver *driver;
    struct sensor_value *values; /* the driver's own: driver->values of them, valid from SENSOR_DONE
                                    to the next start() */
    struct sensor_errors errors;
};

#endif
