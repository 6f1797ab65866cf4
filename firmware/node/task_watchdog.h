/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds the watchdog only while every task makes progress. A task checks in when it has got on with
 * its work, not just when it was called. */
#ifndef BAIYE_FIRMWARE_NODE_TASK_WATCHDOG_H
#define BAIYE_FIRMWARE_NODE_TASK_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

enum task_watchdog_task { TASK_WATCHDOG_LINK = 1, TASK_WATCHDOG_SAMPLER, TASK_WATCHDOG_TASK_COUNT };

struct task_watchdog {
    uint64_t seen_us[TASK_WATCHDOG_TASK_COUNT];
    uint64_t fed_us;
};

#define TASK_WATCHDOG_MISSING_US 4000000u /* a task may be silent so long */
#define TASK_WATCHDOG_FEED_US                                                                      \
    1000000u /* the watchdog is fed at most so often, and bites after 8 s */

void task_watchdog_init(struct task_watchdog *watch, uint64_t now_us);
void task_watchdog_check_in(struct task_watchdog *watch, enum task_watchdog_task task,
                            uint64_t now_us);
/* Feeds if it may. When it wants to be called again. */
uint64_t task_watchdog_poll(struct task_watchdog *watch, uint64_t now_us);

#endif
