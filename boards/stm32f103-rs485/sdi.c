/* SPDX-License-Identifier: Apache-2.0 */
/* SDI-12 on USART2, 1200 baud, 7E1, by interrupts: 120 characters a second at most. The break is
 * made by the pin, since the USART's own is one character long and SDI-12 wants 12 ms. */
#include "boards/cortex-m3/byte_ring.h"
#include "boards/stm32f103-rs485/stm32.h"
#include "boards/stm32f103-rs485/usart.h"
#include "firmware/hal.h"

enum {
    CR1_IDLE_STATE = CR1_ENABLE | CR1_PARITY | CR1_TRANSMIT | CR1_RECEIVE | CR1_RECEIVED_INT,
    BAUD = 1200,
    CONSOLE_BAUD = 115200,
    OUTPUT = 0x2,
    PERIPHERAL = 0xA,
};

static uint32_t ring_words[128];
static struct byte_ring ring = {.words = ring_words, .size = 128};
static const char *next;
static volatile size_t left;
static volatile bool driving;

static void tx_pin_mode(uint32_t mode)
{
    unsigned shift = PIN_A_SDI_TX * 4;
    reg_write(GPIO_A + GPIO_CRL, (reg_read(GPIO_A + GPIO_CRL) & ~(0xFU << shift)) | mode << shift);
}

void sdi_start(void)
{
    uint32_t apb1_hz = clock_core_hz() / 2;
    reg_write(USART2 + USART_BRR, (apb1_hz + BAUD / 2) / BAUD);
    reg_write(USART2 + USART_CR1, CR1_IDLE_STATE);
    cpu_irq_enable(IRQ_USART2);
    reg_write(USART3 + USART_BRR, (apb1_hz + CONSOLE_BAUD / 2) / CONSOLE_BAUD);
    reg_write(USART3 + USART_CR1, CR1_ENABLE | CR1_TRANSMIT);
}

void console_line(const char *text)
{
    const char *const parts[] = {text, "\r\n"};
    for (int part = 0; part < 2; part++)
        for (const char *c = parts[part]; *c; c++) {
            for (int i = 0; i < 10000 && !(reg_read(USART3 + USART_SR) & SR_EMPTY); i++)
                ;
            reg_write(USART3 + USART_DR, (uint8_t)*c);
        }
}

static void take(uint32_t status)
{
    uint32_t data = reg_read(USART2 + USART_DR); /* clears the flags */
    if (driving)
        return; /* our own, through the one wire */
    byte_ring_put(&ring, hal_now_us(), data & 0x7F, usart_errors(status));
    sleep_end();
}

void usart2_handler(void)
{
    uint32_t status = reg_read(USART2 + USART_SR);
    if (status & (SR_RECEIVED | SR_OVERRUN))
        take(status);
    if (!driving)
        return;
    if (left && status & SR_EMPTY) {
        reg_write(USART2 + USART_DR, (uint8_t)*next++);
        left--;
        if (!left) /* from here on wait for the last stop bit */
            reg_write(USART2 + USART_CR1, CR1_IDLE_STATE | CR1_SENT_INT);
        return;
    }
    if (!left && status & SR_SENT) {
        reg_write(USART2 + USART_CR1, CR1_IDLE_STATE);
        pin_write(GPIO_A, PIN_A_SDI_DRIVE, false);
        driving = false;
        sleep_end();
    }
}

void hal_sdi_break(bool on)
{
    pin_write(GPIO_A, PIN_A_SDI_DRIVE, true); /* and stays: marking must be driven, too */
    pin_write(GPIO_A, PIN_A_SDI_TX, !on);
    tx_pin_mode(on ? OUTPUT : PERIPHERAL);
}

void hal_sdi_send(const char *text, size_t size)
{
    cpu_irq_off();
    pin_write(GPIO_A, PIN_A_SDI_DRIVE, true);
    driving = size > 0;
    next = text;
    left = size;
    reg_write(USART2 + USART_CR1, CR1_IDLE_STATE | CR1_EMPTY_INT);
    cpu_irq_on();
}

bool hal_sdi_sending(void)
{
    return driving;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    return byte_ring_get(&ring, byte);
}
