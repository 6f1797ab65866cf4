/* SPDX-License-Identifier: Apache-2.0 */
/* The 24-bit system timer, counting down for ever, and its wraps make the clock. An interrupt a
 * wrap keeps the count while the processor sleeps: 0.5 to 1 a second, which is no tick to anybody.
 * A wrap that is pending but not yet served is seen by reading the pending bit. */
#include "boards/cortex-m3/cpu.h"
#include "firmware/hal.h"

enum {
    CSR_ENABLE = 1,
    CSR_TICKINT = 2,
    CSR_CORE_CLOCK = 4,
    ICSR_PENDSTSET = 1 << 26,
    WRAP = 1 << 24,
};

static volatile uint32_t wraps;
static uint32_t ticks_hz;

void time_start(uint32_t hz, bool core_clock)
{
    ticks_hz = hz;
    reg_write(SYSTICK_RVR, WRAP - 1);
    reg_write(SYSTICK_CVR, 0);
    reg_write(SYSTICK_CSR, CSR_ENABLE | CSR_TICKINT | (core_clock ? CSR_CORE_CLOCK : 0U));
}

void time_wrapped(void)
{
    wraps = wraps + 1;
}

/* 0 belongs to the period that follows, whose wrap is pending from then on; an emulator also says 0
 * while its own timer is late. It passes within a tick, so it is waited out. */
static uint32_t counter(void)
{
    uint32_t value = 0;
    for (int i = 0; i < 100000 && !value; i++)
        value = reg_read(SYSTICK_CVR) & (WRAP - 1);
    return value;
}

/* Interrupt handlers call this too: they can't be interrupted by the wrap, so `before` is what the
 * pending bit is for; in the main loop `wraps` may change between the two reads. */
uint64_t time_ticks(void)
{
    uint32_t before, value, pending;
    do {
        before = wraps;
        value = counter();
        pending = reg_read(SCB_ICSR) & ICSR_PENDSTSET;
        if (pending) /* maybe just after `value` was read */
            value = counter();
    } while (before != wraps);
    return ((uint64_t)before + (pending ? 1 : 0)) * WRAP + (WRAP - value);
}

uint64_t hal_now_us(void)
{
    /* ticks x 1e6 / hz, in two parts so that nothing overflows in 10,000 years. */
    uint64_t ticks = time_ticks();
    uint64_t seconds = ticks / ticks_hz;
    uint32_t rest = (uint32_t)(ticks - seconds * ticks_hz);
    return seconds * 1000000U + (uint32_t)((uint64_t)rest * 1000000U / ticks_hz);
}

void hal_delay_us(uint32_t us)
{
    if (us > 1000)
        us = 1000;
    uint64_t end = time_ticks() + (uint64_t)us * ticks_hz / 1000000U + 1;
    while (time_ticks() < end)
        ;
}
