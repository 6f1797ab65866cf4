/* SPDX-License-Identifier: Apache-2.0 */
/* The days of a picking season in the site's time zone (the process's: the store sets TZ), each
 * with the moment at which it begins: a day of a clock change has 23 or 25 hours. A season begins
 * where buds begin to count warmth: on 1 January, south of the equator on 1 July. Tea of spring is
 * picked long before SEASON_DAYS are over; what comes after is no season. */
#ifndef BAIYE_FORECAST_SEASON_H
#define BAIYE_FORECAST_SEASON_H

#include <stdbool.h>
#include <stdint.h>

#define SEASON_DAYS 200

struct season {
    int today; /* 0 on the first day; up to 365: SEASON_DAYS and more are after the season */
    int32_t last_first;                /* YYYYMMDD of the season before */
    int32_t date[SEASON_DAYS + 1];     /* YYYYMMDD of day i */
    int64_t begin_ms[SEASON_DAYS + 2]; /* where it begins; [i + 1] is where it ends */
};

/* false: a time that the calendar does not know, or that no date of four digits tells. `season` is
 * then not to be used. Any `now_ms` may be asked. */
bool season_make(int64_t now_ms, double latitude, struct season *season);
static inline bool season_goes_on(const struct season *season)
{
    return season->today < SEASON_DAYS;
}
/* Index of that date, up to SEASON_DAYS (tomorrow of the last one); -1: it is none of the
 * season. */
int season_index(const struct season *season, int32_t date);

#endif
