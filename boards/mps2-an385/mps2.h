/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the MPS2 FPGA image AN385 (Arm DAI 0385 and DDI 0479) that this board uses, and what
 * its files share. */
#ifndef BAIYE_MPS2_H
#define BAIYE_MPS2_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/cpu.h"

#define CLOCK_HZ 25000000U

/* CMSDK timer 0 */
#define TIMER_CTRL   0x40000000U
#define TIMER_VALUE  0x40000004U
#define TIMER_RELOAD 0x40000008U
#define TIMER_CLEAR  0x4000000CU

/* CMSDK UARTs: one byte of buffer each way */
#define UART0        0x40004000U
#define UART1        0x40005000U
#define UART2        0x40006000U
#define UART_DATA    0x00U
#define UART_STATE   0x04U
#define UART_CTRL    0x08U
#define UART_CLEAR   0x0CU
#define UART_BAUDDIV 0x10U

/* CMSDK watchdog */
#define WDT_LOAD   0x40008000U
#define WDT_CTL    0x40008008U
#define WDT_CLEAR  0x4000800CU
#define WDT_LOCK   0x40008C00U
#define WDT_UNLOCK 0x1ACCE551U

/* CMSDK GPIO 0: bit 0 and 1 sensor rails */
#define GPIO_OUT    0x40010004U
#define GPIO_ENABLE 0x40010010U

#define FPGA_LEDS 0x40028000U

/* SBCon I2C: two open-drain pins */
#define I2C_SET   0x4002A000U /* reads both lines */
#define I2C_CLEAR 0x4002A004U

/* PSRAM */
#define PSRAM      0x21000000U
#define PSRAM_SIZE 0x01000000U

enum { IRQ_UART0_RX = 0, IRQ_UART0_TX = 1, IRQ_UART1_RX = 2, IRQ_UART1_TX = 3, IRQ_TIMER0 = 8 };

/* Something for the main loop to look at happened: end hal_sleep(). From interrupts. */
void sleep_end(void);

void uart_start(void);
void watchdog_start(void);

void uart0_rx_handler(void);
void uart0_tx_handler(void);
void uart1_rx_handler(void);
void uart1_tx_handler(void);
void timer0_handler(void);

#endif
