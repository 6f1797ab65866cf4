/* SPDX-License-Identifier: Apache-2.0 */
/* An expectile: each wake-up draws the estimate towards its lateness, eight times as strongly when
 * that is less. It settles where few wake-ups come sooner, whatever the distribution, forgets a
 * single odd one, and follows a machine that changes. */
#include "gateway/daemon/bus/wake_latency.h"

#define SHARE_LESS 4
#define SHARE_MORE 32

int64_t wake_latency_at(const struct wake_latency *aim, int64_t due_ns)
{
    return due_ns - aim->early_ns;
}

void wake_latency_woke(struct wake_latency *aim, int64_t asked_ns, int64_t woke_ns)
{
    int64_t more_ns = woke_ns - asked_ns - aim->early_ns;
    if (woke_ns < asked_ns)
        return;
    if (more_ns >
        WAKE_LATENCY_MOST_NS) /* somebody else had the processor: tells little of the timer */
        more_ns = WAKE_LATENCY_MOST_NS;
    aim->early_ns += more_ns / (more_ns < 0 ? SHARE_LESS : SHARE_MORE);
    if (aim->early_ns > WAKE_LATENCY_MOST_NS)
        aim->early_ns = WAKE_LATENCY_MOST_NS;
}
