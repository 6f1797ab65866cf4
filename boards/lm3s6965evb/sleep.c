/* SPDX-License-Identifier: Apache-2.0 */
/* Sleep until a time or an event: timer 0 as 32-bit one-shot ends the wait. */
#include "boards/lm3s6965evb/lm3s.h"
#include "firmware/hal.h"

enum {
    CTL_ENABLE = 1,
    MODE_ONE_SHOT = 1,
    TIMEOUT = 1,
    TICKS_A_SECOND = CLOCK_HZ,
    LONGEST_S = 300, /* 32 bits of ticks are 343 s */
};

static volatile bool event;

void sleep_end(void)
{
    event = true;
}

void timer0_handler(void)
{
    reg_write(TIMER0 + TIMER_ICR, TIMEOUT);
    event = true;
}

static void arm(uint32_t ticks)
{
    reg_write(TIMER0 + TIMER_CTL, 0);
    reg_write(TIMER0 + TIMER_ICR, TIMEOUT);
    reg_write(TIMER0 + TIMER_CFG, 0); /* 32 bit */
    reg_write(TIMER0 + TIMER_TAMR, MODE_ONE_SHOT);
    reg_write(TIMER0 + TIMER_IMR, TIMEOUT);
    reg_write(TIMER0 + TIMER_TAIL, ticks);
    reg_write(TIMER0 + TIMER_CTL, CTL_ENABLE);
}

void hal_sleep(uint64_t until_us)
{
    uint64_t now_us = hal_now_us();
    if (until_us > now_us) {
        uint64_t left_us = until_us - now_us;
        uint32_t us = left_us < LONGEST_S * UINT64_C(1000000) ? (uint32_t)left_us
                                                              : LONGEST_S * UINT32_C(1000000);
        arm((uint32_t)((uint64_t)us * TICKS_A_SECOND / 1000000) + 1);
        cpu_irq_off(); /* an event between the look and the wait would be slept over */
        if (!event)
            cpu_wait();
        cpu_irq_on();
        reg_write(TIMER0 + TIMER_CTL, 0);
    }
    event = false;
}
