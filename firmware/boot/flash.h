/* SPDX-License-Identifier: Apache-2.0 */
/* The program memory, as boot loader and application see it: NOR flash that reads in place, is
 * erased by pages to 0xFF and programmed by half-words, where programming only clears bits. A
 * board's flash driver defines these functions; the tests define them over a simulated part.
 *
 * A half-word may be programmed once after an erase, and then only to 0x0000 again (STM32F1,
 * PM0075 2.3.3). A power cut leaves the half-word or page it hit undefined, and nothing else. */
#ifndef BAIYE_BOOT_FLASH_H
#define BAIYE_BOOT_FLASH_H

#include <stddef.h>
#include <stdint.h>

enum flash_result {
    FLASH_OK = 0,
    FLASH_FAILED = -1, /* the part reported it, or it does not read back */
    FLASH_RANGE = -2   /* outside of the two slots and their state pages, or not aligned */
};

struct flash_layout {
    uint32_t hardware;  /* identity that images must name */
    uint32_t slot[2];   /* addresses of the images' headers, page aligned */
    uint32_t slot_size; /* header and program, a multiple of the page */
    uint32_t state[2];  /* one page a slot: how far its image has come */
    uint32_t page_size;
};

const struct flash_layout *flash_layout(void);
/* Reads in place; valid for the whole layout. */
const uint8_t *flash_map(uint32_t address);
/* Takes up to 40 ms a page on an STM32F1, during which code in flash stands still. */
enum flash_result flash_erase_page(uint32_t address);
/* `size` even, `address` even. Stops at the first half-word that does not read back. */
enum flash_result flash_program(uint32_t address, const void *data, size_t size);

#endif
