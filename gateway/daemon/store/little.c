/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/little.h"

#include <stdint.h>
#include <string.h>

void little_copy(void *to, const void *from, size_t width, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        if (count > 0)
            memcpy(out, in, width * count);
        return;
    }
    for (size_t i = 0; i < count; i++, out += width, in += width) {
        for (size_t byte = 0; byte < width; byte++)
            out[byte] = in[width - 1 - byte];
    }
}
