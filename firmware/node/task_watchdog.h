/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds the watchdog only while every task makes progress. A task checks in when it has got on with
 * its work, not just when it was called. */
#ifndef BAIYE_NODE_WATCH_H
#define BAIYE_NODE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum watch_task { WATCH_LINK = 1, WATCH_SAMPLER, WATCH_TASK_COUNT };

struct watch {
    uint64_t seen_us[WATCH_TASK_COUNT];
    uint64_t fed_us;
};

#define WATCH_MISSING_US 4000000u /* a task may be silent so long */
#define WATCH_FEED_US    1000000u /* the watchdog is fed at most so often, and bites after 8 s */

void watch_init(struct watch *watch, uint64_t now_us);
void watch_check_in(struct watch *watch, enum watch_task task, uint64_t now_us);
/* Feeds if it may. When it wants to be called again. */
uint64_t watch_poll(struct watch *watch, uint64_t now_us);

#endif
