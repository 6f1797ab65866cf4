/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-16/MODBUS: polynomial 0xA001 (reflected), initial 0xFFFF; sent low byte first.
 * Source: Modbus over Serial Line V1.02, 2.5.1.2. Check value of "123456789": 0x4B37. */
#ifndef BAIYE_CRC16_H
#define BAIYE_CRC16_H

#include <stddef.h>
#include <stdint.h>

#define CRC16_INITIAL 0xFFFFu

/* The CRC after `size` more bytes; start with CRC16_INITIAL. */
uint16_t crc16_modbus(uint16_t crc, const void *data, size_t size);

#endif
