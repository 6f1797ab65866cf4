/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver makes of bytes that it hears wrongly: the level of the line over time, sampled as
 * a UART does, 8N1. Pure. */
#ifndef BAIYE_FIELD_UART_H
#define BAIYE_FIELD_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `swapped`: A and B are exchanged, every level is the other one. `speed`: how many of the
 * receiver's bits fit into one that is said; 1: the same rate. Returns how many bytes are heard, at
 * most `room`. */
size_t uart_receive(const uint8_t *said, size_t size, bool swapped, double speed, uint8_t *heard,
                    size_t room);

#endif
