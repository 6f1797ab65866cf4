/* SPDX-License-Identifier: Apache-2.0 */
/* The programmable voltage detector, RM0008 5.2.3: below 2.9 V the FRAM, good down to 2.7, is left
 * alone. The part itself runs on to 2 V, so on a slow ramp it is up first and down last. */
#include "boards/cortex-m3/nv_fram.h"
#include "boards/stm32f103-rs485/stm32.h"

enum {
    APB1_PWR = 1 << 28,
    CR_DETECTOR_ON = 1 << 4,
    CR_LEVEL = 7 << 5,
    CR_2V9 = 7 << 5,
    CSR_BELOW = 1 << 2,
};

void supply_watch(void)
{
    reg_set(RCC_APB1ENR, APB1_PWR);
    (void)reg_read(RCC_APB1ENR);
    reg_write(PWR_CR, (reg_read(PWR_CR) & ~(uint32_t)CR_LEVEL) | CR_2V9 | CR_DETECTOR_ON);
}

bool nv_has_power(void)
{
    return !(reg_read(PWR_CSR) & CSR_BELOW);
}
