/* SPDX-License-Identifier: Apache-2.0 */
/* Text put together from pieces in a buffer of fixed size. Pure; any thread. */
#ifndef BAIYE_COMMON_TEXT_H
#define BAIYE_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Appends a piece to the text in `out`, which has room for `size` bytes and ends with a zero. The
 * piece goes in whole or not at all, so that no number or character is cut. False: no room, the
 * text is as it was. */
bool text_add(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
