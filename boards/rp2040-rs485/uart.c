/* SPDX-License-Identifier: Apache-2.0 */
/* The RS-485 line on UART0, SDI-12 on UART1, both PL011 (RP2040 Datasheet 4.2), by an interrupt a
 * byte and without their FIFOs: so each byte has its own time, and 87 us at 115,200 baud are long
 * for a processor of 96 MHz. The handlers run from RAM, since bytes also come while a page of the
 * flash is erased.
 *
 * The main loop would look at each byte for longer than one takes at that rate: it is woken when
 * the line was idle for a character, by alarm 3.
 *
 * The part has no interrupt for "the last stop bit has left". When the last byte has moved to the
 * shifter, the line's alarm is set to a character later and looks at the busy flag from then on. */
#include "boards/cortex-m3/byte_ring.h"
#include "boards/cortex-m3/pl011.h"
#include "boards/rp2040-rs485/rp2040.h"

enum {
    RESET_UARTS = 3 << 22,
    ALARM_IDLE = 3,
    ALARMS = 15,
    LOOK_AGAIN_US = 4,
    SDI_BAUD = 1200,
    CONSOLE_BIT_US = 104, /* 9600 baud */
};

struct line {
    uint32_t base;
    uint32_t drive_pin;
    uint32_t alarm; /* its number */
    struct byte_ring ring;
    uint32_t character_us;
    volatile bool wakes; /* each byte ends hal_sleep(), and not the silence behind them */
    const uint8_t *data;
    volatile size_t left;
    volatile bool driving; /* until the last stop bit has left */
};

static uint32_t bus_words[1024], sdi_words[128];
static struct line bus = {.base = UART0,
                          .drive_pin = PIN_BUS_DRIVE,
                          .alarm = 1,
                          .ring = {.words = bus_words, .size = 1024}};
static struct line sdi = {.base = UART1,
                          .drive_pin = PIN_SDI_DRIVE,
                          .alarm = 2,
                          .ring = {.words = sdi_words, .size = 128}};

/* ---- in RAM: what interrupts do ---- */

IN_RAM static void receive(struct line *line)
{
    for (int i = 0; i < 32 && !(reg_read(line->base + UART_FR) & FR_RX_EMPTY); i++) {
        uint32_t data = reg_read(line->base + UART_DR);
        if (line->driving)
            continue; /* our own, through the one wire or a transceiver that echoes */
        byte_ring_put(&line->ring, hal_now_us(), (uint8_t)data, pl011_errors(data));
        if (line->wakes)
            sleep_end();
        else
            reg_write(TIMER_ALARM0 + 4 * ALARM_IDLE,
                      reg_read(TIMER_RAW_L) + line->character_us + LOOK_AGAIN_US);
    }
}

/* The alarms compare for equality: one that is set to what has passed would come in 71 minutes. */
IN_RAM static void look_after(const struct line *line, uint32_t us)
{
    uint32_t alarm = TIMER_ALARM0 + 4 * line->alarm;
    uint32_t at_us = reg_read(TIMER_RAW_L) + us;
    reg_write(alarm, at_us);
    if ((int32_t)(reg_read(TIMER_RAW_L) - at_us) >= 0)
        reg_write(alarm, reg_read(TIMER_RAW_L) + LOOK_AGAIN_US);
}

IN_RAM static void send_next(struct line *line)
{
    if (line->left) {
        line->left--;
        reg_write(line->base + UART_DR, *line->data++);
        return;
    }
    reg_write(line->base + UART_IMSC, INT_RX);
    look_after(line, line->character_us - LOOK_AGAIN_US);
}

IN_RAM static void serve(struct line *line)
{
    uint32_t pending = reg_read(line->base + UART_MIS);
    if (pending & INT_RX)
        receive(line);
    if (pending & INT_TX) {
        reg_write(line->base + UART_ICR, INT_TX);
        send_next(line);
    }
}

IN_RAM void uart0_handler(void)
{
    serve(&bus);
}

IN_RAM void uart1_handler(void)
{
    serve(&sdi);
}

/* Lets the driver go if the line is still. */
IN_RAM static void end_sending(struct line *line)
{
    reg_write(TIMER_INTR, 1U << line->alarm);
    if (!line->driving || line->left)
        return; /* opened anew meanwhile */
    if (reg_read(line->base + UART_FR) & FR_BUSY) {
        look_after(line, LOOK_AGAIN_US);
        return;
    }
    pin_write(line->drive_pin, false);
    line->driving = false;
    sleep_end();
}

IN_RAM void timer_1_handler(void)
{
    end_sending(&bus);
}

IN_RAM void timer_2_handler(void)
{
    end_sending(&sdi);
}

