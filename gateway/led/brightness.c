/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/brightness.h"

#include <math.h>

#define PI          3.14159265358979323846
#define J2000_MS    946728000000LL /* 2000-01-01 12:00 UTC */
#define DAY_MS      86400000.0
#define DAY_MINUTES 1440
#define LUX_NIGHT   10.0 /* from here down it is night */

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
    return degrees(asin(fmax(-1, fmin(1, height))));
}

static int local_minutes(const struct light *light)
{
    int64_t seconds = light->utc_ms / 1000 + light->utc_offset_s;
    return (int)(((seconds / 60) % DAY_MINUTES + DAY_MINUTES) % DAY_MINUTES);
}

static bool is_off(const struct brightness_config *config, int minutes)
{
    int from = config->off_from, to = config->off_to;
    if (from < 0 || to < 0 || from == to)
        return false;
    return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

/* 0 at night, 1 in full day. */
static double daylight(const struct brightness_config *config, const struct light *light)
{
    double share = 0;
    if (light->lux >= 0) {
        share = log(fmax(light->lux, LUX_NIGHT) / LUX_NIGHT) / log(config->lux_full / LUX_NIGHT);
    } else if (light->located) {
        share = (sun_elevation(light->utc_ms, light->latitude, light->longitude) + 6) / 16;
    } else {
        int minutes = local_minutes(light);
        share = minutes >= 6 * 60 && minutes < 18 * 60 ? 1 : 0;
    }
    share = fmax(0, fmin(1, share));
    return share * share * (3 - 2 * share); /* no kinks for the eye */
}

unsigned brightness_level(const struct brightness_config *config, const struct light *light)
{
    if (is_off(config, local_minutes(light)) && !light->alert)
        return 0;
    double percent = config->night + (config->day - config->night) * daylight(config, light);
    unsigned level = (unsigned)lround(percent * 255 / 100);
    return light->alert && level < 20 ? 20 : level;
}

void brightness_apply(const struct canvas *picture, unsigned level, int power_limit,
                      struct canvas *out)
{
    size_t size = canvas_size(picture);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += picture->pixels[i];
    /* level / 255 x mean must not be above limit / 100 x 255. */
    uint64_t allowed = (uint64_t)size * 255 * 255 * (uint64_t)power_limit / 100;
    if (sum * level > allowed)
        level = (unsigned)(allowed / sum);
    for (size_t i = 0; i < size; i++)
        out->pixels[i] = (uint8_t)((picture->pixels[i] * level + 127) / 255);
}
