/* SPDX-License-Identifier: Apache-2.0 */
/* The service as the node's hook for updates (firmware/node/update.h): registers instead of bytes.
 * One service a program; main loop only. */
#ifndef BAIYE_BOOT_NODE_UPDATE_H
#define BAIYE_BOOT_NODE_UPDATE_H

#include "firmware/node/update.h"

/* `running`: the slot this program runs from. `well`: the board's, who counts the starts; NULL:
 * no one does. */
const struct node_update *node_update_start(unsigned running, void (*well)(void));

#endif
