/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/reading.h"

#include <string.h>

static const char *const gap_names[GAP_WHY_COUNT] = {
    "timeout", "garbled", "exception", "bus_down", "overflow", "quota", "node_log", "damaged",
};

const char *gap_why_name(enum gap_why why)
{
    return (unsigned)why < GAP_WHY_COUNT ? gap_names[why] : "unknown";
}

void device_health_counts(const struct device_health *health,
                          struct health_count counts[HEALTH_COUNTS])
{
    const struct health_count all[HEALTH_COUNTS] = {
        {"polls", health->polls},
        {"good", health->good},
        {"timeouts", health->timeouts},
        {"crc_errors", health->crc_errors},
        {"exceptions", health->exceptions},
        {"late_answers", health->late_answers},
        {"retries", health->retries},
        {"turnaround_p50_us", health->turnaround_p50_us},
        {"turnaround_p99_us", health->turnaround_p99_us},
        {"silence_us", health->silence_us},
    };
    memcpy(counts, all, sizeof all);
}
