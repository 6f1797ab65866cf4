/* SPDX-License-Identifier: Apache-2.0 */
/* How often the program was started since it last was well: a word in the RAM that survives a
 * reset, at the end of what the boot loader keeps free. After power-up it holds anything, which
 * counts as none. The loader counts, the program clears. */
#ifndef BAIYE_STARTS_H
#define BAIYE_STARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/reg.h"

#define STARTS_MAGIC 0x53A50000u

extern uint32_t ld_starts; /* from the linker script */

static inline unsigned starts_read(void)
{
    uint32_t word = reg_read((uint32_t)(uintptr_t)&ld_starts);
    bool good = (word & 0xFFFF0000u) == STARTS_MAGIC && (word >> 8 & 255) == (~word & 255);
    return good ? word & 255 : 0;
}

static inline void starts_write(unsigned count)
{
    reg_write((uint32_t)(uintptr_t)&ld_starts,
              STARTS_MAGIC | (~count & 255u) << 8 | (count & 255u));
}

#endif
