/* SPDX-License-Identifier: Apache-2.0 */
/* A cumulative counter of a bought device, which reports no boot: a fall may be a restart or one
 * wrong answer, and a leap may be rain or garbage. Neither is booked before the next answer
 * confirms it:
 *
 *     shows 300   0   300   305      one wrong answer: nothing is booked for it
 *     shows 300   2     5            it was restarted: 2 and 3 are booked with the 5
 *     shows 300   9999  10001        impossible in that time: the leap is never booked, the 2 are
 *     shows 200   210   201   202    the 210 was wrong, though possible: its 10 are booked, no more
 *     shows 300   0   0   305        it had begun to count anew, and has not: 5 are booked
 *     shows 300  2900  2901          after three days without an answer: that rate is possible
 *
 * Of a metric whose profile and kind say nothing of how much may come, a fall is no overrun and a
 * leap of a quarter of all codes no amount before that; near its end a counter has gone over it.
 * Its first 0 counts from when it has stood for five minutes: a meter that starts shows one, too.
 *
 * Pure; owned by the bus thread. */
#ifndef BAIYE_BUS_COUNTER_H
#define BAIYE_BUS_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

/* Zeroed: nothing was seen. */
struct counter {
    int64_t at_ms;    /* when `last` was shown */
    uint64_t last;    /* what is booked up to there */
    uint64_t before;  /* and before that */
    uint64_t fallen;  /* from where it fell, as a restart does: the highest since it was there */
    uint64_t fell;    /* and where it last did */
    uint64_t doubted; /* shown since, and waiting for the next answer */
    int8_t exponent;  /* that its scale register held */
    int8_t other;     /* and that it holds since the last answer */
    bool known, has_doubted, has_fallen, exponent_known, other_seen;
    bool zero_seen; /* from `at_ms` on, before anything is known */
};

/* The power of ten in which its codes are from now on. False: it is another one than before, and
 * waits for the next answer as a fall does. */
bool counter_exponent(struct counter *counter, int exponent);
/* The increment since what was booked last. Without a value, flagged range: it is doubted and
 * waits. Absent: the first one. `now_ms` is monotonic. */
struct reading_value counter_take(struct counter *counter, const struct field_config *field,
                                  uint64_t raw, uint8_t flag, int64_t now_ms);

#endif
