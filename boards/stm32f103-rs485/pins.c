/* SPDX-License-Identifier: Apache-2.0 */
/* Pin configuration, RM0008 9.1: four bits a pin. Unused pins are analog inputs, which draw least;
 * those of SWD stay as they are. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

enum {
    ANALOG = 0x0,
    OUTPUT = 0x2,            /* push-pull, 2 MHz */
    OUTPUT_OPEN_DRAIN = 0x6, /* 2 MHz */
    PERIPHERAL = 0xA,        /* push-pull, 2 MHz */
    INPUT_PULLED = 0x8,      /* to what the output register says */
    APB2_PORTS_A_B = 3 << 2,
};

static void configure(uint32_t port, unsigned pin, uint32_t mode)
{
    uint32_t address = port + (pin < 8 ? GPIO_CRL : GPIO_CRH);
    unsigned shift = pin % 8 * 4;
    reg_write(address, (reg_read(address) & ~(0xFU << shift)) | mode << shift);
}

/* The outputs that switch something are low, and everything else is as the reset left it. */
void pins_quiet(void)
{
    reg_set(RCC_APB2ENR, APB2_PORTS_A_B);
    (void)reg_read(RCC_APB2ENR); /* two clocks before the first access, ES0340 */
    configure(GPIO_A, PIN_A_BUS_DRIVE, OUTPUT);
    configure(GPIO_A, PIN_A_SDI_DRIVE, OUTPUT);
    configure(GPIO_B, PIN_B_RAIL_0, OUTPUT);
    configure(GPIO_B, PIN_B_RAIL_1, OUTPUT);
}

/* The four that pins_quiet() holds stay held, or they would float for a moment. */
void pins_start(void)
{
    static const struct {
        uint32_t port;
        uint8_t pin;
        uint8_t mode;
        bool high;
    } pins[] = {
        {GPIO_A, PIN_A_SOIL, ANALOG, false},
        {GPIO_A, PIN_A_SDI_DRIVE, OUTPUT, false},
        {GPIO_A, PIN_A_SDI_TX, PERIPHERAL, true},
        {GPIO_A, PIN_A_SDI_RX, INPUT_PULLED, true},
        {GPIO_A, PIN_A_SUPPLY, ANALOG, false},
        {GPIO_A, PIN_A_BUS_DRIVE, OUTPUT, false},
        {GPIO_A, PIN_A_BUS_TX, PERIPHERAL, true},
        {GPIO_A, PIN_A_BUS_RX, INPUT_PULLED, true}, /* the receiver floats while we drive */
        {GPIO_B, PIN_B_ONEWIRE, OUTPUT_OPEN_DRAIN, true},
        {GPIO_B, PIN_B_RAIN, INPUT_PULLED, true},
        {GPIO_B, PIN_B_SCL, OUTPUT_OPEN_DRAIN, true},
        {GPIO_B, PIN_B_SDA, OUTPUT_OPEN_DRAIN, true},
        {GPIO_B, PIN_B_MEMORY_SCL, OUTPUT_OPEN_DRAIN, true},
        {GPIO_B, PIN_B_MEMORY_SDA, OUTPUT_OPEN_DRAIN, true},
        {GPIO_B, PIN_B_CONSOLE_TX, PERIPHERAL, true},
        {GPIO_B, PIN_B_RAIL_0, OUTPUT, false},
        {GPIO_B, PIN_B_RAIL_1, OUTPUT, false},
        {GPIO_C, PIN_C_LAMP, OUTPUT_OPEN_DRAIN, true},
    };
    reg_write(GPIO_A + GPIO_CRL, 0x00000020);
    reg_write(GPIO_A + GPIO_CRH, 0x88800002); /* 13..15 stay SWD's, pulled */
    reg_write(GPIO_B + GPIO_CRL, 0x00088000); /* 3, 4 as well */
    reg_write(GPIO_B + GPIO_CRH, 0x00220000);
    reg_write(GPIO_C + GPIO_CRH, 0);
    for (unsigned i = 0; i < sizeof pins / sizeof *pins; i++) {
        pin_write(pins[i].port, pins[i].pin, pins[i].high);
        configure(pins[i].port, pins[i].pin, pins[i].mode);
    }
}

void hal_rails(uint8_t on_mask)
{
    pin_write(GPIO_B, PIN_B_RAIL_0, on_mask & 1);
    pin_write(GPIO_B, PIN_B_RAIL_1, on_mask >> 1 & 1);
}

void hal_indicator(bool on)
{
    pin_write(GPIO_C, PIN_C_LAMP, !on);
}
