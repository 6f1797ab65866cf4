/* SPDX-License-Identifier: Apache-2.0 */
/* ARM's UART PL011 (Technical Reference Manual DDI 0183), which several parts have: registers by
 * their offset, and what the bits of a received byte say. */
#ifndef BAIYE_PL011_H
#define BAIYE_PL011_H

#include "firmware/hal.h"

#define UART_DR    0x00U
#define UART_FR    0x18U
#define UART_IBRD  0x24U
#define UART_FBRD  0x28U
#define UART_LCR_H 0x2CU
#define UART_CR    0x30U
#define UART_IFLS  0x34U
#define UART_IMSC  0x38U
#define UART_MIS   0x40U
#define UART_ICR   0x44U

enum {
    DR_FRAMING = 1 << 8,
    DR_PARITY = 1 << 9,
    DR_BREAK = 1 << 10,
    DR_OVERRUN = 1 << 11,
    FR_BUSY = 1 << 3,
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    LCR_BREAK = 1 << 0,
    LCR_PARITY = 1 << 1,
    LCR_EVEN = 1 << 2,
    LCR_TWO_STOP = 1 << 3,
    LCR_FIFO = 1 << 4,
    LCR_7_BITS = 2 << 5,
    LCR_8_BITS = 3 << 5,
    CR_ON = 1 << 0 | 1 << 8 | 1 << 9, /* UART, transmitter, receiver */
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RX_TIMEOUT = 1 << 6,
    INT_ALL = 0x7FF,
};

/* Of a byte as UART_DR gives it. Always inline: its caller may have to run from RAM. */
__attribute__((always_inline)) static inline uint8_t pl011_errors(uint32_t data)
{
    return (uint8_t)((data & (DR_FRAMING | DR_BREAK) ? HAL_BYTE_FRAMING : 0) |
                     (data & DR_PARITY ? HAL_BYTE_PARITY : 0) |
                     (data & DR_OVERRUN ? HAL_BYTE_OVERRUN : 0));
}

#endif
