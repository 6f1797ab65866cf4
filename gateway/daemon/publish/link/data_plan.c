/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/link/data_plan.h"

#include <time.h>

#define KEEP_MOST_BYTES 65536u
#define KEEP_SHARE      128u /* of the limit, for small plans */

/* Headers of IP and TCP, the PUBACK's and its acknowledgement's too; with TLS their records. */
#define FRAMES      120u
#define FRAMES_TLS  200u
#define PING        160u
#define SESSION     600u
#define SESSION_TLS 6000u /* certificates of both sides */

void data_plan_begin(struct data_plan *data_plan, uint64_t limit)
{
    *data_plan = (struct data_plan){.limit = limit};
}

void data_plan_restore(struct data_plan *data_plan, uint32_t month, uint64_t bytes)
{
    data_plan->month = data_plan->persisted_month = month;
    data_plan->bytes = data_plan->kept = bytes;
    data_plan->persisted_stage = data_plan_stage(data_plan);
}

/* What was counted before the time was known is of the month that it turns out to be. A month that
 * the clock goes back to keeps what the later one has counted: rather too much than too little. */
static void turn_to(struct data_plan *data_plan, uint32_t month)
{
    if (month > data_plan->month && data_plan->month != 0)
        data_plan->bytes = data_plan->undated;
    data_plan->month = month;
    data_plan->undated = 0;
}

void data_plan_add(struct data_plan *data_plan, uint32_t month, uint64_t bytes)
{
    if (month != 0)
        turn_to(data_plan, month);
    else
        data_plan->undated += bytes;
    data_plan->bytes += bytes;
}

enum data_plan_stage data_plan_stage(const struct data_plan *data_plan)
{
    uint64_t percents = data_plan->bytes * 100; /* of the limit; no plan has 2^57 bytes */
    if (data_plan->limit == 0 || percents < data_plan->limit * DATA_PLAN_MEANS_PERCENT)
        return DATA_PLAN_NONE;
    return percents < data_plan->limit * DATA_PLAN_URGENT_PERCENT ? DATA_PLAN_MEANS
                                                                  : DATA_PLAN_URGENT;
}

bool data_plan_keep(struct data_plan *data_plan)
{
    uint64_t step = data_plan->limit / KEEP_SHARE;
    step = step < KEEP_MOST_BYTES ? step : KEEP_MOST_BYTES;
    enum data_plan_stage stage = data_plan_stage(data_plan);
    bool changed =
        data_plan->month != data_plan->persisted_month || stage != data_plan->persisted_stage;
    /* Only a plan that is paid for is worth writes to the flash. */
    if (data_plan->limit == 0 || data_plan->month == 0 ||
        (!changed && data_plan->bytes - data_plan->kept < step))
        return false;
    data_plan->persisted_stage = stage;
    data_plan->persisted_month = data_plan->month;
    data_plan->kept = data_plan->bytes;
    return true;
}

uint64_t data_plan_cost(struct data_plan *data_plan, const struct data_plan_traffic *traffic)
{
    uint64_t cost = traffic->bytes + traffic->messages * (traffic->tls ? FRAMES_TLS : FRAMES) +
                    traffic->connects * (traffic->tls ? SESSION_TLS : SESSION);
    if (traffic->messages > 0 || (!traffic->up && traffic->passed_ms > 0)) {
        data_plan->idle_ms = 0;
        return cost;
    }
    data_plan->idle_ms += traffic->passed_ms;
    if (traffic->keepalive_s > 0 && data_plan->idle_ms >= traffic->keepalive_s * INT64_C(1000)) {
        data_plan->idle_ms = 0;
        cost += PING;
    }
    return cost;
}

uint32_t data_plan_month(int64_t wall_ms)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL)
        return 0;
    return (uint32_t)((utc.tm_year + 1900) * 100 + utc.tm_mon + 1);
}

int64_t data_plan_next_ms(int64_t wall_ms)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL)
        return 0;
    struct tm next = {.tm_year = utc.tm_year, .tm_mon = utc.tm_mon + 1, .tm_mday = 1};
    return (int64_t)timegm(&next) * 1000;
}
