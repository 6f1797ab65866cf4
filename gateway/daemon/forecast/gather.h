/* SPDX-License-Identifier: Apache-2.0 */
/* What the forecast needs of a plot, fetched from the store in pieces so small that the store
 * thread commits in between. Waits; for the forecast's thread. */
#ifndef BAIYE_FORECAST_GATHER_H
#define BAIYE_FORECAST_GATHER_H

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/forecast/store_client.h"
#include "gateway/forecast/outlook.h"

/* Of soil moisture at several depths (ascending, in cm): the share of each in the layer of
 * `root_cm` that the roots drink from, from half way to the one above to half way to the one below.
 * What lies below the layer has none, unless it is all there is. The number of those that have. */
unsigned gather_depth_shares(const uint16_t *depths, unsigned count, double root_cm,
                             double *shares);
/* The hours of config.plots[plot] from `from_ms` (a full hour) on. What no device of it measures
 * stays unknown. Soil moisture at several depths is the mean of the roots' layer. */
enum store_result gather_hours(struct store_client *client, const struct config *config,
                               uint16_t plot, int64_t from_ms, uint32_t count,
                               struct tea_hour *hours);
/* What was noted: by day of the season into notes[SEASON_DAYS + 1], and the fresh leaf of the
 * season before, NAN when nothing was noted then. */
enum store_result gather_notes(struct store_client *client, const char *plot,
                               const struct season *season, struct outlook_note *notes,
                               double *last_year_kg);
/* Then what had been said of those days, where it was kept. */
enum store_result gather_said(struct store_client *client, const char *plot,
                              const struct season *season, struct outlook_note *notes);

#endif
