/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/tea/season.h"

#include <time.h>

#define NIGHT_HOUR   20
#define MORNING_HOUR 6

/* The moment of that local hour, `days` after the day of `from`, whose date becomes `from`'s. */
static int64_t moment_ms(struct tm *from, int days, int hour)
{
    from->tm_mday += days;
    from->tm_hour = hour;
    from->tm_min = from->tm_sec = 0;
    from->tm_isdst = -1;
    time_t t = mktime(from);
    return t == (time_t)-1 ? -1 : (int64_t)t * 1000;
}

static int32_t date_of(const struct tm *day)
{
    return (day->tm_year + 1900) * 10000 + (day->tm_mon + 1) * 100 + day->tm_mday;
}

static bool find_night(struct season *season, const struct tm *today, int64_t now_ms)
{
    struct tm at = *today;
    season->morning_ms = moment_ms(&at, 0, MORNING_HOUR);
    int before = now_ms < season->morning_ms ? -1 : 0;
    at = *today;
    season->night_ms = moment_ms(&at, before, NIGHT_HOUR);
    at = *today;
    season->morning_ms = moment_ms(&at, before + 1, MORNING_HOUR);
    return season->night_ms > 0 && season->morning_ms > season->night_ms;
}

bool season_make(int64_t now_ms, double latitude, struct season *season)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm today, day;
    if (localtime_r(&now, &today) == NULL || !find_night(season, &today, now_ms))
        return false;
    int month = latitude < 0 ? 6 : 0;
    day = (struct tm){
        .tm_year = today.tm_year - (today.tm_mon < month), .tm_mon = month, .tm_mday = 1};
    season->last_first = date_of(&day) - 10000;
    int64_t at_ms = moment_ms(&day, 0, 0);
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
        at_ms = moment_ms(&day, 1, 0);
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
