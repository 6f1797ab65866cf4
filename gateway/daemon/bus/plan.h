/* SPDX-License-Identifier: Apache-2.0 */
/* Which read requests fetch a device's fields in the least wire time. Pure.
 *
 * Fields are sorted by address; a request covers a run of neighbours. best[j], the cheapest way to
 * read the first j fields, is the minimum over i of best[i] + cost(one request for i..j-1): n²/2
 * steps for n <= 64 fields. Where no field lies strictly inside another, a cheapest set of requests
 * can always be made of runs; the test proves it by brute force.
 *
 * A device may refuse a request (illegal address or count). What is learned from it:
 *   cut  no request may reach across this place any more (set in the middle of a refused request)
 *   bad  this field's registers don't exist (a request for it alone was refused): never read again,
 *        and the cuts that led to it are lifted, since it explains them. */
#ifndef BAIYE_BUS_PLAN_H
#define BAIYE_BUS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/bus/serial_timing.h"

#define PLAN_ITEMS_MAX 64

/* Something to be read as a whole: a field's registers (or bits, functions 1 and 2), or a block.
 * Items of different groups are never in one request: what has a period of its own, what must be
 * asked for exactly so, and registers of two words. */
struct plan_item {
    uint8_t function; /* 1..4 */
    uint8_t count;    /* register numbers */
    uint16_t address;
    uint8_t group;
    uint8_t words;     /* 16-bit words behind each register number: 1 (or 0), or 2 */
    uint32_t every_ms; /* 0: with each poll */
};

/* What a request costs beyond its data, and its data: from the line's rate and the device. */
struct plan_cost {
    int64_t request_ns;  /* both frames' overhead, both silences, turnaround */
    int64_t register_ns; /* two bytes */
    int64_t byte_ns;     /* eight bits */
};

struct plan_limits {
    uint8_t max_registers; /* words in one answer, 1..125; bits: 16 times as many */
    uint8_t gap;           /* longest run of unnamed registers that may be read through */
};

struct plan_lessons { /* all zero: nothing refused so far */
    uint64_t bad;     /* bit i: item i */
    uint64_t cut;     /* bit i: between sorted items i - 1 and i */
};

struct plan_read {
    uint8_t function;
    uint16_t address, count;
    uint8_t group, words;
    uint32_t every_ms;
};

struct plan {
    uint8_t read_count;
    struct plan_read reads[PLAN_ITEMS_MAX];
    /* Where item i is: read index (PLAN_NONE: it can't be read) and offset in words or bits. */
    uint8_t item_read[PLAN_ITEMS_MAX];
    uint16_t item_offset[PLAN_ITEMS_MAX];
    int64_t cost_ns;
};

#define PLAN_NONE 0xFF

/* Cost model of a device on a line. `turnaround_ns`: from the request's end to the answer's begin
 * beyond the silence. */
struct plan_cost plan_cost_of(const struct serial_timing *wire, int64_t silence_ns,
                              int64_t turnaround_ns);
/* The cheapest plan. Items that are bad are left out. `item_count` <= PLAN_ITEMS_MAX. */
void plan_make(const struct plan_item *items, unsigned item_count, const struct plan_limits *limits,
               const struct plan_cost *cost, const struct plan_lessons *lessons, struct plan *plan);
/* The device refused read `read_index` of the plan: learn from it and plan anew. */
void plan_refuse(const struct plan_item *items, unsigned item_count, const struct plan *plan,
                 unsigned read_index, struct plan_lessons *lessons);
/* Forgets that the item was refused, and has it requested alone. */
void plan_retry(const struct plan_item *items, unsigned item_count, unsigned item,
                struct plan_lessons *lessons);
/* Bytes of data in its answer. */
unsigned plan_read_bytes(const struct plan_read *read);
/* 16-bit words, or bits, that it gives. */
unsigned plan_read_words(const struct plan_read *read);
/* The most words (bits count as one each) that all reads of any plan of these items give,
 * whatever was learned. */
unsigned plan_words_most(const struct plan_item *items, unsigned item_count,
                         const struct plan_limits *limits);
/* Time on the line of one read of the plan, both silences included. */
int64_t plan_read_ns(const struct plan_read *read, const struct plan_cost *cost);

#endif
