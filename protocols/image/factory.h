/* SPDX-License-Identifier: Apache-2.0 */
/* The factory page: what is this piece's own and was written by wire, apart from the firmware and
 * not by it: serial number and calibration. Updates over the bus never touch it.
 *
 *   "BYP1" | version u8 | 0 u8 | size u16 | hardware u32 | serial u32 | size bytes | CRC-32 u32
 *
 * The bytes are tables of protocols/node_map/calibration_table.h, channel 0 first; a newer tool
 * may write more of them than an older firmware knows. Numbers are big-endian, the CRC (IEEE
 * 802.3) is over all before it. No allocation, any thread. */
#ifndef BAIYE_FACTORY_H
#define BAIYE_FACTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTORY_OVERHEAD    20u
#define FACTORY_SERIAL_NONE 0u /* these two are no one's */
#define FACTORY_SERIAL_ALL  0xFFFFFFFFu

struct factory {
    uint32_t hardware; /* as images name it */
    uint32_t serial;
    const uint8_t *calibration; /* in place */
    uint16_t calibration_size;
};

/* False: the page is blank, torn or of a kind that this does not know. */
bool factory_read(const void *page, size_t size, struct factory *factory);
/* Bytes written, 0 when they are more than `size`. */
size_t factory_write(const struct factory *factory, void *page, size_t size);

#endif
