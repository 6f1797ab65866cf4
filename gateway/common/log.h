/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines for people, on stderr in the form journald reads ("<4>text"; no prefix on a terminal).
 * A thing that has a state logs each change of it once; a thing that repeats is rate-limited, and
 * what was left out is counted in the next line. Every line is one write(2): lines of threads and
 * of publisher processes never mix. What a terminal would obey becomes '?' (plain.h): what came
 * from a bus or a network can't forge a line. No heap. Any thread; one struct log_state or log_rate
 * belongs to one thread at a time. */
#ifndef BAIYE_COMMON_LOG_H
#define BAIYE_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,   /* something promised does not work: somebody must come */
    LOG_LEVEL_WARNING = 4, /* disturbed; goes on or heals by itself */
    LOG_LEVEL_NOTICE = 5,  /* a change worth knowing: started, connected, healed */
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

#define LOG_LINE_MAX 512 /* longer lines are cut */

/* Lines above `level` are dropped (LOG_LEVEL_INFO at start). */
void log_set_level(enum log_level level);
/* Where lines go (2 at start): for tests. */
void log_set_fd(int fd);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Token bucket: LOG_RATE_BURST lines at once, then one each LOG_RATE_REFILL_MS. */
#define LOG_RATE_BURST     5
#define LOG_RATE_REFILL_MS 60000

struct log_rate { /* all zero: a full bucket */
    int64_t refilled_ms;
    uint32_t used;
    uint32_t left_out; /* lines dropped since the last one that passed */
};

/* May a line pass at this monotonic time? Counts it in `left_out` when not. Pure. */
bool log_rate_pass(struct log_rate *rate, int64_t now_ms);

/* One line, unless the bucket is empty. */
void log_limited(struct log_rate *rate, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct log_state { /* all zero: no state yet, the first one is logged */
    struct log_rate rate;
    int logged; /* the state that the log shows */
    bool known;
};

/* Does the log show that state? For who comes by often: cheaper than log_change(). */
static inline bool log_shows(const struct log_state *state, int now)
{
    return state->known && state->logged == now;
}
/* Call it at every event with the state now: logs one line when the log shows another state. A
 * change left out by the rate limit is made up for by a later call, so that the log's last word
 * is true. */
void log_change(struct log_state *state, int now, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, but the first state is taken as known and not logged. */
void log_state_init(struct log_state *state, int now);

#endif
