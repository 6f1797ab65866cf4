/* SPDX-License-Identifier: Apache-2.0 */
/* UF2, the file that is dragged onto the drive of a chip's boot ROM: blocks of 512 bytes, each of
 * which says where its 256 bytes go. The RP2040's ROM takes blocks of 256 bytes on pages of 256,
 * erases a sector at its first block and restarts the chip when it has had all of them. */
#ifndef BAIYE_FLASH_UF2_H
#define BAIYE_FLASH_UF2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/cli/flash/board.h"

#define UF2_PARTS_MAX 3

/* What goes into the file: whole sectors, since the ROM erases them. */
struct uf2_part {
    uint32_t at;
    size_t size;
};

/* `bytes`: the flash from board.chip.flash on, `size` of them, and 0xFF behind. `factory`: with the
 * factory page; without it a board keeps its own. The state pages and the header of the other slot
 * are blanked: what stood there belongs to another life. The file is on the disk when this returns.
 * Complains for people. */
bool uf2_write(const struct board *board, const struct board_probe *probe, const uint8_t *bytes,
               size_t size, bool factory, const char *path);

/* `baiye uf2 BOARD`: one file for any piece of the board. */
int cli_uf2(int argc, char **argv);

#endif
