/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/uart.h"

#define CHARACTER 10 /* start, 8 data, stop */
#define LOOKS     16 /* a receiver looks for an edge so often in one of its bits */

/* The line's level at a time in bits of the sender. Idle is 1. */
static bool level(const uint8_t *said, size_t size, bool swapped, double time)
{
    bool high = true;
    if (time >= 0 && time < (double)(CHARACTER * size)) {
        size_t at = (size_t)time, bit = at % CHARACTER;
        high = bit == CHARACTER - 1 || (bit > 0 && (said[at / CHARACTER] >> (bit - 1) & 1));
    }
    return high != swapped;
}

size_t uart_receive(const uint8_t *said, size_t size, bool swapped, double speed, uint8_t *heard,
                    size_t room)
{
    double bit = 1 / speed, end = (double)(CHARACTER * size), time = 0;
    size_t count = 0;
    bool before = !swapped;
    while (time < end && count < room) {
        bool now = level(said, size, swapped, time), edge = before && !now;
        before = now;
        if (edge) {
            unsigned byte = 0;
            for (unsigned i = 0; i < 8; i++)
                byte |= (unsigned)level(said, size, swapped, time + (1.5 + i) * bit) << i;
            heard[count++] = (uint8_t)byte;
            time += 9.5 * bit; /* in the middle of the stop bit, whatever is there */
            before = level(said, size, swapped, time);
        }
        time += bit / LOOKS;
    }
    return count;
}
