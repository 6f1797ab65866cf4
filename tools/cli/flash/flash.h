/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye flash BOARD`: a board on the bench, from a blank chip to a label. */
#ifndef BAIYE_FLASH_H
#define BAIYE_FLASH_H

int cli_flash(int argc, char **argv);

#endif
