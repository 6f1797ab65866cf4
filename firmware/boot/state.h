/* SPDX-License-Identifier: Apache-2.0 */
/* How far the image in a slot has come, in one flash page next to the slot. Every step programs
 * half-words that were blank, so a power cut can tear one step and undoes none before it:
 *
 *   0    session: generation u16, blocks u16, block size u16, image id 8 bytes,
 * CRC 16   READY      the application verified the image and asks for a trial 24   TRIAL x 3  the
 * boot loader started it so many times 48   CONFIRMED  the gateway confirmed it over the bus 56
 * REJECTED   the boot loader gave up on it 64   received   one half-word a block, 0x0000 when it is
 * in flash
 *
 * A mark is 8 bytes of 0x00. Torn marks count for the safe side: READY and CONFIRMED only when
 * whole, TRIAL and REJECTED as soon as one bit is gone.
 *
 * A page with no session is that of an image written by wire at the bench: as good as confirmed.
 * So a new session first kills the header of the image in its slot: see state_begin(). */
#ifndef BAIYE_BOOT_STATE_H
#define BAIYE_BOOT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/boot/flash.h"

#define STATE_TRIALS          3u
#define STATE_RECEIVED_OFFSET 64u

struct slot_state {
    bool bench;   /* no session: written by wire */
    bool session; /* `generation` … `image_id` are valid */
    uint16_t generation;
    uint16_t blocks;
    uint16_t block_size;
    uint8_t image_id[8]; /* as image_id() has it */
    bool ready, confirmed, rejected;
    unsigned trials; /* started so far, 0..STATE_TRIALS */
};

enum state_mark { STATE_READY, STATE_TRIAL, STATE_CONFIRMED, STATE_REJECTED };

struct slot_state state_read(unsigned slot);
/* Its image, if it verifies, may run for good. */
bool state_is_confirmed(const struct slot_state *state);
/* Programs one mark; STATE_TRIAL the next free one. */
enum flash_result state_mark(unsigned slot, enum state_mark mark);
/* Opens a session in `slot`, which is not the running one: kills the old image's header, erases
 * the state page, erases the slot, writes the session last. Cut anywhere, it can be called again,
 * and the old image never boots again. Erases one page a call, so that the caller can serve the
 * bus between two; `*page` starts at 0; returns FLASH_OK and *done when the session stands. */
enum flash_result state_begin(unsigned slot, const struct slot_state *session, uint32_t *page,
                              bool *done);
bool state_received(unsigned slot, uint16_t block);
enum flash_result state_mark_received(unsigned slot, uint16_t block);
/* Most blocks that the state page can count. */
uint16_t state_blocks_max(void);

#endif
