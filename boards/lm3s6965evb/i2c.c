/* SPDX-License-Identifier: Apache-2.0 */
/* I2C master 0, polled with a bound: a byte at 100 kHz takes 90 us. Between writing and reading
 * goes a STOP: sensors and EEPROMs keep their pointer over it, and emulators of this part know no
 * repeated start. The EEPROM (24C256, 64-byte pages, two address bytes) is the memory that
 * stays. */
#include <string.h>

#include "boards/lm3s6965evb/lm3s.h"
#include "firmware/hal.h"

enum {
    MCS_RUN = 1,
    MCS_START = 2,
    MCS_STOP = 4,
    MCS_ACK = 8,
    STATE_BUSY = 1,
    STATE_ERROR = 2,
    STATE_ADDRESS_NAK = 4,
    STATE_DATA_NAK = 8,
    STATE_LOST = 0x10,
    STATE_BUS_BUSY = 0x40,
    BYTE_US = 90,      /* at 100 kHz */
    STRETCH_US = 1000, /* how long parts may hold the clock in one transfer */
    MASTER = 0x10,
    EEPROM = 0x50,
    EEPROM_PAGE = 64,
    EEPROM_WRITE_US = 10000, /* twice the longest write */
    EEPROM_PAUSE_US = 250,
    PIN_SCL = 1 << 2, /* port B */
    PIN_SDA = 1 << 3,
    HALF_BIT_US = 5,
};

void i2c_start(void)
{
    reg_write(GPIO_B + GPIO_ODR, PIN_SDA);
    reg_write(GPIO_B + GPIO_DEN, PIN_SCL | PIN_SDA);
    reg_write(GPIO_B + GPIO_AFSEL, PIN_SCL | PIN_SDA);
    reg_write(I2C_MCR, MASTER);
    reg_write(I2C_MTPR, CLOCK_HZ / (20 * 100000) - 1);
}

/* A part that was cut off in the middle of a byte holds SDA down until it got its clocks. */
static void recover(void)
{
    reg_write(GPIO_B + GPIO_ODR, PIN_SCL | PIN_SDA);
    reg_clear(GPIO_B + GPIO_AFSEL, PIN_SCL | PIN_SDA);
    reg_write(GPIO_B + GPIO_DIR, PIN_SCL);
    for (int clock = 0; clock < 9; clock++) {
        pin_write(GPIO_B, PIN_SCL, false);
        hal_delay_us(HALF_BIT_US);
        pin_write(GPIO_B, PIN_SCL, true);
        hal_delay_us(HALF_BIT_US);
    }
    reg_write(GPIO_B + GPIO_DIR, 0);
    reg_write(I2C_MCR, 0);
    i2c_start();
}

static uint64_t limit_us; /* end of the transfer, come what may */

static enum hal_result wait_done(uint32_t busy)
{
    for (;;) {
        uint32_t state = reg_read(I2C_MCS);
        if (!(state & busy))
            return HAL_OK;
        if (hal_now_us() > limit_us)
            return HAL_TIMEOUT;
    }
}

/* One command to the master; leaves the bus free after an error. */
static enum hal_result command(uint32_t bits)
{
    reg_write(I2C_MCS, bits);
    if (wait_done(STATE_BUSY) != HAL_OK)
        return HAL_TIMEOUT;
    uint32_t state = reg_read(I2C_MCS);
    if (!(state & (STATE_ERROR | STATE_LOST)))
        return HAL_OK;
    if (!(bits & MCS_STOP) && !(state & STATE_LOST))
        reg_write(I2C_MCS, MCS_STOP);
    (void)wait_done(STATE_BUSY);
    if (state & STATE_DATA_NAK && !(state & STATE_ADDRESS_NAK))
        return HAL_FAULT; /* the part refused a byte */
    return HAL_NAK;
}

