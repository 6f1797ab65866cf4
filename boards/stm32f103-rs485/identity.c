/* SPDX-License-Identifier: Apache-2.0 */
/* Who this piece is: the factory page that `baiye flash` wrote, else the part's own identity. */
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"
#include "protocols/image/factory.h"

const uint8_t *hal_factory_page(size_t *size)
{
    *size = FACTORY_PAGE_SIZE;
    return ld_factory_page;
}

/* The 96 bits of the part's identity, folded (FNV-1a): 1 in 4 thousand million to meet its like. */
static uint32_t folded(void)
{
    uint32_t hash = 0x811C9DC5;
    for (uint32_t i = 0; i < 12; i++)
        hash = (hash ^ reg_read8(UNIQUE_ID + i)) * 0x01000193;
    return hash ? hash : 1;
}

/* Asked for in the middle of a scan of the bus, so the page's CRC is computed once. */
uint32_t hal_serial(void)
{
    static uint32_t serial;
    struct factory factory;
    if (serial == 0 && factory_read(ld_factory_page, FACTORY_PAGE_SIZE, &factory))
        serial = factory.serial;
    return serial ? serial : folded();
}

const char *hal_board_name(void)
{
    return "stm32f103-rs485";
}
