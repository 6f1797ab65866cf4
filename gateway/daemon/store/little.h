/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in the file's blobs are little-endian on every machine: a card moved to another board is
 * read there. Pure; any thread. */
#ifndef BAIYE_STORE_LITTLE_H
#define BAIYE_STORE_LITTLE_H

#include <stddef.h>

/* Copies `count` numbers of `width` bytes, 1 to 8, from memory to the file's order, or back: it is
 * its own reverse. `to` and `from` do not overlap. */
void little_copy(void *to, const void *from, size_t width, size_t count);

#endif
