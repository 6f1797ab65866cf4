/* SPDX-License-Identifier: Apache-2.0 */
/* The register windows of protocols/image/window.h, served by the application: what was written
 * goes to receive.h, what is read comes from it. The node's Modbus server calls these with register
 * contents as they stand on the wire; slow steps are left to service_step(). */
#ifndef BAIYE_BOOT_SERVICE_H
#define BAIYE_BOOT_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/boot/receive.h"

struct service {
    struct receive receive;
    uint32_t version, counter; /* of the running image */
    int16_t result;            /* of the last write */
    uint16_t test_bits;        /* of the status: WINDOW_TESTED and what failed, or 0 */
    bool revert_wanted;        /* the next step goes back, if there is where to */
    bool restart_wanted;       /* the caller resets after its answer's last stop bit */
};

/* `running`: the slot this program runs from. */
void service_init(struct service *service, unsigned running);
/* The program tested itself, having taken a sample: what failed, a bit each, 0: nothing. */
void service_tested(struct service *service, uint8_t failed);
/* FC16 to `address`; a new session wants the node `unlocked`. False: not one of ours, or a length
 * that none of ours has. */
bool service_write(struct service *service, uint16_t address, const uint8_t *data, size_t size,
                   bool unlocked);
/* `count` registers from `address`. False: not ours. */
bool service_read(const struct service *service, uint16_t address, uint16_t count, uint8_t *data);
/* One slow step (look at a head; erase a page; verify, once the last block is in; look whether
 * there is another image to go back to), with some 2.5 KiB of stack; call between two events of the
 * bus. True: there is more. */
bool service_step(struct service *service);

#endif
