/* SPDX-License-Identifier: Apache-2.0 */
/* The register windows for updates (protocols/image/window.h), on a board that has two slots; one
 * without has none, and answers "illegal address" there. The board's main() puts it into the
 * node_config. All on the main loop. */
#ifndef BAIYE_NODE_UPDATE_H
#define BAIYE_NODE_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#define NODE_UPDATE_FIRST 0x2000u
#define NODE_UPDATE_LAST  0x2FFFu

struct node_update {
    /* As in struct modbus_model; false: illegal address. Broadcasts are welcome. */
    bool (*read)(uint16_t address, uint16_t count, uint16_t *values);
    bool (*write)(uint16_t address, uint16_t count, const uint16_t *values);
    /* One slow step of what was asked for, up to a second; true: there is more to do. */
    bool (*step)(void);
    /* Asked to restart: the node does so once its answer has left. */
    bool (*restart)(void);
};

#endif
