/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sun stands, and how bright it would be without clouds: what sunshine is counted
 * against, since a garden has a light meter and no sunshine recorder. Pure.
 *
 * Declination: Cooper 1969; equation of time: the usual series in sin 2B, cos B, sin B (Duffie &
 * Beckman). Both within half a degree, which is 2 minutes of sunshine. Clear-sky illuminance: IES
 * Calculation Procedures Committee 1984 (RP-21): the sun 127,500 lx dimmed by exp(-0.21 / sin h),
 * the sky 800 + 15,500 sqrt(sin h) lx. */
#ifndef BAIYE_TEA_SUN_H
#define BAIYE_TEA_SUN_H

#include <stdint.h>

/* Sine of the sun's height over the horizon at that moment; negative at night. Degrees, east and
 * north positive. */
double sun_sine(int64_t t_ms, double latitude, double longitude);
/* On level ground, lx; 0 below the horizon. */
double sun_clear_lux(double sine);

#endif
