/* SPDX-License-Identifier: Apache-2.0 */
/* One request on a line, and everything that is heard until its answer is over: bytes with their
 * times, and what they were. More than an answer is looked for: echoes, a second answer, bytes that
 * belong to nobody, other masters' requests. */
#ifndef BAIYE_CLI_LINE_EXCHANGE_H
#define BAIYE_CLI_LINE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/echoes.h"
#include "gateway/daemon/bus/line.h"
#include "protocols/modbus/rtu.h"

#define EXCHANGE_HEARD 600 /* two of the longest frames, and some noise */

enum exchange_end { EXCHANGE_GOOD, EXCHANGE_REFUSED, EXCHANGE_SILENT, EXCHANGE_GARBLED };

struct exchange {
    uint8_t request[RTU_FRAME_MAX]; /* the whole frame */
    size_t request_size, answer_size;
    int64_t sent_ns, sent_end_ns; /* monotonic; the end by the line's rate */
    size_t heard_size;
    uint8_t heard[EXCHANGE_HEARD];
    int64_t at_ns[EXCHANGE_HEARD]; /* when each byte was there */
    size_t before;                 /* bytes while the line should have been at rest */
    uint8_t before_bytes[64];
    size_t before_kept;
    struct echoes echoes; /* of what was asked before this */
};

struct exchange_judged {
    enum exchange_end end;
    uint8_t code;          /* of EXCHANGE_REFUSED */
    bool echo;             /* the request itself was heard first */
    bool broke;            /* nothing but a break or two: 0x00 */
    bool again;            /* a second answer came, or one with other content */
    unsigned stray;        /* bytes of no frame */
    unsigned others;       /* requests that are not ours */
    size_t answer, size;   /* where it stands in `heard`, and how long it is; size 0: none */
    int64_t turnaround_ns; /* from the request's end to the answer's begin */
    struct echoes echoes;  /* with this request, and without those that were heard */
};

/* A read of registers or bits; false: the counts are out of range. */
bool exchange_read(struct exchange *x, uint8_t unit, uint8_t function, uint16_t address,
                   uint16_t count);
/* What was heard, by the time of a byte at the line's rate. Pure. */
void exchange_judge(const struct exchange *x, int64_t byte_ns, struct exchange_judged *out);
/* Is it a good frame in the form of a request (functions 1 to 6)? Pure. */
bool exchange_is_request(const uint8_t *bytes, size_t size);

/* Waits for the line to be at rest, sends, hears. It ends `after_ns` after the whole answer, or
 * `wait_ns` after the request. False: the port is gone. */
bool exchange_do(struct line *line, const struct serial_timing *wire, struct exchange *x,
                 int64_t wait_ns, int64_t after_ns);

#endif
