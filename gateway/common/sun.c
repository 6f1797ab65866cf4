/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/sun.h"

#include <math.h>

#define PI          3.14159265358979323846
#define J2000_MS    946728000000LL /* 2000-01-01 12:00 UTC */
#define DAY_MS      86400000.0
#define DAY_MINUTES 1440
#define MINUTE_MS   60000
#define HORIZON     (-0.833) /* refraction and half of the sun's width */
#define FASTEST     0.26     /* degrees a minute: the earth turns by 0.2507 */

static double radians(double degrees)
{
    return degrees * PI / 180;
}

static double degrees(double radians_)
{
    return radians_ * 180 / PI;
}

double sun_elevation(int64_t utc_ms, double latitude, double longitude)
{
    double century = (double)(utc_ms - J2000_MS) / DAY_MS / 36525;
    double mean_longitude = fmod(280.46646 + century * (36000.76983 + century * 0.0003032), 360);
    double mean_anomaly = radians(357.52911 + century * (35999.05029 - 0.0001537 * century));
    double eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century);
    double center = sin(mean_anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century)) +
                    sin(2 * mean_anomaly) * (0.019993 - 0.000101 * century) +
                    sin(3 * mean_anomaly) * 0.000289;
    double node = radians(125.04 - 1934.136 * century);
    double apparent = radians(mean_longitude + center - 0.00569 - 0.00478 * sin(node));
    double obliquity = radians(23.439291 - 0.0130042 * century + 0.00256 * cos(node));
    double declination = asin(sin(obliquity) * sin(apparent));
    double y = tan(obliquity / 2) * tan(obliquity / 2);
    double l = radians(mean_longitude);
    /* Equation of time in minutes: how far the sun's clock is ahead of the mean one. */
    double equation = 4 * degrees(y * sin(2 * l) - 2 * eccentricity * sin(mean_anomaly) +
                                  4 * eccentricity * y * sin(mean_anomaly) * cos(2 * l) -
                                  0.5 * y * y * sin(4 * l) -
                                  1.25 * eccentricity * eccentricity * sin(2 * mean_anomaly));
    double minutes = fmod((double)utc_ms / 60000, DAY_MINUTES) + equation + 4 * longitude;
    double hour_angle = radians(minutes / 4 - 180);
    double height = sin(radians(latitude)) * sin(declination) +
                    cos(radians(latitude)) * cos(declination) * cos(hour_angle);
    return degrees(asin(height > 1 ? 1 : height < -1 ? -1 : height)); /* NAN stays NAN */
}

double sun_clear_lux(double elevation)
{
    double sine = sin(radians(elevation));
    if (!(sine > 0))
        return 0;
    return 127500 * exp(-0.21 / sine) * sine + 800 + 15500 * sqrt(sine);
}

struct place {
    double latitude, longitude;
};

static bool is_up(const struct place *place, int64_t utc_ms)
{
    return sun_elevation(utc_ms, place->latitude, place->longitude) > HORIZON;
}

/* The first full minute from `from_ms` on, or going back the last one before it, in which the sun
 * is up or down as asked; 0: not within a day. Minutes are left out in which it can't have come to
 * the horizon yet, however fast it moves. */
static int64_t find(const struct place *place, int64_t from_ms, int step, bool up)
{
    from_ms -= from_ms % MINUTE_MS; /* the same night is the same minute whenever it is asked for */
    for (int i = 0; i <= DAY_MINUTES;) {
        int64_t at_ms = from_ms + (int64_t)i * step * MINUTE_MS;
        double above = sun_elevation(at_ms, place->latitude, place->longitude) - HORIZON;
        if ((above > 0) == up)
            return at_ms;
        double away = fabs(above) / FASTEST;
        i += away > 1 ? (int)away : 1; /* NAN: 1 */
    }
    return 0;
}

bool sun_night(int64_t utc_ms, double latitude, double longitude, int64_t *sunset_ms,
               int64_t *sunrise_ms)
{
    struct place place = {latitude, longitude};
    if (isnan(latitude) || isnan(longitude))
        return false;
    int64_t last_up_ms = utc_ms;
    if (!is_up(&place, utc_ms))
        last_up_ms = find(&place, utc_ms, -1, true);
    *sunset_ms = last_up_ms == 0 ? 0 : find(&place, last_up_ms + MINUTE_MS, 1, false);
    *sunrise_ms = *sunset_ms == 0 ? 0 : find(&place, *sunset_ms, 1, true);
    return *sunrise_ms != 0;
}
