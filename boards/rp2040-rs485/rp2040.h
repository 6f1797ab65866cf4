/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the RP2040 (RP2040 Datasheet) that this board uses, its pins, and what its files
 * share. */
#ifndef BAIYE_RP2040_H
#define BAIYE_RP2040_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/cpu.h"

/* What runs while the flash is busy, interrupt handlers above all, lies in RAM, and calls nothing
 * that does not. No switch in it either: its table would be read from flash. */
#define IN_RAM __attribute__((section(".ram_code"), noinline))

/* Each register has three aliases that change single bits at once, 2.1.2 */
#define REG_SET   0x2000U
#define REG_CLEAR 0x3000U

/* Execute in place: its cache, 2.6.3 */
#define XIP_FLUSH 0x14000004U

/* Resets, 2.14 */
#define RESETS_RESET 0x4000C000U
#define RESETS_DONE  0x4000C008U

/* Power-on state machine, 2.13 */
#define PSM_WDSEL 0x40010008U

/* Pins, 2.19; of the bank 0, and the flash's chip select */
#define IO_BANK0           0x40014000U
#define IO_INTR0           0x400140F0U
#define IO_INTE0           0x40014100U
#define IO_QSPI_SS_CTRL    0x4001800CU
#define PADS_BANK0         0x4001C004U
#define SIO_GPIO_IN        0xD0000004U
#define SIO_GPIO_OUT_SET   0xD0000014U
#define SIO_GPIO_OUT_CLEAR 0xD0000018U
#define SIO_GPIO_OE_SET    0xD0000024U
#define SIO_GPIO_OE_CLEAR  0xD0000028U

/* Clocks, 2.15, 2.16, 2.18 */
#define CLK_REF_CTRL     0x40008030U
#define CLK_REF_SELECTED 0x40008038U
#define CLK_SYS_CTRL     0x4000803CU
#define CLK_SYS_SELECTED 0x40008044U
#define CLK_PERI_CTRL    0x40008048U
#define CLK_ADC_CTRL     0x40008060U
#define CLK_ADC_DIV      0x40008064U
#define XOSC_CTRL        0x40024000U
#define XOSC_STATUS      0x40024004U
#define XOSC_STARTUP     0x4002400CU
#define PLL_SYS_CS       0x40028000U
#define PLL_SYS_PWR      0x40028004U
#define PLL_SYS_FBDIV    0x40028008U
#define PLL_SYS_PRIM     0x4002800CU

/* UART (boards/cortex-m3/pl011.h), 4.2 */
#define UART0 0x40034000U
#define UART1 0x40038000U

/* ADC, 4.9 */
#define ADC_CS     0x4004C000U
#define ADC_RESULT 0x4004C004U

/* Timer, 4.6: microseconds */
#define TIMER_ALARM0 0x40054010U
#define TIMER_ARMED  0x40054020U
#define TIMER_RAW_H  0x40054024U
#define TIMER_RAW_L  0x40054028U
#define TIMER_INTR   0x40054034U
#define TIMER_INTE   0x40054038U

/* Watchdog, 4.7; it also divides the reference clock for the timer */
#define WATCHDOG_CTRL     0x40058000U
#define WATCHDOG_LOAD     0x40058004U
#define WATCHDOG_REASON   0x40058008U
#define WATCHDOG_SCRATCH4 0x4005801CU
#define WATCHDOG_TICK     0x4005802CU

/* Voltage regulator and chip reset, 2.12.7 */
#define CHIP_RESET 0x40064008U

#define SCB_VTOR 0xE000ED08U

enum {
    IRQ_TIMER_0 = 0,
    IRQ_TIMER_1 = 1,
    IRQ_TIMER_2 = 2,
    IRQ_TIMER_3 = 3,
    IRQ_IO_BANK0 = 13,
    IRQ_UART0 = 20,
    IRQ_UART1 = 21,
    IRQ_COUNT = 26,
};

/* GPIO numbers, "GP" on the board's silk screen. */
enum {
    PIN_BUS_TX = 0, /* UART0 */
    PIN_BUS_RX = 1,
    PIN_BUS_DRIVE = 2, /* high: the transceiver drives; its /RE is tied to DE */
    PIN_SDI_DRIVE = 3, /* high: the node drives the SDI-12 wire */
    PIN_SDI_TX = 4,    /* UART1 */
    PIN_SDI_RX = 5,
    PIN_SDA = 6, /* open drain, 4.7 k up */
    PIN_SCL = 7,
    PIN_MEMORY_SDA = 8, /* the FRAM's own: sensors without power hold the others down */
    PIN_MEMORY_SCL = 9,
    PIN_ONEWIRE = 10,    /* open drain, 4.7 k up */
    PIN_RAIN = 11,       /* reed contact to ground */
    PIN_RAIL_0 = 12,     /* high: probes on SDI-12 have power */
    PIN_RAIL_1 = 13,     /* high: the sensors on I2C, 1-Wire and ADC have power */
    PIN_CONSOLE_TX = 15, /* 9600 8N1, at start only */
    PIN_LAMP = 25,       /* high: lit */
    PIN_SOIL = 26,       /* ADC channel 0 */
    PIN_SUPPLY = 27,     /* ADC channel 1, through 100 k / 10 k */
};

#define CLOCK_HZ 96000000U

/* From the linker script. */
#define FACTORY_PAGE_SIZE 4096U
extern const uint8_t ld_factory_page[FACTORY_PAGE_SIZE];

static inline void pin_write(unsigned pin, bool high)
{
    reg_write(high ? SIO_GPIO_OUT_SET : SIO_GPIO_OUT_CLEAR, 1U << pin);
}

static inline bool pin_read(unsigned pin)
{
    return reg_read(SIO_GPIO_IN) >> pin & 1;
}

/* An open-drain pin, whose output is low: lets go or pulls down. */
static inline void pin_release(unsigned pin, bool release)
{
    reg_write(release ? SIO_GPIO_OE_CLEAR : SIO_GPIO_OE_SET, 1U << pin);
}

/* Takes peripherals out of reset (2.14.3) and waits until they are. */
static inline void reset_end(uint32_t bits)
{
    reg_write(RESETS_RESET + REG_CLEAR, bits);
    for (int i = 0; i < 10000 && (reg_read(RESETS_DONE) & bits) != bits; i++)
        ;
}

/* clock.c: 96 MHz from the crystal, which the board can't do without: should it not swing, this
 * waits for the watchdog, and the loader tries again. */
void clock_start(void);
void watchdog_start(void);
/* pins.c: first thing after a reset, in the loader too: nobody drives a line or powers a rail. */
void pins_quiet(void);
void pins_start(void);
/* time.c: something for the main loop to look at happened. From interrupts. */
void sleep_end(void);
/* uart.c, inputs.c; after clock_start() */
void uart_start(void);
void inputs_start(void);
/* flash.c: the flash chip's own 64-bit number; 50 us with interrupts as they are. */
void flash_unique_id(uint8_t id[8]);

void timer_0_handler(void);
void timer_1_handler(void);
void timer_2_handler(void);
void timer_3_handler(void);
void io_bank0_handler(void);
void uart0_handler(void);
void uart1_handler(void);

#endif
