/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/board.h"
#include "firmware/hal.h"

void board_begin(struct node_config *config)
{
    board_start();
    config->update = board_update();
    console_line("baiye-node");
    console_line(hal_board_name());
}
