/* SPDX-License-Identifier: Apache-2.0 */
/* Sleep until a time or an event, in the part's sleep mode: stop mode would lose the first byte of
 * a request. Timer 3 as one-shot ends the wait: in microseconds up to 60 ms, so that t3.5 is exact,
 * in steps of 100 us up to 6.5 s; the caller comes back for the rest. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

enum {
    CR1_ENABLE = 1,
    CR1_UPDATE_BY_OVERFLOW = 4,
    CR1_ONE_PULSE = 8,
    FINE_US = 60000,
    COARSE_US = 100,
    COARSE_MOST = 65000,
};

static volatile bool event;

void sleep_end(void)
{
    event = true;
}

void tim3_handler(void)
{
    reg_write(TIM3 + TIM_SR, 0);
    event = true;
}

static void arm(uint64_t us)
{
    uint32_t step_hz = us <= FINE_US ? 1000000 : 1000000 / COARSE_US;
    uint64_t steps = us <= FINE_US ? us : us / COARSE_US;
    if (steps > COARSE_MOST)
        steps = COARSE_MOST;
    if (steps < 2)
        steps = 2;
    reg_write(TIM3 + TIM_CR1, CR1_ONE_PULSE | CR1_UPDATE_BY_OVERFLOW);
    reg_write(TIM3 + TIM_PSC, clock_core_hz() / step_hz - 1);
    reg_write(TIM3 + TIM_ARR, (uint32_t)steps - 1);
    reg_write(TIM3 + TIM_EGR, 1); /* loads both, without an interrupt */
    reg_write(TIM3 + TIM_SR, 0);
    reg_write(TIM3 + TIM_DIER, 1);
    reg_write(TIM3 + TIM_CR1, CR1_ENABLE | CR1_ONE_PULSE | CR1_UPDATE_BY_OVERFLOW);
}

void hal_sleep(uint64_t until_us)
{
    uint64_t now_us = hal_now_us();
    if (until_us > now_us) {
        arm(until_us - now_us);
        cpu_irq_off(); /* an event between the look and the wait would be slept over */
        if (!event)
            cpu_wait();
        cpu_irq_on();
        reg_write(TIM3 + TIM_CR1, 0);
    }
    event = false;
}
