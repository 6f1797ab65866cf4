/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/plain.h"

static atomic_int max_level = LOG_LEVEL_INFO;
static atomic_int out_fd = STDERR_FILENO;

void log_set_level(enum log_level level)
{
    atomic_store(&max_level, (int)level);
}

void log_set_fd(int fd)
{
    atomic_store(&out_fd, fd);
}

/* What a failed or cut snprintf() left in a buffer of `size`. */
static size_t printed(int length, size_t size)
{
    if (length < 0)
        return 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}

static void emit(enum log_level level, uint32_t left_out, const char *format, va_list args)
{
    int fd = atomic_load(&out_fd);
    char line[LOG_LINE_MAX + 64]; /* room for the prefix and the count */
    size_t at = 0;
    if ((int)level > atomic_load(&max_level))
        return;
    if (!isatty(fd))
        at = printed(snprintf(line, 8, "<%d>", (int)level), 8);
    at += plain_text(line + at,
                     printed(vsnprintf(line + at, LOG_LINE_MAX, format, args), LOG_LINE_MAX));
    if (left_out > 0)
        at += printed(snprintf(line + at, sizeof line - at - 1, " (%u more left out)", left_out),
                      sizeof line - at - 1);
    line[at++] = '\n';
    ssize_t written = write(fd, line, at);
    (void)written; /* there is nowhere left to complain */
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit(level, 0, format, args);
    va_end(args);
}

bool log_rate_pass(struct log_rate *rate, int64_t at_ms)
{
    int64_t refills = (at_ms - rate->refilled_ms) / LOG_RATE_REFILL_MS;
    if (refills >= (int64_t)rate->used) {
        rate->used = 0;
        rate->refilled_ms = at_ms;
    } else if (refills > 0) {
        rate->used -= (uint32_t)refills;
        rate->refilled_ms += refills * LOG_RATE_REFILL_MS;
    }
    if (rate->used >= LOG_RATE_BURST) {
        rate->left_out++;
        return false;
    }
    rate->used++;
    return true;
}

void log_limited(struct log_rate *rate, enum log_level level, const char *format, ...)
{
    if (!log_rate_pass(rate, clock_mono_ms()))
        return;
    va_list args;
    va_start(args, format);
    emit(level, rate->left_out, format, args);
    va_end(args);
    rate->left_out = 0;
}

void log_state_init(struct log_state *state, int now)
{
    *state = (struct log_state){.logged = now, .known = true};
}

void log_change(struct log_state *state, int now, enum log_level level, const char *format, ...)
{
    if (log_shows(state, now) || !log_rate_pass(&state->rate, clock_mono_ms()))
        return;
    va_list args;
    va_start(args, format);
    emit(level, state->rate.left_out, format, args);
    va_end(args);
    state->rate.left_out = 0;
    state->logged = now;
    state->known = true;
}
