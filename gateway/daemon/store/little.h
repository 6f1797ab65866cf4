/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in the file's blobs are little-endian on every machine: a card moved to another board is
 * read there. Pure; any thread. */
#ifndef BAIYE_STORE_LITTLE_H
#define BAIYE_STORE_LITTLE_H

#include <stddef.h>
#include <string.h>

/* Each number the other way round. */
void little_swap(void *to, const void *from, size_t width, size_t count);

/* Copies `count` numbers of `width` bytes, 1 to 8, from memory to the file's order, or back: it is
 * its own reverse. `to` and `from` do not overlap. Inline: it is done for each value. */
static inline void little_copy(void *to, const void *from, size_t width, size_t count)
{
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        little_swap(to, from, width, count);
    else if (count > 0)
        memcpy(to, from, width * count);
}

#endif
