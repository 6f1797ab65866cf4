/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/growth.h"

#include <math.h>

#define VPD_FREE_KPA   2.3
#define VPD_SLOPE      0.5
#define VPD_LEAST      0.2
#define WATER_FREE_REW 0.4

static bool is_air(double celsius)
{
    return celsius >= GROWTH_AIR_MIN_C && celsius <= GROWTH_AIR_MAX_C; /* false for NaN */
}

/* The value at `hour`, which lies in a gap with `before` and `after` as the nearest hours that were
 * measured (-1 and 24: none). NaN: too far apart. */
static double bridged(const double hourly_c[GROWTH_HOURS], int hour, int before, int after)
{
    if (after - before - 1 > GROWTH_GAP_HOURS)
        return NAN;
    if (before < 0)
        return hourly_c[after];
    if (after >= GROWTH_HOURS)
        return hourly_c[before];
    double share = (double)(hour - before) / (after - before);
    return hourly_c[before] + share * (hourly_c[after] - hourly_c[before]);
}

static double hour_value(const double hourly_c[GROWTH_HOURS], int hour)
{
    int before = hour;
    int after = hour;
    while (before >= 0 && !is_air(hourly_c[before]))
        before--;
    while (after < GROWTH_HOURS && !is_air(hourly_c[after]))
        after++;
    return before == hour ? hourly_c[hour] : bridged(hourly_c, hour, before, after);
}

struct growth_day growth_day(const double hourly_c[GROWTH_HOURS])
{
    struct growth_day day = {.degree_days = 0.0, .mean_c = 0.0};
    for (int h = 0; h < GROWTH_HOURS; h++) {
        day.missing_hours += !is_air(hourly_c[h]);
        double air_c = hour_value(hourly_c, h); /* one NaN makes both sums NaN */
        day.mean_c += air_c / GROWTH_HOURS;
        double above = isnan(air_c) ? NAN : fmin(air_c, GROWTH_CEILING_C) - GROWTH_BASE_C;
        day.degree_days += (above < 0.0 ? 0.0 : above) / GROWTH_HOURS;
    }
    if (GROWTH_HOURS - day.missing_hours < GROWTH_DAY_HOURS)
        day.degree_days = day.mean_c = NAN;
    return day;
}

double growth_daily_cd(double mean_c)
{
    return isnan(mean_c) ? NAN : fmax(0.0, fmin(mean_c, GROWTH_CEILING_C) - GROWTH_BASE_C);
}

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x; /* NaN stays NaN */
}

double growth_vpd_limit(double largest_kpa)
{
    if (!(largest_kpa > VPD_FREE_KPA))
        return 1.0;
    return fmax(VPD_LEAST, 1.0 - VPD_SLOPE * (largest_kpa - VPD_FREE_KPA));
}

double growth_water_limit(double extractable_water)
{
    if (isnan(extractable_water))
        return 1.0;
    return between(extractable_water / WATER_FREE_REW, GROWTH_WATER_LEAST, 1.0);
}

double growth_limits_take(double *taken_cd, double free_cd, double limited_cd)
{
    if (isnan(free_cd) || isnan(limited_cd))
        return free_cd;
    double wanted_cd = fmax(0.0, free_cd - limited_cd);
    double take_cd = fmin(wanted_cd, fmax(0.0, GROWTH_LIMITS_MOST_CD - *taken_cd));
    *taken_cd += take_cd;
    return free_cd - take_cd;
}

double growth_limited(double degree_days, double vpd_limit, double water_limit)
{
    return degree_days * between(fmin(fmin(vpd_limit, water_limit), 1.0), 0.0, 1.0);
}

void growth_passing_add(struct growth_passing *passing, double mean_c)
{
    if (!is_air(mean_c))
        return;
    passing->mean_c[passing->days % GROWTH_PASS_DAYS] = mean_c;
    passing->days++;
    if (passing->days < GROWTH_PASS_DAYS)
        return;
    double sum = 0.0;
    for (int i = 0; i < GROWTH_PASS_DAYS; i++)
        sum += passing->mean_c[i];
    bool warm = sum >= GROWTH_BASE_C * GROWTH_PASS_DAYS;
    passing->from_cold = passing->from_cold || !warm;
    passing->run = warm ? passing->run + 1 : 0;
    passing->passed = passing->passed || passing->run >= GROWTH_PASS_RUN;
}
