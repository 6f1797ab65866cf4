/* SPDX-License-Identifier: Apache-2.0 */
/* What the notes of a season that is over teach the next one, beside when it opened
 * (pick_opened_cd()). Pure. */
#ifndef BAIYE_FORECAST_LAST_SEASON_H
#define BAIYE_FORECAST_LAST_SEASON_H

#include "gateway/forecast/pick.h"

/* Of a season's days, in order. A note that is four times off the season's kg per picker is taken
 * for a slip of the finger and does not count. */
struct trend_last last_season(const struct pick_day *days, int count);

#endif
