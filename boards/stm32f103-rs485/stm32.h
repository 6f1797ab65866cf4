/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the STM32F103CB (reference manual RM0008) that this board uses, its pins, and what
 * its files share. */
#ifndef BAIYE_STM32_H
#define BAIYE_STM32_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/cpu.h"

/* Reset and clock control, RM0008 7.3 */
#define RCC_CR      0x40021000U
#define RCC_CFGR    0x40021004U
#define RCC_AHBENR  0x40021014U
#define RCC_APB2ENR 0x40021018U
#define RCC_APB1ENR 0x4002101CU
#define RCC_BDCR    0x40021020U
#define RCC_CSR     0x40021024U

/* Flash, PM0075 */
#define FLASH_ACR  0x40022000U
#define FLASH_KEYR 0x40022004U
#define FLASH_SR   0x4002200CU
#define FLASH_CR   0x40022010U
#define FLASH_AR   0x40022014U

/* GPIO, 9.2 */
#define GPIO_A    0x40010800U
#define GPIO_B    0x40010C00U
#define GPIO_C    0x40011000U
#define GPIO_CRL  0x00U
#define GPIO_CRH  0x04U
#define GPIO_IDR  0x08U
#define GPIO_BSRR 0x10U

/* Alternate functions and external interrupts, 9.4 and 10.3 */
#define AFIO_EXTICR1 0x40010008U
#define EXTI_IMR     0x40010400U
#define EXTI_FTSR    0x4001040CU
#define EXTI_PR      0x40010414U

/* USART, 27.6 */
#define USART1    0x40013800U
#define USART2    0x40004400U
#define USART3    0x40004800U
#define USART_SR  0x00U
#define USART_DR  0x04U
#define USART_BRR 0x08U
#define USART_CR1 0x0CU
#define USART_CR2 0x10U
#define USART_CR3 0x14U

/* DMA 1, 13.4; USART1 sends by channel 4 and receives by channel 5 */
#define DMA_ISR   0x40020000U
#define DMA_IFCR  0x40020004U
#define DMA_TX    0x40020044U
#define DMA_RX    0x40020058U
#define DMA_CCR   0x00U
#define DMA_CNDTR 0x04U
#define DMA_CPAR  0x08U
#define DMA_CMAR  0x0CU

/* Timer 3, 15.4 */
#define TIM3     0x40000400U
#define TIM_CR1  0x00U
#define TIM_DIER 0x0CU
#define TIM_SR   0x10U
#define TIM_EGR  0x14U
#define TIM_PSC  0x28U
#define TIM_ARR  0x2CU

/* ADC 1, 11.12 */
#define ADC_SR    0x40012400U
#define ADC_CR2   0x40012408U
#define ADC_SMPR1 0x4001240CU
#define ADC_SMPR2 0x40012410U
#define ADC_SQR1  0x4001242CU
#define ADC_SQR3  0x40012434U
#define ADC_DR    0x4001244CU

/* Independent watchdog, 19.4 */
#define IWDG_KR  0x40003000U
#define IWDG_PR  0x40003004U
#define IWDG_RLR 0x40003008U

/* Power control 5.4, backup registers 6.4, real-time clock 18.4 */
#define PWR_CR   0x40007000U
#define PWR_CSR  0x40007004U
#define BKP_DR1  0x40006C04U
#define BKP_DR2  0x40006C08U
#define RTC_CRL  0x40002804U
#define RTC_PRLH 0x40002808U
#define RTC_PRLL 0x4000280CU
#define RTC_DIVH 0x40002810U
#define RTC_DIVL 0x40002814U
#define RTC_CNTH 0x40002818U
#define RTC_CNTL 0x4000281CU

/* Unique device identity, 30.2 */
#define UNIQUE_ID 0x1FFFF7E8U

/* From the linker script: behind the boot loader, or at the end where there is none. */
#define FACTORY_PAGE_SIZE 1024U
extern const uint8_t ld_factory_page[FACTORY_PAGE_SIZE];

enum {
    IRQ_EXTI1 = 7,
    IRQ_DMA_RX = 15, /* DMA 1 channel 5 */
    IRQ_TIM3 = 29,
    IRQ_USART1 = 37,
    IRQ_USART2 = 38,
};

/* Pins: number within the port. */
enum {
    PIN_A_SOIL = 0,      /* ADC channel 0 */
    PIN_A_SDI_DRIVE = 1, /* high: the node drives the SDI-12 wire */
    PIN_A_SDI_TX = 2,    /* USART2 */
    PIN_A_SDI_RX = 3,
    PIN_A_SUPPLY = 4,    /* ADC channel 4, through 100 k / 10 k */
    PIN_A_BUS_DRIVE = 8, /* high: the transceiver drives; its /RE is tied to DE */
    PIN_A_BUS_TX = 9,    /* USART1 */
    PIN_A_BUS_RX = 10,
    PIN_B_ONEWIRE = 0, /* open drain, 4.7 k up */
    PIN_B_RAIN = 1,    /* reed contact to ground */
    PIN_B_SCL = 6,     /* open drain, 4.7 k up */
    PIN_B_SDA = 7,
    PIN_B_MEMORY_SCL = 8, /* the FRAM's own: sensors without power hold the others down */
    PIN_B_MEMORY_SDA = 9,
    PIN_B_CONSOLE_TX = 10, /* USART3 */
    PIN_B_RAIL_0 = 12,     /* high: probes on SDI-12 have power */
    PIN_B_RAIL_1 = 13,     /* high: the sensors on I2C, 1-Wire and ADC have power */
    PIN_C_LAMP = 13,       /* low: lit */
};

static inline void pin_write(uint32_t port, unsigned pin, bool high)
{
    reg_write(port + GPIO_BSRR, 1U << (high ? pin : pin + 16));
}

static inline bool pin_read(uint32_t port, unsigned pin)
{
    return reg_read(port + GPIO_IDR) >> pin & 1;
}

/* clock.c: 72 MHz from the crystal; 64 MHz from the internal oscillator should it not swing. */
void clock_start(void);
void watchdog_start(void);
uint32_t clock_core_hz(void); /* also APB2 and the timers; APB1 is half of it */

/* pins.c: first thing after a reset, in the loader too: nobody drives a line or powers a rail, as
 * the pins would if they floated. The rest of them, once the clocks run. */
void pins_quiet(void);
void pins_start(void);
/* sleep.c: something for the main loop to look at happened. From interrupts. */
void sleep_end(void);
/* bus.c, sdi.c, inputs.c */
void sdi_start(void);
void inputs_start(void);
/* supply.c; after clock_start() */
void supply_watch(void);
/* rtc.c; after clock_start(). `power_up`: what the clock says is of no worth. */
void rtc_start(bool power_up);

void exti1_handler(void);
void dma_rx_handler(void);
void tim3_handler(void);
void usart1_handler(void);
void usart2_handler(void);

#endif
