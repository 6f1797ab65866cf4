/* SPDX-License-Identifier: Apache-2.0 */
/* A two-wire RS-485 line: what is sent on it, by whom, when, and what a receiver makes of it. Who
 * does not drive lets the line rest at 1; two who drive at once give the AND of both. */
#ifndef BAIYE_SILICON_LINE_H
#define BAIYE_SILICON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/silicon/part.h"

#define LINE_PARTS  33
#define LINE_FRAMES 4096

/* One character: `levels` from the start bit on, lowest first. */
struct line_frame {
    uint64_t start, bit; /* ticks */
    uint32_t levels;
    uint8_t bits;
    const struct part *by; /* NULL: the master */
};

struct line {
    struct part *part[LINE_PARTS];
    unsigned parts;
    struct line_frame frame[LINE_FRAMES]; /* a ring, by start */
    uint64_t in;                          /* frames so far */
    uint64_t longest;                     /* of them, ticks */
    uint32_t baud;                        /* of the master */
    char parity;
    uint64_t now;
    uint64_t heard_to; /* what the master has read up to */
    uint64_t disturbed, drive_missing;
};

/* What a receiver that is free from `free_at` on hears next. False: nothing yet. */
struct line_byte {
    uint64_t start, end;
    uint16_t value; /* with the parity bit, if there is one */
    bool stop;
};
bool line_next(const struct line *l, const struct part *self, uint64_t free_at, uint64_t bit,
               unsigned data_bits, struct line_byte *byte);
/* A character of the master or of a part. */
void line_put(struct line *l, const struct part *by, uint64_t start, uint64_t bit, uint16_t data,
              unsigned data_bits);
void line_add(struct line *l, struct part *p);
/* All parts to `until`, in steps in which none can hear of what another does. */
void line_run(struct line *l, uint64_t until);
/* The master sends at `at`; the end of its last character. */
uint64_t line_send(struct line *l, uint64_t at, const uint8_t *data, size_t size);
/* What came for the master up to now and was not read yet: the bytes up to a silence of `silence`
 * ticks. Runs until then, at most to `until`. Negative: a byte was no good. */
int line_receive(struct line *l, uint8_t *data, size_t size, uint64_t silence, uint64_t until);

#endif
