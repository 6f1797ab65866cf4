/* SPDX-License-Identifier: Apache-2.0 */
/* Roll-outs of firmware that have stopped by themselves, as alerts: one each, until somebody lets
 * it go on or ends it. Pure. */
#ifndef BAIYE_COUNTY_STOPPED_H
#define BAIYE_COUNTY_STOPPED_H

#include <stdint.h>

#include "gateway/daemon/alerts/active.h"

#define STOPPED_MOST 10u

struct stopped {
    int64_t id, since_ms;
    char version[24], why[160];
};

/* What stands in `active` of roll-outs is then these. */
void stopped_look(struct active *active, const struct stopped *stopped, uint32_t count,
                  const struct active_now *now);

#endif
