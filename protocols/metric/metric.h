/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured, in which unit, and how far to trust one value. The names are those of the
 * MQTT payloads; the flags are the same on the node's wire (4 bits a channel), in the store and
 * in JSON. Append only: numbers are in files and on wires. */
#ifndef BAIYE_METRIC_H
#define BAIYE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_flag {
    METRIC_GOOD = 0,
    METRIC_STALE = 1,        /* measured longer ago than it should have been */
    METRIC_RANGE = 2,        /* outside what is plausible for the metric or the sensor */
    METRIC_STUCK = 3,        /* has not moved for longer than nature allows */
    METRIC_ABSENT = 4,       /* no sensor answers, or the channel does not exist */
    METRIC_UNCALIBRATED = 5, /* measured, but never calibrated */
    METRIC_FAULT = 6,        /* the sensor answers with errors */
    METRIC_CLOCK = 7,        /* value good, its time not trusted */
    METRIC_FLAG_COUNT
};

/* One known metric. Limits are what is plausible in the open air or soil anywhere tea grows. */
struct metric_info {
    const char *name; /* snake_case, no unit */
    const char *unit; /* UTF-8, as shown to people */
    double min, max;
    uint8_t decimals; /* digits worth showing */
};

/* "good", "stale", …; "fault" for a number out of range. Never NULL. */
const char *metric_flag_name(enum metric_flag flag);
/* The flag of that name; false when there is none. */
bool metric_flag_parse(const char *name, enum metric_flag *flag);

/* The known metric of that name; NULL when there is none. */
const struct metric_info *metric_find(const char *name);

#endif
