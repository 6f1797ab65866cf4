/* SPDX-License-Identifier: Apache-2.0 */
/* Updates for a program that was started from a slot. Which one it is, is where it was linked
 * to. */
#include "firmware/boot/node_update.h"

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/loader.h"
#include "boards/cortex-m3/reg.h"
#include "boards/cortex-m3/starts.h"
#include "firmware/boot/flash.h"

extern uint32_t ld_image_start;

static bool has_loader(void)
{
    return ld_loader_exports.magic == LOADER_EXPORTS_MAGIC ||
           ld_loader_exports.magic == LOADER_EXPORTS_MAGIC_1;
}

/* The loader's check, so that the flash holds one copy of it. */
enum image_result boot_verify(unsigned slot, struct image_header *header)
{
    return has_loader() ? ld_loader_exports.verify(slot, header) : IMAGE_UNKNOWN_KEY;
}

/* A loader is exchanged on the bench only: with an earlier one the signature is looked at when the
 * image is whole, as it was then. */
enum image_result boot_verify_head(unsigned slot, const uint8_t *head)
{
    if (ld_loader_exports.magic == LOADER_EXPORTS_MAGIC)
        return ld_loader_exports.verify_head(slot, head);
    return has_loader() ? IMAGE_OK : IMAGE_UNKNOWN_KEY;
}

const uint8_t (*boot_keys(void))[65]
{
    return has_loader() ? ld_loader_exports.keys : NULL;
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
