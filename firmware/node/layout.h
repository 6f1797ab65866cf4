/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where in the memory that stays (hal_nv_*). Append only: nodes in the field have it. */
#ifndef BAIYE_NODE_LAYOUT_H
#define BAIYE_NODE_LAYOUT_H

#include "firmware/hal.h"
#include "protocols/history/history.h"

enum {
    LAYOUT_SETTINGS = 0,                              /* two copies of 128 bytes */
    LAYOUT_BLACK_BOX = 256,                           /* two copies of 128 */
    LAYOUT_CALIBRATION = 512,                         /* two copies of 512 */
    LAYOUT_CALIBRATION_FACTORY = 1536,                /* two copies of 480, written once */
    LAYOUT_LOG = (int)HAL_NV_SIZE - (int)HISTORY_SIZE /* 2496, to the end */
};

_Static_assert(LAYOUT_CALIBRATION_FACTORY + 2 * 480 <= LAYOUT_LOG, "the log overlaps");

#endif
