/* SPDX-License-Identifier: Apache-2.0 */
/* The label of a board: on the terminal, and as a PNG for a label printer. Its QR code says
 * "baiye:SERIAL:BOARD:CHIP". */
#ifndef BAIYE_FLASH_LABEL_H
#define BAIYE_FLASH_LABEL_H

#include <stdbool.h>
#include <stdint.h>

struct label {
    const char *board, *chip, *version;
    uint32_t serial;
};

void label_print(const struct label *label);
/* Black on white, 8 pixels a module and text below. False and a complaint. */
bool label_write(const struct label *label, const char *path);

#endif
