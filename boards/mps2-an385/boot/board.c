/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/cpu.h"
#include "boards/cortex-m3/loader.h"
#include "boards/mps2-an385/mps2.h"

void loader_board_start(void)
{
    watchdog_start();
}
