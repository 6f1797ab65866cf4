/* SPDX-License-Identifier: Apache-2.0 */
/* For boards whose soil, air and humidity come by SDI-12 and I2C, and time by the bus: those under
 * emulation, and the one that is a Linux process. */
#include "firmware/hal.h"

enum hal_result hal_rtc_read(uint32_t *seconds, uint16_t *ms)
{
    *seconds = 0;
    *ms = 0;
    return HAL_RANGE;
}

void hal_rtc_write(uint32_t seconds, uint16_t ms)
{
    (void)seconds;
    (void)ms;
}

enum hal_result hal_adc_read(uint8_t channel, uint16_t *value)
{
    (void)channel;
    *value = 0;
    return HAL_RANGE;
}

bool hal_onewire_reset(void)
{
    return false;
}

bool hal_onewire_slot(bool bit)
{
    return bit;
}

enum hal_result hal_supply_mv(uint16_t *mv)
{
    *mv = 0;
    return HAL_RANGE;
}
