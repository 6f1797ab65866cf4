/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/clock.h"

#define YEAR_2020_S 1577836800u

bool wall_set(struct wall *wall, uint32_t seconds, uint16_t ms, uint64_t at_us)
{
    if (seconds < YEAR_2020_S || ms > 999)
        return false;
    wall->start_ms = (int64_t)seconds * 1000 + ms - (int64_t)(at_us / 1000);
    int64_t start_s = wall->start_ms / 1000;
    int64_t moved = start_s - (int64_t)wall->log_s;
    if (!wall->known || moved >= 2 || moved <= -2)
        wall->log_s = (uint32_t)start_s;
    wall->known = true;
    return true;
}

void wall_at(const struct wall *wall, uint64_t at_us, uint32_t *seconds, uint16_t *ms)
{
    int64_t at_ms = wall->known ? wall->start_ms + (int64_t)(at_us / 1000) : 0;
    *seconds = (uint32_t)(at_ms / 1000);
    *ms = (uint16_t)(at_ms % 1000);
}
