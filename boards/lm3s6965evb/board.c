/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, pins, watchdog, and what this board does not have. */
#include "boards/lm3s6965evb/lm3s.h"

#include "boards/cortex-m3/life.h"

enum {
    RCC_SYSDIV_16 = 15 << 23,
    RCC_USE_DIVIDER = 1 << 22,
    RCC_PLL_OFF = 1 << 13,
    RCC_BYPASS = 1 << 11,
    RCC_CRYSTAL_8MHZ = 0xE << 6,
    RIS_PLL_LOCKED = 1 << 6,
    RCGC1_UART012 = 7,
    RCGC1_I2C0 = 1 << 12,
    RCGC1_TIMER0 = 1 << 16,
    RCGC2_PORTS_ABDFG = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6,
    WDT_ON = 1 | 2,           /* counts, and resets at the second time-out */
    WDT_HALF = CLOCK_HZ * 4U, /* so it bites after 8 s */
    RESC_EXTERNAL = 1,
    RESC_POWER = 2,
    RESC_BROWN_OUT = 4,
    RESC_WATCHDOG = 8,
    RESC_SOFTWARE = 16,
};

static void start_clock(void)
{
    reg_set(SYSCTL_RCC, RCC_BYPASS);
    reg_clear(SYSCTL_RCC, RCC_USE_DIVIDER);
    reg_write(SYSCTL_RCC, RCC_BYPASS | RCC_CRYSTAL_8MHZ | RCC_SYSDIV_16 | RCC_USE_DIVIDER);
    for (int i = 0; i < 20000 && !(reg_read(SYSCTL_RIS) & RIS_PLL_LOCKED); i++)
        ; /* 0.5 ms; should the crystal be dead, all rates are wrong but nothing hangs */
    reg_clear(SYSCTL_RCC, RCC_BYPASS);
    reg_write(SYSCTL_RCGC1, RCGC1_UART012 | RCGC1_I2C0 | RCGC1_TIMER0);
    reg_write(SYSCTL_RCGC2, RCGC2_PORTS_ABDFG);
    (void)reg_read(SYSCTL_RCGC2); /* three clocks before the first access */
    (void)reg_read(SYSCTL_RCGC2);
    time_start(CLOCK_HZ, true);
}

static void start_pins(void)
{
    const uint32_t outputs_a = PIN_BUS_DRIVE | PIN_SDI_DRIVE | PIN_RAILS;
    reg_write(GPIO_A + GPIO_DIR, outputs_a);
    reg_write(GPIO_A + GPIO_AFSEL, 3); /* 0, 1: UART0 */
    reg_write(GPIO_A + GPIO_DEN, outputs_a | 3);
    reg_write(GPIO_D + GPIO_AFSEL, 3 << 2); /* 2, 3: UART1 */
    reg_write(GPIO_D + GPIO_DEN, 3 << 2);
    reg_write(GPIO_G + GPIO_AFSEL, 3); /* 0, 1: UART2 */
    reg_write(GPIO_G + GPIO_DEN, 3);
    reg_write(GPIO_F + GPIO_DIR, PIN_LAMP);
    reg_write(GPIO_F + GPIO_DEN, PIN_LAMP);
}

static void start_watchdog(void)
{
    reg_write(WDT_LOCK, WDT_UNLOCK);
    reg_write(WDT_LOAD, WDT_HALF);
    reg_write(WDT_CTL, WDT_ON);
    reg_write(WDT_LOCK, 0);
}

void hal_watchdog_feed(void)
{
    reg_write(WDT_LOCK, WDT_UNLOCK);
    reg_write(WDT_ICR, 1); /* forgets a first time-out */
    reg_write(WDT_LOAD, WDT_HALF);
    reg_write(WDT_LOCK, 0);
}

static enum hal_reset_cause part_says(void)
{
    uint32_t cause = reg_read(SYSCTL_RESC);
    reg_write(SYSCTL_RESC, 0); /* the bits add up until cleared */
    if (cause & RESC_POWER)
        return HAL_RESET_POWER;
    if (cause & RESC_BROWN_OUT)
        return HAL_RESET_BROWN_OUT;
    if (cause & RESC_WATCHDOG)
        return HAL_RESET_WATCHDOG;
    if (cause & RESC_SOFTWARE)
        return HAL_RESET_SOFTWARE;
    return cause & RESC_EXTERNAL ? HAL_RESET_PIN : HAL_RESET_UNKNOWN;
}

void board_start(void)
{
    life_cause(part_says());
    life_begin();
    start_clock();
    start_watchdog();
    start_pins();
    i2c_start();
    uart_start();
    cpu_irq_enable(IRQ_TIMER0A);
}

/* The MAC address that the maker put into the user registers: its last four bytes. */
uint32_t hal_serial(void)
{
    uint32_t low = reg_read(SYSCTL_USER0), high = reg_read(SYSCTL_USER1);
    uint32_t serial =
        (low & 0xFF0000) << 8 | (high & 0xFF) << 16 | (high & 0xFF00) | (high >> 16 & 0xFF);
    return serial ? serial : 1;
}

const uint8_t *hal_factory_page(size_t *size)
{
    *size = 0;
    return NULL;
}

bool hal_clock_is_coarse(void)
{
    return false;
}

const char *hal_board_name(void)
{
    return "lm3s6965evb";
}

void hal_rails(uint8_t on_mask)
{
    pin_write(GPIO_A, PIN_RAILS, false);
    pin_write(GPIO_A, ((uint32_t)on_mask << 4) & PIN_RAILS, true);
}

void hal_indicator(bool on)
{
    pin_write(GPIO_F, PIN_LAMP, on);
}
