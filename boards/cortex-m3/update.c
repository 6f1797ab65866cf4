/* SPDX-License-Identifier: Apache-2.0 */
/* Updates for a program that was started from a slot. Which one it is, is where it was linked to.
 */
#include "firmware/node/update.h"

#include "boards/cortex-m3/board.h"
#include "boards/cortex-m3/loader.h"
#include "boards/cortex-m3/reg.h"
#include "firmware/boot/flash.h"
#include "firmware/boot/service.h"

#define REGISTERS_MAX 125u

extern uint32_t ld_image_start;

static struct service service;

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

static bool update_read(uint16_t address, uint16_t count, uint16_t *values)
{
    uint8_t bytes[2 * REGISTERS_MAX];
    if (count > REGISTERS_MAX || !service_read(&service, address, count, bytes))
        return false;
    for (unsigned i = 0; i < count; i++)
        values[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    return true;
}

static bool update_write(uint16_t address, uint16_t count, const uint16_t *values)
{
    uint8_t bytes[2 * REGISTERS_MAX];
    for (unsigned i = 0; i < count && i < REGISTERS_MAX; i++) {
        bytes[2 * i] = (uint8_t)(values[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)values[i];
    }
    return count <= REGISTERS_MAX && service_write(&service, address, bytes, 2u * count);
}

static bool update_step(void)
{
    return service_step(&service);
}

static bool update_restart(void)
{
    return service.restart_wanted;
}

static bool update_on_trial(void)
{
    return service.receive.on_trial;
}

static void update_tested(uint16_t failed)
{
    service_tested(&service, (uint8_t)failed);
}

const struct node_update *board_update(void)
{
    static const struct node_update update = {update_read,    update_write,    update_step,
                                              update_restart, update_on_trial, update_tested};
    uint32_t start = (uint32_t)(uintptr_t)&ld_image_start;
    service_init(&service, start > flash_layout()->slot[1] ? 1 : 0);
    return &update;
}
