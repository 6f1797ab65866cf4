/* SPDX-License-Identifier: Apache-2.0 */
/* The memory that stays: 32 KiB of I2C FRAM (FM24W256, MB85RC256V) at 0x50, two address bytes,
 * written as fast as it comes. In pieces of 64 bytes, so that no transfer holds the bus long. */
#include "boards/cortex-m3/nv_fram.h"

#include "boards/cortex-m3/i2c_bits.h"

enum { FRAM = 0x50, PIECE = 64, TRIES = 3 };

static enum hal_result piece(uint32_t offset, const uint8_t *from, uint8_t *to, size_t size)
{
    if (!nv_has_power())
        return HAL_FAULT; /* below the memory's least voltage bits are read and written wrong */
    const uint8_t address[2] = {(uint8_t)(offset >> 8), (uint8_t)offset};
    enum hal_result result = HAL_OK;
    for (int i = 0; i < TRIES; i++) {
        result = i2c_bits_transfer(I2C_MEMORY, FRAM, address, sizeof address, from,
                                   from != NULL ? size : 0, to, to != NULL ? size : 0);
        if (result == HAL_OK || result == HAL_STUCK)
            break;
    }
    return result;
}

static enum hal_result pieces(uint32_t offset, const uint8_t *from, uint8_t *to, size_t size)
{
    enum hal_result result = HAL_OK;
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    for (size_t done = 0; done < size && result == HAL_OK; done += PIECE) {
        size_t length = size - done < PIECE ? size - done : PIECE;
        result = piece((uint32_t)(offset + done), from != NULL ? from + done : NULL,
                       to != NULL ? to + done : NULL, length);
    }
    return result;
}

enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size)
{
    return pieces(offset, NULL, data, size);
}

enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size)
{
    return pieces(offset, data, NULL, size);
}
