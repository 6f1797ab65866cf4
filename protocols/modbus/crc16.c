/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/crc16.h"

/* Four bits a step: 32 bytes of table, so that it fits the smallest node. */
static const uint16_t nibble_table[16] = {
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
};

uint16_t crc16_modbus(uint16_t crc, const void *data, size_t size)
{
    const uint8_t *byte = data;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        crc = (uint16_t)(crc >> 4 ^ nibble_table[crc & 15]);
        crc = (uint16_t)(crc >> 4 ^ nibble_table[crc & 15]);
    }
    return crc;
}
