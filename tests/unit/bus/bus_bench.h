/* SPDX-License-Identifier: Apache-2.0 */
/* A whole bus thread under test, in virtual time: at the other end of its line units that answer,
 * are silent, late, refuse or lie, and a record of every request heard. The line stands still but
 * while bench_wait…(), bench_run() or bench_stop() runs, and stops at the very moment that was
 * waited for: what is looked at or changed in between can't move meanwhile. */
#ifndef BAIYE_TEST_BUS_BUS_BENCH_H
#define BAIYE_TEST_BUS_BUS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/bus/bus.h"

#define BENCH_UNITS     16
#define BENCH_REGISTERS 16
#define BENCH_HEARD     20000

struct bench_unit {
    bool there;             /* answers at all */
    unsigned delay_ms;      /* from the request to the answer; 0: 25 ms */
    unsigned late_once_ms;  /* of the next answer only */
    unsigned delay_most_ms; /* more than delay_ms: each takes between the two, drawn by chance */
    bool lost_once;         /* the next request is not heard */
    uint16_t refuses;       /* bit i: register i does not exist */
    uint8_t refuses_by;     /* the exception; 0: 2 */
    uint16_t busy;          /* bit i: with register i; it says so (exception 6) */
    bool refuses_silently;  /* no answer at all instead */
    bool stuck;             /* acknowledges writes and does not do them */
    bool write_only;        /* refuses all reads by function 3 of registers from 8 on */
    uint16_t registers[BENCH_REGISTERS];
    int64_t busy_ns; /* one answer after the other */
};

struct bench_frame {
    int64_t at_ns;
    uint8_t unit, function;
    uint16_t address, count;
    bool refused;
};

struct bench_device { /* what the sink was given of one */
    unsigned readings, gaps[GAP_WHY_COUNT];
    struct reading last;
    struct device_health health;
};

struct bench {
    struct bench_unit units[BENCH_UNITS];           /* by address; set before bench_start() */
    bool echo;                                      /* what is sent comes back first */
    void (*hears)(const struct bench_frame *frame); /* on the bus thread; or NULL */
    void (*takes)(const struct reading *reading);   /* the same */
    bool (*mark)(void *context, uint16_t device, struct reading_mark *mark); /* of the sink */
    /* Under the lock, see bench_frame(): */
    struct bench_frame heard[BENCH_HEARD];
    unsigned heard_count;
    struct bench_device devices[BENCH_UNITS];
};

extern struct bench bench;
extern struct bus *bench_bus;

/* Every register of a unit holds 256 * unit + its address. */
void bench_reset(void);
/* Starts the units and the bus; `keys` are more keys of the bus, `devices` the list of devices,
 * `profile` the text of profile "p", `other` of profile "q" (NULL: as "p"). */
void bench_start(const char *keys, const char *devices, const char *profile, const char *other);
/* Stops the bus. Returns how long bus_stop() took. */
int64_t bench_stop(void);

unsigned bench_heard(void);
struct bench_frame bench_frame(unsigned at);
unsigned bench_readings(unsigned device);
unsigned bench_gaps(unsigned device, enum gap_why why);
struct bench_device bench_device(unsigned device);
/* Lets time pass. */
void bench_run(int64_t for_ns);
/* Waits until the device has so many readings; fails after 10 minutes of virtual time. */
void bench_wait_readings(unsigned device, unsigned count);
void bench_wait_heard(unsigned count);

/* One request and its reply. */
struct bench_call {
    struct bus_request request;
    struct bus_reply reply;
    unsigned done; /* 1: `reply` is there */
};

void bench_submit(struct bench_call *call, uint8_t unit, const char *pdu, unsigned size);
void bench_wait(struct bench_call *call);

#endif
