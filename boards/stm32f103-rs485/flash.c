/* SPDX-License-Identifier: Apache-2.0 */
/* The program memory for updates, PM0075: 1 KiB pages, programmed by half-words. The processor
 * stands still while a page is erased, since it fetches from the same flash.
 *
 *   0x08000000 boot loader 15 K │ factory 1 K │ state A, B 1 K each │ slot A 55 K │ slot B 55 K │
 *   0x08020000 */
#include "firmware/boot/flash.h"

#include "boards/stm32f103-rs485/stm32.h"

enum {
    KEY_1 = 0x45670123,
    SR_BUSY = 1 << 0,
    SR_PROGRAM_ERROR = 1 << 2,
    SR_PROTECTED = 1 << 4,
    SR_DONE = 1 << 5,
    CR_PROGRAM = 1 << 0,
    CR_ERASE_PAGE = 1 << 1,
    CR_START = 1 << 6,
    CR_LOCK = 1 << 7,
    PAGE = 1024,
    SLOT = 55 * PAGE,
    LOOKS = 1000000, /* an erase takes 40 ms at most, and the look stands still meanwhile */
};
#define KEY_2 0xCDEF89ABU

static const struct flash_layout layout = {
    .hardware = 0x42F10301, /* this board, revision 1 */
    .slot = {0x08004800, 0x08004800 + SLOT},
    .slot_size = SLOT,
    .state = {0x08004000, 0x08004400},
    .page_size = PAGE,
};

const struct flash_layout *flash_layout(void)
{
    return &layout;
}

static bool inside(uint32_t address, uint32_t size)
{
    uint32_t begin = layout.state[0], end = layout.slot[1] + SLOT;
    return address >= begin && address <= end && size <= end - address;
}

const uint8_t *flash_map(uint32_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

static enum flash_result wait_done(void)
{
    uint32_t status = SR_BUSY;
    for (int i = 0; i < LOOKS && status & SR_BUSY; i++)
        status = reg_read(FLASH_SR);
    reg_write(FLASH_SR, SR_DONE | SR_PROGRAM_ERROR | SR_PROTECTED);
    return status & (SR_BUSY | SR_PROGRAM_ERROR | SR_PROTECTED) ? FLASH_FAILED : FLASH_OK;
}

static void unlock(void)
{
    if (reg_read(FLASH_CR) & CR_LOCK) {
        reg_write(FLASH_KEYR, KEY_1);
        reg_write(FLASH_KEYR, KEY_2);
    }
}

enum flash_result flash_erase_page(uint32_t address)
{
    if (address % PAGE || !inside(address, PAGE))
        return FLASH_RANGE;
    unlock();
    reg_write(FLASH_CR, CR_ERASE_PAGE);
    reg_write(FLASH_AR, address);
    reg_write(FLASH_CR, CR_ERASE_PAGE | CR_START);
    (void)reg_read(FLASH_CR); /* BSY comes a cycle after STRT, PM0075 */
    enum flash_result result = wait_done();
    reg_write(FLASH_CR, CR_LOCK);
    for (uint32_t at = 0; at < PAGE && result == FLASH_OK; at += 4)
        if (reg_read(address + at) != UINT32_MAX)
            result = FLASH_FAILED;
    return result;
}

enum flash_result flash_program(uint32_t address, const void *data, size_t size)
{
    const uint8_t *from = data;
    if (address % 2 || size % 2 || size > UINT32_MAX / 2 || !inside(address, (uint32_t)size))
        return FLASH_RANGE;
    enum flash_result result = FLASH_OK;
    unlock();
    reg_write(FLASH_CR, CR_PROGRAM);
    for (size_t at = 0; at < size && result == FLASH_OK; at += 2) {
        uint16_t word = (uint16_t)(from[at] | from[at + 1] << 8);
        reg_write16((uint32_t)(address + at), word);
        result = wait_done();
        if (reg_read8((uint32_t)(address + at)) != from[at] ||
            reg_read8((uint32_t)(address + at + 1)) != from[at + 1])
            result = FLASH_FAILED;
    }
    reg_write(FLASH_CR, CR_LOCK);
    return result;
}
