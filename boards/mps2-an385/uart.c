/* SPDX-License-Identifier: Apache-2.0 */
/* UART0 is the RS-485 bus, UART1 SDI-12, UART2 the console. These UARTs know neither parity nor a
 * transmit-complete flag, and the board has no transceiver: it only exists emulated, where the
 * line's simulation has the parity and a byte has left when the buffer is free again. */
#include "boards/cortex-m3/byte_ring.h"
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
    SILENCE_FLOOR_US = 20000,
    SDI_BAUD = 1200,
    CONSOLE_BAUD = 115200,
};

struct port {
    uint32_t base;
    struct byte_ring ring;
    const uint8_t *data; /* what is left to send */
    volatile size_t left;
    volatile bool sending;
};

static uint32_t bus_words[1024], sdi_words[128];
static struct port bus = {.base = UART0, .ring = {.words = bus_words, .size = 1024}};
static struct port sdi = {.base = UART1, .ring = {.words = sdi_words, .size = 128}};

static void receive(struct port *port)
{
    reg_write(port->base + UART_CLEAR, CLEAR_RX);
    for (int i = 0; i < 4; i++) { /* the next one may stand behind it already */
        uint32_t state = reg_read(port->base + UART_STATE);
        if (!(state & STATE_RX_FULL))
            return;
        uint8_t errors = state & STATE_RX_OVERRUN ? HAL_BYTE_OVERRUN : 0;
        reg_write(port->base + UART_STATE, STATE_RX_OVERRUN);
        uint8_t value = (uint8_t)reg_read(port->base + UART_DATA);
        if (!port->sending)
            byte_ring_put(&port->ring, hal_now_us(), value, errors);
        sleep_end();
    }
}

static void give_byte(struct port *port)
{
    if (port->left) {
        port->left--;
        reg_write(port->base + UART_DATA, *port->data++);
    } else if (port->sending) {
        port->sending = false;
        sleep_end();
    }
}

static void transmit(struct port *port)
{
    reg_write(port->base + UART_CLEAR, CLEAR_TX);
    if (!(reg_read(port->base + UART_STATE) & STATE_TX_FULL))
        give_byte(port);
}

void uart0_rx_handler(void)
{
    receive(&bus);
}

void uart0_tx_handler(void)
{
    transmit(&bus);
}

void uart1_rx_handler(void)
{
    receive(&sdi);
}

void uart1_tx_handler(void)
{
    transmit(&sdi);
}

static void configure(struct port *port, uint32_t baud)
{
    cpu_irq_off();
    port->left = 0;
    port->sending = false;
    port->ring.out = port->ring.in;
    reg_write(port->base + UART_BAUDDIV, CLOCK_HZ / baud);
    reg_write(port->base + UART_CTRL, CTRL_TX | CTRL_RX | CTRL_TX_INT | CTRL_RX_INT);
    cpu_irq_on();
}

static void send(struct port *port, const uint8_t *data, size_t size)
{
    cpu_irq_off();
    port->data = data;
    port->left = size;
    port->sending = size > 0;
    if (size)
        give_byte(port); /* the interrupts of each byte give the next */
    cpu_irq_on();
}

void uart_start(void)
{
    configure(&sdi, SDI_BAUD);
    cpu_irq_enable(IRQ_UART0_RX);
    cpu_irq_enable(IRQ_UART0_TX);
    cpu_irq_enable(IRQ_UART1_RX);
    cpu_irq_enable(IRQ_UART1_TX);
    reg_write(UART2 + UART_BAUDDIV, CLOCK_HZ / CONSOLE_BAUD);
    reg_write(UART2 + UART_CTRL, CTRL_TX);
}

void console_line(const char *text)
{
    const char *const parts[] = {text, "\r\n"};
    for (int part = 0; part < 2; part++)
        for (const char *c = parts[part]; *c; c++) {
            for (int i = 0; i < 10000 && reg_read(UART2 + UART_STATE) & STATE_TX_FULL; i++)
                ;
            reg_write(UART2 + UART_DATA, (uint8_t)*c);
        }
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    if (line->baud < 1200 || line->baud > 115200 || line->stop_bits < 1 || line->stop_bits > 2 ||
        (line->parity != 'N' && line->parity != 'E' && line->parity != 'O'))
        return HAL_RANGE;
    configure(&bus, line->baud);
    return HAL_OK;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    return byte_ring_get(&bus.ring, byte);
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    send(&bus, data, size);
}

bool hal_bus_sending(void)
{
    return bus.sending;
}

/* An emulator hands bytes over as its main loop turns, whatever the baud. */
uint32_t hal_bus_silence_floor_us(void)
{
    return SILENCE_FLOOR_US;
}

/* Not to be seen on an emulated line: its probes hear a command without a break. */
void hal_sdi_break(bool on)
{
    (void)on;
}

void hal_sdi_send(const char *text, size_t size)
{
    send(&sdi, (const uint8_t *)text, size);
}

bool hal_sdi_sending(void)
{
    return sdi.sending;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    bool got = byte_ring_get(&sdi.ring, byte);
    if (got)
        byte->value &= 0x7F;
    return got;
}
