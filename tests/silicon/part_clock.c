/* SPDX-License-Identifier: Apache-2.0 */
/* Clock tree, supply and the domain that a reset leaves alone: RM0008 5 to 7 and 18. */
#include <string.h>

#include "tests/silicon/part.h"

enum {
    CR_HSI_ON = 1 << 0,
    CR_HSI_READY = 1 << 1,
    CR_HSE_ON = 1 << 16,
    CR_HSE_READY = 1 << 17,
    CR_CSS_ON = 1 << 19,
    CR_PLL_ON = 1 << 24,
    CR_PLL_READY = 1 << 25,
    CIR_CSS = 1 << 7,
    CIR_CSS_CLEAR = 1 << 23,
    CFGR_PLL_BITS = 0x3F << 16, /* source, its divider, multiplier */
    RTC_ENABLE = 1 << 15,
    RTC_SOURCE = 3 << 8,
    CRYSTAL_HZ = 8000000,
    PWR_PVD_ON = 1 << 4,
    BACKUP_WRITES = 1 << 8,
    CRL_CONFIGURE = 1 << 4,
};
#define PLL_LOCK (200 * TICKS_US)
#define RTC_TICK (TICKS_S / 62500)

bool crystal_swings(const struct part *p)
{
    return p->rcc_cr & CR_HSE_READY && p->now < p->crystal_fails;
}

static uint32_t pll_hz(const struct part *p)
{
    uint32_t from = 4000000;
    if (p->rcc_cfgr >> 16 & 1)
        from = p->rcc_cfgr >> 17 & 1 ? CRYSTAL_HZ / 2 : CRYSTAL_HZ;
    uint32_t by = (p->rcc_cfgr >> 18 & 15) + 2;
    return from * (by > 16 ? 16 : by);
}

/* ---- the counter that stays ---- */

static bool rtc_runs(const struct part *p)
{
    return (p->bdcr & (RTC_ENABLE | RTC_SOURCE)) == (RTC_ENABLE | RTC_SOURCE) && crystal_swings(p);
}

/* Ticks of the prescaler since `rtc_count` held. */
static uint64_t rtc_ticks(const struct part *p)
{
    return p->rtc_since == NEVER ? p->rtc_fraction
                                 : p->rtc_fraction + (p->now - p->rtc_since) / RTC_TICK;
}

/* Takes what has run so far into the counter; afterwards it runs or stands. */
static void rtc_settle(struct part *p)
{
    uint64_t ticks = rtc_ticks(p), period = (uint64_t)p->rtc_prl + 1;
    p->rtc_count += (uint32_t)(ticks / period);
    p->rtc_fraction = ticks % period;
    p->rtc_since = rtc_runs(p) ? p->now : NEVER;
}

static uint32_t rtc_read(const struct part *p, uint32_t address)
{
    uint64_t ticks = rtc_ticks(p), period = (uint64_t)p->rtc_prl + 1;
    uint32_t count = p->rtc_count + (uint32_t)(ticks / period);
    uint32_t left = (uint32_t)(period - 1 - ticks % period);
    switch (address & 0x3FF) {
    case 0x04:
        return (p->rtc_crl & CRL_CONFIGURE) | 1 << 5 | 1 << 3;
    case 0x10:
        return left >> 16;
    case 0x14:
        return left & 0xFFFF;
    case 0x18:
        return count >> 16;
    case 0x1C:
        return count & 0xFFFF;
    default:
        return 0;
    }
}

static void rtc_write(struct part *p, uint32_t address, uint32_t value)
{
    uint32_t offset = address & 0x3FF;
    if (!(p->pwr_cr & BACKUP_WRITES))
        return;
    if (offset == 0x04) {
        p->rtc_crl = value;
        return;
    }
    if (!(p->rtc_crl & CRL_CONFIGURE))
        return;
    rtc_settle(p);
    if (offset == 0x08)
        p->rtc_prl = (p->rtc_prl & 0xFFFF) | (value & 15) << 16;
    if (offset == 0x0C)
        p->rtc_prl = (p->rtc_prl & 0xF0000) | (value & 0xFFFF);
    if (offset == 0x18)
        p->rtc_count = (p->rtc_count & 0xFFFF) | value << 16;
    if (offset == 0x1C)
        p->rtc_count = (p->rtc_count & 0xFFFF0000) | (value & 0xFFFF);
    p->rtc_fraction = 0; /* a write begins a new second */
}

