/* SPDX-License-Identifier: Apache-2.0 */
/* The second rule of the trend: corrects what the first one says by all picks of this season (how
 * far off both models were, the crew against those before, rain, rounds, every fifth day's market).
 * Linear in features and products of two of them, its coefficients in course_table.h. Pure. After
 * at least one pick with a crew. */
#ifndef BAIYE_FORECAST_COURSE_H
#define BAIYE_FORECAST_COURSE_H

#include "gateway/forecast/trend.h"

#define COURSE_FEATURES 33

/* `base`, `first_ln`: of trend_features(). */
void course_features(const struct trend *trend, const struct trend_tomorrow *tomorrow, double base,
                     double first_ln, double course[COURSE_FEATURES]);
/* ln of what it says beside `base`; `x`: the features of trend_features(), then the above. */
double course_middle_ln(const double x[TREND_FEATURES + COURSE_FEATURES]);

#endif
