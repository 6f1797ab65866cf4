/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/little.h"

#include <stdint.h>

void little_swap(void *to, const void *from, size_t width, size_t count)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (size_t i = 0; i < count; i++, out += width, in += width) {
        for (size_t byte = 0; byte < width; byte++)
            out[byte] = in[width - 1 - byte];
    }
}
