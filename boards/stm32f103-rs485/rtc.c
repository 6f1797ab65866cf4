/* SPDX-License-Identifier: Apache-2.0 */
/* Wall time over a reset, RM0008 chapters 5 (PWR), 6 (BKP), 7 (RCC) and 18 (RTC). The counter runs
 * from the crystal / 128, so the board needs no second one; it stands still for the few
 * milliseconds of a reset, and a loss of power ends it, since VBAT hangs on the same supply. On the
 * internal oscillator there is no RTC: it would be minutes off within a day.
 *
 *   8 MHz / 128 = 62,500 Hz ── prescaler DIV, 62,499 … 0 ── counter CNT, seconds of UTC
 *
 * A write of CNT begins a new second, so the milliseconds by which the true one was older are kept
 * beside it (backup register 2). Backup register 1 says that the time was set. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

enum {
    APB1_BACKUP = 1 << 27 | 1 << 28, /* BKP and PWR */
    PWR_BACKUP_WRITES = 1 << 8,
    BDCR_SOURCE = 3 << 8,
    BDCR_CRYSTAL_128 = 3 << 8,
    BDCR_ENABLE = 1 << 15,
    BDCR_RESET = 1 << 16,
    CRL_SYNCHRONIZED = 1 << 3,
    CRL_CONFIGURE = 1 << 4,
    CRL_WRITTEN = 1 << 5,
    CRYSTAL_HZ = 72000000,
    TICKS = 62500, /* 125 are 2 ms */
    TIME_IS_SET = 0xBA1E,
    LOOKS = 20000, /* some ms; the RTC's own clock takes 3 of its ticks, 48 us */
};

static bool wait_for(uint32_t flag)
{
    for (int i = 0; i < LOOKS; i++)
        if (reg_read(RTC_CRL) & flag)
            return true;
    return false;
}

/* Two halves of 16 bits, of which the low one may pass 0 in between. */
static uint32_t read_pair(uint32_t high_register, uint32_t low_register)
{
    uint32_t high = 0, low = 0;
    for (int i = 0; i < 3; i++) {
        high = reg_read(high_register);
        low = reg_read(low_register);
        if (reg_read(high_register) == high)
            break;
    }
    return (high & 0xFFFF) << 16 | (low & 0xFFFF);
}

static bool write_pair(uint32_t high_register, uint32_t low_register, uint32_t value)
{
    if (!wait_for(CRL_WRITTEN))
        return false;
    reg_set(RTC_CRL, CRL_CONFIGURE);
    reg_write(high_register, value >> 16);
    reg_write(low_register, value & 0xFFFF);
    reg_clear(RTC_CRL, CRL_CONFIGURE);
    return wait_for(CRL_WRITTEN);
}

static bool is_running(void)
{
    const uint32_t wanted = BDCR_ENABLE | BDCR_CRYSTAL_128;
    return (reg_read(RCC_BDCR) & (BDCR_ENABLE | BDCR_SOURCE)) == wanted;
}

void rtc_start(bool power_up)
{
    if (clock_core_hz() != CRYSTAL_HZ)
        return;
    reg_set(RCC_APB1ENR, APB1_BACKUP);
    reg_set(PWR_CR, PWR_BACKUP_WRITES);
    if (power_up || !is_running()) {
        reg_write(RCC_BDCR, BDCR_RESET);
        reg_write(RCC_BDCR, 0);
        reg_write(RCC_BDCR, BDCR_CRYSTAL_128 | BDCR_ENABLE);
        reg_write(BKP_DR1, 0);
        (void)write_pair(RTC_PRLH, RTC_PRLL, TICKS - 1);
    }
    reg_clear(RTC_CRL, CRL_SYNCHRONIZED); /* its registers were cut off from this side */
}

static bool is_set(void)
{
    return clock_core_hz() == CRYSTAL_HZ && is_running() &&
           (reg_read(BKP_DR1) & 0xFFFF) == TIME_IS_SET && wait_for(CRL_SYNCHRONIZED);
}

enum hal_result hal_rtc_read(uint32_t *seconds, uint16_t *ms)
{
    if (!is_set())
        return HAL_RANGE;
    uint32_t before, left, ticks;
    int tries = 0;
    do {
        before = read_pair(RTC_CNTH, RTC_CNTL);
        left = read_pair(RTC_DIVH, RTC_DIVL);
        *seconds = read_pair(RTC_CNTH, RTC_CNTL);
    } while (before != *seconds && ++tries < 3);
    ticks = left < TICKS ? TICKS - 1 - left : 0;
    uint32_t part_ms = ticks * 2 / 125 + (reg_read(BKP_DR2) & 0xFFFF);
    *seconds += part_ms / 1000;
    *ms = (uint16_t)(part_ms % 1000);
    return HAL_OK;
}

void hal_rtc_write(uint32_t seconds, uint16_t ms)
{
    if (clock_core_hz() != CRYSTAL_HZ || !is_running())
        return;
    reg_write(BKP_DR1, 0); /* half set is not set */
    if (!write_pair(RTC_CNTH, RTC_CNTL, seconds))
        return;
    reg_write(BKP_DR2, ms);
    reg_write(BKP_DR1, TIME_IS_SET);
}
