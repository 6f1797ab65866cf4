/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/stm32f103-rs485/stm32.h"

/* All others stay disabled; a NULL taken for a handler would fault, and be written down. */
__attribute__((section(".vectors.irq"), used)) static void (*const irq_vectors[])(void) = {
    [IRQ_EXTI1] = exti1_handler,   [IRQ_DMA_RX] = dma_rx_handler, [IRQ_TIM3] = tim3_handler,
    [IRQ_USART1] = usart1_handler, [IRQ_USART2] = usart2_handler,
};
