/* SPDX-License-Identifier: Apache-2.0 */
/* How an image travels over Modbus: holding registers that FC16 writes and input registers that
 * FC04 (or FC03) reads. FC16 since libmodbus and every common tool can send it; by broadcast
 * (unit 0) to all nodes of a line at once, which then answer nothing and are asked one by one.
 *
 * A session that is not the open one erases what the node could go back to. So it brings the signed
 * head of the image that is to come, and the node erases nothing before it has found that signed
 * and newer than what it runs: by counter, then by version. No one without a newer release than
 * that takes the way back from a node. It is taken only from whoever unlocked the node before, one
 * by one (NODE_UNLOCK takes no broadcast).
 *
 *   write 0x2000  session   hardware u32 | slot | blocks | block size | image id 4 registers |
 *                           head of the image 64 registers: what is signed, and the signature
 *   write 0x2010  command   enum window_command
 *   write 0x2100  block     number | CRC-32 u32 | data, up to 120 registers
 *   read  0x2000  status    hardware u32 | version u32 | counter u32 | image id (first half) |
 *                           missing | result | bits | then, from 0x200B on, what is missing:
 *                           16 blocks a register, most significant bit first, 1: missing
 *   read  0x2200  keys      for each public key that the boot loader checks signatures with, its
 *                           number as image_key_id() has it, u32; 0: an empty place
 *
 * The status can be read from any register on, so that a gateway asks for no byte twice. Numbers
 * are big-endian, u32 high word first, as everywhere on this wire. A write that is refused leaves
 * its reason in `result`. When the last block is in, the node verifies by itself.
 *
 * A new image runs on trial until it is confirmed. It tests itself after its first sample, and the
 * status shows what failed; whoever updates confirms it or has it reverted. A node that hears
 * neither restarts by itself after a while, and after three starts runs its old image again.
 *
 * No allocation, any thread. */
#ifndef BAIYE_IMAGE_WINDOW_H
#define BAIYE_IMAGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_SESSION           0x2000u
#define WINDOW_SESSION_REGISTERS 73u
#define WINDOW_COMMAND           0x2010u
#define WINDOW_BLOCK             0x2100u
#define WINDOW_BLOCK_HEAD        3u   /* registers before the data */
#define WINDOW_BLOCK_DATA_MAX    240u /* bytes: 123 registers are the most that FC16 takes */
#define WINDOW_STATUS            0x2000u
#define WINDOW_STATUS_REGISTERS  11u
#define WINDOW_MISSING_COUNT     0x2008u /* of the status: missing, result, bits */
#define WINDOW_BITS              0x200Au /* its last register, before the map */
#define WINDOW_MISSING           0x200Bu
#define WINDOW_MISSING_REGISTERS 125u
#define WINDOW_ID_SIZE           4u /* of the image id, in the status */
#define WINDOW_KEYS              0x2200u
#define WINDOW_KEYS_MAX          2u
#define WINDOW_KEY_REGISTERS     2u /* of each */

enum window_command {
    WINDOW_RESTART = 1, /* answer, then reset after the last stop bit; only when READY */
    WINDOW_CONFIRM = 2, /* keep the image that runs on trial */
    WINDOW_ABANDON = 3, /* never start the image in the other slot */
    WINDOW_REVERT = 4   /* give up the image that runs on trial; answer, then reset to the other,
                           or report WINDOW_RESULT_NO_OTHER */
};

/* What a request led to, besides an image_result (0..-31). Negative, append only: -32..-63 are the
 * node's and travel in `result`, the rest is concluded by whoever updates. */
