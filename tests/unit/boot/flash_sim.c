/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/boot/flash_sim.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/boot/flash.h"

#define BASE 0x08004000u

static struct flash_sim the_only_one;
struct flash_sim *flash_sim = &the_only_one;

static const struct flash_layout layout = {
    .hardware = FLASH_SIM_HARDWARE,
    .slot = {BASE, BASE + FLASH_SIM_SLOT_SIZE},
    .slot_size = FLASH_SIM_SLOT_SIZE,
    .state = {BASE + 2 * FLASH_SIM_SLOT_SIZE, BASE + 2 * FLASH_SIM_SLOT_SIZE + FLASH_SIM_PAGE},
    .page_size = FLASH_SIM_PAGE,
};

void flash_sim_reset(uint32_t seed)
{
    memset(flash_sim->memory, 0xFF, sizeof flash_sim->memory);
    flash_sim->operations = 0;
    flash_sim->cut_at = 0;
    flash_sim->random = seed | 1;
}

static uint32_t next_random(void)
{
    flash_sim->random ^= flash_sim->random << 13;
    flash_sim->random ^= flash_sim->random >> 17;
    flash_sim->random ^= flash_sim->random << 5;
    return flash_sim->random;
}

const struct flash_layout *flash_layout(void)
{
    return &layout;
}

static uint8_t *at(uint32_t address)
{
    assert_in_range(address, BASE, BASE + sizeof flash_sim->memory - 1);
    return flash_sim->memory + (address - BASE);
}

const uint8_t *flash_map(uint32_t address)
{
    return at(address);
}

static int torn(void)
{
    return ++flash_sim->operations == flash_sim->cut_at;
}

enum flash_result flash_erase_page(uint32_t address)
{
    assert_int_equal((address - BASE) % FLASH_SIM_PAGE, 0);
    uint8_t *page = at(address);
    if (torn()) {
        for (size_t i = 0; i < FLASH_SIM_PAGE; i++)
            page[i] = (uint8_t)(page[i] | next_random());
        longjmp(flash_sim->cut, 1);
    }
    memset(page, 0xFF, FLASH_SIM_PAGE);
    return FLASH_OK;
}

enum flash_result flash_program(uint32_t address, const void *data, size_t size)
{
    const uint8_t *from = data;
    assert_int_equal(address % 2, 0);
    assert_int_equal(size % 2, 0);
    for (size_t i = 0; i < size; i += 2) {
        uint8_t *to = at(address + (uint32_t)i);
        int blank = to[0] == 0xFF && to[1] == 0xFF, zero = from[i] == 0 && from[i + 1] == 0;
        if (!blank && !zero)
            return FLASH_FAILED; /* PGERR: nothing is written */
        if (torn()) {
            to[0] = (uint8_t)(to[0] & (from[i] | next_random()));
            to[1] = (uint8_t)(to[1] & (from[i + 1] | next_random()));
            longjmp(flash_sim->cut, 1);
        }
        to[0] = from[i];
        to[1] = from[i + 1];
    }
    return FLASH_OK;
}
