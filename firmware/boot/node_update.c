/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/node_update.h"

#include "firmware/boot/service.h"

#define REGISTERS_MAX 125u

static struct service service;

static bool update_read(uint16_t address, uint16_t count, uint16_t *values)
{
    uint8_t bytes[2 * REGISTERS_MAX];
    if (count > REGISTERS_MAX || !service_read(&service, address, count, bytes))
        return false;
    for (unsigned i = 0; i < count; i++)
        values[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    return true;
}

static bool update_write(uint16_t address, uint16_t count, const uint16_t *values, bool unlocked)
{
    uint8_t bytes[2 * REGISTERS_MAX];
    for (unsigned i = 0; i < count && i < REGISTERS_MAX; i++) {
        bytes[2 * i] = (uint8_t)(values[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)values[i];
    }
    return count <= REGISTERS_MAX && service_write(&service, address, bytes, 2u * count, unlocked);
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

static void (*board_well)(void);

static void update_well(void)
{
    if (board_well != NULL)
        board_well();
}

static uint32_t update_version(void)
{
    return service.version;
}

const struct node_update *node_update_start(unsigned running, void (*well)(void))
{
    static const struct node_update update = {update_read,    update_write,    update_step,
                                              update_restart, update_on_trial, update_tested,
                                              update_well,    update_version};
    board_well = well;
    service_init(&service, running);
    return &update;
}
