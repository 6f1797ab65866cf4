/* SPDX-License-Identifier: Apache-2.0 */
/* The STM32F103's real-time clock and watchdog, by the words of RM0008 chapters 5, 6, 18 and 19. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"
#include "tests/unit/boards/register_model.h"

enum {
    CRL_SYNCHRONIZED = 1 << 3,
    CRL_CONFIGURE = 1 << 4,
    CRL_WRITTEN = 1 << 5,
    BDCR_RUNS_FROM_CRYSTAL = 1 << 15 | 3 << 8,
    BDCR_RESET = 1 << 16,
    TIME_IS_SET = 0xBA1E,
};
#define SOME_DAY 0x6B0235DAU

void time_start(uint32_t hz, bool core_clock)
{
    (void)hz;
    (void)core_clock;
}

static bool rtc_dead;
static unsigned low_reads;

/* Three ticks of its own clock after whatever was written, the part says so. */
static void rtc_lives(uint32_t address)
{
    if (address == RTC_CRL && !rtc_dead)
        model_set(RTC_CRL, model_get(RTC_CRL) | CRL_SYNCHRONIZED | CRL_WRITTEN);
}

static int setup(void **state)
{
    (void)state;
    model_reset();
    rtc_dead = false;
    low_reads = 0;
    model.on_read = rtc_lives;
    return 0;
}

static void show(uint32_t seconds, uint16_t ticks_left)
{
    model_set(RTC_CNTH, seconds >> 16);
    model_set(RTC_CNTL, seconds & 0xFFFF);
    model_set(RTC_DIVL, ticks_left);
}

/* A reset of the system: everything but the backup domain begins anew. */
static void reset_system(bool power_up)
{
    uint32_t bdcr = model_get(RCC_BDCR), set = model_get(BKP_DR1), ms = model_get(BKP_DR2);
    uint32_t high = model_get(RTC_CNTH), low = model_get(RTC_CNTL), left = model_get(RTC_DIVL);
    model_reset();
    model.on_read = rtc_lives;
    model_set(RCC_BDCR, bdcr);
    model_set(BKP_DR1, set);
    model_set(BKP_DR2, ms);
    show(high << 16 | low, (uint16_t)left);
    clock_start();
    rtc_start(power_up);
}

static void clock_is_made_to_count_seconds(void **state)
{
    (void)state;
    clock_start();
    rtc_start(true);
    int enabled = model_written(0, RCC_APB1ENR, 3 << 27, 3 << 27);
    int opened = model_written(0, PWR_CR, 1 << 8, 1 << 8);
    int reset = model_written(0, RCC_BDCR, UINT32_MAX, BDCR_RESET);
    int chosen = model_written(0, RCC_BDCR, UINT32_MAX, BDCR_RUNS_FROM_CRYSTAL);
    int configure = model_written(0, RTC_CRL, CRL_CONFIGURE, CRL_CONFIGURE);
    int divided = model_written(0, RTC_PRLL, 0xFFFF, 62500 - 1);
    int done = model_written((size_t)divided, RTC_CRL, CRL_CONFIGURE, 0);
    assert_true(enabled >= 0 && opened > enabled && reset > opened && chosen > reset);
    assert_true(configure > chosen && divided > configure && done > divided);
    assert_int_equal(model_get(RTC_PRLH), 0);
    uint32_t seconds;
    uint16_t ms;
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_RANGE); /* counts, but from what? */
}

static void time_is_given_back_with_its_milliseconds(void **state)
{
    (void)state;
    uint32_t seconds;
    uint16_t ms;
    clock_start();
    rtc_start(true);
    hal_rtc_write(SOME_DAY, 700);
    assert_int_equal(model_get(RTC_CNTH), SOME_DAY >> 16);
    assert_int_equal(model_get(RTC_CNTL), SOME_DAY & 0xFFFF);
    assert_int_equal(model_get(BKP_DR1), TIME_IS_SET);
    show(SOME_DAY + 10, 62499 - 12500); /* 10.2 s later */
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_OK);
    assert_int_equal(seconds, SOME_DAY + 10);
    assert_int_equal(ms, 900);
    show(SOME_DAY + 10, 0); /* just before the next second, which began at .7 */
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_OK);
    assert_int_equal(seconds, SOME_DAY + 11);
    assert_int_equal(ms, 699);
}

static void time_outlives_a_reset_but_not_the_power(void **state)
{
    (void)state;
    uint32_t seconds;
    uint16_t ms;
    clock_start();
    rtc_start(true);
    hal_rtc_write(SOME_DAY, 0);
    show(SOME_DAY + 3, 62499);
    reset_system(false);
    assert_int_equal(model_written(0, RCC_BDCR, BDCR_RESET, BDCR_RESET), -1);
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_OK);
    assert_int_equal(seconds, SOME_DAY + 3);
    reset_system(true);
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_RANGE);
}

static void low_half_passes_0(uint32_t address)
{
    rtc_lives(address);
    if (address == RTC_CNTL && low_reads++ == 0)
        show(0x6B030000, 62499);
}

static void carry_between_the_halves_is_no_hour_lost(void **state)
{
    (void)state;
    uint32_t seconds;
    uint16_t ms;
    clock_start();
    rtc_start(true);
    hal_rtc_write(0x6B02FFFF, 0);
    show(0x6B02FFFF, 0);
    model.on_read = low_half_passes_0;
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_OK);
    assert_int_equal(seconds, 0x6B030000);
    assert_int_equal(ms, 0);
}

static void dead_crystal_or_clock_means_no_time_and_no_hang(void **state)
{
    (void)state;
    uint32_t seconds;
    uint16_t ms;
    model.crystal_dead = true;
    clock_start();
    rtc_start(true);
    hal_rtc_write(SOME_DAY, 0);
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_RANGE);
    assert_int_equal(model_written(0, RCC_BDCR, 0, 0), -1);
    model_reset();
    rtc_dead = true;
    clock_start();
    rtc_start(true);
    hal_rtc_write(SOME_DAY, 0);
    assert_int_equal(hal_rtc_read(&seconds, &ms), HAL_RANGE);
    assert_int_equal(model_get(BKP_DR1), 0);
}

static void watchdog_bites_after_8_s_and_is_fed_by_its_key(void **state)
{
    (void)state;
    watchdog_start();
    static const struct model_write expected[] = {
        {IWDG_KR, 0xCCCC}, /* also switches its oscillator on */
        {IWDG_KR, 0x5555}, /* opens the two below */
        {IWDG_PR, 5},
        {IWDG_RLR, 2499},
        {IWDG_KR, 0xAAAA}};
    assert_int_equal(model.write_count, 5);
    assert_memory_equal(model.writes, expected, sizeof expected);
    unsigned prescaler = 4U << model_get(IWDG_PR), reload = model_get(IWDG_RLR) + 1;
    assert_int_equal(prescaler * reload / 40000, 8); /* at 40 kHz; 30 to 60 are the part's limits */
    assert_true(prescaler * reload / 60000 >= 4 && prescaler * reload / 30000 <= 16);
    hal_watchdog_feed();
    assert_int_equal(model.write_count, 6);
    assert_int_equal(model.writes[5].value, 0xAAAA);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clock_is_made_to_count_seconds),
        TEST(time_is_given_back_with_its_milliseconds),
        TEST(time_outlives_a_reset_but_not_the_power),
        TEST(carry_between_the_halves_is_no_hour_lost),
        TEST(dead_crystal_or_clock_means_no_time_and_no_hang),
        TEST(watchdog_bites_after_8_s_and_is_fed_by_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
