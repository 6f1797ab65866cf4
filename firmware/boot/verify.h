/* SPDX-License-Identifier: Apache-2.0 */
/* Is the image in a slot signed by the maker, whole, and for this board and slot? ECDSA P-256 over
 * SHA-256 by BearSSL. Some 2 KiB of stack; about 0.5 s on a Cortex-M3 at 72 MHz [not measured on
 * silicon]. The boot loader calls it at every reset, the application before it marks an image
 * READY. */
#ifndef BAIYE_BOOT_VERIFY_H
#define BAIYE_BOOT_VERIFY_H

#include "protocols/image/image.h"

/* A function whose frame must not lie under the signature's, which take most of the stack: kept
 * out of its caller, so that its locals are gone by then. */
#define VERIFY_NO_FRAME __attribute__((noinline))

/* Public keys built in, as uncompressed points (0x04, X, Y); an all-zero key is an empty place.
 * Two, so that a key can be replaced: images signed by the new one are accepted before the old one
 * is given up. Defined by the key file that the build was given. */
#define BOOT_KEYS 2u
extern const uint8_t boot_public_keys[BOOT_KEYS][65];
/* The same, where a boot loader and the application that it starts are linked apart. */
const uint8_t (*boot_keys(void))[65];

/* Of an image that is to come into this slot: are these IMAGE_HEAD_SIZE bytes signed, and for this
 * board and slot? Whether the program is what they say is not known yet. */
enum image_result boot_verify_head(unsigned slot, const uint8_t *head);
/* The header is filled as far as it could be read. */
enum image_result boot_verify(unsigned slot, struct image_header *header);

#endif
