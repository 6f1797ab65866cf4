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

void thrift_begin(struct thrift *thrift, uint64_t limit)
{
    *thrift = (struct thrift){.limit = limit};
}

void thrift_restore(struct thrift *thrift, uint32_t month, uint64_t bytes)
{
    thrift->month = thrift->kept_month = month;
    thrift->bytes = thrift->kept = bytes;
    thrift->kept_stage = thrift_stage(thrift);
}

/* What was counted before the time was known is of the month that it turns out to be. A month that
 * the clock goes back to keeps what the later one has counted: rather too much than too little. */
static void turn_to(struct thrift *thrift, uint32_t month)
{
    if (month > thrift->month && thrift->month != 0)
        thrift->bytes = thrift->undated;
    thrift->month = month;
    thrift->undated = 0;
}

void thrift_add(struct thrift *thrift, uint32_t month, uint64_t bytes)
{
    if (month != 0)
        turn_to(thrift, month);
    else
        thrift->undated += bytes;
    thrift->bytes += bytes;
}

enum thrift_stage thrift_stage(const struct thrift *thrift)
{
    uint64_t percents = thrift->bytes * 100; /* of the limit; no plan has 2^57 bytes */
    if (thrift->limit == 0 || percents < thrift->limit * THRIFT_MEANS_PERCENT)
        return THRIFT_NONE;
    return percents < thrift->limit * THRIFT_URGENT_PERCENT ? THRIFT_MEANS : THRIFT_URGENT;
}

bool thrift_keep(struct thrift *thrift)
{
    uint64_t step = thrift->limit / KEEP_SHARE;
    step = step < KEEP_MOST_BYTES ? step : KEEP_MOST_BYTES;
    enum thrift_stage stage = thrift_stage(thrift);
    bool changed = thrift->month != thrift->kept_month || stage != thrift->kept_stage;
    /* Only a plan that is paid for is worth writes to the flash. */
    if (thrift->limit == 0 || thrift->month == 0 ||
        (!changed && thrift->bytes - thrift->kept < step))
        return false;
    thrift->kept_stage = stage;
    thrift->kept_month = thrift->month;
    thrift->kept = thrift->bytes;
    return true;
}

uint64_t thrift_cost(struct thrift *thrift, const struct thrift_traffic *traffic)
{
    uint64_t cost = traffic->bytes + traffic->messages * (traffic->tls ? FRAMES_TLS : FRAMES) +
                    traffic->connects * (traffic->tls ? SESSION_TLS : SESSION);
    if (traffic->messages > 0 || (!traffic->up && traffic->passed_ms > 0)) {
        thrift->idle_ms = 0;
        return cost;
    }
    thrift->idle_ms += traffic->passed_ms;
    if (traffic->keepalive_s > 0 && thrift->idle_ms >= traffic->keepalive_s * INT64_C(1000)) {
        thrift->idle_ms = 0;
        cost += PING;
    }
    return cost;
}

uint32_t thrift_month(int64_t wall_ms)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL)
        return 0;
    return (uint32_t)((utc.tm_year + 1900) * 100 + utc.tm_mon + 1);
}

int64_t thrift_next_ms(int64_t wall_ms)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL)
        return 0;
    struct tm next = {.tm_year = utc.tm_year, .tm_mon = utc.tm_mon + 1, .tm_mday = 1};
    return (int64_t)timegm(&next) * 1000;
}
