/* SPDX-License-Identifier: Apache-2.0 */
/* The program memory for updates: a part of the PSRAM, which the emulator keeps in a file, behaving
 * as the NOR flash of the STM32F1 does: erased to ones by pages, a half-word programmed once, and
 * then only to zero. What is written stays over a cut of power; it runs in place.
 *
 *   0x21000000 state A, B 4 K each │ … │ 0x21010000 slot A 256 K │ slot B 256 K │ … identity */
#include "firmware/boot/flash.h"

#include "boards/mps2-an385/mps2.h"

enum { PAGE = 4096, SLOT = 64 * PAGE };

static const struct flash_layout layout = {
    .hardware = 0x03850001, /* this board, revision 1 */
    .slot = {PSRAM + 0x10000, PSRAM + 0x10000 + SLOT},
    .slot_size = SLOT,
    .state = {PSRAM, PSRAM + PAGE},
    .page_size = PAGE,
};

const struct flash_layout *flash_layout(void)
{
    return &layout;
}

static bool inside(uint32_t address, uint32_t size)
{
    uint32_t end = layout.slot[1] + SLOT;
    return address >= PSRAM && address <= end && size <= end - address;
}

const uint8_t *flash_map(uint32_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

enum flash_result flash_erase_page(uint32_t address)
{
    if (address % PAGE || !inside(address, PAGE))
        return FLASH_RANGE;
    for (uint32_t at = 0; at < PAGE; at += 4)
        reg_write(address + at, UINT32_MAX);
    return FLASH_OK;
}

enum flash_result flash_program(uint32_t address, const void *data, size_t size)
{
    const uint8_t *from = data;
    if (address % 2 || size % 2 || size > SLOT || !inside(address, (uint32_t)size))
        return FLASH_RANGE;
    for (uint32_t at = 0; at < size; at += 2) {
        uint16_t word = (uint16_t)(from[at] | from[at + 1] << 8);
        uint16_t old = (uint16_t)(reg_read8(address + at) | reg_read8(address + at + 1) << 8);
        if (old != UINT16_MAX && word != 0)
            return FLASH_FAILED;
        reg_write16(address + at, word);
    }
    return FLASH_OK;
}
