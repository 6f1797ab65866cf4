/* SPDX-License-Identifier: Apache-2.0 */
/* ADC (RP2040 Datasheet 4.9), rain contact (2.19.3), 1-Wire and the I2C pins. */
#include "boards/cortex-m3/i2c_bits.h"
#include "boards/cortex-m3/nv_fram.h"
#include "boards/rp2040-rs485/rp2040.h"

enum {
    RESET_ADC = 1 << 0,
    CS_ON = 1 << 0,
    CS_DIODE_ON = 1 << 1,
    CS_START = 1 << 2,
    CS_READY = 1 << 8,
    CS_ERROR = 1 << 9,
    CS_CHANNEL_SHIFT = 12,
    CHANNEL_SOIL = 0,
    CHANNEL_SUPPLY = 1,
    CHANNEL_DIODE = 4,
    REFERENCE_MV = 3300, /* the regulator's, 1 % or so */
    DIVIDER = 11,        /* 100 k and 10 k */
    /* The diode has at most 0.82 V, at -40 °C: of 3.2 V that is 1050 counts. More means that the
     * supply, against which it is measured, is low: 2.7 V at 27 °C. */
    DIODE_MOST = 1060,
    FULL = 4095,
    LOOKS = 1000, /* a conversion takes 2 us */
    EDGE_LOW = 4, /* of the four bits that a pin has in INTR0.. */
    RAIN_REGISTER = PIN_RAIN / 8 * 4,
    RAIN_SHIFT = PIN_RAIN % 8 * 4,
    DEBOUNCE_US = 20000, /* reeds bounce 1 ms; buckets tip 10 times a second at most */
    HALF_BIT_US = 4,     /* and up to 1 more */
    MEMORY_SPINS = 12,   /* of 4 cycles or so: 0.5 us, and the code around it as much */
};

void inputs_start(void)
{
    reset_end(RESET_ADC);
    reg_write(ADC_CS, CS_ON | CS_DIODE_ON);
    hal_delay_us(10);
    reg_write(IO_INTR0 + RAIN_REGISTER, (uint32_t)EDGE_LOW << RAIN_SHIFT);
    reg_write(IO_INTE0 + RAIN_REGISTER, (uint32_t)EDGE_LOW << RAIN_SHIFT);
    cpu_irq_enable(IRQ_IO_BANK0);
}

static enum hal_result convert(uint32_t channel, uint32_t *count)
{
    reg_write(ADC_CS, CS_ON | CS_DIODE_ON | channel << CS_CHANNEL_SHIFT);
    reg_write(ADC_CS + REG_SET, CS_START);
    for (int i = 0; i < LOOKS; i++) {
        uint32_t status = reg_read(ADC_CS);
        if (!(status & CS_READY))
            continue;
        *count = reg_read(ADC_RESULT) & FULL;
        return status & CS_ERROR ? HAL_FAULT : HAL_OK;
    }
    return HAL_TIMEOUT;
}

enum hal_result hal_adc_read(uint8_t channel, uint16_t *value)
{
    uint32_t count = 0;
    if (channel != CHANNEL_SOIL)
        return HAL_RANGE;
    enum hal_result result = convert(channel, &count);
    *value = (uint16_t)(count << 4 | count >> 8); /* 0..4095 to 0..65535 */
    return result;
}

enum hal_result hal_supply_mv(uint16_t *mv)
{
    uint32_t count = 0;
    enum hal_result result = convert(CHANNEL_SUPPLY, &count);
    if (result == HAL_OK)
        *mv = (uint16_t)((count * REFERENCE_MV * DIVIDER + FULL / 2) / FULL);
    return result;
}

bool nv_has_power(void)
{
    uint32_t count = 0;
    return convert(CHANNEL_DIODE, &count) == HAL_OK && count <= DIODE_MOST;
}

/* ---- no clock that goes on over a reset ---- */

enum hal_result hal_rtc_read(uint32_t *seconds, uint16_t *ms)
{
    *seconds = 0;
    *ms = 0;
    return HAL_RANGE;
}

void hal_rtc_write(uint32_t seconds, uint16_t ms)
{
    (void)seconds;
    (void)ms;
}

/* ---- rain ---- */

static volatile uint32_t closures;
static uint64_t closed_us;

IN_RAM void io_bank0_handler(void)
{
    uint64_t now_us = hal_now_us();
    reg_write(IO_INTR0 + RAIN_REGISTER, (uint32_t)EDGE_LOW << RAIN_SHIFT);
    if (closures == 0 || now_us - closed_us >= DEBOUNCE_US)
        closures = closures + 1;
    closed_us = now_us; /* bouncing starts the time anew */
    sleep_end();
}

uint32_t hal_pulse_count(void)
{
    return closures;
}

/* ---- 1-Wire, standard speed ---- */

bool hal_onewire_reset(void)
{
    if (!pin_read(PIN_ONEWIRE))
        return false; /* shorted */
    pin_release(PIN_ONEWIRE, false);
    hal_delay_us(480);
    cpu_irq_off();
    pin_release(PIN_ONEWIRE, true);
    hal_delay_us(70);
    bool present = !pin_read(PIN_ONEWIRE);
    cpu_irq_on();
    hal_delay_us(410);
    return present;
}

/* Interrupts wait at most 75 us: less than a byte at 115,200 baud takes. */
bool hal_onewire_slot(bool bit)
{
    cpu_irq_off();
    pin_release(PIN_ONEWIRE, false);
    hal_delay_us(bit ? 3 : 62);
    pin_release(PIN_ONEWIRE, true);
    hal_delay_us(bit ? 7 : 0);
    bool is = pin_read(PIN_ONEWIRE);
    hal_delay_us(bit ? 52 : 3);
    cpu_irq_on();
    return is;
}

/* ---- I2C pins ---- */

static unsigned scl_of(enum i2c_wires wires)
{
    return wires == I2C_MEMORY ? PIN_MEMORY_SCL : PIN_SCL;
}

static unsigned sda_of(enum i2c_wires wires)
{
    return wires == I2C_MEMORY ? PIN_MEMORY_SDA : PIN_SDA;
}

void i2c_scl(enum i2c_wires wires, bool high)
{
    pin_release(scl_of(wires), high);
}

void i2c_sda(enum i2c_wires wires, bool high)
{
    pin_release(sda_of(wires), high);
}

bool i2c_scl_is_high(enum i2c_wires wires)
{
    return pin_read(scl_of(wires));
}

bool i2c_sda_is_high(enum i2c_wires wires)
{
    return pin_read(sda_of(wires));
}

/* 100 kHz on the cables of the sensors, some 400 kHz on the board: the FRAMs take 1 MHz. */
void i2c_pause(enum i2c_wires wires)
{
    if (wires == I2C_MEMORY)
        cpu_spin(MEMORY_SPINS);
    else
        hal_delay_us(HALF_BIT_US);
}
