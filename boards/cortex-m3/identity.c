/* SPDX-License-Identifier: Apache-2.0 */
/* Who this piece is: the factory page that `baiye flash` wrote, else the part's own identity. */
#include "boards/cortex-m3/part_id.h"
#include "firmware/hal.h"
#include "protocols/image/factory.h"

/* The part's number, folded (FNV-1a): 1 in 4 thousand million to meet its like. */
static uint32_t folded(void)
{
    uint8_t id[PART_ID_MOST];
    uint32_t hash = 0x811C9DC5;
    unsigned size = part_id(id);
    for (unsigned i = 0; i < size; i++)
        hash = (hash ^ id[i]) * 0x01000193;
    return hash ? hash : 1;
}

/* Asked for in the middle of a scan of the bus, so the page's CRC is computed once. */
uint32_t hal_serial(void)
{
    static uint32_t serial;
    struct factory factory;
    size_t size;
    const uint8_t *page = hal_factory_page(&size);
    if (serial == 0 && factory_read(page, size, &factory))
        serial = factory.serial;
    return serial ? serial : folded();
}
