/* SPDX-License-Identifier: Apache-2.0 */
/* What one channel's calibration is, and its bytes: as the node keeps it in its memory and as
 * `baiye flash` writes it into the factory page. Pure; any thread. Append only. */
#ifndef BAIYE_CALIBRATION_TABLE_H
#define BAIYE_CALIBRATION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols/bytes/bytes.h"
#include "protocols/node_map/node_map.h"

#define CALIBRATION_TABLE_SIZE (7u + NODE_CALIBRATION_POINTS_MAX * 8u)
/* All channels, in their order. */
#define CALIBRATION_SIZE (CALIBRATION_TABLE_SIZE * (unsigned)CHANNEL_COUNT)

struct calibration_table {
    uint32_t date; /* 20260930; 0: never */
    uint16_t operator_id;
    uint8_t points; /* 0: the sensor's own conversion; 1: hundredths[0] is added to it */
    int32_t raw[NODE_CALIBRATION_POINTS_MAX]; /* strictly rising or falling */
    int32_t hundredths[NODE_CALIBRATION_POINTS_MAX];
};

/* Rising or falling, so that every raw count has one value; values that any metric can have, so
 * that products stay within 64 bits. */
bool calibration_table_valid(const struct calibration_table *table);
void calibration_table_write(const struct calibration_table *table, struct byte_writer *w);
/* A table that is not valid comes out with no points. */
void calibration_table_read(struct calibration_table *table, struct byte_reader *r);

#endif
