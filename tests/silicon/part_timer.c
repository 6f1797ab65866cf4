/* SPDX-License-Identifier: Apache-2.0 */
/* System timer, timer 3 as one-shot, independent watchdog. */
#include "tests/silicon/part.h"

#define LSI_TICKS (TICKS_S / 40000)

static uint64_t st_step(const struct part *p)
{
    return (uint64_t)p->ticks_a_cycle * (p->st_csr & 4 ? 1 : 8);
}

static uint64_t st_gone(const struct part *p)
{
    return p->now <= p->st_start ? 0 : (p->now - p->st_start) / st_step(p);
}

/* It is at 0 for the first time, or again, after `now`. */
static void st_plan(struct part *p)
{
    p->due[EVENT_SYSTICK] = NEVER;
    if (!(p->st_csr & 1) || p->st_rvr == 0)
        return;
    uint64_t period = (uint64_t)p->st_rvr + 1, gone = st_gone(p);
    uint64_t zero = gone / period * period + p->st_rvr;
    if (zero <= gone)
        zero += period;
    p->due[EVENT_SYSTICK] = p->st_start + zero * st_step(p);
}

static uint32_t st_value(const struct part *p)
{
    return p->st_csr & 1 ? p->st_rvr - (uint32_t)(st_gone(p) % ((uint64_t)p->st_rvr + 1)) : 0;
}

void timer_rebase(struct part *p, uint32_t ticks_a_cycle)
{
    uint32_t gone = p->st_rvr - st_value(p);
    p->ticks_a_cycle = ticks_a_cycle;
    if (!(p->st_csr & 1))
        return;
    uint64_t back = gone * st_step(p);
    p->st_start = p->now > back ? p->now - back : 0;
    st_plan(p);
}

static uint64_t tim_step(const struct part *p)
{
    return (uint64_t)p->ticks_a_cycle * (p->tim_psc + 1);
}

static void watchdog_feed(struct part *p)
{
    uint64_t by = UINT64_C(4) << (p->iwdg_pr > 6 ? 6 : p->iwdg_pr);
    p->due[EVENT_WATCHDOG] = p->now + LSI_TICKS * by * ((uint64_t)p->iwdg_rlr + 1);
}

uint32_t timer_read(struct part *p, uint32_t address)
{
    switch (address) {
    case 0xE000E010:
        return p->st_csr;
    case 0xE000E014:
        return p->st_rvr;
    case 0xE000E018:
        return st_value(p);
    case 0x40000400:
        return p->tim_cr1;
    case 0x40000410:
        return p->tim_sr;
    default:
        return 0;
    }
}

void timer_write(struct part *p, uint32_t address, uint32_t value)
{
    switch (address) {
    case 0xE000E010:
        if (!(p->st_csr & 1) && value & 1)
            p->st_start = p->now;
        p->st_csr = value & 7;
        st_plan(p);
        break;
    case 0xE000E014:
        p->st_rvr = value & 0xFFFFFF;
        st_plan(p);
        break;
    case 0xE000E018:
        p->st_start = p->now + st_step(p);
        st_plan(p);
        break;
    case 0x40000400:
        p->tim_cr1 = value;
        p->due[EVENT_TIMER] = value & 1 ? p->now + tim_step(p) * ((uint64_t)p->tim_arr + 1) : NEVER;
        break;
    case 0x4000040C:
        p->tim_dier = value;
        break;
    case 0x40000410:
        p->tim_sr &= value;
        break;
    case 0x40000428:
        p->tim_psc = value & 0xFFFF;
        break;
    case 0x4000042C:
        p->tim_arr = value & 0xFFFF;
        break;
    case 0x40003000:
        if (value == 0xCCCC)
            p->watchdog_on = true;
        p->watchdog_open = value == 0x5555;
        if (p->watchdog_on && (value == 0xAAAA || value == 0xCCCC))
            watchdog_feed(p);
        break;
    case 0x40003004:
    case 0x40003008:
        if (p->watchdog_open)
            *(address == 0x40003004 ? &p->iwdg_pr : &p->iwdg_rlr) = value & 0xFFF;
        break;
    default:
        break;
    }
}

void timer_event(struct part *p, enum part_event event, uint64_t at)
{
    (void)at;
    if (event == EVENT_SYSTICK) {
        if (p->st_csr & 2)
            p->systick_pending = true;
        st_plan(p);
    } else if (event == EVENT_TIMER) {
        p->tim_sr |= 1;
        if (p->tim_cr1 & 8)
            p->tim_cr1 &= ~UINT32_C(1);
        else
            p->due[EVENT_TIMER] = p->now + tim_step(p) * ((uint64_t)p->tim_arr + 1);
    } else {
        part_reset(p, RESET_WATCHDOG);
    }
}
