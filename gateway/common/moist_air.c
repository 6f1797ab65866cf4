/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/moist_air.h"

#include <math.h>

#include "gateway/common/chance.h"

#define AT_ZERO_KPA 0.6108
#define STEEP       17.27
#define OFFSET_C    237.3
#define AIR_MIN_C   (-50.0) /* what lies outside is no air temperature, but a fault */
#define AIR_MAX_C   60.0

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x; /* NaN stays NaN */
}

double moist_air_saturation_kpa(double air_c)
{
    return AT_ZERO_KPA * chance_exp(STEEP * air_c / (air_c + OFFSET_C));
}

double moist_air_deficit_kpa(double air_c, double humidity)
{
    double dryness = 1.0 - between(humidity, 0.0, 100.0) / 100.0;
    return moist_air_saturation_kpa(between(air_c, AIR_MIN_C, AIR_MAX_C)) * dryness;
}

double moist_air_dew_point_c(double air_c, double humidity)
{
    if (!(humidity > 0 && humidity <= 100))
        return NAN;
    double g = chance_log(humidity / 100) + STEEP * air_c / (air_c + OFFSET_C);
    return OFFSET_C * g / (STEEP - g);
}
