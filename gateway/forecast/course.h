/* SPDX-License-Identifier: Apache-2.0 */
/* The second rule of the trend: corrects what the first one says by all picks of this season (how
 * far off both models were, the crew against those before, rain, rounds, every fifth day's market).
 * Linear in features and products of two of them, its coefficients in course_table.h. Pure. */
#ifndef BAIYE_FORECAST_COURSE_H
#define BAIYE_FORECAST_COURSE_H

#include "gateway/forecast/trend.h"

#define COURSE_FEATURES 28

/* `base`, `first_ln` and `x`: of trend_features(), after at least one pick with a crew. */
void course_features(const struct trend *trend, const struct trend_tomorrow *tomorrow, double base,
                     double first_ln, double course[COURSE_FEATURES]);
/* 10, 50, 90 % of tomorrow's kg, also before the first pick. */
void course_say(const struct trend *trend, const struct trend_tomorrow *tomorrow, double kg[3]);

#endif
