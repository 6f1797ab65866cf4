/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog, RP2040 Datasheet 4.7. It counts down twice a tick (erratum RP2040-E1), so its 24
 * bits are 8.4 s. Its bite, and its trigger, reset everything but the two oscillators. */
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"

enum {
    FULL = 0xFFFFFF,
    CTRL_ENABLE = 1 << 30,
    TICK_ON = 1 << 9,
    ROSC_MHZ = 6, /* some 6 MHz, until clock_start() changes to the crystal */
    ALL_BUT_OSCILLATORS = 0x1FFFC,
};
#define CTRL_TRIGGER (1U << 31)

void watchdog_start(void)
{
    if (!(reg_read(WATCHDOG_TICK) & TICK_ON))
        reg_write(WATCHDOG_TICK, TICK_ON | ROSC_MHZ);
    reg_write(PSM_WDSEL, ALL_BUT_OSCILLATORS);
    reg_write(WATCHDOG_SCRATCH4, 0); /* the boot ROM goes to the flash, not to an address in here */
    hal_watchdog_feed();
    reg_write(WATCHDOG_CTRL, CTRL_ENABLE);
}

void hal_watchdog_feed(void)
{
    reg_write(WATCHDOG_LOAD, FULL);
}

/* The processor's own request (AIRCR) would leave the rest of the part as it is. */
void cpu_reset(void)
{
    reg_write(WATCHDOG_CTRL + REG_SET, CTRL_TRIGGER);
    for (;;)
        ;
}
