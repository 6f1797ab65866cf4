/* SPDX-License-Identifier: Apache-2.0 */
/* The two lines on PL011 UARTs: UART0 the RS-485 bus, UART1 SDI-12. Bytes go by interrupt through
 * the 16-byte FIFOs. The part has no transmit-complete interrupt, so after the last byte was
 * queued the driver is let go by whoever looks next and finds the shifter empty: the receive or
 * transmit interrupt, or hal_bus_sending(), which the main loop asks at least once a character. */
#include "boards/cortex-m3/pl011.h"
#include "boards/cortex-m3/uart_lines.h"
#include "boards/lm3s6965evb/lm3s.h"

static uint32_t bus_words[1024], sdi_words[128];
struct uart_line uart_bus = {
    .base = UART0, .drive_pin = PIN_BUS_DRIVE, .ring = {.words = bus_words, .size = 1024}};
struct uart_line uart_sdi = {
    .base = UART1, .drive_pin = PIN_SDI_DRIVE, .ring = {.words = sdi_words, .size = 128}};

static void take_bytes(struct uart_line *line)
{
    for (int i = 0; i < 32 && !(reg_read(line->base + UART_FR) & FR_RX_EMPTY); i++) {
        uint32_t data = reg_read(line->base + UART_DR);
        if (!line->sending)
            byte_ring_put(&line->ring, hal_now_us(), (uint8_t)data, pl011_errors(data));
        sleep_end();
    }
}

static void give_bytes(struct uart_line *line)
{
    while (line->left && !(reg_read(line->base + UART_FR) & FR_TX_FULL)) {
        reg_write(line->base + UART_DR, *line->data++);
        line->left--;
    }
}

/* Lets the line go once the last stop bit has left. */
static void end_sending(struct uart_line *line)
{
    if (!line->sending || line->left || reg_read(line->base + UART_FR) & FR_BUSY)
        return;
    pin_write(GPIO_A, line->drive_pin, false);
    line->sending = false;
    sleep_end();
}

static void handle(struct uart_line *line)
{
    reg_write(line->base + UART_ICR, INT_TX);
    /* Emptying the FIFO ends its interrupts. Were they cleared by hand, a byte that came meanwhile
     * would raise none, and no later one either. */
    give_bytes(line);
    end_sending(line); /* an answer may be there already: only what came before is an echo */
    take_bytes(line);
}

void uart0_handler(void)
{
    handle(&uart_bus);
}

void uart1_handler(void)
{
    handle(&uart_sdi);
}

static void configure(struct uart_line *line, uint32_t baud, uint32_t lcrh)
{
    uint32_t divisor = (CLOCK_HZ * 4 + baud / 2) / baud; /* clock / 16 / baud, in 1/64 */
    cpu_irq_off();
    reg_write(line->base + UART_CR, 0);
    reg_write(line->base + UART_IBRD, divisor / 64);
    reg_write(line->base + UART_FBRD, divisor % 64);
    reg_write(line->base + UART_LCR_H, lcrh | LCR_FIFO); /* also latches the divisor */
    reg_write(line->base + UART_IFLS, 0);                /* at 1/8 full, 1/8 empty */
    reg_write(line->base + UART_ICR, INT_ALL);
    for (int i = 0; i < 64 && !(reg_read(line->base + UART_FR) & FR_RX_EMPTY); i++)
        (void)reg_read(line->base + UART_DR);
    reg_write(line->base + UART_IMSC, INT_RX | INT_TX | INT_RX_TIMEOUT);
    pin_write(GPIO_A, line->drive_pin, false);
    line->left = 0;
    line->sending = false;
    line->ring.out = line->ring.in;
    reg_write(line->base + UART_CR, CR_ON);
    cpu_irq_on();
}

void uart_send(struct uart_line *line, const uint8_t *data, size_t size)
{
    cpu_irq_off();
    pin_write(GPIO_A, line->drive_pin, true);
    line->sending = true;
    line->data = data;
    line->left = size;
    give_bytes(line);
    cpu_irq_on();
}

bool uart_sending(struct uart_line *line)
{
    cpu_irq_off();
    give_bytes(line);
    end_sending(line);
    cpu_irq_on();
    return line->sending;
}

void uart_start(void)
{
    configure(&uart_sdi, 1200, LCR_7_BITS | LCR_PARITY | LCR_EVEN);
    cpu_irq_enable(IRQ_UART0);
    cpu_irq_enable(IRQ_UART1);
    reg_write(UART2 + UART_IBRD, CLOCK_HZ / 16 / 115200);
    reg_write(UART2 + UART_FBRD, CLOCK_HZ * 4 / 115200 % 64);
    reg_write(UART2 + UART_LCR_H, LCR_8_BITS | LCR_FIFO);
    reg_write(UART2 + UART_CR, CR_ON);
}

void uart_console_put(char c)
{
    for (int i = 0; i < 10000 && reg_read(UART2 + UART_FR) & FR_TX_FULL; i++)
        ;
    reg_write(UART2 + UART_DR, (uint8_t)c);
}

void uart_bus_open(const struct hal_line *line)
{
    uint32_t lcrh = LCR_8_BITS;
    if (line->parity != 'N')
        lcrh |= LCR_PARITY;
    if (line->parity == 'E')
        lcrh |= LCR_EVEN;
    if (line->stop_bits == 2)
        lcrh |= LCR_TWO_STOP;
    configure(&uart_bus, line->baud, lcrh);
}

void hal_sdi_break(bool on)
{
    pin_write(GPIO_A, PIN_SDI_DRIVE, true); /* and stays: marking must be driven, too */
    if (on)
        reg_set(UART1 + UART_LCR_H, LCR_BREAK);
    else
        reg_clear(UART1 + UART_LCR_H, LCR_BREAK);
}
