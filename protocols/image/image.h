/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware image: a 512-byte header, then the program. The header names the hardware and the
 * slot that the program is linked for, its version, its security counter (below the running image's
 * it is refused, and with the same one a lower version), its size and SHA-256, and carries an ECDSA
 * P-256 signature over everything before it. Behind it stands the public key that it was signed
 * with, for whoever has none built in: it tells a damaged image from a whole one, and which nodes
 * will take it, before a byte is sent. It proves nothing; nodes never look at it. 512 bytes, so
 * that the program's vector table stands aligned for every Cortex-M3 (ARMv7-M: VTOR to the next
 * power of two of 4 x vectors).
 *
 * An image file holds one image per slot, since Cortex-M code is linked to its address:
 *
 *   "BYF1" | count u32 | { offset u32 | size u32 } x count | images
 *
 * Numbers are big-endian. No allocation, any thread. */
#ifndef BAIYE_IMAGE_H
#define BAIYE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_HEADER_SIZE    512u
#define IMAGE_SIGNED_SIZE    64u /* bytes of the header that the signature covers */
#define IMAGE_SIGNATURE_SIZE 64u /* r and s, 32 bytes each */
#define IMAGE_HEAD_SIZE      (IMAGE_SIGNED_SIZE + IMAGE_SIGNATURE_SIZE)
#define IMAGE_HASH_SIZE      32u
#define IMAGE_SLOTS          2u
#define IMAGE_FILE_MAGIC     "BYF1"
#define IMAGE_POINT_SIZE     64u /* X and Y of a public key */
#define IMAGE_ID_SIZE        8u

/* Why an image is refused. Negative, append only: the numbers travel over the bus. */
enum image_result {
    IMAGE_OK = 0,
    IMAGE_NO_MAGIC = -1,   /* no image here */
    IMAGE_BAD_HEADER = -2, /* a field that no image of this format has */
    IMAGE_WRONG_HARDWARE = -3,
    IMAGE_WRONG_SLOT = -4, /* linked for the other slot, or for another address */
    IMAGE_TOO_LARGE = -5,
    IMAGE_OLD_COUNTER = -6, /* below the security counter of what runs */
    IMAGE_UNKNOWN_KEY = -7,
    IMAGE_BAD_SIGNATURE = -8,
    IMAGE_BAD_HASH = -9, /* header signed, program not what it says */
    IMAGE_TRUNCATED = -10,
    IMAGE_OLD_KEY = -11,  /* signed with a key that an image of this board has ended */
    IMAGE_NOT_NEWER = -12 /* the same counter, and no higher version than what runs */
};

struct image_header {
    uint16_t slot;                 /* 0 or 1 */
    uint8_t key;                   /* which of the built-in public keys */
    uint8_t least_key;             /* from this image on, keys below this are not trusted */
    uint32_t hardware;             /* boards/<board> names it */
    uint32_t version;              /* major << 24 | minor << 16 | patch */
    uint32_t counter;              /* security counter */
    uint32_t size;                 /* of the program, after the header; a multiple of 4 */
    uint32_t address;              /* where the header stands */
    uint8_t hash[IMAGE_HASH_SIZE]; /* SHA-256 of the program */
    uint8_t signature[IMAGE_SIGNATURE_SIZE];
};

/* What of it is signed, and the signature: IMAGE_HEAD_SIZE bytes to fields. Checks form only. */
enum image_result image_head_read(const void *data, struct image_header *header);
/* By counter, then by version: may it take the place of the other? */
bool image_is_newer(const struct image_header *header, const struct image_header *other);
/* Bytes to fields. IMAGE_TRUNCATED when `size` is below IMAGE_HEADER_SIZE. Checks form only. */
enum image_result image_header_read(const void *data, size_t size, struct image_header *header);
/* Fields to IMAGE_HEADER_SIZE bytes. */
void image_header_write(const struct image_header *header, uint8_t data[IMAGE_HEADER_SIZE]);
/* False: the program has the vector table of a Cortex-M part, and its reset handler lies outside of
 * the program as the header places it: it was linked for another address, such as the other slot's,
 * and would never start. `program` is what stands behind the header, header->size bytes. */
bool image_placed(const struct image_header *header, const uint8_t *program);
/* The public key in a header of IMAGE_HEADER_SIZE bytes: in place, not checked. */
const uint8_t *image_point(const uint8_t *header);
void image_point_write(const uint8_t point[IMAGE_POINT_SIZE], uint8_t header[IMAGE_HEADER_SIZE]);
/* A number for a public key, to compare two by; 0: an empty place (all zeros). */
uint32_t image_key_id(const uint8_t point[IMAGE_POINT_SIZE]);
/* What tells this image from all others while it is transferred: the first bytes of its signature,
 * which is another for each header, program and signing. In place. */
const uint8_t *image_id(const uint8_t *header);
/* The image for `slot` inside an image file: its place in `data`, NULL when there is none or the
 * file is cut off. */
const uint8_t *image_file_slot(const void *data, size_t size, unsigned slot, size_t *image_size);
/* A sentence for people: what is wrong and what to do. Never NULL. */
const char *image_result_text(enum image_result result);

#endif
