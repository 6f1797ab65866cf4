/* SPDX-License-Identifier: Apache-2.0 */
/* Hourly weather that somebody else forecast for the site, and what the rules of this folder want
 * of it. Pure; what is not known is NAN. It is the site's: a plot's own hollow is not in it. */
#ifndef BAIYE_FORECAST_AHEAD_H
#define BAIYE_FORECAST_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/forecast/hours.h"

#define AHEAD_HOURS  240u
#define AHEAD_OLD_MS (24 * TEA_HOUR_MS) /* made longer ago: it is not used */
#define AHEAD_DAY    18                 /* hours that make a day */

#define AHEAD_LEAST_C (-60.0)
#define AHEAD_MOST_C  60.0
#define AHEAD_MOST_MM 500.0 /* of rain in an hour */

struct ahead {
    int64_t made_ms;  /* UTC; 0: there is none */
    int64_t first_ms; /* a full hour, UTC */
    uint32_t count;   /* consecutive hours, AHEAD_HOURS at most */
    float air_c[AHEAD_HOURS], rain_mm[AHEAD_HOURS];
    float rain_chance[AHEAD_HOURS]; /* 0..1 */
};

/* Full hours after 1970, numbers as above or NAN: for what another process sends. */
bool ahead_is_sane(const struct ahead *ahead);
/* Of the hours that begin within [from_ms, to_ms); NAN with fewer than AHEAD_DAY known ones. */
double ahead_mean_c(const struct ahead *ahead, int64_t from_ms, int64_t to_ms);
double ahead_rain_mm(const struct ahead *ahead, int64_t from_ms, int64_t to_ms);
/* Of the hours that lie in [from_ms, to_ms), begun ones too; NAN with fewer than three quarters of
 * them known, or when it was made more than AHEAD_OLD_MS before from_ms. */
double ahead_rain_soon_mm(const struct ahead *ahead, int64_t from_ms, int64_t to_ms);
/* Of a rain day (1 mm and more), 0..1: the largest of its hours' chances, else by the sum, which a
 * forecast gets wrong one day in seven. */
double ahead_rain_chance(const struct ahead *ahead, int64_t from_ms, int64_t to_ms);
/* The least, and when; NAN with fewer than three quarters of the hours known. */
double ahead_least_c(const struct ahead *ahead, int64_t from_ms, int64_t to_ms, int64_t *at_ms);

#endif