enum window_result {
    WINDOW_RESULT_OK = 0,
    WINDOW_RESULT_BUSY = -32,         /* still checking or erasing; ask again */
    WINDOW_RESULT_NOT_OPEN = -33,     /* no session, or another one */
    WINDOW_RESULT_RUNNING_SLOT = -34, /* the node runs from the slot that the session names */
    WINDOW_RESULT_WRONG_HARDWARE = -35,
    WINDOW_RESULT_BAD_SIZE = -36,      /* blocks that do not fit the slot, or an odd block size */
    WINDOW_RESULT_BAD_BLOCK = -37,     /* a number or a size that no block of this session has */
    WINDOW_RESULT_INCOMPLETE = -38,    /* blocks are missing */
    WINDOW_RESULT_FLASH = -39,         /* the flash could not be written */
    WINDOW_RESULT_NOT_ON_TRIAL = -40,  /* nothing to confirm or to revert */
    WINDOW_RESULT_UNPROVEN = -41,      /* the running image is itself on trial: confirm it first */
    WINDOW_RESULT_UNKNOWN = -42,       /* no such command */
    WINDOW_RESULT_FOREIGN_BLOCK = -43, /* not of this session's image: replayed, or damaged */
    WINDOW_RESULT_NO_OTHER = -44,      /* no other image to go back to */
    WINDOW_RESULT_LOCKED = -45,    /* a new session erases the image to go back to: unlock first */
    WINDOW_RESULT_REVERTED = -64,  /* the new image did not stand its trial */
    WINDOW_RESULT_HELD_BACK = -65, /* not restarted: the first node did not come back */
    WINDOW_RESULT_NO_SLOTS = -66,  /* the device knows no update over the bus */
    WINDOW_RESULT_SELF_TEST = -67, /* reverted, since its self-test failed */
    WINDOW_RESULT_NO_SAMPLE = -68  /* reverted, since it took no sample in a minute */
};

struct window_session {
    uint32_t hardware;
    uint16_t slot;
    uint16_t blocks;
    uint16_t block_size;
    uint8_t image_id[8]; /* IMAGE_ID_SIZE, as image_id() has it */
    uint8_t head[128];   /* IMAGE_HEAD_SIZE, of the image */
};

struct window_block {
    uint16_t number;
    uint32_t crc;
    const uint8_t *data; /* in place */
    size_t size;
};

enum window_status_bit {
    WINDOW_ON_TRIAL = 1,
    WINDOW_ERASING = 2,    /* or checking what is to come */
    WINDOW_OPEN = 4,       /* a session stands: blocks are taken, or all here and being verified */
    WINDOW_READY = 8,      /* whole, signed, waiting for a restart */
    WINDOW_REJECTED = 16,  /* the image in the other slot was tried and given up */
    WINDOW_IN_SLOT_1 = 32, /* the program runs from slot 1 */
    WINDOW_TESTED = 64,    /* it took a sample and tested itself since it started */
    WINDOW_TEST_SHIFT = 8  /* the upper eight bits: what failed, as NODE_SELF_TEST has it */
};

struct window_status {
    uint32_t hardware;
    uint32_t version, counter;        /* of the running image; 0 on a board without slots */
    uint8_t image_id[WINDOW_ID_SIZE]; /* of the session in the other slot; zeros without one */
    uint16_t missing;
    int16_t result; /* of the last write: an image_result or window_result, 0 fine */
    uint16_t bits;  /* or of enum window_status_bit */
};

/* What a `result` means and what to do, for people; an image_result as well. Never NULL. */
const char *window_result_text(int result);

/* Register contents, as bytes on the wire. The writers return the bytes written, 0 when `size` is
 * too small; the readers false when the bytes are none such. */
size_t window_session_write(const struct window_session *session, void *data, size_t size);
bool window_session_read(const void *data, size_t size, struct window_session *session);
size_t window_block_write(const struct window_block *block, void *data, size_t size);
bool window_block_read(const void *data, size_t size, struct window_block *block);
size_t window_status_write(const struct window_status *status, void *data, size_t size);
bool window_status_read(const void *data, size_t size, struct window_status *status);

/* CRC-32 (IEEE 802.3) over image id, number and data, so that a block of another image or with
 * another number never passes. */
uint32_t window_block_crc(const uint8_t image_id[8], uint16_t number, const void *data,
                          size_t size);

#endif
