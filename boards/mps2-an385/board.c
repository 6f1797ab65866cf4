/* SPDX-License-Identifier: Apache-2.0 */
/* Start, identity and I2C pins. */
#include "boards/cortex-m3/i2c_bits.h"
#include "boards/cortex-m3/life.h"
#include "boards/cortex-m3/nv_fram.h"
#include "boards/mps2-an385/mps2.h"

enum {
    RAILS = 3,
    LAMP = 1,
    SCL = 1,
    SDA = 2,
};

/* The last 8 bytes of the PSRAM file: the serial number and its complement, when somebody put
 * them there. */
#define IDENTITY (PSRAM + PSRAM_SIZE - 8)

void nmi_handler(void);

/* The watchdog's first time-out. */
__attribute__((naked)) void nmi_handler(void)
{
    __asm__ volatile("mov r0, sp\n\tb life_bite");
}

void board_start(void)
{
    life_begin(); /* the part does not tell causes of resets */
    time_start(CLOCK_HZ, true);
    watchdog_start();
    reg_write(GPIO_ENABLE, RAILS);
    reg_write(I2C_SET, SCL | SDA);
    uart_start();
    cpu_irq_enable(IRQ_TIMER0);
}

uint32_t hal_serial(void)
{
    uint32_t serial = reg_read(IDENTITY);
    return serial && reg_read(IDENTITY + 4) == ~serial ? serial : 1;
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
    return "mps2-an385";
}

void hal_rails(uint8_t on_mask)
{
    reg_write(GPIO_OUT, on_mask & RAILS);
}

void hal_indicator(bool on)
{
    reg_write(FPGA_LEDS, on ? LAMP : 0);
}

void i2c_scl(enum i2c_wires wires, bool high)
{
    (void)wires;
    reg_write(high ? I2C_SET : I2C_CLEAR, SCL);
}

void i2c_sda(enum i2c_wires wires, bool high)
{
    (void)wires;
    reg_write(high ? I2C_SET : I2C_CLEAR, SDA);
}

bool i2c_scl_is_high(enum i2c_wires wires)
{
    (void)wires;
    return reg_read(I2C_SET) & SCL;
}

bool i2c_sda_is_high(enum i2c_wires wires)
{
    (void)wires;
    return reg_read(I2C_SET) & SDA;
}

/* Two accesses to the bus are longer than half a bit at 1 MHz, and emulated parts need none. */
void i2c_pause(enum i2c_wires wires)
{
    (void)wires;
    (void)reg_read(I2C_SET);
    (void)reg_read(I2C_SET);
}

/* Emulated: there is no supply to look at. */
bool nv_has_power(void)
{
    return true;
}
