/* SPDX-License-Identifier: Apache-2.0 */
/* For boards where all that must be reset hears the processor's own request. */
#include "boards/cortex-m3/cpu.h"

#define AIRCR_RESET 0x05FA0004U /* the key, and SYSRESETREQ */

void cpu_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    reg_write(SCB_AIRCR, AIRCR_RESET);
    for (;;) /* a few cycles until it takes effect */
        ;
}
