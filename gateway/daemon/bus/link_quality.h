/* SPDX-License-Identifier: Apache-2.0 */
/* How well each device answers, and what that indicates about the wiring. Pure.
 *
 * Turnarounds go into 64 classes, four to an octave from 50 us up; percentiles are the upper ends
 * of their classes (at most 19 % too high). Ends of tries, which hints are made from, fade: counts
 * are halved when they reach LINK_QUALITY_WINDOW. */
#ifndef BAIYE_BUS_LINK_QUALITY_H
#define BAIYE_BUS_LINK_QUALITY_H

#include "gateway/daemon/reading.h"

#define LINK_QUALITY_CLASSES 64
#define LINK_QUALITY_WINDOW  400
#define LINK_QUALITY_LEARNT  8

enum link_quality_end {
    LINK_QUALITY_GOOD,
    LINK_QUALITY_SILENT,
    LINK_QUALITY_GARBLED,
    LINK_QUALITY_EXCEPTION
};

struct link_quality {
    uint64_t polls, good, timeouts, crc_errors, exceptions, late_answers, retries;
    int64_t peak_ns;    /* longest turnaround, fading; 0: none yet */
    int64_t longest_ns; /* the same, ever */
    int64_t fastest_ns; /* shortest turnaround ever, but see link_quality_too_fast(); may be
                           below 0 */
    uint8_t known;      /* answers that fastest_ns was learned from, LINK_QUALITY_LEARNT at most */
    uint8_t too_fast;   /* failed tries with a faster answer, fading */
    uint8_t good_run;   /* good answers since that last faded */
    uint16_t classes[LINK_QUALITY_CLASSES], class_sum;
    /* Recent tries by end, of short and of long answers. */
    uint16_t recent[2][4];
    bool failing; /* the last try failed */
    struct link_quality_odd {
        uint8_t function, asked_function; /* of the answer, and of the request */
        uint8_t bytes, asked;             /* of data */
        uint8_t run; /* tries in a row with such an answer: the unit's, but not to that request */
    } odd;
};

#define LINK_QUALITY_LONG_ANSWER 40 /* bytes from which an answer counts as long */

/* One request is over: how, how many bytes its answer should have had, and after which turnaround
 * it came (looked at when it did). */
void link_quality_try(struct link_quality *health, enum link_quality_end end, unsigned answer_size,
                      int64_t turnaround_ns);
/* The learned timeout: twice the longest turnaround of late and some more, between floor and
 * ceiling; the ceiling until something is learned and after a failed try. */
int64_t link_quality_timeout_ns(const struct link_quality *health, int64_t ceiling_ns);
/* The turnaround below which an answer is not believed to be this request's; INT64_MIN: not known
 * yet. */
int64_t link_quality_fastest_ns(const struct link_quality *health);
/* A try failed in which an answer was stepped over as too fast: the unit has become faster. */
void link_quality_too_fast(struct link_quality *health, int64_t turnaround_ns);
/* A try ended with a good frame of the unit that does not fit the request; `run` is not looked
 * at. */
void link_quality_odd(struct link_quality *health, const struct link_quality_odd *odd);
/* It answers what was not requested; HINT_NONE: it does not. */
struct hint link_quality_odd_hint(const struct link_quality *health);
/* p50: 0.5. 0 when nothing is known. */
uint32_t link_quality_percentile_us(const struct link_quality *health, double share);
/* What a technician should look at: of one device compared with the others of its bus, and of the
 * whole bus. Modbus TCP (`tcp`) has no A and B, rate or parity. */
struct hint link_quality_device_hint(const struct link_quality *devices, unsigned count,
                                     unsigned device, bool tcp);
struct link_quality_line {
    bool tcp, echo, babble, other_master;
};
struct hint link_quality_bus_hint(const struct link_quality *devices, unsigned count,
                                  const struct link_quality_line *line);

#endif
