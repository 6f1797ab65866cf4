/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the LM3S6965 (Stellaris data sheet DS-LM3S6965) that this board uses, and what its
 * files share. */
#ifndef BAIYE_LM3S_H
#define BAIYE_LM3S_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/cpu.h"

/* System control */
#define SYSCTL_RESC  0x400FE05CU
#define SYSCTL_RCC   0x400FE060U
#define SYSCTL_RIS   0x400FE050U
#define SYSCTL_RCGC1 0x400FE104U
#define SYSCTL_RCGC2 0x400FE108U
#define SYSCTL_USER0 0x400FE1E0U
#define SYSCTL_USER1 0x400FE1E4U

/* Watchdog */
#define WDT_LOAD   0x40000000U
#define WDT_CTL    0x40000008U
#define WDT_ICR    0x4000000CU
#define WDT_LOCK   0x40000C00U
#define WDT_UNLOCK 0x1ACCE551U

/* GPIO port base + offset; the data register's address bits 2..9 mask the pins it touches */
#define GPIO_A     0x40004000U
#define GPIO_B     0x40005000U
#define GPIO_D     0x40007000U
#define GPIO_F     0x40025000U
#define GPIO_G     0x40026000U
#define GPIO_DIR   0x400U
#define GPIO_AFSEL 0x420U
#define GPIO_ODR   0x50CU
#define GPIO_DEN   0x51CU

/* UARTs (boards/cortex-m3/pl011.h) */
#define UART0 0x4000C000U
#define UART1 0x4000D000U
#define UART2 0x4000E000U

/* I2C master */
#define I2C_MSA  0x40020000U
#define I2C_MCS  0x40020004U
#define I2C_MDR  0x40020008U
#define I2C_MTPR 0x4002000CU
#define I2C_MCR  0x40020020U

/* General purpose timers */
#define TIMER0     0x40030000U
#define TIMER_CFG  0x000U
#define TIMER_TAMR 0x004U
#define TIMER_CTL  0x00CU
#define TIMER_IMR  0x018U
#define TIMER_ICR  0x024U
#define TIMER_TAIL 0x028U

enum { IRQ_UART0 = 5, IRQ_UART1 = 6, IRQ_TIMER0A = 19 };

/* PLL 200 MHz / 16: enough to answer within a character time, and the least power. */
#define CLOCK_HZ 12500000U

/* Pins of the board. */
enum {
    PIN_BUS_DRIVE = 1 << 2, /* port A: driver-enable of the RS-485 transceiver, /RE tied to it */
    PIN_SDI_DRIVE = 1 << 3, /* port A: enables the SDI-12 line driver */
    PIN_RAILS = 3 << 4,     /* port A, 4 and 5: sensor power switches */
    PIN_LAMP = 1 << 0,      /* port F: the evaluation board's status lamp */
};

static inline void pin_write(uint32_t port, uint32_t pins, bool high)
{
    reg_write(port + (pins << 2), high ? pins : 0);
}

/* Something for the main loop to look at happened: end hal_sleep(). From interrupts. */
void sleep_end(void);

void uart_start(void);
void i2c_start(void);

void uart0_handler(void);
void uart1_handler(void);
void timer0_handler(void);

#endif
