/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/wire.h"

#define NS_PER_S 1000000000

unsigned wire_char_bits(const struct wire_rate *rate)
{
    return 9u + (rate->parity == 'N' ? 0u : 1u) + rate->stop_bits;
}

int64_t wire_bytes_ns(const struct wire_rate *rate, size_t count)
{
    return (int64_t)count * wire_char_bits(rate) * NS_PER_S / rate->baud;
}

int64_t wire_silence_ns(const struct wire_rate *rate)
{
    if (rate->baud > 19200)
        return 1750000;
    return wire_bytes_ns(rate, 7) / 2;
}

bool wire_same(const struct wire_rate *a, const struct wire_rate *b)
{
    return a->baud == b->baud && a->parity == b->parity;
}

void wire_gave(struct wire_clock *clock, int64_t end_ns, int64_t given_ns)
{
    int64_t late = given_ns - end_ns;
    if (late > WIRE_LATE_MAX_NS)
        late = WIRE_LATE_MAX_NS;
    clock->quiet_since_ns = end_ns;
    clock->late_ns = late < 0 ? 0 : late;
    clock->given = true;
}

void wire_took(struct wire_clock *clock, int64_t end_ns)
{
    if (end_ns <= clock->quiet_since_ns)
        return;
    clock->quiet_since_ns = end_ns;
    clock->late_ns = 0;
    clock->given = false;
}

int64_t wire_request_start(const struct wire_clock *clock, int64_t seen_ns, int64_t wrote_ns,
                           int64_t silence_ns)
{
    int64_t due_ns = clock->quiet_since_ns + silence_ns;
    int64_t start_ns = (wrote_ns ? wrote_ns : seen_ns) - clock->late_ns;
    int64_t latency_ns =
        (clock->given ? clock->latency.hear_ns : 0) + (wrote_ns ? 0 : clock->latency.say_ns);
    if (start_ns <= due_ns)
        return start_ns; /* on time, or too early */
    return start_ns - latency_ns > due_ns ? start_ns - latency_ns : due_ns;
}

bool wire_silence_kept(const struct wire_clock *clock, int64_t start_ns, int64_t silence_ns)
{
    return clock->quiet_since_ns == 0 || start_ns - clock->quiet_since_ns >= silence_ns;
}
