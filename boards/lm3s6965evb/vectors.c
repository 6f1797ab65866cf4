/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/lm3s6965evb/lm3s.h"

/* All others stay disabled; a NULL taken for a handler would fault, and be written down. */
__attribute__((section(".vectors.irq"), used)) static void (*const irq_vectors[])(void) = {
    [IRQ_UART0] = uart0_handler,
    [IRQ_UART1] = uart1_handler,
    [IRQ_TIMER0A] = timer0_handler,
};
