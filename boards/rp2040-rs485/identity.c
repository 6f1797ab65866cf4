/* SPDX-License-Identifier: Apache-2.0 */
/* Who this piece is: the factory page that `baiye flash` wrote, else the number of the flash
 * chip. */
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"
#include "protocols/image/factory.h"

const uint8_t *hal_factory_page(size_t *size)
{
    *size = FACTORY_PAGE_SIZE;
    return ld_factory_page;
}

/* The 64 bits of the chip's number, folded (FNV-1a): 1 in 4 thousand million to meet its like. */
static uint32_t folded(void)
{
    uint8_t id[8];
    uint32_t hash = 0x811C9DC5;
    flash_unique_id(id);
    for (unsigned i = 0; i < sizeof id; i++)
        hash = (hash ^ id[i]) * 0x01000193;
    return hash ? hash : 1;
}

/* Asked for in the middle of a scan of the bus, so it is looked up once. */
uint32_t hal_serial(void)
{
    static uint32_t serial;
    struct factory factory;
    if (serial == 0 && factory_read(ld_factory_page, FACTORY_PAGE_SIZE, &factory))
        serial = factory.serial;
    if (serial == 0)
        serial = folded();
    return serial;
}

const char *hal_board_name(void)
{
    return "rp2040-rs485";
}
