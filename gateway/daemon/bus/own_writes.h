/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway writes to a device without being asked: settings that it forgets without power,
 * and watchdog registers. A profile names them. Pure but for the struct that it is given. */
#ifndef BAIYE_BUS_OWN_WRITES_H
#define BAIYE_BUS_OWN_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

#define OWN_WRITES_MAX 32 /* of a profile */

/* Zeroed: nothing was written since the device has come. */
struct own_writes {
    uint32_t done;                    /* bit i: write i was acknowledged */
    int64_t due_ms[OWN_WRITES_MAX];   /* those with a period, once done */
    int64_t retry_ms[OWN_WRITES_MAX]; /* those that were refused: not before */
};

/* Which of the profile's writes is to be made now; -1: none. */
int own_writes_next(const struct own_writes *own, const struct profile_config *profile,
                    int64_t now_ms);
/* It was acknowledged, or not: then it is tried again after a while. */
void own_writes_ended(struct own_writes *own, const struct profile_config *profile, unsigned index,
                      bool good, int64_t now_ms);
/* It may be another device now, or the same without its settings. */
void own_writes_forget(struct own_writes *own);

#endif
