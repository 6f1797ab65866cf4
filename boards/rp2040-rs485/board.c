/* SPDX-License-Identifier: Apache-2.0 */
/* Start. */
#include "boards/cortex-m3/life.h"
#include "boards/rp2040-rs485/rp2040.h"

enum {
    CORE_VECTORS = 16,
    REASON_TIMER = 1,
    REASON_FORCED = 2,
    CHIP_POWER = 1 << 8, /* brown-out too: the part does not tell them apart */
    CHIP_RUN_PIN = 1 << 16,
};

extern const uint32_t ld_vectors[];

/* The table of vectors in RAM: interrupts come while the flash is busy. */
static uint32_t vectors[CORE_VECTORS + IRQ_COUNT] __attribute__((aligned(256)));

static void vectors_to_ram(void)
{
    for (unsigned i = 0; i < CORE_VECTORS + IRQ_UART1 + 1; i++)
        vectors[i] = ld_vectors[i];
    reg_write(SCB_VTOR, (uint32_t)(uintptr_t)vectors);
}

static enum hal_reset_cause part_says(void)
{
    uint32_t reason = reg_read(WATCHDOG_REASON), chip = reg_read(CHIP_RESET);
    if (reason & REASON_TIMER)
        return HAL_RESET_WATCHDOG;
    if (reason & REASON_FORCED)
        return HAL_RESET_SOFTWARE;
    if (chip & CHIP_POWER)
        return HAL_RESET_POWER;
    return chip & CHIP_RUN_PIN ? HAL_RESET_PIN : HAL_RESET_UNKNOWN;
}

void board_start(void)
{
    pins_quiet();
    watchdog_start();
    life_cause(part_says());
    life_begin();
    vectors_to_ram();
    clock_start();
    pins_start();
    uart_start();
    inputs_start();
    cpu_irq_enable(IRQ_TIMER_0);
}
