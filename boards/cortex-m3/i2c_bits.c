/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/i2c_bits.h"

enum {
    STRETCH_PAUSES = 200, /* how long parts may hold the clock in one transfer: 1 ms at 100 kHz */
    RECOVERY_CLOCKS = 9,
};

/* Pauses that the clock may still take to come up, over the whole transfer: a part that holds it a
 * little at every bit must not hold up the node. */
static uint32_t pauses_left;
/* Those of the transfer under way. */
static enum i2c_wires wires;

/* Lets the clock go and waits until it is up. */
static enum hal_result clock_up(void)
{
    i2c_scl(wires, true);
    for (; pauses_left; pauses_left--) {
        i2c_pause(wires);
        if (i2c_scl_is_high(wires)) {
            pauses_left--;
            return HAL_OK;
        }
    }
    return HAL_TIMEOUT;
}

static enum hal_result start(void)
{
    i2c_sda(wires, true);
    enum hal_result result = clock_up();
    if (result != HAL_OK)
        return result;
    i2c_sda(wires, false);
    i2c_pause(wires);
    i2c_scl(wires, false);
    return HAL_OK;
}

static enum hal_result stop(void)
{
    i2c_sda(wires, false);
    i2c_pause(wires);
    pauses_left = STRETCH_PAUSES / 4;
    enum hal_result result = clock_up();
    i2c_sda(wires, true);
    i2c_pause(wires);
    return result;
}

static enum hal_result write_byte(uint8_t byte)
{
    for (int bit = 7; bit >= 0; bit--) {
        i2c_sda(wires, byte >> bit & 1);
        i2c_pause(wires);
        enum hal_result result = clock_up();
        if (result != HAL_OK)
            return result;
        i2c_scl(wires, false);
    }
    i2c_sda(wires, true);
    i2c_pause(wires);
    enum hal_result result = clock_up();
    bool nak = i2c_sda_is_high(wires);
    i2c_scl(wires, false);
    if (result != HAL_OK)
        return result;
    return nak ? HAL_NAK : HAL_OK;
}

static enum hal_result read_byte(uint8_t *byte, bool last)
{
    unsigned value = 0;
    i2c_sda(wires, true);
    for (int bit = 0; bit < 8; bit++) {
        i2c_pause(wires);
        enum hal_result result = clock_up();
        if (result != HAL_OK)
            return result;
        value = value << 1 | (i2c_sda_is_high(wires) ? 1U : 0U);
        i2c_scl(wires, false);
    }
    i2c_sda(wires, last); /* no more, please */
    i2c_pause(wires);
    enum hal_result result = clock_up();
    i2c_scl(wires, false);
    i2c_sda(wires, true);
    *byte = (uint8_t)value;
    return result;
}

static enum hal_result write_bytes(uint8_t address, const uint8_t *head, size_t head_size,
                                   const uint8_t *body, size_t body_size)
{
    enum hal_result result = start();
    if (result == HAL_OK)
        result = write_byte((uint8_t)(address << 1));
    for (size_t i = 0; i < head_size + body_size && result == HAL_OK; i++) {
        result = write_byte(i < head_size ? head[i] : body[i - head_size]);
        if (result == HAL_NAK)
            result = HAL_FAULT; /* it is there, but refuses the byte */
    }
    return result;
}

static enum hal_result read_bytes(uint8_t address, uint8_t *data, size_t size)
{
    enum hal_result result = start();
    if (result == HAL_OK)
        result = write_byte((uint8_t)(address << 1 | 1));
    for (size_t i = 0; i < size && result == HAL_OK; i++)
        result = read_byte(&data[i], i + 1 == size);
    return result;
}

/* A part that lost count in the middle of a byte holds SDA until it got its clocks. */
static enum hal_result make_free(void)
{
    i2c_sda(wires, true);
    if (clock_up() != HAL_OK)
        return HAL_STUCK;
    for (int i = 0; i < RECOVERY_CLOCKS && !i2c_sda_is_high(wires); i++) {
        i2c_scl(wires, false);
        i2c_pause(wires);
        (void)clock_up();
    }
    if (!i2c_sda_is_high(wires))
        return HAL_STUCK;
    (void)stop();
    return HAL_OK;
}

enum hal_result i2c_bits_transfer(enum i2c_wires on, uint8_t address, const uint8_t *head,
                                  size_t head_size, const uint8_t *body, size_t body_size,
                                  uint8_t *read, size_t read_size)
{
    enum hal_result result = HAL_OK;
    wires = on;
    pauses_left = STRETCH_PAUSES;
    if (!i2c_scl_is_high(wires) || !i2c_sda_is_high(wires))
        result = make_free();
    if (result != HAL_OK)
        return result;
    bool writes = head_size + body_size > 0;
    /* One pause a bit and its acknowledge, for the addresses and the starts as well. */
    pauses_left = (uint32_t)(9 * (head_size + body_size + read_size + 3)) + STRETCH_PAUSES;
    if (writes || !read_size)
        result = write_bytes(address, head, head_size, body, body_size);
    if (result == HAL_OK && read_size)
        result = read_bytes(address, read, read_size);
    enum hal_result end = stop();
    return result == HAL_OK ? end : result;
}

enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write, size_t write_size,
                                 uint8_t *read, size_t read_size)
{
    if (address > 0x7F || write_size > 64 || read_size > 64)
        return HAL_RANGE;
    return i2c_bits_transfer(I2C_SENSORS, address, write, write_size, NULL, 0, read, read_size);
}
