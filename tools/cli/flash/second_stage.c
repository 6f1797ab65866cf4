/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/second_stage.h"

#define STAGE 252u

/* Polynomial 0x04C11DB7 from all ones, high bit first, not inverted; low byte first in the
 * flash. */
bool second_stage_good(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX, wanted = 0;
    if (size < STAGE + 4)
        return false;
    for (size_t i = 0; i < STAGE; i++) {
        crc ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x80000000u ? crc << 1 ^ 0x04C11DB7u : crc << 1;
    }
    for (unsigned i = 0; i < 4; i++)
        wanted |= (uint32_t)bytes[STAGE + i] << 8 * i;
    return crc == wanted;
}
