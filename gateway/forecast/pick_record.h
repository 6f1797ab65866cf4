/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of pick.h: the other ways to estimate a pick, which of them is shown, and how good each
 * has been. Works on the caller's struct pick_model; its thread. Needs no particles. */
#ifndef BAIYE_FORECAST_PICK_RECORD_H
#define BAIYE_FORECAST_PICK_RECORD_H

#include "gateway/forecast/pick_model.h"

/* One evening's numbers in kg; NaN: this way has none (yet). */
struct pick_ways {
    double rule[PICK_RULE_COUNT];
    double source[PICK_SOURCE_COUNT]; /* PICK_BY_MODEL and PICK_BY_TREND are never NaN */
};

/* `model_kg`: the particles' median, `trend_kg` the trend's; `pickers` >= 0 come tomorrow. */
struct pick_ways pick_ways(const struct pick_model *model, double model_kg, double trend_kg,
                           double pickers);
/* Which is shown: the trend, unless the best rule of this season has been clearly better for
 * PICK_LEARNING_DAYS and more. Moves the trend's 10, 50 and 90 % in `pick_kg` to its number, as
 * wide in proportion as they were. */
enum pick_source pick_choose(const struct pick_model *model, const struct pick_ways *ways,
                             double pick_kg[3]);
/* A day is over: `kg` were picked, `shown_kg` had been shown the evening before. */
void pick_record(struct pick_model *model, const struct pick_ways *ways, const double shown_kg[3],
                 double kg);

#endif
