/* SPDX-License-Identifier: Apache-2.0 */
/* Who the node is, for functions 17 and 43/14. */
#ifndef BAIYE_NODE_IDENTITY_H
#define BAIYE_NODE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/* Function 17: 0xBA, run indicator 0xFF, then text "Baiye node <version> <board> <serial>". */
size_t identity_report(void *context, uint8_t *data, size_t size);
/* 0 vendor, 1 product, 2 version, 3 url, 4 product name, 5 board, 0x80 serial number, 0x81 CRC of
 * the program; NULL for others. The context is the node. */
const char *identity_object(void *context, uint8_t id);

#endif
