/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 from strangers: decoded and copied without ever trusting it. Pure. */
#ifndef BAIYE_LED_UTF8_H
#define BAIYE_LED_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The next character of UTF-8 text: moves `*at` on by at least one byte; 0xFFFD for bytes that are
 * not UTF-8. 0 at the end. */
uint32_t utf8_next(const char *text, size_t size, size_t *at);
/* Copies as many whole characters of `text` as fit; control characters become spaces, and what is
 * cut is marked with U+2026. Always terminated when size > 0. */
void utf8_copy(char *out, size_t size, const char *text);

#endif