/* The bus was idle for a character: there is something to look at. */
IN_RAM void timer_3_handler(void)
{
    reg_write(TIMER_INTR, 1U << ALARM_IDLE);
    sleep_end();
}

/* ---- from the main loop ---- */

static void open_line(struct line *line, uint32_t baud, uint32_t mode, uint32_t bits)
{
    cpu_irq_off();
    reg_write(line->base + UART_CR, 0);
    pin_write(line->drive_pin, false);
    line->left = 0;
    line->driving = false;
    line->ring.out = line->ring.in;
    line->wakes = line == &sdi;
    line->character_us = (bits * 1000000U + baud / 2) / baud;
    uint32_t divisor = (CLOCK_HZ * 4U + baud / 2) / baud; /* in 64ths of a sixteenth of a bit */
    reg_write(line->base + UART_IBRD, divisor / 64);
    reg_write(line->base + UART_FBRD, divisor % 64);
    reg_write(line->base + UART_LCR_H, mode); /* takes the divisor over */
    reg_write(line->base + UART_ICR, INT_ALL);
    reg_write(line->base + UART_IMSC, INT_RX);
    reg_write(line->base + UART_CR, CR_ON);
    cpu_irq_on();
}

static void send(struct line *line, const uint8_t *data, size_t size)
{
    if (!size)
        return;
    cpu_irq_off();
    line->driving = true;
    pin_write(line->drive_pin, true);
    line->data = data;
    line->left = size;
    reg_write(line->base + UART_ICR, INT_TX);
    reg_write(line->base + UART_IMSC, INT_RX | INT_TX);
    send_next(line); /* the interrupts of each byte give the next */
    cpu_irq_on();
}

void uart_start(void)
{
    reset_end(RESET_UARTS);
    open_line(&sdi, SDI_BAUD, LCR_7_BITS | LCR_PARITY | LCR_EVEN, 10);
    reg_write(TIMER_INTE, ALARMS);
    cpu_irq_enable(IRQ_UART0);
    cpu_irq_enable(IRQ_UART1);
    cpu_irq_enable(IRQ_TIMER_1);
    cpu_irq_enable(IRQ_TIMER_2);
    cpu_irq_enable(IRQ_TIMER_3);
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    bool parity = line->parity == 'E' || line->parity == 'O';
    if (line->baud < 1200 || line->baud > 115200 || line->stop_bits < 1 || line->stop_bits > 2 ||
        !(parity || line->parity == 'N'))
        return HAL_RANGE;
    uint32_t mode = LCR_8_BITS;
    if (parity)
        mode |= LCR_PARITY | (line->parity == 'E' ? LCR_EVEN : 0U);
    if (line->stop_bits == 2)
        mode |= LCR_TWO_STOP;
    open_line(&bus, line->baud, mode, 9U + parity + line->stop_bits);
    return HAL_OK;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    return byte_ring_get(&bus.ring, byte);
}

/* Each byte has an interrupt and a time of its own as it is. */
void hal_bus_watch(bool on)
{
    bus.wakes = on;
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    send(&bus, data, size);
}

bool hal_bus_sending(void)
{
    return bus.driving;
}

uint32_t hal_bus_silence_floor_us(void)
{
    return 0;
}

void hal_sdi_break(bool on)
{
    pin_write(sdi.drive_pin, true); /* and stays: marking must be driven, too */
    reg_write(sdi.base + UART_LCR_H + (on ? REG_SET : REG_CLEAR), LCR_BREAK);
}

void hal_sdi_send(const char *text, size_t size)
{
    send(&sdi, (const uint8_t *)text, size);
}

bool hal_sdi_sending(void)
{
    return sdi.driving;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    return byte_ring_get(&sdi.ring, byte);
}

/* ---- the console: by a pin, since both UARTs are taken; nothing else runs yet ---- */

static void console_bit(uint32_t *at_us, bool high)
{
    while ((int32_t)(reg_read(TIMER_RAW_L) - *at_us) < 0)
        ;
    pin_write(PIN_CONSOLE_TX, high);
    *at_us += CONSOLE_BIT_US;
}

static void console_byte(uint8_t byte)
{
    uint32_t at_us = reg_read(TIMER_RAW_L);
    console_bit(&at_us, false);
    for (int bit = 0; bit < 8; bit++)
        console_bit(&at_us, byte >> bit & 1);
    console_bit(&at_us, true);
    hal_delay_us(CONSOLE_BIT_US);
}

void console_line(const char *text)
{
    for (; *text; text++)
        console_byte((uint8_t)*text);
    console_byte('\r');
    console_byte('\n');
}
