/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the emulated boards, which have a plain UART for each of RS-485, SDI-12 and the
 * console: uart_lines.c gives what firmware/hal.h and board.h ask for, over the little that differs
 * from part to part, which the board's uart.c gives. Interrupts put what is heard into a line's
 * ring and take what is to be sent; all else belongs to the main loop. */
#ifndef BAIYE_UART_LINES_H
#define BAIYE_UART_LINES_H

#include "boards/cortex-m3/byte_ring.h"

struct uart_line {
    uint32_t base;      /* of the UART's registers */
    uint32_t drive_pin; /* driver-enable, where the board has one */
    struct byte_ring ring;
    const uint8_t *data; /* what is left to send */
    volatile size_t left;
    volatile bool sending; /* until the last stop bit has left */
};
extern struct uart_line uart_bus, uart_sdi;

/* The board's uart.c: */
/* Opens the bus with settings that hal_bus_open() found possible. */
void uart_bus_open(const struct hal_line *line);
/* Begins to send; `data` stays until it is sent. */
void uart_send(struct uart_line *line, const uint8_t *data, size_t size);
bool uart_sending(struct uart_line *line);
/* One character to the console; waits for room, but not for ever. */
void uart_console_put(char c);

#endif
