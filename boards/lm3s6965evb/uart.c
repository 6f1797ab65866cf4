/* SPDX-License-Identifier: Apache-2.0 */
/* The two lines on PL011 UARTs: UART0 the RS-485 bus, UART1 SDI-12. Bytes go by interrupt through
 * the 16-byte FIFOs. The part has no transmit-complete interrupt, so after the last byte was
 * queued the driver is let go by whoever looks next and finds the shifter empty: the receive or
 * transmit interrupt, or hal_bus_sending(), which the main loop asks at least once a character. */
#include <string.h>

#include "boards/cortex-m3/byte_ring.h"
#include "boards/lm3s6965evb/lm3s.h"

enum {
    FR_BUSY = 1 << 3,
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    LCRH_BREAK = 1 << 0,
    LCRH_PARITY = 1 << 1,
    LCRH_EVEN = 1 << 2,
    LCRH_TWO_STOP = 1 << 3,
    LCRH_FIFO = 1 << 4,
    LCRH_7_BIT = 2 << 5,
    LCRH_8_BIT = 3 << 5,
    CTL_ON = 1 << 0 | 1 << 8 | 1 << 9, /* UART, transmitter, receiver */
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RX_TIMEOUT = 1 << 6,
    DR_FRAMING = 1 << 8,
    DR_PARITY = 1 << 9,
    DR_BREAK = 1 << 10,
    DR_OVERRUN = 1 << 11,
    SILENCE_FLOOR_US = 20000,
};

struct port {
    uint32_t base;
    uint32_t drive_pin;
    struct byte_ring ring;
    const uint8_t *data; /* what is left to send */
    volatile size_t left;
    volatile bool sending;
};

static uint32_t bus_words[1024], sdi_words[128];
static struct port bus = {UART0, PIN_BUS_DRIVE, {bus_words, 1024, 0, 0, false}, NULL, 0, false};
static struct port sdi = {UART1, PIN_SDI_DRIVE, {sdi_words, 128, 0, 0, false}, NULL, 0, false};

static void take_bytes(struct port *port)
{
    for (int i = 0; i < 32 && !(reg_read(port->base + UART_FR) & FR_RX_EMPTY); i++) {
        uint32_t data = reg_read(port->base + UART_DR);
        uint8_t errors = 0;
        if (data & (DR_FRAMING | DR_BREAK))
            errors |= HAL_BYTE_FRAMING;
        if (data & DR_PARITY)
            errors |= HAL_BYTE_PARITY;
        if (data & DR_OVERRUN)
            errors |= HAL_BYTE_OVERRUN;
        if (!port->sending)
            byte_ring_put(&port->ring, hal_now_us(), (uint8_t)data, errors);
        sleep_end();
    }
}

static void give_bytes(struct port *port)
{
    while (port->left && !(reg_read(port->base + UART_FR) & FR_TX_FULL)) {
        reg_write(port->base + UART_DR, *port->data++);
        port->left--;
    }
}

/* Lets the line go once the last stop bit has left. */
static void end_sending(struct port *port)
{
    if (!port->sending || port->left || reg_read(port->base + UART_FR) & FR_BUSY)
        return;
    pin_write(GPIO_A, port->drive_pin, false);
    port->sending = false;
    sleep_end();
}

static void handle(struct port *port)
{
    reg_write(port->base + UART_ICR, INT_TX);
    /* Emptying the FIFO ends its interrupts. Were they cleared by hand, a byte that came meanwhile
     * would raise none, and no later one either. */
    take_bytes(port);
    give_bytes(port);
    end_sending(port);
}

void uart0_handler(void)
{
    handle(&bus);
}

void uart1_handler(void)
{
    handle(&sdi);
}

