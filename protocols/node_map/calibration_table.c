/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/node_map/calibration_table.h"

enum { POINTS = NODE_CALIBRATION_POINTS_MAX, HUNDREDTHS_MAX = 30000000 };

bool calibration_table_valid(const struct calibration_table *table)
{
    const struct calibration_table *t = table;
    if (t->points > POINTS)
        return false;
    for (unsigned i = 0; i < t->points; i++) {
        if (t->hundredths[i] > HUNDREDTHS_MAX || t->hundredths[i] < -HUNDREDTHS_MAX)
            return false;
    }
    for (unsigned i = 1; i < t->points; i++) {
        if (t->raw[i] == t->raw[i - 1] || (t->raw[i] > t->raw[i - 1]) != (t->raw[1] > t->raw[0]))
            return false;
    }
    return true;
}

void calibration_table_write(const struct calibration_table *table, struct byte_writer *w)
{
    byte_write_u32(w, table->date);
    byte_write_u16(w, table->operator_id);
    byte_write_u8(w, table->points);
    for (unsigned i = 0; i < POINTS; i++) {
        byte_write_u32(w, (uint32_t)table->raw[i]);
        byte_write_u32(w, (uint32_t)table->hundredths[i]);
    }
}

void calibration_table_read(struct calibration_table *table, struct byte_reader *r)
{
    table->date = byte_read_u32(r);
    table->operator_id = byte_read_u16(r);
    table->points = byte_read_u8(r);
    for (unsigned i = 0; i < POINTS; i++) {
        table->raw[i] = (int32_t)byte_read_u32(r);
        table->hundredths[i] = (int32_t)byte_read_u32(r);
    }
    if (!calibration_table_valid(table))
        table->points = 0;
}
