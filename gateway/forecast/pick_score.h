/* SPDX-License-Identifier: Apache-2.0 */
/* How a season's estimates are judged: a part of pick.h, kept by pick_record.c. */
#ifndef BAIYE_FORECAST_PICK_SCORE_H
#define BAIYE_FORECAST_PICK_SCORE_H

#include "gateway/forecast/pick_model.h"

/* "last", "mean", "picker", "norm". */
const char *pick_rule_name(enum pick_rule rule);

/* How good what was shown has been, over the season's picked days for which there was a number,
 * from the second on: all ways are judged by the same days (kg per picker × crew where it was
 * noted). */
struct pick_score {
    unsigned days;
    double mae_kg;   /* mean absolute error; this and all below NaN while days is 0 */
    double skill;    /* 1 - mae / mae of the best rule; below 0: worse than it; NaN, too, when that
                      * rule never erred */
    double coverage; /* share of days inside 10..90 %; 0.72..0.88 is honest */
    unsigned kept_days; /* of the days: judged by what had been shown (pick_day.said_kg) */
    double near_kg; /* a quarter of a mean day's pick, and on how many of the days it was off by */
    unsigned near_days;       /* no more: "right within 3 kg on 9 of 12 days" */
    enum pick_rule best_rule; /* of the smallest error */
    double rule_mae_kg[PICK_RULE_COUNT];
    double source_mae_kg[PICK_SOURCE_COUNT];
};
void pick_score(const struct pick_model *model, struct pick_score *score);

#endif
