/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text of two digits each. Pure; any thread. */
#ifndef BAIYE_COMMON_HEX_H
#define BAIYE_COMMON_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Small letters and a zero byte: `out` has 2 * size + 1 bytes. */
void hex_write(const uint8_t *bytes, size_t size, char *out);
/* 0 to 15, of capital letters, too; -1: it is no digit. */
int hex_digit(char c);

#endif
