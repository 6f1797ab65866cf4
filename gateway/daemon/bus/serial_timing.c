/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/serial_timing.h"

#define NS_PER_S 1000000000LL

static int64_t character_bits(const struct serial_timing *wire)
{
    return 9 + (wire->parity != 'N') + wire->stop_bits;
}

int64_t serial_timing_bytes_ns(const struct serial_timing *wire, size_t size)
{
    int64_t bits = character_bits(wire) * (int64_t)size;
    return (bits * NS_PER_S + wire->baud - 1) / wire->baud;
}

int64_t serial_timing_silence_ns(const struct serial_timing *wire)
{
    if (wire->baud > 19200)
        return 1750000;
    return (7 * character_bits(wire) * NS_PER_S + 2 * wire->baud - 1) / (2 * wire->baud);
}

int64_t serial_timing_guard_ns(const struct serial_timing *wire)
{
    return NS_PER_S / wire->baud;
}
