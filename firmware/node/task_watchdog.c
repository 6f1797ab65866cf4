/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/task_watchdog.h"

#include "firmware/hal.h"
#include "firmware/node/black_box.h"

void watch_init(struct watch *watch, uint64_t now_us)
{
    for (unsigned i = 0; i < WATCH_TASK_COUNT; i++)
        watch->seen_us[i] = now_us;
    watch->fed_us = now_us;
    hal_watchdog_feed();
}

void watch_check_in(struct watch *watch, enum watch_task task, uint64_t now_us)
{
    watch->seen_us[task] = now_us;
}

uint64_t watch_poll(struct watch *watch, uint64_t now_us)
{
    if (now_us < watch->fed_us + WATCH_FEED_US)
        return watch->fed_us + WATCH_FEED_US;
    for (unsigned i = WATCH_LINK; i < WATCH_TASK_COUNT; i++) {
        if (now_us - watch->seen_us[i] > WATCH_MISSING_US) {
            black_box_expect_bite((uint16_t)i);
            return now_us + WATCH_FEED_US;
        }
    }
    watch->fed_us = now_us;
    hal_watchdog_feed();
    return now_us + WATCH_FEED_US;
}
