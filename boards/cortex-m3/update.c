/* SPDX-License-Identifier: Apache-2.0 */
/* Updates for a program that was started from a slot. Which one it is, is where it was linked to.
 */
#include "firmware/boot/node_update.h"

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/loader.h"
#include "boards/cortex-m3/reg.h"
#include "boards/cortex-m3/starts.h"
#include "firmware/boot/flash.h"

extern uint32_t ld_image_start;

/* The loader's check, so that the flash holds one copy of it. */
enum image_result boot_verify(unsigned slot, struct image_header *header)
{
    if (ld_loader_exports.magic != LOADER_EXPORTS_MAGIC)
        return IMAGE_UNKNOWN_KEY;
    return ld_loader_exports.verify(slot, header);
}

const uint8_t (*boot_keys(void))[65]
{
    return ld_loader_exports.magic == LOADER_EXPORTS_MAGIC ? ld_loader_exports.keys : NULL;
}

static void well(void)
{
    starts_write(0);
}

const struct node_update *board_update(void)
{
    uint32_t start = (uint32_t)(uintptr_t)&ld_image_start;
    return node_update_start(start > flash_layout()->slot[1] ? 1 : 0, well);
}
