/* SPDX-License-Identifier: Apache-2.0 */
/* The open end of a bus (gateway/daemon/bus/line.h) in virtual time, for tests that are linked with
 * this in its place. Time passes while the bus waits, and a little whenever it looks at the clock;
 * how fast the machine is does not matter. One bus at a time; all but the clock is its thread's. */
#ifndef BAIYE_TEST_BUS_VIRTUAL_LINE_H
#define BAIYE_TEST_BUS_VIRTUAL_LINE_H

#include <stddef.h>
#include <stdint.h>

struct virtual_line {
    int64_t late_ns;                                  /* a wait ends so long after what was asked */
    void (*hears)(const uint8_t *frame, size_t size); /* what the bus sends; or NULL */
    void (*hold)(void);                               /* before time may pass; or NULL */
    unsigned sets;                                    /* changes of rate and parity */
    int64_t set_at_ns;
    unsigned opens; /* and when the last one was */
    int64_t open_at_ns;
};

extern struct virtual_line virtual_line;

/* Forgets everything; the clock runs on. */
void virtual_line_reset(void);
/* The bus can read these bytes from then on. */
void virtual_line_say(int64_t at_ns, const void *bytes, size_t size);
/* The line is gone from then on. */
void virtual_line_go(int64_t at_ns);

#endif
