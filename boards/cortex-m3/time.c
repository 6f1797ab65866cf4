/* SPDX-License-Identifier: Apache-2.0 */
/* The 24-bit system timer, counting down for ever, and its wraps make the clock. An interrupt a
 * wrap keeps the count while the processor sleeps: one or two a second, which is no tick to
 * anybody. A wrap that is pending but not yet served is seen by reading the pending bit. The wrap
 * is a whole number of microseconds, so that no 64-bit division is needed; interrupt handlers ask
 * the time. */
#include "boards/cortex-m3/cpu.h"
#include "firmware/hal.h"

enum {
    CSR_ENABLE = 1,
    CSR_TICKINT = 2,
    CSR_CORE_CLOCK = 4,
    ICSR_PENDSTSET = 1 << 26,
    COUNTER = 0xFFFFFF,
};

static volatile uint32_t wraps;
static uint32_t wrap_ticks = 1, wrap_us;
static uint32_t us_factor, ticks_factor; /* microseconds to ticks are as the one to the other */

void time_start(uint32_t hz, bool core_clock)
{
    uint32_t a = hz, b = 1000000;
    while (b) { /* their greatest common divisor; Euclid ends within 30 rounds */
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    us_factor = 1000000 / a;
    ticks_factor = hz / a;
    wrap_ticks = hz;
    wrap_us = 1000000;
    while (wrap_ticks > COUNTER) {
        wrap_ticks /= 2;
        wrap_us /= 2;
    }
    wraps = 0;
    reg_write(SYSTICK_RVR, wrap_ticks - 1);
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
        value = reg_read(SYSTICK_CVR) & COUNTER;
    return value;
}

/* Interrupt handlers call this too: they can't be interrupted by the wrap, so `before` is what the
 * pending bit is for; in the main loop `wraps` may change between the two reads. */
uint64_t hal_now_us(void)
{
    uint32_t before, value, pending;
    do {
        before = wraps;
        value = counter();
        pending = reg_read(SCB_ICSR) & ICSR_PENDSTSET;
        if (pending) /* maybe just after `value` was read */
            value = counter();
    } while (before != wraps);
    uint32_t whole = before + (pending ? 1 : 0);
    return (uint64_t)whole * wrap_us + (wrap_ticks - value) * us_factor / ticks_factor;
}

void hal_delay_us(uint32_t us)
{
    uint32_t ticks = (us < 1000 ? us : 1000) * ticks_factor / us_factor + 1;
    uint32_t last = counter(), gone = 0;
    while (gone < ticks) {
        uint32_t now = counter();
        gone += now <= last ? last - now : last + wrap_ticks - now;
        last = now;
    }
}