/* ---- the tree ---- */

static void set_core(struct part *p, uint32_t hz)
{
    uint32_t ticks = (uint32_t)((TICKS_S + hz / 2) / hz);
    if (hz > 72000000)
        part_complain(p, "the core is clocked faster than 72 MHz");
    if (hz > 48000000 && (p->acr & 7) < 2)
        part_complain(p, "the flash is read with too few wait states");
    if (ticks != p->ticks_a_cycle)
        timer_rebase(p, ticks);
    p->ticks_a_cycle = ticks;
}

/* The switch SW takes what is ready; SWS follows. */
static void switch_core(struct part *p)
{
    unsigned wanted = p->rcc_cfgr & 3;
    bool ready = wanted == 0 ? p->rcc_cr & CR_HSI_READY
                             : p->rcc_cr & (wanted == 1 ? CR_HSE_READY : CR_PLL_READY);
    if (!ready || wanted == 3)
        return;
    p->rcc_cfgr = (p->rcc_cfgr & ~UINT32_C(0xC)) | wanted << 2;
    set_core(p, wanted == 2 ? pll_hz(p) : CRYSTAL_HZ);
}

static void write_cr(struct part *p, uint32_t value)
{
    uint32_t on = CR_HSE_ON | CR_CSS_ON | CR_PLL_ON | CR_HSI_ON;
    uint32_t was = p->rcc_cr;
    unsigned from = p->rcc_cfgr >> 2 & 3;
    if (from == 2) /* what is in use can't be switched off */
        value |= CR_PLL_ON | (p->rcc_cfgr >> 16 & 1 ? (uint32_t)CR_HSE_ON : 0);
    if (from == 0)
        value |= CR_HSI_ON;
    p->rcc_cr = (was & ~on) | (value & on);
    if (!(p->rcc_cr & CR_HSE_ON)) {
        rtc_settle(p);
        p->rcc_cr &= ~(uint32_t)CR_HSE_READY;
        p->due[EVENT_CRYSTAL] = NEVER;
        rtc_settle(p);
    } else if (!(was & CR_HSE_ON) && p->crystal_takes != NEVER && p->now < p->crystal_fails) {
        p->due[EVENT_CRYSTAL] = p->now + p->crystal_takes;
    }
    if (!(p->rcc_cr & CR_PLL_ON)) {
        p->rcc_cr &= ~(uint32_t)CR_PLL_READY;
        p->due[EVENT_PLL] = NEVER;
    } else if (!(was & CR_PLL_ON)) {
        p->due[EVENT_PLL] = p->now + PLL_LOCK;
    }
    p->rcc_cr = p->rcc_cr & CR_HSI_ON ? p->rcc_cr | CR_HSI_READY : p->rcc_cr & ~UINT32_C(2);
}

static void write_cfgr(struct part *p, uint32_t value)
{
    uint32_t kept = 0xC;
    if (p->rcc_cr & CR_PLL_ON)
        kept |= CFGR_PLL_BITS; /* frozen while it runs, RM0008 7.3.2 */
    p->rcc_cfgr = (p->rcc_cfgr & kept) | (value & ~kept);
    switch_core(p);
}

/* The crystal stops. With CSS the part falls back by itself; without, the core has no clock. */
static void crystal_died(struct part *p)
{
    bool used =
        (p->rcc_cfgr >> 2 & 3) == 1 || ((p->rcc_cfgr >> 2 & 3) == 2 && p->rcc_cfgr >> 16 & 1);
    p->rtc_fraction = rtc_ticks(p);
    p->rtc_since = NEVER;
    rtc_settle(p);
    p->rcc_cr &= ~(uint32_t)CR_HSE_READY;
    if (p->rcc_cr & CR_CSS_ON) {
        p->rcc_cr &= ~(uint32_t)(CR_HSE_ON | CR_CSS_ON);
        p->rcc_cir |= CIR_CSS;
        p->nmi_pending = true;
        if (used) {
            p->rcc_cr &= ~(uint32_t)(CR_PLL_ON | CR_PLL_READY);
            p->rcc_cr |= CR_HSI_ON | CR_HSI_READY;
            p->rcc_cfgr &= ~UINT32_C(0xF);
            set_core(p, CRYSTAL_HZ);
        }
    } else if (used) {
        p->stall_until = NEVER; /* until a reset: the watchdog has a clock of its own */
    }
}

