/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/loader.h"
#include "boards/rp2040-rs485/rp2040.h"

void loader_board_start(void)
{
    pins_quiet();
    watchdog_start();
    clock_start();
}
