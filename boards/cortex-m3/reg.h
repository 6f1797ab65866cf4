/* SPDX-License-Identifier: Apache-2.0 */
/* The only way to the processor's and its peripherals' registers. On the part these are single
 * loads and stores; a host test defines BAIYE_REGISTER_MODEL and its own functions, which answer
 * from a model of the part and record what was written. */
#ifndef BAIYE_REG_H
#define BAIYE_REG_H

#include <stdint.h>

#ifdef BAIYE_REGISTER_MODEL

uint32_t reg_read(uint32_t address);
void reg_write(uint32_t address, uint32_t value);
uint8_t reg_read8(uint32_t address);
void reg_write16(uint32_t address, uint16_t value);

#else

static inline uint32_t reg_read(uint32_t address)
{
    return *(volatile uint32_t *)address;
}

static inline void reg_write(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

static inline uint8_t reg_read8(uint32_t address)
{
    return *(volatile uint8_t *)address;
}

static inline void reg_write16(uint32_t address, uint16_t value)
{
    *(volatile uint16_t *)address = value;
}

#endif

static inline void reg_set(uint32_t address, uint32_t bits)
{
    reg_write(address, reg_read(address) | bits);
}

static inline void reg_clear(uint32_t address, uint32_t bits)
{
    reg_write(address, reg_read(address) & ~bits);
}

#endif
