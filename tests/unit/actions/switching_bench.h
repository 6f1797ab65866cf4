/* SPDX-License-Identifier: Apache-2.0 */
/* A relay and two probes whose soil dries, in virtual time. */
#ifndef BAIYE_TESTS_SWITCHING_BENCH_H
#define BAIYE_TESTS_SWITCHING_BENCH_H

#include "gateway/daemon/actions/persisted.h"
#include "gateway/daemon/actions/switching.h"

#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define DAY_2026 INT64_C(1767225600000) /* a midnight, UTC */

enum { RELAY, PROBE_A, PROBE_B, DEVICES };

extern struct field_config moisture;
extern struct write_config writes[];
extern struct device_config devices[DEVICES];
extern uint16_t probes[];
extern struct action_config own[4];
extern struct config config;

struct bench {
    struct switching *switching;
    int64_t now_ms, day_ms; /* monotonic; and of the wall clock's day at monotonic 0 */
    bool day_known;
    enum rules_truth truths[4];
    bool on[2];         /* the relay's outputs */
    unsigned orders[2]; /* given to switch */
    uint8_t why[2];     /* of the last one */
    bool unsettled;     /* what was before the start is not known yet */
    bool dead;          /* the relay does not answer */
    bool probes_silent, relay_unread;
    double moisture;
    const struct ahead *ahead;
};
extern struct bench b;

struct action_config water(void);
struct switching_now now(void);
void read_device(uint16_t device, double value, uint8_t flag);

/* A second goes by: devices are read every five, and what is due is done. */
void second(void);
void run(int64_t ms);
void start(void);
void begin(const struct action_config *actions, uint16_t count);
void begin_one(struct action_config action);
int end(void **state);

#endif