void clock_event(struct part *p, enum part_event event, uint64_t at)
{
    if (event == EVENT_PLL) {
        if (!(p->rcc_cfgr >> 16 & 1) || crystal_swings(p))
            p->rcc_cr |= CR_PLL_READY;
        switch_core(p);
    } else if (at >= p->crystal_fails) {
        crystal_died(p);
    } else {
        rtc_settle(p);
        p->rcc_cr |= CR_HSE_READY;
        rtc_settle(p);
        p->due[EVENT_CRYSTAL] = p->crystal_fails;
        switch_core(p);
    }
}

void clock_reset(struct part *p, enum part_reset why)
{
    static const uint32_t flags[] = {3u << 26, 1u << 26, 1u << 28 | 1u << 26, 1u << 29 | 1u << 26};
    rtc_settle(p);
    p->rcc_cr = 0x83;
    p->rcc_cfgr = p->rcc_cir = 0;
    p->ahbenr = 0x14;
    p->apb1enr = p->apb2enr = 0;
    p->csr = why == RESET_POWER ? flags[why] : p->csr | flags[why];
    p->pwr_cr = 0;
    p->stall_until = 0;
    p->ticks_a_cycle = (uint32_t)(TICKS_S / CRYSTAL_HZ);
    p->rtc_since = NEVER; /* without the crystal it stands */
    if (why == RESET_POWER) {
        p->bdcr = p->rtc_count = 0;
        p->rtc_fraction = 0;
        p->rtc_prl = 0x8000;
        memset(p->backup, 0, sizeof p->backup);
    }
}

/* ---- registers ---- */

static bool pvd_below(const struct part *p)
{
    static const uint16_t levels_mv[] = {2200, 2300, 2400, 2500, 2600, 2700, 2800, 2900};
    return p->pwr_cr & PWR_PVD_ON && p->supply_mv < levels_mv[p->pwr_cr >> 5 & 7];
}

uint32_t clock_read(struct part *p, uint32_t address)
{
    if (address >= 0x40002800 && address < 0x40002C00)
        return rtc_read(p, address);
    if (address >= 0x40006C04 && address < 0x40006C2C)
        return p->backup[(address - 0x40006C04) / 4];
    switch (address) {
    case 0x40007000:
        return p->pwr_cr;
    case 0x40007004:
        return pvd_below(p) ? 4 : 0;
    case 0x40021000:
        return p->rcc_cr;
    case 0x40021004:
        return p->rcc_cfgr;
    case 0x40021008:
        return p->rcc_cir;
    case 0x40021014:
        return p->ahbenr;
    case 0x40021018:
        return p->apb2enr;
    case 0x4002101C:
        return p->apb1enr;
    case 0x40021020:
        return p->bdcr;
    case 0x40021024:
        return p->csr;
    default:
        return 0;
    }
}

static void write_bdcr(struct part *p, uint32_t value)
{
    if (!(p->pwr_cr & BACKUP_WRITES))
        return;
    rtc_settle(p);
    if (value >> 16 & 1) {
        p->bdcr = 1u << 16;
        p->rtc_count = 0;
        p->rtc_fraction = 0;
        memset(p->backup, 0, sizeof p->backup);
    } else {
        p->bdcr = value & 0x8307;
    }
    rtc_settle(p);
}

void clock_write(struct part *p, uint32_t address, uint32_t value)
{
    if (address >= 0x40002800 && address < 0x40002C00)
        rtc_write(p, address, value);
    else if (address >= 0x40006C04 && address < 0x40006C2C) {
        if (p->pwr_cr & BACKUP_WRITES)
            p->backup[(address - 0x40006C04) / 4] = (uint16_t)value;
    } else if (address == 0x40007000)
        p->pwr_cr = value;
    else if (address == 0x40021000)
        write_cr(p, value);
    else if (address == 0x40021004)
        write_cfgr(p, value);
    else if (address == 0x40021008)
        p->rcc_cir = value & CIR_CSS_CLEAR ? 0 : p->rcc_cir;
    else if (address == 0x40021014)
        p->ahbenr = value;
    else if (address == 0x40021018)
        p->apb2enr = value;
    else if (address == 0x4002101C)
        p->apb1enr = value;
    else if (address == 0x40021020)
        write_bdcr(p, value);
    else if (address == 0x40021024 && value >> 24 & 1)
        p->csr = 0;
}
