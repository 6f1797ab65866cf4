/* SPDX-License-Identifier: Apache-2.0 */
/* Wall time, as given over the bus: an offset to the node's own clock. */
#ifndef BAIYE_NODE_CLOCK_H
#define BAIYE_NODE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct wall {
    bool known;
    int64_t start_ms; /* UTC, milliseconds since 1970, when the node's clock stood at 0 */
    uint32_t log_s;   /* the same in seconds as the log has it; moves only by 2 s or more */
};

/* It is `seconds` and `ms` at `at_us`. False, and nothing changes, before the year 2020. */
bool wall_set(struct wall *wall, uint32_t seconds, uint16_t ms, uint64_t at_us);
/* 0 seconds while not known. */
void wall_at(const struct wall *wall, uint64_t at_us, uint32_t *seconds, uint16_t *ms);

#endif
