/* SPDX-License-Identifier: Apache-2.0 */
/* The part's 64-bit timer counts microseconds. Its alarm 0 ends a sleep. Asked for the time by
 * interrupts while the flash is busy, hence in RAM. */
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"

enum {
    ALARM_0 = 1 << 0,
    LONGEST_US = 1800000000, /* the alarm compares 32 bits */
};

static volatile bool event;

IN_RAM uint64_t hal_now_us(void)
{
    uint32_t high, low;
    do {
        high = reg_read(TIMER_RAW_H);
        low = reg_read(TIMER_RAW_L);
    } while (reg_read(TIMER_RAW_H) != high);
    return (uint64_t)high << 32 | low;
}

void hal_delay_us(uint32_t us)
{
    uint32_t begin = reg_read(TIMER_RAW_L);
    uint32_t wait = (us < 1000 ? us : 1000) + (us > 0); /* some of the first one has gone */
    while (reg_read(TIMER_RAW_L) - begin < wait)
        ;
}

IN_RAM void sleep_end(void)
{
    event = true;
}

IN_RAM void timer_0_handler(void)
{
    reg_write(TIMER_INTR, ALARM_0);
    event = true;
}

/* False: it has come already, and the alarm would not. */
static bool arm(uint64_t until_us, uint64_t now_us)
{
    uint64_t wait_us = until_us - now_us;
    if (wait_us > LONGEST_US)
        until_us = now_us + LONGEST_US;
    reg_write(TIMER_ALARM0, (uint32_t)until_us);
    return hal_now_us() < until_us;
}

void hal_sleep(uint64_t until_us)
{
    uint64_t now_us = hal_now_us();
    if (until_us > now_us) {
        bool armed = arm(until_us, now_us);
        cpu_irq_off(); /* an event between the look and the wait would be slept over */
        if (!event && armed)
            cpu_wait();
        cpu_irq_on();
        reg_write(TIMER_ARMED, ALARM_0);
    }
    event = false;
}
