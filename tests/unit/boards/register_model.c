/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/boards/register_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "boards/cortex-m3/cpu.h"
#include "boards/stm32f103-rs485/stm32.h"

struct model model;

static struct model_write cells[256];
static size_t cell_count;

enum { FLASH_BASE = 0x08004000, PAGE = 1024 };

void model_reset(void)
{
    memset(&model, 0, sizeof model);
    memset(model.flash, 0xFF, sizeof model.flash);
    cell_count = 0;
    model_set(FLASH_CR, 1 << 7); /* locked */
    model_set(RCC_CR, 0x83);
}

static struct model_write *cell(uint32_t address)
{
    for (size_t i = 0; i < cell_count; i++)
        if (cells[i].address == address)
            return &cells[i];
    assert_true(cell_count < sizeof cells / sizeof *cells);
    cells[cell_count] = (struct model_write){address, 0};
    return &cells[cell_count++];
}

uint32_t model_get(uint32_t address)
{
    return cell(address)->value;
}

void model_set(uint32_t address, uint32_t value)
{
    cell(address)->value = value;
}

int model_written(size_t from, uint32_t address, uint32_t mask, uint32_t value)
{
    for (size_t i = from; i < model.write_count; i++)
        if (model.writes[i].address == address && (model.writes[i].value & mask) == value)
            return (int)i;
    return -1;
}

static bool in_flash(uint32_t address)
{
    return address >= FLASH_BASE && address - FLASH_BASE < sizeof model.flash;
}

/* ---- what reacts ---- */

static void flash_key(uint32_t key)
{
    static const uint32_t keys[] = {0x45670123, 0xCDEF89AB};
    if (model.flash_keys < 2 && key == keys[model.flash_keys])
        model.flash_keys++;
    if (model.flash_keys == 2) {
        model.flash_unlocked = true;
        model_set(FLASH_CR, model_get(FLASH_CR) & ~(1U << 7));
    }
}

static void flash_control(uint32_t value)
{
    assert_true(model.flash_unlocked);
    if (value & 1 << 7) {
        model.flash_unlocked = false;
        model.flash_keys = 0;
    }
    if (value & 1 << 6 && value & 1 << 1) { /* start, page erase */
        uint32_t page = model_get(FLASH_AR) / PAGE * PAGE;
        assert_true(in_flash(page));
        if (!model.flash_worn)
            memset(model.flash + (page - FLASH_BASE), 0xFF, PAGE);
        model_set(FLASH_SR, 1 << 5);
    }
}

static void clock_control(uint32_t value)
{
    value &= ~(1U << 17 | 1U << 25); /* the part's, not the program's */
    if (value & 1 << 16 && !model.crystal_dead)
        value |= 1 << 17;
    if (value & 1 << 24 && !model.pll_dead)
        value |= 1 << 25;
    model_set(RCC_CR, value);
}

static void react(uint32_t address, uint32_t value)
{
    switch (address) {
    case FLASH_KEYR:
        flash_key(value);
        break;
    case FLASH_CR:
        flash_control(value);
        break;
    case FLASH_SR: /* ones clear */
        model_set(FLASH_SR, 0);
        break;
    case RCC_CR:
        clock_control(value);
        break;
    case RCC_CFGR: /* the switch's state follows the switch */
        model_set(RCC_CFGR, value | (value & 3) << 2);
        break;
    case ADC_CR2:
        if (value & 1 << 22) {
            model_set(ADC_DR, model.adc[model_get(ADC_SQR3)]);
            model_set(ADC_SR, 1 << 1);
        }
        model_set(ADC_CR2, value & ~(1U << 22 | 1U << 3 | 1U << 2)); /* calibrated at once */
        break;
    default:
        break;
    }
}

/* ---- boards/cortex-m3/reg.h ---- */

uint32_t reg_read(uint32_t address)
{
    if (model.on_read != NULL)
        model.on_read(address);
    if (in_flash(address)) {
        uint32_t word;
        memcpy(&word, model.flash + (address - FLASH_BASE), sizeof word);
        return word;
    }
    return model_get(address);
}

uint8_t reg_read8(uint32_t address)
{
    if (in_flash(address))
        return model.flash[address - FLASH_BASE];
    return (uint8_t)(model_get(address & ~3U) >> 8 * (address & 3));
}

void reg_write(uint32_t address, uint32_t value)
{
    if (model.write_count < sizeof model.writes / sizeof *model.writes)
        model.writes[model.write_count++] = (struct model_write){address, value};
    model_set(address, value);
    react(address, value);
}

void reg_write16(uint32_t address, uint16_t value)
{
    assert_true(in_flash(address) && address % 2 == 0);
    assert_true(model.flash_unlocked && model_get(FLASH_CR) & 1);
    uint8_t *at = model.flash + (address - FLASH_BASE);
    bool erased = at[0] == 0xFF && at[1] == 0xFF;
    if (!erased && value != 0) {
        model_set(FLASH_SR, 1 << 2); /* programming error */
        return;
    }
    model_set(FLASH_SR, 1 << 5);
    if (model.flash_worn)
        return;
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void cpu_irq_off(void)
{
    model.irq_off = true;
}

void cpu_irq_on(void)
{
    model.irq_off = false;
}

void cpu_wait(void)
{
    assert_true(model.irq_off);
}
