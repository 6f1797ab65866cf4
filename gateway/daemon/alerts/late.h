/* SPDX-License-Identifier: Apache-2.0 */
/* What logs of nodes say of alerts that are over: stretches of time in which a cause was beyond its
 * limit, gathered reading by reading, in any order, until the row of the alert is annotated. They
 * raise nothing. Pure; one thread at a time. */
#ifndef BAIYE_ALERTS_LATE_H
#define BAIYE_ALERTS_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/alerts/kinds.h"

#define LATE_GAP_MS INT64_C(1800000) /* what is further apart is another stretch */
#define LATE_MOST   64u              /* stretches at once; the oldest is forgotten */

struct late_stretch {
    char id[ALERT_ID_SIZE];
    bool above;             /* side of the limit: which extreme is worse */
    int64_t from_ms, to_ms; /* wall time of its first and last reading beyond the limit */
    double extreme;
    bool due; /* not written yet */
};

struct late {
    struct late_stretch list[LATE_MOST];
    uint32_t count, oldest;
};

void late_add(struct late *late, const char *id, bool above, int64_t at_ms, double value);
/* One that is to be written; it is due no more. */
bool late_next(struct late *late, struct late_stretch *stretch);
/* Those of that alert are due again: it has ended, or could not be written. */
void late_again(struct late *late, const char *id);

#endif
