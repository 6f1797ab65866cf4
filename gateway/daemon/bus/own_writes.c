/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/own_writes.h"

#define RETRY_MS 10000 /* a device that refuses a write is not sent it at each poll */

int own_writes_next(const struct own_writes *own, const struct profile_config *profile,
                    int64_t now_ms)
{
    for (unsigned i = 0; i < profile->write_count && i < OWN_WRITES_MAX; i++) {
        const struct write_config *write = &profile->writes[i];
        bool done = own->done >> i & 1;
        bool again = done && write->every_ms > 0 && own->due_ms[i] <= now_ms;
        if (write->value_set && (!done || again) && own->retry_ms[i] <= now_ms)
            return (int)i;
    }
    return -1;
}

void own_writes_ended(struct own_writes *own, const struct profile_config *profile, unsigned index,
                      bool good, int64_t now_ms)
{
    uint32_t every_ms = profile->writes[index].every_ms;
    int64_t retry_ms = every_ms > 0 && every_ms < RETRY_MS ? every_ms : RETRY_MS;
    own->retry_ms[index] = good ? 0 : now_ms + retry_ms;
    if (!good)
        return;
    own->done |= UINT32_C(1) << index;
    own->due_ms[index] = now_ms + every_ms;
}

void own_writes_forget(struct own_writes *own)
{
    *own = (struct own_writes){0};
}
