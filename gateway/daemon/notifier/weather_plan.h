/* SPDX-License-Identifier: Apache-2.0 */
/* When the weather forecast is asked for. Pure. */
#ifndef BAIYE_NOTIFIER_WEATHER_PLAN_H
#define BAIYE_NOTIFIER_WEATHER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define WEATHER_EVERY_MS (6 * INT64_C(3600000))  /* as often as the large models run */
#define WEATHER_FIRST_MS INT64_C(60000)          /* after a failure; twice as long each time, ... */
#define WEATHER_LAST_MS  (64 * WEATHER_FIRST_MS) /* ... up to this */
/* Begin from all zero: due at once. Monotonic milliseconds. */
struct weather_plan {
    int64_t due_ms;
    unsigned failed; /* in a row */
    bool asked;
};
/* Not before the time is known, since a certificate can't be judged before. */
bool weather_due(const struct weather_plan *plan, int64_t now_ms, bool time_known);
void weather_asked(struct weather_plan *plan);
/* Also when the process ended before it had an answer. */
void weather_answered(struct weather_plan *plan, int64_t now_ms, bool good);

#endif
