/* SPDX-License-Identifier: Apache-2.0 */
/* The application's side of an update: takes numbered blocks into the slot that it does not run
 * from, whoever sends them and in whatever order, knows which are missing, also after a reset, and
 * asks for a trial once the image is whole and its signature holds. No clock, no bus: the caller
 * feeds it.
 *
 *   receive_open()  -> receive_step() until it stands still -> receive_block() … ->
 * receive_finish() restart -> (boot loader: trial) -> gateway looks, then receive_confirm()
 *
 * A session's block size is even; the last block is padded with 0xFF. Opening the session that is
 * already open, or sending a block again, changes nothing. */
#ifndef BAIYE_BOOT_RECEIVE_H
#define BAIYE_BOOT_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/boot/state.h"
#include "protocols/image/image.h"
#include "protocols/image/window.h"

struct receive {
    unsigned running; /* the slot this program runs from */
    bool on_trial;
    bool checking; /* whether the signature of `head` holds, before anything is erased */
    bool erasing;  /* or checking */
    uint32_t page; /* next step of state_begin() */
    struct slot_state target;
    union {
        uint8_t head[IMAGE_HEAD_SIZE]; /* while checking */
        struct image_header header; /* while an image is verified: not on the stack, see verify.h */
    } room;
};

/* `running`: the slot that this program was started from. Finds an open session again. */
void receive_init(struct receive *receive, unsigned running);
/* This very session stands, and blocks are taken: to open it again changes nothing. */
bool receive_is_open(const struct receive *receive, const struct window_session *session);
/* A window_result, or the image_result for which what is to come is refused. */
int receive_open(struct receive *receive, const struct window_session *session);
/* Looks at what is to come, then erases, a page a call; call while receive->erasing, between two
 * events of the bus. */
int receive_step(struct receive *receive);
/* `crc` as window_block_crc() makes it. */
enum window_result receive_block(struct receive *receive, uint16_t number, const void *data,
                                 size_t size, uint32_t crc);
/* Bit i of `bits` (most significant first): block `first` + i is still missing. Blocks past the end
 * are not missing. */
void receive_missing(const struct receive *receive, uint16_t first, uint8_t *bits, size_t size);
uint16_t receive_missing_count(const struct receive *receive);
/* No block of the session is missing. */
bool receive_is_whole(const struct receive *receive);
/* Whole, and its signature holds: marks it READY, so that the next reset tries it. Else an
 * image_result or a window_result that gives the reason, and the session is over. */
int receive_finish(struct receive *receive);
/* On the gateway's word, after its own look at the node: keeps the running image for good. */
enum window_result receive_confirm(struct receive *receive);
/* The other way round: gives up the running image while it is on trial, so that the next reset
 * starts the other one; refused when there is none that may run. */
enum window_result receive_revert(struct receive *receive);
/* Never starts what was received; the next session erases it. Not the image that ran before. */
enum window_result receive_abandon(struct receive *receive);

#endif
