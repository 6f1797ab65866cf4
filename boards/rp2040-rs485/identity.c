/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "boards/cortex-m3/part_id.h"
#include "boards/rp2040-rs485/rp2040.h"
#include "firmware/hal.h"

enum { FLASH_ID_BYTES = 8 };

/* The part has no number of its own, its flash chip has. To read it the program stops, so that is
 * done once: it is asked for in the middle of a scan of the bus. */
unsigned part_id(uint8_t id[PART_ID_MOST])
{
    static uint8_t known[FLASH_ID_BYTES];
    static bool read;
    if (!read)
        flash_unique_id(known);
    read = true;
    for (unsigned i = 0; i < FLASH_ID_BYTES; i++)
        id[i] = known[i];
    return FLASH_ID_BYTES;
}

const uint8_t *hal_factory_page(size_t *size)
{
    *size = FACTORY_PAGE_SIZE;
    return ld_factory_page;
}

const char *hal_board_name(void)
{
    return "rp2040-rs485";
}
