/* SPDX-License-Identifier: Apache-2.0 */
/* Everything on a line is listened to and asked, and what came of it is kept for the verdict and
 * for people. */
#ifndef BAIYE_CLI_LINE_TRIAL_H
#define BAIYE_CLI_LINE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "tools/cli/line/exchange.h"
#include "tools/cli/line/verdict.h"

#define TRIAL_TURNS 4096 /* turnarounds that are kept of a device */

struct trial_read {
    uint8_t function;
    uint16_t address, count;
};

struct trial_device {
    const struct device_config *config;
    struct serial_timing wire;
    int64_t wait_ns;
    struct trial_read brief, lengthy; /* the same where it has one alone */
    uint32_t turns_us[TRIAL_TURNS];
    unsigned turn_count, refused;
    struct verdict_node before; /* its counters at the begin */
};

struct trial {
    const struct config *config;
    const struct bus_config *bus;
    struct line line;
    struct trial_device *devices;   /* in the order of the configuration */
    struct verdict_device *tallies; /* the same */
    struct verdict_line heard;
    struct echoes echoes; /* of what was asked */
    /* Requests heard before this may be echoes of what a gateway asked; 0: none had the line. */
    int64_t gateway_until_ns;
    unsigned before; /* those */
    bool gone;       /* the port is */
    /* Called now and then: false ends the asking. */
    bool (*going)(void *context);
    /* Each frame, for those that want to see them; NULL: nobody does. `sent`: ours. */
    void (*frame)(void *context, int64_t at_ns, bool sent, const uint8_t *bytes, size_t size);
    void (*step)(void *context, const char *what); /* what is being done, for impatient people */
    void *context;
};

/* The longest of the reads that the gateway polls a device by, and the rate that it is at. False:
 * it has none, or there is no memory. */
bool trial_longest(const struct device_config *config, const struct bus_config *bus,
                   struct trial_read *longest, struct serial_timing *wire);
/* The bus's devices, from the configuration. False: out of memory. trial_end() after true. */
bool trial_begin(struct trial *trial, const struct config *config, const struct bus_config *bus);
void trial_end(struct trial *trial);
/* 0, or an errno for bus_open_text(). */
int trial_open(struct trial *trial);
void trial_listen(struct trial *trial, int64_t ms);
/* Asks each in turn so often, for short and long answers by turns; ends when it is clear that
 * nobody answers. */
void trial_request(struct trial *trial, unsigned polls);
/* At the end: requests heard just after the gateway gave the line away may be echoes of its own;
 * where the adapter makes none, they were another master's. */
void trial_settle(struct trial *trial);
/* Those that never answered, at other rates. */
void trial_rates(struct trial *trial);
/* Our nodes' counters: at the begin, and what they have grown by at the end. */
void trial_count(struct trial *trial, bool end);
/* Has the lamps of our nodes blink, whether they are heard or not. True: there are some. */
bool trial_blink(struct trial *trial);
/* In microseconds, 0 when none answered; `share` 0.5: the median. Sorts. */
uint32_t trial_turnaround_us(struct trial_device *device, double share);

#endif
