/* SPDX-License-Identifier: Apache-2.0 */
/* Water in air: Tetens' formula over water with the coefficients of FAO Irrigation and Drainage
 * Paper 56, eq. 11, 0.6108 exp(17.27 T / (T + 237.3)) kPa. Pure; any thread; the same bits on every
 * machine. Temperatures in °C, humidity in %RH; NAN in, NAN out. */
#ifndef BAIYE_COMMON_MOIST_AIR_H
#define BAIYE_COMMON_MOIST_AIR_H

/* Vapour pressure of saturated air, kPa. */
double moist_air_saturation_kpa(double air_c);
/* Vapour pressure deficit, kPa, >= 0; air beyond -50..60 °C and humidity beyond 0..100 % are
 * limited. */
double moist_air_deficit_kpa(double air_c, double humidity);
/* The temperature at which that air is saturated; NAN for what is no humidity. */
double moist_air_dew_point_c(double air_c, double humidity);

#endif
