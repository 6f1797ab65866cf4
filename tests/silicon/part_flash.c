/* SPDX-License-Identifier: Apache-2.0 */
/* The program memory, PM0075: NOR by half-words, pages of 1 KiB, a core that stands still while a
 * page is erased, and a power cut at an operation of one's choice. */
#include <string.h>

#include "tests/silicon/part.h"

enum {
    PAGE = 1024,
    SR_BUSY = 1,
    SR_PROGRAM_ERROR = 4,
    SR_DONE = 32,
    CR_PROGRAM = 1,
    CR_ERASE = 2,
    CR_START = 64,
    CR_LOCK = 128,
};
#define ERASE_TAKES   (20 * TICKS_MS)
#define PROGRAM_TAKES (52 * TICKS_US)

/* False: the power failed in this operation, which did something undefined to `size` bytes. */
static bool operation(struct part *p, uint32_t offset, uint32_t size, uint64_t takes)
{
    p->stall_until = p->busy_until = p->now + takes;
    p->flash_sr |= SR_DONE;
    p->leave = true;
    if (p->before_operation != NULL)
        p->before_operation(p);
    if (++p->flash_operations < p->flash_cut)
        return true;
    for (uint32_t i = 0; i < size; i++)
        p->flash[offset + i] ^= (uint8_t)(p->flash_operations * 0x9D + i * 0x35);
    p->flash_cut = NEVER;
    part_power(p, false);
    return false;
}

void flash_store(struct part *p, uint32_t address, unsigned size, uint32_t value)
{
    flash_settle(p);
    uint32_t offset = address - FLASH_AT;
    if (size != 2 || offset % 2)
        part_complain(p, "a store into the flash that is no half-word");
    p->store_pending = true;
    p->store_at = offset & ~UINT32_C(3);
    memcpy(p->store_before, p->flash + p->store_at, sizeof p->store_before);
    p->store_half = offset & 2;
    p->store_value = (uint16_t)value;
}

/* The store has happened by now: what the part makes of it. */
void flash_settle(struct part *p)
{
    if (!p->store_pending)
        return;
    p->store_pending = false;
    uint16_t was;
    uint32_t at = p->store_at + p->store_half;
    memcpy(p->flash + p->store_at, p->store_before, sizeof p->store_before);
    memcpy(&was, p->flash + at, 2);
    if (!(p->flash_cr & CR_PROGRAM) || p->flash_cr & CR_LOCK)
        part_complain(p, "a store into the flash without PG");
    if (was != 0xFFFF && p->store_value != 0) {
        p->flash_sr |= SR_PROGRAM_ERROR;
        return;
    }
    memcpy(p->flash + at, &p->store_value, 2);
    if (!operation(p, at, 2, PROGRAM_TAKES)) {
        uint16_t torn;
        memcpy(&torn, p->flash + at, 2);
        torn = (uint16_t)((was & torn) | p->store_value);
        memcpy(p->flash + at, &torn, 2); /* some of the bits */
    }
}

uint32_t flash_read(struct part *p, uint32_t address)
{
    flash_settle(p);
    switch (address) {
    case 0x40022000:
        return p->acr;
    case 0x4002200C:
        return p->flash_sr | (p->now < p->busy_until ? SR_BUSY : 0);
    case 0x40022010:
        return p->flash_cr;
    default:
        return 0;
    }
}

static void erase(struct part *p)
{
    uint32_t offset = (p->flash_ar - FLASH_AT) / PAGE * PAGE;
    if (offset >= FLASH_END)
        return;
    memset(p->flash + offset, 0xFF, PAGE);
    memset(p->counts + offset / 2, 0, PAGE / 2 * sizeof *p->counts);
    (void)operation(p, offset, PAGE, ERASE_TAKES);
}

void flash_write(struct part *p, uint32_t address, uint32_t value)
{
    flash_settle(p);
    switch (address) {
    case 0x40022000:
        p->acr = value;
        break;
    case 0x40022004:
        p->flash_keys = value == 0x45670123 ? 1 : p->flash_keys == 1 && value == 0xCDEF89AB ? 2 : 0;
        if (p->flash_keys == 2)
            p->flash_cr &= ~(uint32_t)CR_LOCK;
        break;
    case 0x4002200C:
        p->flash_sr &= ~value;
        break;
    case 0x40022010:
        if (p->flash_cr & CR_LOCK)
            break;
        p->flash_cr = value & 0xFF;
        if (value & CR_START && value & CR_ERASE)
            erase(p);
        break;
    case 0x40022014:
        p->flash_ar = value;
        break;
    default:
        break;
    }
}
