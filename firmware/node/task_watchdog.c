/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/task_watchdog.h"

#include "firmware/hal.h"
#include "firmware/node/black_box.h"

void task_watchdog_init(struct task_watchdog *watch, uint64_t now_us)
{
    for (unsigned i = 0; i < TASK_WATCHDOG_TASK_COUNT; i++)
        watch->seen_us[i] = now_us;
    watch->fed_us = now_us;
    hal_watchdog_feed();
}

void task_watchdog_check_in(struct task_watchdog *watch, enum task_watchdog_task task,
                            uint64_t now_us)
{
    watch->seen_us[task] = now_us;
}

uint64_t task_watchdog_poll(struct task_watchdog *watch, uint64_t now_us)
{
    if (now_us < watch->fed_us + TASK_WATCHDOG_FEED_US)
        return watch->fed_us + TASK_WATCHDOG_FEED_US;
    for (unsigned i = TASK_WATCHDOG_LINK; i < TASK_WATCHDOG_TASK_COUNT; i++) {
        if (now_us - watch->seen_us[i] > TASK_WATCHDOG_MISSING_US) {
            black_box_expect_bite((uint16_t)i);
            return now_us + TASK_WATCHDOG_FEED_US;
        }
    }
    watch->fed_us = now_us;
    hal_watchdog_feed();
    return now_us + TASK_WATCHDOG_FEED_US;
}
