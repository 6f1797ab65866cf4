/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/tea/sun.h"

#include <math.h>
#include <time.h>

#define RADIANS (3.14159265358979323846 / 180)

double sun_sine(int64_t t_ms, double latitude, double longitude)
{
    time_t seconds = (time_t)(t_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL)
        return -1;
    int day = utc.tm_yday + 1;
    double b = 360.0 / 364 * (day - 81) * RADIANS;
    double equation_min = 9.87 * sin(2 * b) - 7.53 * cos(b) - 1.5 * sin(b);
    double declination = 23.45 * sin(360.0 / 365 * (284 + day) * RADIANS) * RADIANS;
    double solar_min =
        utc.tm_hour * 60 + utc.tm_min + utc.tm_sec / 60.0 + 4 * longitude + equation_min;
    double hour_angle = (solar_min / 4 - 180) * RADIANS;
    double north = latitude * RADIANS;
    return sin(north) * sin(declination) + cos(north) * cos(declination) * cos(hour_angle);
}

double sun_clear_lux(double sine)
{
    if (!(sine > 0))
        return 0;
    return 127500 * exp(-0.21 / sine) * sine + 800 + 15500 * sqrt(sine);
}
