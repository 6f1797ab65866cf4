/* SPDX-License-Identifier: Apache-2.0 */
/* A serial line that this program has for itself: asks any unit at any rate, with the daemon's own
 * timing and framing. One thread. */
#ifndef BAIYE_COMMISSION_BENCH_H
#define BAIYE_COMMISSION_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/transact.h"

#define BENCH_WAIT_MS 300 /* the longest that a device on the bench may take to answer */

struct bench {
    struct bus_config bus;
    struct line line;
    struct transact transact;
    unsigned garbled, answered; /* of all that was asked */
    bool echo;                  /* our requests came back */
    bool heard;       /* something that is no answer came while the last one was awaited */
    uint8_t owing;    /* the unit that was asked last; it may still answer … */
    int64_t quiet_ns; /* … until then, monotonic */
};

/* 0, or an errno of line_open(). bench_close() after 0. */
int bench_open(struct bench *bench, const char *port, const struct serial_timing *wire);
/* The same of a bus's serial port, with its settings; whoever polls it must have closed it. */
int bench_open_bus(struct bench *bench, const struct bus_config *bus);
void bench_close(struct bench *bench);

/* Asks up to `tries` times, until there is an answer. One that is late is waited for before the
 * same unit is asked again or the rate is changed; another unit is asked at once. `answer->pdu` is
 * valid until the next one. */
void bench_request(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
                   const uint8_t *pdu, size_t size, unsigned wait_ms, unsigned tries,
                   struct transact_answer *answer);
/* Waits for what the last unit may still answer. */
void bench_settle(struct bench *bench);

#endif
