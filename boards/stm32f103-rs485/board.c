/* SPDX-License-Identifier: Apache-2.0 */
/* Start. */
#include "boards/cortex-m3/life.h"
#include "boards/stm32f103-rs485/stm32.h"

enum {
    CSR_FORGET = 1 << 24,
    CSR_PIN = 1 << 26,
    CSR_POWER = 1 << 27,
    CSR_SOFTWARE = 1 << 28,
    CSR_WATCHDOG = 1 << 29 | 1 << 30,
};

static enum hal_reset_cause part_says(void)
{
    uint32_t flags = reg_read(RCC_CSR);
    reg_set(RCC_CSR, CSR_FORGET);
    if (flags & CSR_WATCHDOG)
        return HAL_RESET_WATCHDOG;
    if (flags & CSR_SOFTWARE)
        return HAL_RESET_SOFTWARE;
    if (flags & CSR_POWER) /* brown-out too: the part does not tell them apart */
        return HAL_RESET_POWER;
    return flags & CSR_PIN ? HAL_RESET_PIN : HAL_RESET_UNKNOWN;
}

void board_start(void)
{
    pins_quiet();
    watchdog_start();
    life_cause(part_says());
    life_begin();
    clock_start();
    supply_watch();
    rtc_start(hal_reset_cause() == HAL_RESET_POWER);
    pins_start();
    sdi_start();
    inputs_start();
    cpu_irq_enable(IRQ_TIM3);
}
