/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/mps2-an385/mps2.h"

/* All others stay disabled; a NULL taken for a handler would fault, and be written down. */
__attribute__((section(".vectors.irq"), used)) static void (*const irq_vectors[])(void) = {
    [IRQ_UART0_RX] = uart0_rx_handler, [IRQ_UART0_TX] = uart0_tx_handler,
    [IRQ_UART1_RX] = uart1_rx_handler, [IRQ_UART1_TX] = uart1_tx_handler,
    [IRQ_TIMER0] = timer0_handler,
};
