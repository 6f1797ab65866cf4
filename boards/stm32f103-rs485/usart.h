/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the USARTs, RM0008 27.6, for bus.c and sdi.c. */
#ifndef BAIYE_STM32_USART_H
#define BAIYE_STM32_USART_H

#include <stdint.h>

#include "firmware/hal.h"

enum {
    SR_PARITY = 1 << 0,
    SR_FRAMING = 1 << 1,
    SR_NOISE = 1 << 2,
    SR_OVERRUN = 1 << 3,
    SR_IDLE = 1 << 4,
    SR_RECEIVED = 1 << 5,
    SR_SENT = 1 << 6,
    SR_EMPTY = 1 << 7,
    CR1_RECEIVE = 1 << 2,
    CR1_TRANSMIT = 1 << 3,
    CR1_IDLE_INT = 1 << 4,
    CR1_RECEIVED_INT = 1 << 5,
    CR1_SENT_INT = 1 << 6,
    CR1_EMPTY_INT = 1 << 7,
    CR1_PARITY_INT = 1 << 8,
    CR1_ODD = 1 << 9,
    CR1_PARITY = 1 << 10, /* the last bit is parity; even unless CR1_ODD */
    CR1_9_BIT = 1 << 12,
    CR1_ENABLE = 1 << 13,
    CR2_TWO_STOP = 2 << 12,
    CR3_ERROR_INT = 1 << 0,
    CR3_DMA_RX = 1 << 6,
    CR3_DMA_TX = 1 << 7,
};

/* HAL_BYTE_…: noise alone is none, the frame's CRC says what came of it. */
static inline uint8_t usart_errors(uint32_t status)
{
    return (uint8_t)((status & SR_FRAMING ? HAL_BYTE_FRAMING : 0) |
                     (status & SR_PARITY ? HAL_BYTE_PARITY : 0) |
                     (status & SR_OVERRUN ? HAL_BYTE_OVERRUN : 0));
}

#endif
