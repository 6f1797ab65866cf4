/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/season.h"

#include <time.h>

#include "gateway/forecast/hours.h"

/* Dates are YYYYMMDD in 32 bits: nothing before 1970, nothing from the year 10000 on. */
#define FIRST_MS (TEA_DAY_MS * 2)
#define LAST_MS  INT64_C(253402214400000) /* 9999-12-31 */

/* Local midnight, `days` after the day of `from`, whose date becomes `from`'s. */
static int64_t midnight_ms(struct tm *from, int days)
{
    from->tm_mday += days;
    from->tm_hour = from->tm_min = from->tm_sec = 0;
    from->tm_isdst = -1;
    time_t t = mktime(from);
    return t == (time_t)-1 ? -1 : (int64_t)t * 1000;
}

static int32_t date_of(const struct tm *day)
{
    return (day->tm_year + 1900) * 10000 + (day->tm_mon + 1) * 100 + day->tm_mday;
}

bool season_make(int64_t now_ms, double latitude, struct season *season)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm today, day;
    if (now_ms < FIRST_MS || now_ms > LAST_MS)
        return false;
    if (localtime_r(&now, &today) == NULL)
        return false;
    int month = latitude < 0 ? 6 : 0;
    day = (struct tm){
        .tm_year = today.tm_year - (today.tm_mon < month), .tm_mon = month, .tm_mday = 1};
    season->last_first = date_of(&day) - 10000;
    int64_t at_ms = midnight_ms(&day, 0);
    int index = 0;
    for (; index <= SEASON_DAYS || at_ms <= now_ms; index++) {
        if (at_ms < 0 || index > 366)
            return false;
        if (at_ms <= now_ms)
            season->today = index;
        if (index <= SEASON_DAYS) {
            season->date[index] = date_of(&day);
            season->begin_ms[index] = at_ms;
        }
        at_ms = midnight_ms(&day, 1);
        if (index <= SEASON_DAYS)
            season->begin_ms[index + 1] = at_ms;
    }
    return true;
}

int season_index(const struct season *season, int32_t date)
{
    for (int i = 0; i <= SEASON_DAYS; i++) {
        if (season->date[i] == date)
            return i;
    }
    return -1;
}
