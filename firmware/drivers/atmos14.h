/* SPDX-License-Identifier: Apache-2.0 */
/* METER ATMOS 14 on SDI-12: air humidity and, besides it, air temperature, vapour and air pressure.
 * The probe's numbers are vapour pressure kPa, °C, relative humidity 0..1, pressure kPa. In fog
 * such probes say a little more than 1: up to 1.05 counts as 100 %RH. values[] in the order of the
 * enum, kPa in hundredths too; raw is the probe's number x 100, of humidity x 10,000. */
#ifndef BAIYE_ATMOS14_H
#define BAIYE_ATMOS14_H

#include "firmware/drivers/sdi12_sensor.h"

enum { ATMOS14_HUMIDITY, ATMOS14_TEMPERATURE, ATMOS14_VAPOUR_PRESSURE, ATMOS14_PRESSURE };

struct atmos14 {
    struct sdi12_sensor probe;
};

void atmos14_init(struct atmos14 *atmos14, struct sdi12_line *line, char address);

#endif
