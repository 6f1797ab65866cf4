/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/weather_plan.h"

bool weather_due(const struct weather_plan *plan, int64_t now_ms, bool time_known)
{
    return time_known && !plan->asked && now_ms >= plan->due_ms;
}

void weather_asked(struct weather_plan *plan)
{
    plan->asked = true;
}

void weather_answered(struct weather_plan *plan, int64_t now_ms, bool good)
{
    int64_t wait_ms = WEATHER_FIRST_MS;
    for (unsigned i = 0; i < plan->failed && wait_ms < WEATHER_LAST_MS; i++)
        wait_ms *= 2;
    plan->asked = false;
    plan->failed = good ? 0 : plan->failed + 1;
    plan->due_ms = now_ms + (good ? WEATHER_EVERY_MS : wait_ms);
}
