/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a serial line: how long bytes and silences take. Pure. */
#ifndef BAIYE_BUS_SERIAL_TIMING_H
#define BAIYE_BUS_SERIAL_TIMING_H

#include <stddef.h>
#include <stdint.h>

#define SERIAL_REQUEST_BYTES 8 /* unit, function, address, count, CRC of a read */
#define SERIAL_ANSWER_BYTES  5 /* unit, function, byte count, CRC around the data */

struct serial_timing {
    uint32_t baud;
    char parity; /* 'N', 'E', 'O' */
    uint8_t stop_bits;
};

/* Time of `size` bytes on the wire, rounded up. A character has its start bit, 8 data bits, parity
 * if any, and stop bits: 10 bits for 8N1, not the standard's 11 that 8N1 does not send. */
int64_t serial_timing_bytes_ns(const struct serial_timing *wire, size_t size);
/* The silence between frames: 3.5 characters, above 19200 baud fixed at 1.75 ms. */
int64_t serial_timing_silence_ns(const struct serial_timing *wire);
/* What a master keeps beyond it: one bit. Two clocks that count 35 bits may differ by 2 %, and who
 * measures a silence on a computer notes the end of a byte some µs after the byte was there. */
int64_t serial_timing_guard_ns(const struct serial_timing *wire);

#endif
