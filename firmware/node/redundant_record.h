/* SPDX-License-Identifier: Apache-2.0 */
/* A record kept in two copies, each with sequence number and CRC-32. A save overwrites the older
 * copy, so a power cut at any byte of it leaves the other, which is what was before. A record may
 * grow at its end from one firmware to the next: what an older one did not write keeps the value
 * that the caller put there before loading. */
#ifndef BAIYE_FIRMWARE_NODE_REDUNDANT_RECORD_H
#define BAIYE_FIRMWARE_NODE_REDUNDANT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"

#define REDUNDANT_RECORD_OVERHEAD 12u /* sequence 4, schema 2, size 2, CRC 4 */

struct redundant_record {
    uint32_t offset;   /* of the first copy */
    uint16_t room;     /* of each copy, overhead included */
    uint16_t schema;   /* changes when fields change their meaning, not when some are appended */
    uint32_t sequence; /* of the newer copy; 0: neither was good */
    uint8_t newer;     /* which */
    bool unread;       /* the memory did not answer: what it holds is not known, and stays */
};

void redundant_record_init(struct redundant_record *record, uint32_t offset, uint16_t room,
                           uint16_t schema);
/* Fills `data` from the newer good copy of this schema. At most `size` bytes; fewer when fewer were
 * stored. HAL_RANGE, and `data` untouched: there is none. Any other error: the memory did not
 * answer, so no one knows; until a load has succeeded nothing is saved over it. */
enum hal_result redundant_record_load(struct redundant_record *record, void *data, uint16_t size);
/* Stores; on an error the old record is still the one that loads. */
enum hal_result redundant_record_save(struct redundant_record *record, const void *data,
                                      uint16_t size);

/* CRC-32 (IEEE 802.3) of more bytes; start with 0. */
uint32_t redundant_record_crc(uint32_t crc, const void *data, size_t size);

#endif
