/* SPDX-License-Identifier: Apache-2.0 */
/* LEB128: seven bits a byte, the lowest first, the top bit says that more follow. Pure. */
#ifndef BAIYE_STORE_VARINT_H
#define BAIYE_STORE_VARINT_H

#include <stdint.h>

#define VARINT_MAX 10 /* bytes */

/* Where the next thing goes. Inline: it is done for each value. */
static inline uint8_t *varint_put(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

#endif
