/* SPDX-License-Identifier: Apache-2.0 */
/* I2C master by two open-drain pins: for boards without a master, and for the STM32F1, whose own
 * one hangs for good in several ways (errata ES0340) that nothing but a reset of it ends. Bounded:
 * a line that a part holds is freed by nine clocks, or it is HAL_STUCK. The board gives the pins.
 * The FRAM or EEPROM of nv_i2c.c goes through it, too. */
#ifndef BAIYE_I2C_BITS_H
#define BAIYE_I2C_BITS_H

#include <stdbool.h>

#include "firmware/hal.h"

/* The memory has wires of its own: sensors without power, or with a cable that is cut, hold theirs
 * down. A board with one pair of wires for both ignores which. */
enum i2c_wires { I2C_SENSORS, I2C_MEMORY };

/* From the board: true lets the line go (it is pulled up), false holds it down. */
void i2c_scl(enum i2c_wires wires, bool high);
void i2c_sda(enum i2c_wires wires, bool high);
bool i2c_scl_is_high(enum i2c_wires wires);
bool i2c_sda_is_high(enum i2c_wires wires);
/* Half a bit. */
void i2c_pause(enum i2c_wires wires);

/* Writes head and body as one, then reads after a repeated start. */
enum hal_result i2c_bits_transfer(enum i2c_wires on, uint8_t address, const uint8_t *head,
                                  size_t head_size, const uint8_t *body, size_t body_size,
                                  uint8_t *read, size_t read_size);

#endif
