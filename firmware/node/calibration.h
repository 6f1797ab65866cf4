/* SPDX-License-Identifier: Apache-2.0 */
/* What a technician found out about each channel: up to five points of raw count and true value,
 * when and by whom. Kept in two copies, and once more as the factory made it; where the memory has
 * neither, what was written by wire counts (hal_factory_page()). One channel at a time is edited
 * through the registers; it counts once it is stored. */
#ifndef BAIYE_NODE_CALIBRATION_H
#define BAIYE_NODE_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "firmware/node/redundant_record.h"
#include "protocols/node_map/calibration_table.h"
#include "protocols/node_map/node_map.h"

#define CALIBRATION_WORDS 26u

struct calibration {
    struct redundant_record record;
    uint8_t channel; /* being edited */
    struct calibration_table edit;
    struct calibration_table table[CHANNEL_COUNT]; /* in force */
};

enum calibration_command {
    CALIBRATION_STORE = 1,
    CALIBRATION_DRY = 2,       /* the present raw count is dry ... */
    CALIBRATION_SATURATED = 3, /* ... is saturated; not stored until CALIBRATION_STORE */
    CALIBRATION_RESTORE = 4,   /* all channels as the factory made them */
    CALIBRATION_CLEAR = 5,     /* this channel: the sensor's own conversion */
    CALIBRATION_FACTORY = 6    /* what is in force now is what the factory made */
};

/* An error: the memory did not answer, and nothing is known. */
enum hal_result calibration_load(struct calibration *c);
/* The value for a raw count; false, and nothing changed, when the channel has no table. A flag
 * `uncalibrated` becomes `good` by a table of two points or more. */
bool calibration_apply(const struct calibration *c, unsigned channel, int32_t raw,
                       int32_t *hundredths, uint8_t *flag);
/* The registers from NODE_CALIBRATION_CHANNEL on. */
void calibration_fill(const struct calibration *c, uint16_t *words);
/* Writes into what is edited; false: a value out of range. Not for the command's register. */
bool calibration_write(struct calibration *c, uint16_t offset, uint16_t count,
                       const uint16_t *words);
/* `raw`: the channel's present raw count, INT32_MIN when there is none; `saturated`: hundredths
 * that CALIBRATION_SATURATED stands for. HAL_RANGE: the command or the table makes no sense. */
enum hal_result calibration_do(struct calibration *c, enum calibration_command command, int32_t raw,
                               int32_t saturated);

#endif
