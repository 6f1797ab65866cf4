/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow. The caller owns the memory (free()). Any thread; one owner at a time. */
#ifndef BAIYE_COMMON_GROW_H
#define BAIYE_COMMON_GROW_H

#include <stddef.h>

/* `array`, NULL at the beginning, has room for `*room` elements of `size` bytes; the answer has
 * room for `wanted` of them. What it has more is not set. The room at least doubles, so that adding
 * one by one stays cheap. NULL: no memory, or more bytes than a size_t counts; then array and room
 * are as they were, and the array is still the caller's. */
void *grow_array(void *array, size_t *room, size_t wanted, size_t size);

#endif
