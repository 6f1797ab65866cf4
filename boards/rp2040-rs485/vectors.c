/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/rp2040-rs485/rp2040.h"

/* All others stay disabled; a NULL taken for a handler would fault, and be written down. */
__attribute__((section(".vectors.irq"), used)) static void (*const irq_vectors[])(void) = {
    [IRQ_TIMER_0] = timer_0_handler,   [IRQ_TIMER_1] = timer_1_handler,
    [IRQ_TIMER_2] = timer_2_handler,   [IRQ_TIMER_3] = timer_3_handler,
    [IRQ_IO_BANK0] = io_bank0_handler, [IRQ_UART0] = uart0_handler,
    [IRQ_UART1] = uart1_handler,
};
