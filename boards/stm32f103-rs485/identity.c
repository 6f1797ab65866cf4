/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/part_id.h"
#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/hal.h"

/* 96 bits (RM0008 30.2). */
unsigned part_id(uint8_t id[PART_ID_MOST])
{
    for (uint32_t i = 0; i < 12; i++)
        id[i] = reg_read8(UNIQUE_ID + i);
    return 12;
}

const uint8_t *hal_factory_page(size_t *size)
{
    *size = FACTORY_PAGE_SIZE;
    return ld_factory_page;
}

const char *hal_board_name(void)
{
    return "stm32f103-rs485";
}
