/* SPDX-License-Identifier: Apache-2.0 */
/* What a technician reads after something went wrong: why the node restarted, how often, what the
 * processor stood at. Counts live in the memory that stays, in two copies; what must outlive a
 * reset only lies in the RAM that keeps its bytes. */
#ifndef BAIYE_NODE_BLACK_BOX_H
#define BAIYE_NODE_BLACK_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "firmware/node/redundant_record.h"

struct black_box {
    struct redundant_record record;
    uint16_t boot; /* of this boot, from 1; 0: the memory did not answer */
    uint32_t lifetime_h;
    uint16_t reset_counts[HAL_RESET_CAUSE_COUNT];
    enum hal_reset_cause cause;
    bool warm;            /* RAM was kept: this is no power-up */
    uint16_t missed_task; /* that led to the last watchdog reset, 0: none */
    uint64_t hour_us;     /* when the next hour of service is full */
    uint64_t store_us;    /* when to try again to store; UINT64_MAX: it is stored */
    uint16_t nv_errors;
};

/* Counts this boot. An error: the memory did not answer, the boot has no number (0) and is not
 * counted, until a later try succeeds. */
enum hal_result black_box_open(struct black_box *box, uint64_t now_us);
/* Counts hours. When it wants to be called again. */
uint64_t black_box_poll(struct black_box *box, uint64_t now_us);
void black_box_nv(struct black_box *box, enum hal_result result);
/* Leaves word for the next boot that task `task` no longer runs and the watchdog will bite. */
void black_box_expect_bite(uint16_t task);
_Noreturn void black_box_restart(void);

#endif
