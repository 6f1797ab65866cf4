/* SPDX-License-Identifier: Apache-2.0 */
/* Pin configuration, RP2040 Datasheet 2.19.6: function and pad of each. After a reset all are
 * inputs with a weak pull-down. */
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"

enum {
    FUNCTION_UART = 2,
    FUNCTION_SIO = 5,
    FUNCTION_NONE = 31,
    PAD_INPUT = 1 << 6,
    PAD_4_MA = 1 << 4,
    PAD_UP = 1 << 3,
    PAD_SCHMITT = 1 << 1,
    PAD_OFF = 1 << 7, /* no output */
    PLAIN = PAD_INPUT | PAD_4_MA | PAD_SCHMITT,
    PULLED_UP = PLAIN | PAD_UP,
    ANALOG = PAD_OFF,
    RESET_IO = 1 << 5 | 1 << 8, /* IO_BANK0, PADS_BANK0 */
};

static void configure(unsigned pin, uint32_t function, uint32_t pad)
{
    reg_write(PADS_BANK0 + 4 * pin, pad);
    reg_write(IO_BANK0 + 8 * pin + 4, function);
}

static void output(unsigned pin, bool high)
{
    pin_write(pin, high);
    reg_write(SIO_GPIO_OE_SET, 1U << pin);
    configure(pin, FUNCTION_SIO, PLAIN);
}

static void open_drain(unsigned pin)
{
    reg_write(SIO_GPIO_OE_CLEAR, 1U << pin);
    pin_write(pin, false);
    configure(pin, FUNCTION_SIO, PULLED_UP); /* weak, beside the resistor outside */
}

/* The outputs that switch something are low, and everything else is as the reset left it. */
void pins_quiet(void)
{
    static const uint8_t quiet[] = {PIN_BUS_DRIVE, PIN_SDI_DRIVE, PIN_RAIL_0, PIN_RAIL_1};
    reset_end(RESET_IO);
    for (unsigned i = 0; i < sizeof quiet; i++)
        output(quiet[i], false);
}

void pins_start(void)
{
    static const uint8_t open_drains[] = {PIN_SDA, PIN_SCL, PIN_MEMORY_SDA, PIN_MEMORY_SCL,
                                          PIN_ONEWIRE};
    for (unsigned i = 0; i < sizeof open_drains; i++)
        open_drain(open_drains[i]);
    configure(PIN_BUS_TX, FUNCTION_UART, PLAIN);
    configure(PIN_BUS_RX, FUNCTION_UART, PULLED_UP); /* the receiver floats while we drive */
    configure(PIN_SDI_TX, FUNCTION_UART, PLAIN);
    configure(PIN_SDI_RX, FUNCTION_UART, PULLED_UP);
    configure(PIN_RAIN, FUNCTION_SIO, PULLED_UP);
    configure(PIN_SOIL, FUNCTION_NONE, ANALOG);
    configure(PIN_SUPPLY, FUNCTION_NONE, ANALOG);
    output(PIN_CONSOLE_TX, true);
    output(PIN_LAMP, false);
}

void hal_rails(uint8_t on_mask)
{
    pin_write(PIN_RAIL_0, on_mask & 1);
    pin_write(PIN_RAIL_1, on_mask >> 1 & 1);
}

void hal_indicator(bool on)
{
    pin_write(PIN_LAMP, on);
}
