/* SPDX-License-Identifier: Apache-2.0 */
/* How early to ask to be woken. A timer wakes a thread some time after the moment asked for: 20 to
 * 60 µs on a virtual machine, and on a slow line that happens ten, on a fast one a hundred times a
 * second. Nearly the least of that is learned, and so much earlier the timer is set; who is woken
 * too soon looks at the line until it is time, which takes a few µs, at most WAKE_LATENCY_MOST_NS.
 * Pure. */
#ifndef BAIYE_BUS_WAKE_LATENCY_H
#define BAIYE_BUS_WAKE_LATENCY_H

#include <stdint.h>

#define WAKE_LATENCY_MOST_NS 50000

struct wake_latency {
    int64_t early_ns; /* 0: nothing learned yet */
};

/* What to set a timer to in order to be awake at `due_ns`. */
int64_t wake_latency_at(const struct wake_latency *aim, int64_t due_ns);
/* A timer set to `asked_ns` woke at `woke_ns`; earlier than asked is no news. */
void wake_latency_woke(struct wake_latency *aim, int64_t asked_ns, int64_t woke_ns);

#endif