static enum hal_result write_bytes(uint8_t address, const uint8_t *head, size_t head_size,
                                   const uint8_t *body, size_t body_size)
{
    size_t size = head_size + body_size;
    reg_write(I2C_MSA, (uint32_t)address << 1);
    for (size_t i = 0; i < size; i++) {
        reg_write(I2C_MDR, i < head_size ? head[i] : body[i - head_size]);
        enum hal_result result =
            command(MCS_RUN | (i == 0 ? MCS_START : 0U) | (i + 1 == size ? MCS_STOP : 0U));
        if (result != HAL_OK)
            return result;
    }
    return HAL_OK;
}

static enum hal_result read_bytes(uint8_t address, uint8_t *data, size_t size)
{
    reg_write(I2C_MSA, (uint32_t)address << 1 | 1);
    for (size_t i = 0; i < size; i++) {
        bool last = i + 1 == size;
        enum hal_result result =
            command(MCS_RUN | (i == 0 ? MCS_START : 0U) | (last ? MCS_STOP : MCS_ACK));
        if (result != HAL_OK)
            return result;
        data[i] = (uint8_t)reg_read(I2C_MDR);
    }
    return HAL_OK;
}

static enum hal_result transfer(uint8_t address, const uint8_t *head, size_t head_size,
                                const uint8_t *body, size_t body_size, uint8_t *read,
                                size_t read_size)
{
    uint64_t now_us = hal_now_us();
    limit_us = now_us + STRETCH_US;
    if (wait_done(STATE_BUS_BUSY) != HAL_OK) {
        recover();
        if (wait_done(STATE_BUS_BUSY) != HAL_OK)
            return HAL_STUCK;
    }
    limit_us = now_us + STRETCH_US + BYTE_US * (head_size + body_size + read_size + 4);
    enum hal_result result = HAL_OK;
    if (head_size + body_size)
        result = write_bytes(address, head, head_size, body, body_size);
    if (result == HAL_OK && read_size)
        result = read_bytes(address, read, read_size);
    if (result == HAL_TIMEOUT)
        recover();
    return result;
}

enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write, size_t write_size,
                                 uint8_t *read, size_t read_size)
{
    uint8_t probe;
    if (address > 0x7F || write_size > 64 || read_size > 64)
        return HAL_RANGE;
    if (!write_size && !read_size) /* this master can't send an address alone */
        return transfer(address, NULL, 0, NULL, 0, &probe, 1);
    return transfer(address, write, write_size, NULL, 0, read, read_size);
}

/* ---- EEPROM ---- */

/* One piece within a page; `from` for writing, `to` for reading. While it writes, the EEPROM
 * answers to nobody: so it is asked until it does. */
static enum hal_result eeprom(uint32_t offset, const uint8_t *from, uint8_t *to, size_t size)
{
    const uint8_t address[2] = {(uint8_t)(offset >> 8), (uint8_t)offset};
    uint64_t deadline_us = hal_now_us() + EEPROM_WRITE_US;
    for (;;) {
        enum hal_result result = transfer(EEPROM, address, sizeof address, from,
                                          from != NULL ? size : 0, to, to != NULL ? size : 0);
        if (result != HAL_NAK || hal_now_us() > deadline_us)
            return result;
        hal_delay_us(EEPROM_PAUSE_US);
    }
}

enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size)
{
    uint8_t *to = data;
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    enum hal_result result = HAL_OK;
    for (size_t done = 0; done < size && result == HAL_OK; done += EEPROM_PAGE) {
        size_t piece = size - done < EEPROM_PAGE ? size - done : EEPROM_PAGE;
        result = eeprom(offset + done, NULL, to + done, piece);
    }
    return result;
}

enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size)
{
    const uint8_t *from = data;
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    size_t piece;
    for (size_t done = 0; done < size; done += piece) {
        size_t room = EEPROM_PAGE - (offset + done) % EEPROM_PAGE;
        piece = size - done < room ? size - done : room;
        enum hal_result result = eeprom(offset + done, from + done, NULL, piece);
        if (result != HAL_OK)
            return result;
    }
    uint8_t byte; /* durable when the EEPROM answers again */
    return size ? eeprom(offset, NULL, &byte, 1) : HAL_OK;
}
