/* SPDX-License-Identifier: Apache-2.0 */
/* How well each device answers, and what that says about the wiring. Pure.
 *
 * Turnarounds go into 64 classes, four to an octave from 50 us up; percentiles are the upper ends
 * of their classes (at most 19 % too high). Ends of tries, which hints are made from, fade: counts
 * are halved when they reach HEALTH_WINDOW. */
#ifndef BAIYE_BUS_HEALTH_H
#define BAIYE_BUS_HEALTH_H

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/reading.h"

#define HEALTH_CLASSES 64
#define HEALTH_WINDOW  400
#define HEALTH_LEARNT  8

enum health_end { HEALTH_GOOD, HEALTH_SILENT, HEALTH_GARBLED, HEALTH_EXCEPTION };

struct health {
    uint64_t polls, good, timeouts, crc_errors, exceptions, late_answers, retries;
    int64_t peak_ns;    /* longest turnaround, fading; 0: none yet */
    int64_t fastest_ns; /* shortest turnaround ever, but see health_too_fast(); may be
                           below 0 */
    uint8_t known;      /* answers that fastest_ns was learned from, HEALTH_LEARNT at most */
    uint8_t too_fast;   /* failed tries with a faster answer, fading */
    uint8_t good_run;   /* good answers since that last faded */
    uint16_t classes[HEALTH_CLASSES], class_sum;
    /* Recent tries by end, of short and of long answers. */
    uint16_t recent[2][4];
    bool failing; /* the last try failed */
};

#define HEALTH_LONG_ANSWER 40 /* bytes from which an answer counts as long */

/* One request is over: how, how many bytes its answer should have had, and after which turnaround
 * it came (looked at when it did). */
void health_try(struct health *health, enum health_end end, unsigned answer_size,
                int64_t turnaround_ns);
/* The learned timeout: twice the longest turnaround of late and some more, between floor and
 * ceiling; the ceiling until something is learned and after a failed try. */
int64_t health_timeout_ns(const struct health *health, int64_t ceiling_ns);
/* The turnaround below which an answer is not believed to be this request's; INT64_MIN: not known
 * yet. */
int64_t health_fastest_ns(const struct health *health);
/* A try failed in which an answer was stepped over as too fast: the unit has become faster. */
void health_too_fast(struct health *health, int64_t turnaround_ns);
/* p50: 0.5. 0 when nothing is known. */
uint32_t health_percentile_us(const struct health *health, double share);
/* What a technician should look at, "" when nothing: of one device beside the others of its bus,
 * and of the whole bus. Texts are constants. */
const char *health_device_hint(const struct health *devices, unsigned count, unsigned device);
const char *health_bus_hint(const struct health *devices, unsigned count, bool echo, bool babble);

#endif
