/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sun stands, when it is down, and how bright it would be without clouds. Pure; any
 * thread. Latitude and longitude in degrees, north and east positive; NAN in, NAN or false out.
 *
 * The sun's place: NOAA's solar equations (Meeus, Astronomical Algorithms), without refraction;
 * within 0.1 degree from 1950 to 2050. Clear sky: IES Calculation Procedures Committee 1984
 * (RP-21): the sun 127,500 lx dimmed by exp(-0.21 / sin h), without its 3 % over the year, and as
 * recalled of the same paper 800 + 15,500 sqrt(sin h) lx of the sky. */
#ifndef BAIYE_COMMON_SUN_H
#define BAIYE_COMMON_SUN_H

#include <stdbool.h>
#include <stdint.h>

/* Height above the horizon in degrees; negative at night. */
double sun_elevation(int64_t utc_ms, double latitude, double longitude);
/* On level ground, lx; 0 below the horizon. */
double sun_clear_lux(double elevation);
/* Sunset and sunrise of the night that is, or else of the next one, to the minute: the sun's upper
 * edge, refracted, at a level horizon. false: within a day it does not set or does not rise. */
bool sun_night(int64_t utc_ms, double latitude, double longitude, int64_t *sunset_ms,
               int64_t *sunrise_ms);

#endif
