/* SPDX-License-Identifier: Apache-2.0 */
/* A program that owns the whole flash, started without a boot loader: updated by wire only. */
#include "boards/cortex-m3/board.h"

const struct node_update *board_update(void)
{
    return NULL;
}
