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
    METRIC_UNCALIBRATED = 5, /* measured, but never calibrated, or too long ago */
    METRIC_FAULT = 6,        /* the sensor answers with errors */
    METRIC_CLOCK = 7,        /* value good, its time not trusted */
    METRIC_FLAG_COUNT
};

/* How several values of a time make one. */
enum metric_kind {
    METRIC_MEAN,
    METRIC_SUM,   /* increments: of a time they add up */
    METRIC_ANGLE, /* degrees: the direction of the mean vector */
    METRIC_LAST   /* a state or a total that restarts: the newest */
};

/* "mean", "sum", "angle", "last"; "mean" for a number out of range. Never NULL. */
const char *metric_kind_name(unsigned kind);

enum metric_language { METRIC_ZH, METRIC_EN, METRIC_LANGUAGES };

/* One known metric: a row of metrics.def, which says what each column is. */
struct metric_info {
    const char *name;  /* snake_case, no unit */
    const char *unit;  /* UTF-8, in the site document and in profiles */
    const char *shown; /* the same as people read it */
    double min, max;
    uint8_t decimals;
    uint8_t kind;                    /* enum metric_kind */
    uint16_t most_per_hour, stuck_h; /* 0: not judged */
    double trend;
    const char *device_class, *state_class; /* Home Assistant's; "": none */
    const char *text[METRIC_LANGUAGES], *led_text[METRIC_LANGUAGES];
};

/* "good", "stale", …; "fault" for a number out of range. Never NULL. */
const char *metric_flag_name(enum metric_flag flag);
/* The flag of that name; false when there is none. */
bool metric_flag_parse(const char *name, enum metric_flag *flag);

/* Does the text say which of several it is: a number, a depth, or a letter and a number, as in "2",
 * "20cm", "l1"? At most METRIC_CHANNEL_MAX letters. */
bool metric_channel(const char *text);
#define METRIC_CHANNEL_MAX 6

/* The known metric of that name, or of which it is one of several ("soil_moisture_20cm"); NULL when
 * there is none. */
const struct metric_info *metric_find(const char *name);
/* Which of several a metric's name says: "20cm" of "soil_moisture_20cm"; "" of a plain one and of
 * one that is not known. */
const char *metric_channel_of(const char *name);
/* Its depth in cm; 0: its name says none. */
unsigned metric_depth_cm(const char *name);
/* The rows in their order; NULL behind the last. */
const struct metric_info *metric_at(size_t index);

#endif
