/* SPDX-License-Identifier: Apache-2.0 */
/* ADC (RM0008 11), rain contact (10), 1-Wire and the I2C pins. */
#include "boards/cortex-m3/i2c_bits.h"
#include "boards/stm32f103-rs485/stm32.h"

enum {
    CR2_ON = 1 << 0,
    CR2_CALIBRATE = 1 << 2,
    CR2_RESET_CALIBRATION = 1 << 3,
    CR2_BY_SOFTWARE = 7 << 17 | 1 << 20,
    CR2_START = 1 << 22,
    CR2_REFERENCE_ON = 1 << 23,
    SR_DONE = 1 << 1,
    SLOWEST_0 = 7 << 0, /* 239.5 cycles, 20 us: the divider is 9 k */
    SLOWEST_4 = 7 << 12,
    SLOWEST_17 = 7 << 21,
    CHANNEL_SUPPLY = 4,
    CHANNEL_REFERENCE = 17,
    REFERENCE_MV = 1200,
    DIVIDER = 11, /* 100 k and 10 k */
    LOOKS = 2000, /* a conversion takes 21 us, calibrating 7 */
    FULL = 4095,
    EXTI_1 = 1 << 1,
    EXTICR_1_PORT_B = 1 << 4,
    DEBOUNCE_US = 20000, /* reeds bounce 1 ms; buckets tip 10 times a second at most */
    HALF_BIT_US = 5,
    MEMORY_SPINS = 8, /* of 5 cycles or so: 0.6 us at 72 MHz, and the code around it as much */
};

static bool wait_until(uint32_t address, uint32_t mask, uint32_t value)
{
    for (int i = 0; i < LOOKS; i++)
        if ((reg_read(address) & mask) == value)
            return true;
    return false;
}

void inputs_start(void)
{
    reg_write(ADC_CR2, CR2_ON | CR2_BY_SOFTWARE | CR2_REFERENCE_ON);
    reg_write(ADC_SMPR1, SLOWEST_17);
    reg_write(ADC_SMPR2, SLOWEST_0 | SLOWEST_4);
    reg_write(ADC_SQR1, 0); /* one conversion */
    hal_delay_us(10);
    reg_set(ADC_CR2, CR2_RESET_CALIBRATION);
    (void)wait_until(ADC_CR2, CR2_RESET_CALIBRATION, 0);
    reg_set(ADC_CR2, CR2_CALIBRATE);
    (void)wait_until(ADC_CR2, CR2_CALIBRATE, 0);

    reg_write(AFIO_EXTICR1, EXTICR_1_PORT_B);
    reg_write(EXTI_FTSR, EXTI_1);
    reg_write(EXTI_IMR, EXTI_1);
    cpu_irq_enable(IRQ_EXTI1);
}

static enum hal_result convert(uint32_t channel, uint32_t *count)
{
    reg_write(ADC_SQR3, channel);
    reg_write(ADC_SR, 0);
    reg_set(ADC_CR2, CR2_START);
    if (!wait_until(ADC_SR, SR_DONE, SR_DONE))
        return HAL_TIMEOUT;
    *count = reg_read(ADC_DR) & FULL;
    return HAL_OK;
}

enum hal_result hal_adc_read(uint8_t channel, uint16_t *value)
{
    uint32_t count = 0;
    if (channel != PIN_A_SOIL)
        return HAL_RANGE;
    enum hal_result result = convert(channel, &count);
    *value = (uint16_t)(count << 4 | count >> 8); /* 0..4095 to 0..65535 */
    return result;
}

/* Against the part's reference, since its own supply need not be 3.3 V. */
enum hal_result hal_supply_mv(uint16_t *mv)
{
    uint32_t reference = 0, supply = 0;
    enum hal_result result = convert(CHANNEL_REFERENCE, &reference);
    if (result == HAL_OK)
        result = convert(CHANNEL_SUPPLY, &supply);
    if (result == HAL_OK && reference == 0)
        result = HAL_FAULT;
    if (result != HAL_OK)
        return result;
    uint32_t value = supply * REFERENCE_MV / reference * DIVIDER;
    *mv = (uint16_t)(value > UINT16_MAX ? UINT16_MAX : value);
    return HAL_OK;
}

/* ---- rain ---- */

static volatile uint32_t closures;
static uint64_t closed_us;

void exti1_handler(void)
{
    uint64_t now_us = hal_now_us();
    reg_write(EXTI_PR, EXTI_1);
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

static void wire(bool high)
{
    pin_write(GPIO_B, PIN_B_ONEWIRE, high);
}

bool hal_onewire_reset(void)
{
    if (!pin_read(GPIO_B, PIN_B_ONEWIRE))
        return false; /* shorted */
    wire(false);
    hal_delay_us(480);
    cpu_irq_off();
    wire(true);
    hal_delay_us(70);
    bool present = !pin_read(GPIO_B, PIN_B_ONEWIRE);
    cpu_irq_on();
    hal_delay_us(410);
    return present;
}

/* Interrupts wait at most 75 us: less than a byte at 115,200 baud takes, and bytes come by DMA. */
bool hal_onewire_slot(bool bit)
{
    cpu_irq_off();
    wire(false);
    hal_delay_us(bit ? 4 : 62);
    wire(true);
    hal_delay_us(bit ? 7 : 0);
    bool is = pin_read(GPIO_B, PIN_B_ONEWIRE);
    hal_delay_us(bit ? 52 : 3);
    cpu_irq_on();
    return is;
}

/* ---- I2C pins ---- */

static unsigned scl_of(enum i2c_wires wires)
{
    return wires == I2C_MEMORY ? PIN_B_MEMORY_SCL : PIN_B_SCL;
}

static unsigned sda_of(enum i2c_wires wires)
{
    return wires == I2C_MEMORY ? PIN_B_MEMORY_SDA : PIN_B_SDA;
}

void i2c_scl(enum i2c_wires wires, bool high)
{
    pin_write(GPIO_B, scl_of(wires), high);
}

void i2c_sda(enum i2c_wires wires, bool high)
{
    pin_write(GPIO_B, sda_of(wires), high);
}

bool i2c_scl_is_high(enum i2c_wires wires)
{
    return pin_read(GPIO_B, scl_of(wires));
}

bool i2c_sda_is_high(enum i2c_wires wires)
{
    return pin_read(GPIO_B, sda_of(wires));
}

/* 100 kHz on the cables of the sensors, some 400 kHz on the board: the FRAMs take 1 MHz. */
void i2c_pause(enum i2c_wires wires)
{
    if (wires == I2C_MEMORY)
        cpu_spin(MEMORY_SPINS);
    else
        hal_delay_us(HALF_BIT_US);
}
