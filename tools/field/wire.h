/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of one serial line: how long bytes take, how long it must be silent, and where
 * on the ideal line's time axis the master's next request starts. Pure: time comes as argument.
 *
 * A computer hands frames over late, by what the scheduler takes. The line must not become slower
 * by that, or a master could never be seen to use all of it. So every frame has its ideal place,
 * computed from the one before, and the lateness of the last hand-over is taken off again when
 * the master's next request is seen:
 *
 *   ideal      |--request--|t3.5|-----answer-----|
 *   real                                          ..| handed over `late` after its ideal end
 *   master                                          |--its silence--| next request seen here;
 *   ideal                                         |--its silence--|   it starts here (- late)
 *
 * The master's silence is thus measured from the moment it could know the answer: exactly.
 *
 * A pseudo-terminal takes its time as well, which a UART does not: a kernel's worker on another
 * processor passes the bytes on, each way. The least of it is measured (pty_latency.h) and taken
 * off: what the master is given it has at least so much later. When it wrote its request it can
 * tell itself (write_stamps.h), else that too was at least so long before it was seen. A machine
 * changes, so what is taken off never makes a silence too short that was long enough from hand-over
 * to writing. */
#ifndef BAIYE_FIELD_WIRE_H
#define BAIYE_FIELD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More lateness is not taken off: what is taken off makes the next answer come earlier than a wire
 * could bring it, and a careful master refuses what comes sooner than its unit ever answered. */
#define WIRE_LATE_MAX_NS 400000

struct wire_rate {
    uint32_t baud;
    char parity;       /* 'N', 'E', 'O' */
    uint8_t stop_bits; /* 1 or 2 */
};

/* The least that bytes take through the master's port. */
struct pty_latency {
    int64_t hear_ns; /* from the hand-over until the master has them */
    int64_t say_ns;  /* from the master's write until they are seen */
};

struct wire_clock {
    struct pty_latency latency; /* all 0: not known, nothing is taken off */
    int64_t quiet_since_ns;     /* ideal end of the last byte on the line; 0: never a byte */
    int64_t late_ns;            /* of the hand-over to the master that ended there */
    bool given;                 /* there was one: the master had to hear it */
};

/* Bits of one character: start, 8 data, parity, stop. */
unsigned wire_char_bits(const struct wire_rate *rate);
int64_t wire_bytes_ns(const struct wire_rate *rate, size_t count);
/* t3.5: three and a half characters up to 19200 baud, 1.75 ms above. */
int64_t wire_silence_ns(const struct wire_rate *rate);
/* A receiver set to `b` understands a sender set to `a`. */
bool wire_same(const struct wire_rate *a, const struct wire_rate *b);

/* A frame that ended ideally at `end_ns` was handed to the master at `given_ns`. */
void wire_gave(struct wire_clock *clock, int64_t end_ns, int64_t given_ns);
/* Bytes that no one hands to the master (its own request) end at `end_ns`. */
void wire_took(struct wire_clock *clock, int64_t end_ns);
/* Ideal start of a request whose first byte was seen at `seen_ns`, and which the master wrote at
 * `wrote_ns`; 0: not known. It should keep a silence of `silence_ns`. */
int64_t wire_request_start(const struct wire_clock *clock, int64_t seen_ns, int64_t wrote_ns,
                           int64_t silence_ns);
/* The master kept `silence_ns` before a request that starts at `start_ns`. */
bool wire_silence_kept(const struct wire_clock *clock, int64_t start_ns, int64_t silence_ns);

#endif
