/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitration by serial number, as the published Fast Modbus extension has it: 32 windows after the
 * request, one bit each, highest first. Who has a 0 sends the byte 0xFF, who has a 1 listens, and
 * whoever listens and hears something has lost. The smallest number is left over. Four bits of
 * priority come first: 0110 for who has not given its number in this scan, 1111 for who has. A pure
 * state machine; times in microseconds of one clock.
 *
 * Source: github.com/wirenboard/wb-modbus-ext-scanner, docs/protocol.en.md and article.en.md, whose
 * transcript is a test. Where the two differ the first is followed: the wait before the first
 * window is the longer of 3.5 characters, here of 10 bits, and 12 bits + 800 us.
 *
 *   request │ wait │ bit 31 │ bit 30 │ … │ bit 0 │ answer of the one that is left */
#ifndef BAIYE_NODE_SCAN_H
#define BAIYE_NODE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

struct scan {
    bool active;
    bool found;     /* gave its number since the last scan began; only says "end" now */
    uint8_t window; /* the next one to begin, 32: all are over */
    uint32_t word;  /* 4 bits of priority, 28 of the serial number */
    uint64_t start_us;
    uint32_t length_us;
    uint32_t slack_us; /* a byte begun so late still ends in its window */
    uint8_t covered;   /* the last window in which somebody else sent the 0, from 1 */
};

enum scan_step {
    SCAN_WAIT,     /* nothing to do until scan_due_us() */
    SCAN_DOMINANT, /* send 0xFF now */
    SCAN_WON       /* send the answer now */
};

/* A request to scan ended at `end_us`; `restart`: it begins a new scan. */
void scan_begin(struct scan *scan, uint32_t serial, bool restart, uint32_t baud, uint64_t end_us);
/* A byte from somebody else ended at `time_us`. */
void scan_heard(struct scan *scan, uint64_t time_us);
enum scan_step scan_poll(struct scan *scan, uint64_t now_us);
/* UINT64_MAX: not taking part. */
uint64_t scan_due_us(const struct scan *scan);

#endif
