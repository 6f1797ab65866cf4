/* SPDX-License-Identifier: Apache-2.0 */
/* Sleep until a time or an event: CMSDK timer 0, stopped at its first time-out, ends the wait. */
#include "boards/mps2-an385/mps2.h"
#include "firmware/hal.h"

enum {
    CTRL_ENABLE = 1 << 0,
    CTRL_INTERRUPT = 1 << 3,
    LONGEST_S = 150, /* 32 bits of ticks are 171 s */
};

static volatile bool event;

void sleep_end(void)
{
    event = true;
}

void timer0_handler(void)
{
    reg_write(TIMER_CTRL, 0);
    reg_write(TIMER_CLEAR, 1);
    event = true;
}

static void arm(uint32_t ticks)
{
    reg_write(TIMER_CTRL, 0);
    reg_write(TIMER_CLEAR, 1);
    reg_write(TIMER_RELOAD, ticks);
    reg_write(TIMER_VALUE, ticks);
    reg_write(TIMER_CTRL, CTRL_ENABLE | CTRL_INTERRUPT);
}

void hal_sleep(uint64_t until_us)
{
    uint64_t now_us = hal_now_us();
    if (until_us > now_us) {
        uint64_t left_us = until_us - now_us;
        if (left_us > LONGEST_S * UINT64_C(1000000))
            left_us = LONGEST_S * UINT64_C(1000000);
        arm((uint32_t)(left_us * (CLOCK_HZ / 1000000)) + 1);
        cpu_irq_off(); /* an event between the look and the wait would be slept over */
        if (!event)
            cpu_wait();
        cpu_irq_on();
        reg_write(TIMER_CTRL, 0);
    }
    event = false;
}
