/* SPDX-License-Identifier: Apache-2.0 */
/* Distributed Display Protocol version 1 (UDP 4048): the header of a data packet. A frame of RGB
 * pixels is cut into packets of at most DDP_DATA_MAX bytes; the receiver shows it when the packet
 * with DDP_FLAG_PUSH arrives. Multi-byte fields are big-endian. Source:
 * http://www.3waylabs.com/ddp/. No allocation, any thread. */
#ifndef BAIYE_DDP_H
#define BAIYE_DDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DDP_PORT        4048
#define DDP_HEADER_SIZE 10
#define DDP_DATA_MAX    1440 /* 480 whole RGB pixels; with IP and UDP below an Ethernet frame */

#define DDP_FLAG_VERSION_1 0x40
#define DDP_FLAG_TIMECODE  0x10 /* four more header bytes: not written here */
#define DDP_FLAG_PUSH      0x01 /* show what was received until now */

#define DDP_TYPE_RGB888     0x0B /* RGB, 8 bits an element */
#define DDP_DISPLAY_DEFAULT 1

struct ddp_header {
    uint8_t flags;
    uint8_t sequence; /* 1..15, 0: not used */
    uint8_t type;
    uint8_t destination;
    uint32_t offset; /* of the data in the frame, bytes */
    uint16_t length; /* of the data, bytes */
};

/* Writes the DDP_HEADER_SIZE bytes; false when `size` is smaller or `header` not representable. */
bool ddp_header_write(const struct ddp_header *header, void *data, size_t size);
/* The sequence number after `sequence`: 1..15 and round. */
uint8_t ddp_sequence_next(uint8_t sequence);

#endif