static void configure(struct port *port, uint32_t baud, uint32_t lcrh)
{
    uint32_t divisor = (CLOCK_HZ * 4 + baud / 2) / baud; /* clock / 16 / baud, in 1/64 */
    cpu_irq_off();
    reg_write(port->base + UART_CTL, 0);
    reg_write(port->base + UART_IBRD, divisor / 64);
    reg_write(port->base + UART_FBRD, divisor % 64);
    reg_write(port->base + UART_LCRH, lcrh | LCRH_FIFO); /* also latches the divisor */
    reg_write(port->base + UART_IFLS, 0);                /* at 1/8 full, 1/8 empty */
    reg_write(port->base + UART_ICR, 0x7FF);
    for (int i = 0; i < 64 && !(reg_read(port->base + UART_FR) & FR_RX_EMPTY); i++)
        (void)reg_read(port->base + UART_DR);
    reg_write(port->base + UART_IM, INT_RX | INT_TX | INT_RX_TIMEOUT);
    pin_write(GPIO_A, port->drive_pin, false);
    port->left = 0;
    port->sending = false;
    port->ring.out = port->ring.in;
    reg_write(port->base + UART_CTL, CTL_ON);
    cpu_irq_on();
}

static void send(struct port *port, const uint8_t *data, size_t size)
{
    cpu_irq_off();
    pin_write(GPIO_A, port->drive_pin, true);
    port->sending = true;
    port->data = data;
    port->left = size;
    give_bytes(port);
    cpu_irq_on();
}

static bool sending(struct port *port)
{
    cpu_irq_off();
    give_bytes(port);
    end_sending(port);
    cpu_irq_on();
    return port->sending;
}

void uart_start(void)
{
    configure(&sdi, 1200, LCRH_7_BIT | LCRH_PARITY | LCRH_EVEN);
    cpu_irq_enable(IRQ_UART0);
    cpu_irq_enable(IRQ_UART1);
    reg_write(UART2 + UART_IBRD, CLOCK_HZ / 16 / 115200);
    reg_write(UART2 + UART_FBRD, CLOCK_HZ * 4 / 115200 % 64);
    reg_write(UART2 + UART_LCRH, LCRH_8_BIT | LCRH_FIFO);
    reg_write(UART2 + UART_CTL, CTL_ON);
}

void console_line(const char *text)
{
    const char *const parts[] = {text, "\r\n"};
    for (int part = 0; part < 2; part++)
        for (const char *c = parts[part]; *c; c++) {
            for (int i = 0; i < 10000 && reg_read(UART2 + UART_FR) & FR_TX_FULL; i++)
                ;
            reg_write(UART2 + UART_DR, (uint8_t)*c);
        }
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    uint32_t lcrh = LCRH_8_BIT;
    if (line->baud < 1200 || line->baud > 115200 || line->stop_bits < 1 || line->stop_bits > 2)
        return HAL_RANGE;
    if (line->parity == 'E')
        lcrh |= LCRH_PARITY | LCRH_EVEN;
    else if (line->parity == 'O')
        lcrh |= LCRH_PARITY;
    else if (line->parity != 'N')
        return HAL_RANGE;
    if (line->stop_bits == 2)
        lcrh |= LCRH_TWO_STOP;
    configure(&bus, line->baud, lcrh);
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
    return sending(&bus);
}

/* An emulator hands over 16 bytes a turn of its main loop, whatever the baud. */
uint32_t hal_bus_silence_floor_us(void)
{
    return SILENCE_FLOOR_US;
}

void hal_sdi_break(bool on)
{
    pin_write(GPIO_A, PIN_SDI_DRIVE, true); /* and stays: marking must be driven, too */
    if (on)
        reg_set(UART1 + UART_LCRH, LCRH_BREAK);
    else
        reg_clear(UART1 + UART_LCRH, LCRH_BREAK);
}

void hal_sdi_send(const char *text, size_t size)
{
    send(&sdi, (const uint8_t *)text, size);
}

bool hal_sdi_sending(void)
{
    return sending(&sdi);
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    bool got = byte_ring_get(&sdi.ring, byte);
    if (got)
        byte->value &= 0x7F;
    return got;
}
