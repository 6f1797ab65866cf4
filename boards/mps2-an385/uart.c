/* SPDX-License-Identifier: Apache-2.0 */
/* UART0 is the RS-485 bus, UART1 SDI-12, UART2 the console. These UARTs know neither parity nor a
 * transmit-complete flag, and the board has no transceiver: it only exists emulated, where the
 * line's simulation has the parity and a byte has left when the buffer is free again. */
#include "boards/cortex-m3/uart_lines.h"
#include "boards/mps2-an385/mps2.h"

enum {
    STATE_TX_FULL = 1 << 0,
    STATE_RX_FULL = 1 << 1,
    STATE_RX_OVERRUN = 1 << 3,
    CTRL_TX = 1 << 0,
    CTRL_RX = 1 << 1,
    CTRL_TX_INT = 1 << 2,
    CTRL_RX_INT = 1 << 3,
    CLEAR_TX = 1 << 0,
    CLEAR_RX = 1 << 1,
    SDI_BAUD = 1200,
    CONSOLE_BAUD = 115200,
};

static uint32_t bus_words[1024], sdi_words[128];
struct uart_line uart_bus = {.base = UART0, .ring = {.words = bus_words, .size = 1024}};
struct uart_line uart_sdi = {.base = UART1, .ring = {.words = sdi_words, .size = 128}};

/* An answer may be there before the interrupt that says that the last byte has left. */
static void end_sending(struct uart_line *line)
{
    if (line->sending && !line->left && !(reg_read(line->base + UART_STATE) & STATE_TX_FULL)) {
        line->sending = false;
        sleep_end();
    }
}

static void receive(struct uart_line *line)
{
    end_sending(line);
    reg_write(line->base + UART_CLEAR, CLEAR_RX);
    for (int i = 0; i < 4; i++) { /* the next one may stand behind it already */
        uint32_t state = reg_read(line->base + UART_STATE);
        if (!(state & STATE_RX_FULL))
            return;
        uint8_t errors = state & STATE_RX_OVERRUN ? HAL_BYTE_OVERRUN : 0;
        reg_write(line->base + UART_STATE, STATE_RX_OVERRUN);
        uint8_t value = (uint8_t)reg_read(line->base + UART_DATA);
        if (!line->sending)
            byte_ring_put(&line->ring, hal_now_us(), value, errors);
        sleep_end();
    }
}

static void give_byte(struct uart_line *line)
{
    if (line->left) {
        line->left--;
        reg_write(line->base + UART_DATA, *line->data++);
    } else if (line->sending) {
        line->sending = false;
        sleep_end();
    }
}

static void transmit(struct uart_line *line)
{
    reg_write(line->base + UART_CLEAR, CLEAR_TX);
    if (!(reg_read(line->base + UART_STATE) & STATE_TX_FULL))
        give_byte(line);
}

void uart0_rx_handler(void)
{
    receive(&uart_bus);
}

void uart0_tx_handler(void)
{
    transmit(&uart_bus);
}

void uart1_rx_handler(void)
{
    receive(&uart_sdi);
}

void uart1_tx_handler(void)
{
    transmit(&uart_sdi);
}

static void configure(struct uart_line *line, uint32_t baud)
{
    cpu_irq_off();
    line->left = 0;
    line->sending = false;
    line->ring.out = line->ring.in;
    reg_write(line->base + UART_BAUDDIV, CLOCK_HZ / baud);
    reg_write(line->base + UART_CTRL, CTRL_TX | CTRL_RX | CTRL_TX_INT | CTRL_RX_INT);
    cpu_irq_on();
}

void uart_send(struct uart_line *line, const uint8_t *data, size_t size)
{
    cpu_irq_off();
    line->data = data;
    line->left = size;
    line->sending = size > 0;
    if (size)
        give_byte(line); /* the interrupts of each byte give the next */
    cpu_irq_on();
}

bool uart_sending(struct uart_line *line)
{
    return line->sending;
}

void uart_start(void)
{
    configure(&uart_sdi, SDI_BAUD);
    cpu_irq_enable(IRQ_UART0_RX);
    cpu_irq_enable(IRQ_UART0_TX);
    cpu_irq_enable(IRQ_UART1_RX);
    cpu_irq_enable(IRQ_UART1_TX);
    reg_write(UART2 + UART_BAUDDIV, CLOCK_HZ / CONSOLE_BAUD);
    reg_write(UART2 + UART_CTRL, CTRL_TX);
}

void uart_console_put(char c)
{
    for (int i = 0; i < 10000 && reg_read(UART2 + UART_STATE) & STATE_TX_FULL; i++)
        ;
    reg_write(UART2 + UART_DATA, (uint8_t)c);
}

void uart_bus_open(const struct hal_line *line)
{
    configure(&uart_bus, line->baud);
}

/* Not to be seen on an emulated line: its probes hear a command without a break. */
void hal_sdi_break(bool on)
{
    (void)on;
}
