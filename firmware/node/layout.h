/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where in the memory that stays (hal_nv_*). Append only: nodes in the field have it. */
#ifndef BAIYE_NODE_LAYOUT_H
#define BAIYE_NODE_LAYOUT_H

#include "firmware/hal.h"
#include "protocols/node_log/node_log.h"

enum {
    LAYOUT_SETTINGS = 0,                               /* two copies of 128 bytes */
    LAYOUT_BLACK_BOX = 256,                            /* two copies of 128 */
    LAYOUT_CALIBRATION = 512,                          /* two copies */
    LAYOUT_CALIBRATION_ROOM = 484,                     /* of each */
    LAYOUT_CALIBRATION_FACTORY = 1480,                 /* two copies, written once */
    LAYOUT_SELF_TEST = 2464,                           /* 32 bytes to try the memory on */
    LAYOUT_LOG = (int)HAL_NV_SIZE - (int)NODE_LOG_SIZE /* 2496, to the end */
};

_Static_assert(LAYOUT_CALIBRATION + 2 * LAYOUT_CALIBRATION_ROOM <= LAYOUT_CALIBRATION_FACTORY &&
                   LAYOUT_CALIBRATION_FACTORY + 2 * LAYOUT_CALIBRATION_ROOM <= LAYOUT_SELF_TEST &&
                   LAYOUT_SELF_TEST + 32 <= LAYOUT_LOG,
               "two things lie in the same place");

#endif
