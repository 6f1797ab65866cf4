/* SPDX-License-Identifier: Apache-2.0 */
/* Tea gardens that never were: a spring's weather and what a farm picks in it, made so that the
 * model of pick.h is wrong about them on purpose (another base temperature, gamma instead of
 * logistic thresholds, a second cohort of shoots, noise in crew and rain). They share with it the
 * form in which a picker slows down among few shoots, so they show a design, and prove nothing
 * about real gardens. The same farm and year are always the same. */
#ifndef BAIYE_TEST_MADE_UP_FARM_H
#define BAIYE_TEST_MADE_UP_FARM_H

#include "gateway/forecast/pick.h"

#define FARM_DAYS 115 /* from 1 January */

struct farm_season {
    struct pick_day days[FARM_DAYS]; /* kg 0 on days without picking; pickers are as booked */
    double ready_kg[FARM_DAYS];      /* on the bushes that day, before it was picked */
    double season_kg;                /* that grew */
    double last_year_kg;             /* what the owner says, within ± 25 % */
    int first, last;                 /* days on which it was picked; first -1: none */
};

void made_up_farm(int farm, int year, struct farm_season *season);

#endif
