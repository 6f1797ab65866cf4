/* SPDX-License-Identifier: Apache-2.0 */
/* What a Cortex-M3 board gives its main() beside firmware/hal.h. */
#ifndef BAIYE_BOARD_H
#define BAIYE_BOARD_H

#include <stddef.h>

#include "firmware/node/node.h"

/* Everything that must stand before the node runs: clocks, pins, watchdog, lines. */
void board_start(void);
/* A line for the person at the console, waiting for the transmitter: at start only. */
void console_line(const char *text);
/* The windows for updates, after board_start(); NULL: this program is not in a slot. */
const struct node_update *board_update(void);
/* begin.c: all of this, as each main() does it; `config` has its windows then. */
void board_begin(struct node_config *config);

#endif
