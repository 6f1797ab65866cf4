/* SPDX-License-Identifier: Apache-2.0 */
/* Clock tree, RM0008 figure 8: 8 MHz crystal x 9 = 72 MHz core and APB2, APB1 36 MHz (its timers
 * 72), ADC 12 MHz. Every wait is bounded: a dead crystal leaves the internal oscillator's 8 MHz / 2
 * x 16 = 64 MHz, good to 1 % at 25 °C, and a dead PLL 8 MHz; the node runs on with what it has.
 *
 * The program comes from a loader that has set the same tree, maybe before the crystal swung, and
 * the part ignores a new source or factor while the PLL runs. So it goes back to the internal
 * oscillator first. What the clock is, is read off the part, not remembered. A crystal that fails
 * later raises an NMI by the clock security system, and a reset starts the node without it. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

enum {
    CR_HSI_ON = 1 << 0,
    CR_HSI_READY = 1 << 1,
    CR_HSE_ON = 1 << 16,
    CR_HSE_READY = 1 << 17,
    CR_SECURITY = 1 << 19,
    CR_PLL_ON = 1 << 24,
    CR_PLL_READY = 1 << 25,
    CFGR_SWITCH = 3 << 0,
    CFGR_SWITCH_PLL = 2 << 0,
    CFGR_SWITCHED_PLL = 2 << 2,
    CFGR_SWITCHED = 3 << 2,
    CFGR_APB1_HALF = 4 << 8,
    CFGR_ADC_SIXTH = 2 << 14,
    CFGR_PLL_FROM_HSE = 1 << 16,
    CFGR_PLL_FACTOR = 15 << 18,
    CFGR_PLL_X9 = 7 << 18,
    CFGR_PLL_X16 = 14 << 18,
    ACR_TWO_WAITS = 2,
    ACR_PREFETCH = 1 << 4,
    HSI_HZ = 8000000,
    CRYSTAL_HZ = 8000000,
    HSE_LOOKS = 40000, /* 10 ms or more at 8 MHz; crystals take 2 */
    PLL_LOOKS = 2000,
    /* With FLITF: without its clock in sleep, a short sleep of code in flash with wait states can
     * spoil the next fetch, ES0340. */
    AHB_DMA1_SRAM_FLITF = 1 << 0 | 1 << 2 | 1 << 4,
    APB2_AFIO_PORTS_ADC_USART1 = 1 << 0 | 7 << 2 | 1 << 9 | 1 << 14,
    APB1_TIM3_USART23 = 1 << 1 | 3 << 17,
};

static uint32_t core_hz = HSI_HZ;

uint32_t clock_core_hz(void)
{
    return core_hz;
}

bool hal_clock_is_coarse(void)
{
    return !(reg_read(RCC_CFGR) & CFGR_PLL_FROM_HSE);
}

static bool wait_for(uint32_t address, uint32_t mask, uint32_t value, int looks)
{
    for (int i = 0; i < looks; i++)
        if ((reg_read(address) & mask) == value)
            return true;
    return false;
}

static uint32_t read_hz(void)
{
    uint32_t cfgr = reg_read(RCC_CFGR);
    if ((cfgr & CFGR_SWITCHED) != CFGR_SWITCHED_PLL)
        return HSI_HZ; /* or the crystal, which is as fast */
    uint32_t factor = ((cfgr & CFGR_PLL_FACTOR) >> 18) + 2;
    return (cfgr & CFGR_PLL_FROM_HSE ? CRYSTAL_HZ : HSI_HZ / 2) * (factor > 16 ? 16 : factor);
}

/* False: the PLL still runs, and what it is set to can't be changed. */
static bool stop_pll(void)
{
    reg_clear(RCC_CR, CR_SECURITY);
    reg_set(RCC_CR, CR_HSI_ON);
    (void)wait_for(RCC_CR, CR_HSI_READY, CR_HSI_READY, PLL_LOOKS);
    reg_clear(RCC_CFGR, CFGR_SWITCH);
    if (!wait_for(RCC_CFGR, CFGR_SWITCHED, 0, PLL_LOOKS))
        return false;
    reg_clear(RCC_CR, CR_PLL_ON);
    return wait_for(RCC_CR, CR_PLL_READY, 0, PLL_LOOKS);
}

static void start_pll(void)
{
    uint32_t cfgr = CFGR_APB1_HALF | CFGR_ADC_SIXTH;
    if (!stop_pll())
        return;
    reg_set(RCC_CR, CR_HSE_ON);
    bool crystal = wait_for(RCC_CR, CR_HSE_READY, CR_HSE_READY, HSE_LOOKS);
    cfgr |= crystal ? CFGR_PLL_FROM_HSE | CFGR_PLL_X9 : CFGR_PLL_X16;
    reg_write(FLASH_ACR, ACR_PREFETCH | ACR_TWO_WAITS);
    reg_write(RCC_CFGR, cfgr);
    reg_set(RCC_CR, CR_PLL_ON);
    if (!wait_for(RCC_CR, CR_PLL_READY, CR_PLL_READY, PLL_LOOKS))
        return;
    reg_write(RCC_CFGR, cfgr | CFGR_SWITCH_PLL);
    (void)wait_for(RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL, PLL_LOOKS);
    if (crystal)
        reg_set(RCC_CR, CR_SECURITY);
}

void clock_start(void)
{
    start_pll();
    core_hz = read_hz();
    reg_write(RCC_AHBENR, AHB_DMA1_SRAM_FLITF);
    reg_write(RCC_APB2ENR, APB2_AFIO_PORTS_ADC_USART1);
    reg_write(RCC_APB1ENR, APB1_TIM3_USART23);
    (void)reg_read(RCC_APB1ENR);    /* two clocks before the first access, ES0340 */
    time_start(core_hz / 8, false); /* wraps every 1.9 s at 72 MHz */
}
