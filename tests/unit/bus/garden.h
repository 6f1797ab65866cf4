/* SPDX-License-Identifier: Apache-2.0 */
/* A whole bus thread under test, in virtual time: at the other end of its line units that answer,
 * are silent, late, refuse or lie, and a record of every request heard. The line stands still but
 * while garden_wait…(), garden_run() or garden_stop() runs, and stops at the very moment that was
 * waited for: what is looked at or changed in between can't move meanwhile. */
#ifndef BAIYE_TEST_BUS_GARDEN_H
#define BAIYE_TEST_BUS_GARDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/bus/bus.h"

#define GARDEN_UNITS     16
#define GARDEN_REGISTERS 16
#define GARDEN_HEARD     20000

struct garden_unit {
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
    uint16_t registers[GARDEN_REGISTERS];
    int64_t busy_ns; /* one answer after the other */
};

struct garden_frame {
    int64_t at_ns;
    uint8_t unit, function;
    uint16_t address, count;
    bool refused;
};

struct garden_device { /* what the sink was given of one */
    unsigned readings, gaps[GAP_WHY_COUNT];
    struct reading last;
    struct device_health health;
};

struct garden {
    struct garden_unit units[GARDEN_UNITS];          /* by address; set before garden_start() */
    bool echo;                                       /* what is sent comes back first */
    void (*hears)(const struct garden_frame *frame); /* on the bus thread; or NULL */
    void (*takes)(const struct reading *reading);    /* the same */
    bool (*mark)(void *context, uint16_t device, struct reading_mark *mark); /* of the sink */
    /* Under the lock, see garden_frame(): */
    struct garden_frame heard[GARDEN_HEARD];
    unsigned heard_count;
    struct garden_device devices[GARDEN_UNITS];
};

extern struct garden garden;
extern struct bus *garden_bus;

/* Every register of a unit holds 256 * unit + its address. */
void garden_reset(void);
/* Starts the units and the bus; `keys` are more keys of the bus, `devices` the list of devices,
 * `profile` the text of profile "p", `other` of profile "q" (NULL: as "p"). */
void garden_start(const char *keys, const char *devices, const char *profile, const char *other);
/* Stops the bus. Returns how long bus_stop() took. */
int64_t garden_stop(void);

unsigned garden_heard(void);
struct garden_frame garden_frame(unsigned at);
unsigned garden_readings(unsigned device);
unsigned garden_gaps(unsigned device, enum gap_why why);
struct garden_device garden_device(unsigned device);
/* Lets time pass. */
void garden_run(int64_t for_ns);
/* Waits until the device has so many readings; fails after 10 minutes of virtual time. */
void garden_wait_readings(unsigned device, unsigned count);
void garden_wait_heard(unsigned count);

/* One request and its reply. */
struct garden_call {
    struct bus_request request;
    struct bus_reply reply;
    unsigned done; /* 1: `reply` is there */
};

void garden_submit(struct garden_call *call, uint8_t unit, const char *pdu, unsigned size);
void garden_wait(struct garden_call *call);

#endif
