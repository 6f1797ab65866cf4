/* SPDX-License-Identifier: Apache-2.0 */
/* A NOR flash with real rules and a power switch: erase sets 0xFF, program clears bits of a
 * half-word, once, and then only to zero; breaking a rule ends the test. At the operation where the
 * power is cut, the half-word or page is left torn, and flash_sim's longjmp target is taken. */
#ifndef BAIYE_FLASH_SIM_H
#define BAIYE_FLASH_SIM_H

#include <setjmp.h>
#include <stdint.h>

#define FLASH_SIM_PAGE 1024u
#ifndef FLASH_SIM_SLOT_PAGES
#define FLASH_SIM_SLOT_PAGES 4u
#endif
#define FLASH_SIM_SLOT_SIZE (FLASH_SIM_SLOT_PAGES * FLASH_SIM_PAGE)
#define FLASH_SIM_HARDWARE  0x53494D31u

struct flash_sim {
    uint8_t memory[2 * FLASH_SIM_SLOT_SIZE + 2 * FLASH_SIM_PAGE];
    uint64_t operations; /* done since start */
    uint64_t cut_at;     /* the operation (from 1) that is torn; 0: never */
    uint32_t random;     /* what a torn page or half-word holds; xorshift state */
    jmp_buf cut;
};

/* The flash of the node whose turn it is. */
extern struct flash_sim *flash_sim;

void flash_sim_reset(uint32_t seed);

#endif
