/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrations that end: a reminder from CALIBRATION_AHEAD_DAYS before the day that the file names,
 * one a device, until the file names a later one. Pure: the day is an argument. */
#ifndef BAIYE_ALERTS_CALIBRATION_H
#define BAIYE_ALERTS_CALIBRATION_H

#include "gateway/daemon/alerts/active.h"

#define CALIBRATION_AHEAD_DAYS 14

/* While the time is not trusted everything stays as it stands. */
void calibration_look(const struct config *config, struct active *active,
                      const struct active_now *now);
/* Is it the id of an alert that is looked at here? */
bool calibration_is_ours(const struct config *config, const char *id);

#endif
