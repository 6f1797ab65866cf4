/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/mps2-an385/mps2.h"
#include "firmware/hal.h"

enum {
    WDT_ON = 1 | 2,
    WDT_TICKS = CLOCK_HZ * 8U, /* to the notice; it would bite at the second time-out */
};

void watchdog_start(void)
{
    reg_write(WDT_LOCK, WDT_UNLOCK);
    reg_write(WDT_LOAD, WDT_TICKS);
    reg_write(WDT_CTL, WDT_ON);
    reg_write(WDT_LOCK, 0);
}

void hal_watchdog_feed(void)
{
    reg_write(WDT_LOCK, WDT_UNLOCK);
    reg_write(WDT_CLEAR, 1);
    reg_write(WDT_LOAD, WDT_TICKS);
    reg_write(WDT_LOCK, 0);
}
