/* SPDX-License-Identifier: Apache-2.0 */
/* For boards without a rain gauge's contact. */
#include "firmware/hal.h"

uint32_t hal_pulse_count(void)
{
    return 0;
}
