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
#define NODE_WELL_US      UINT64_C(600000000)
#define NODE_TRIAL_US     UINT64_C(900000000) /* a program on trial restarts when it lasts longer */

struct node_update {
    /* As in struct modbus_model; false: illegal address. Broadcasts are welcome. */
    bool (*read)(uint16_t address, uint16_t count, uint16_t *values);
    bool (*write)(uint16_t address, uint16_t count, const uint16_t *values, bool unlocked);
    /* One slow step of what was asked for, up to a second in which the core may stand still: only
     * called while nothing is being answered. True: there is more to do. */
    bool (*step)(void);
    /* Asked to restart: the node does so once its answer has left. */
    bool (*restart)(void);
    /* This program is not confirmed yet. */
    bool (*on_trial)(void);
    /* The self-test after the first sample is done; NODE_SELF_TEST. */
    void (*tested)(uint16_t failed);
    /* The program has run for NODE_WELL_US: the boot loader need not doubt it. */
    void (*well)(void);
    /* Of the running image, by its header: major << 24 | minor << 16 | patch. */
    uint32_t (*version)(void);
};

#endif
