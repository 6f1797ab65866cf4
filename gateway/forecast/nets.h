/* SPDX-License-Identifier: Apache-2.0 */
/* The third rule of the trend: small neural nets (layers.h) that correct what the second one says,
 * averaged. They also know of what the weather forecast says of rain, of the last picks one by one,
 * and of last season. Their table, nets_table.h, holds whole numbers only, so that the sum is the
 * same on every machine. tools/fit-forecast writes it. Pure. */
#ifndef BAIYE_FORECAST_NETS_H
#define BAIYE_FORECAST_NETS_H

#include "gateway/forecast/course.h"

#define NETS_OWN      50
#define NETS_FEATURES (TREND_FEATURES + COURSE_FEATURES + NETS_OWN)

/* ln kg of no change, and of what the second rule says beside it. */
struct nets_base {
    double base, middle;
};
/* What is weighed, for fitting: the features of all three rules; before the first pick with a crew
 * those of trend_features() only. */
struct nets_base nets_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                               double x[NETS_FEATURES]);
/* 10, 50, 90 % of tomorrow's kg, also before the first pick. */
void nets_predict(const struct trend *trend, const struct trend_tomorrow *tomorrow, double kg[3]);

#endif
