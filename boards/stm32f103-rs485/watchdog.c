/* SPDX-License-Identifier: Apache-2.0 */
/* The independent watchdog, RM0008 chapter 19: once started, nothing but a reset stops it. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

enum {
    WATCHDOG_UNLOCK = 0x5555,
    WATCHDOG_FEED = 0xAAAA,
    WATCHDOG_START = 0xCCCC,
    WATCHDOG_BY_128 = 5,
    WATCHDOG_RELOAD = 2499, /* 8 s at 40 kHz; the oscillator's 30..60 kHz make it 5.3..10.7 s */
};

void watchdog_start(void)
{
    reg_write(IWDG_KR, WATCHDOG_START);
    reg_write(IWDG_KR, WATCHDOG_UNLOCK);
    reg_write(IWDG_PR, WATCHDOG_BY_128);
    reg_write(IWDG_RLR, WATCHDOG_RELOAD);
    hal_watchdog_feed();
}

void hal_watchdog_feed(void)
{
    reg_write(IWDG_KR, WATCHDOG_FEED);
}
