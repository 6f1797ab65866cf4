/* SPDX-License-Identifier: Apache-2.0 */
/* How much leaf is ready tomorrow, from a count of ready shoots in a frame of 33 cm: weighs the
 * last count against what the particles hold, by coefficients that were fitted on made-up farms
 * (ready_table.h, TREND.md), and says how far off that may be. Without a count of the last
 * READY_DAYS days nothing: the particles alone are off by a factor of two. Pure; all memory is the
 * caller's. Quantities that are not known are NaN. */
#ifndef BAIYE_FORECAST_READY_H
#define BAIYE_FORECAST_READY_H

#include <stdbool.h>

#define READY_DAYS     8 /* the day of the count and a week after it */
#define READY_FEATURES 18
#define READY_FRAME_M2 (0.33 * 0.33)

/* What the particles hold, on an evening. */
struct ready_held {
    double stock_kg;     /* mean, on the bushes */
    double share;        /* of the season's shoots that have been ready, 0..1 */
    double thermal_time; /* °C d */
};

/* A count, and what was picked from its day on. */
struct ready_count {
    double kg; /* as leaf; NaN: nobody has counted */
    double taken_kg;
};

struct ready {
    struct ready_count last, before;
    struct ready_held held; /* on the eve of the last count */
    unsigned days;          /* evenings since it, its own the first */
};

/* Nothing counted yet. */
struct ready ready_begin(void);
/* Counted before the day's picking: so many shoots of `shoot_kg` a square metre of the bushes, on
 * `area_m2` of ground (NaN: not known, the count is not used); `eve` is the evening before. */
void ready_add(struct ready *ready, double shoots_m2, double shoot_kg, double area_m2,
               const struct ready_held *eve);
/* A day is over; what was picked on it, 0 or more. */
void ready_day(struct ready *ready, double kg);

/* Tomorrow as the particles see it. */
struct ready_tomorrow {
    struct ready_held held; /* this evening's */
    double model_kg[3];     /* 10, 50, 90 % of the stock tomorrow */
    double season_kg;       /* mean, > 0 */
    double area_m2;
};
/* Is there a count to go by? */
bool ready_is_counted(const struct ready *ready);
/* What the coefficients weigh, to fit them; returns ln of the kg that they correct. After a count
 * only. */
double ready_features(const struct ready *ready, const struct ready_tomorrow *tomorrow,
                      double x[READY_FEATURES]);
/* 10, 50, 90 % of what is ready tomorrow; NaN without a count to go by. */
void ready_predict(const struct ready *ready, const struct ready_tomorrow *tomorrow, double kg[3]);

#endif
