/* SPDX-License-Identifier: Apache-2.0 */
/* Clock tree, RP2040 Datasheet 2.15: crystal 12 MHz x 120 = 1440 MHz, / 5 / 3 = 96 MHz for the
 * processor and the UARTs, half of it for the ADC. The crystal also gives the microseconds of the
 * timer, through the watchdog's divider.
 *
 * The program comes from a loader that has set the same tree, so the processor goes back to the
 * crystal before the PLL is touched. */
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"

enum {
    RESET_PLL_SYS = 1 << 12,
    RESET_TIMER = 1 << 21,
    XOSC_ON = 0xFABAA0, /* ENABLE, 1..15 MHz */
    XOSC_DELAY = 282,   /* x 256 cycles: 6 ms */
    REF_FROM_XOSC = 2,
    SYS_FROM_PLL = 1,          /* its auxiliary source, of which the first is this PLL */
    PERI_ON = 1 << 11,         /* from clk_sys */
    ADC_ON = 1 << 11 | 1 << 5, /* from PLL_SYS */
    ADC_HALF = 2 << 8,
    PLL_FEEDBACK = 120,
    PLL_POST = 5 << 16 | 3 << 12,
    PLL_POWER_MAIN = 1 << 0 | 1 << 5, /* and the oscillator */
    PLL_POWER_POST = 1 << 3,
    TICK_ON = 1 << 9,
    CRYSTAL_MHZ = 12,
};
#define READY (1U << 31)

static void wait_for(uint32_t address, uint32_t bits)
{
    while (!(reg_read(address) & bits))
        ; /* the watchdog ends it */
}

static void start_crystal(void)
{
    reg_write(XOSC_STARTUP, XOSC_DELAY);
    reg_write(XOSC_CTRL, XOSC_ON);
    wait_for(XOSC_STATUS, READY);
    reg_write(CLK_REF_CTRL, REF_FROM_XOSC);
    wait_for(CLK_REF_SELECTED, 1U << REF_FROM_XOSC);
    reg_write(CLK_SYS_CTRL, 0);
    wait_for(CLK_SYS_SELECTED, 1U << 0);
}

static void start_pll(void)
{
    reg_write(RESETS_RESET + REG_SET, RESET_PLL_SYS);
    reset_end(RESET_PLL_SYS);
    reg_write(PLL_SYS_CS, 1);
    reg_write(PLL_SYS_FBDIV, PLL_FEEDBACK);
    reg_write(PLL_SYS_PWR + REG_CLEAR, PLL_POWER_MAIN);
    wait_for(PLL_SYS_CS, READY);
    reg_write(PLL_SYS_PRIM, PLL_POST);
    reg_write(PLL_SYS_PWR + REG_CLEAR, PLL_POWER_POST);
}

void clock_start(void)
{
    start_crystal();
    start_pll();
    reg_write(CLK_SYS_CTRL, SYS_FROM_PLL);
    wait_for(CLK_SYS_SELECTED, 1U << SYS_FROM_PLL);
    reg_write(CLK_PERI_CTRL, PERI_ON);
    reg_write(CLK_ADC_DIV, ADC_HALF);
    reg_write(CLK_ADC_CTRL, ADC_ON);
    reg_write(WATCHDOG_TICK, TICK_ON | CRYSTAL_MHZ);
    reset_end(RESET_TIMER);
}

/* Without the crystal nothing runs. */
bool hal_clock_is_coarse(void)
{
    return false;
}
