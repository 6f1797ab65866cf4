/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/ahead.h"

#include <math.h>

#define RAIN_DAY_MM 1.0
#define RAIN_SAID   0.86
#define DRY_SAID    0.14

static bool is_number(float value, double least, double most)
{
    return isnan(value) || ((double)value >= least && (double)value <= most);
}

bool ahead_is_sane(const struct ahead *ahead)
{
    if (ahead->count == 0 || ahead->count > AHEAD_HOURS || ahead->first_ms < 0 ||
        ahead->first_ms % TEA_HOUR_MS != 0 || ahead->first_ms > INT64_C(250000000000000))
        return false;
    for (uint32_t i = 0; i < ahead->count; i++)
        if (!is_number(ahead->air_c[i], AHEAD_LEAST_C, AHEAD_MOST_C) ||
            !is_number(ahead->rain_mm[i], 0, AHEAD_MOST_MM) ||
            !is_number(ahead->rain_chance[i], 0, 1))
            return false;
    return true;
}

struct sums {
    unsigned count;
    double sum, most, least;
    int64_t least_ms;
};

static struct sums add_up(const struct ahead *ahead, const float *values, int64_t from_ms,
                          int64_t to_ms)
{
    struct sums sums = {.most = NAN, .least = NAN};
    for (uint32_t i = 0; i < ahead->count; i++) {
        int64_t t_ms = ahead->first_ms + (int64_t)i * TEA_HOUR_MS;
        double value = (double)values[i];
        if (t_ms < from_ms || t_ms >= to_ms || isnan(value))
            continue;
        sums.count++;
        sums.sum += value;
        sums.most = fmax(sums.most, value);
        if (!(value >= sums.least)) {
            sums.least = value;
            sums.least_ms = t_ms;
        }
    }
    return sums;
}

double ahead_mean_c(const struct ahead *ahead, int64_t from_ms, int64_t to_ms)
{
    struct sums sums = add_up(ahead, ahead->air_c, from_ms, to_ms);
    return sums.count < AHEAD_DAY ? NAN : sums.sum / sums.count;
}

double ahead_rain_mm(const struct ahead *ahead, int64_t from_ms, int64_t to_ms)
{
    struct sums sums = add_up(ahead, ahead->rain_mm, from_ms, to_ms);
    return sums.count < AHEAD_DAY ? NAN : sums.sum;
}

double ahead_rain_soon_mm(const struct ahead *ahead, int64_t from_ms, int64_t to_ms)
{
    int64_t hour_ms = from_ms - from_ms % TEA_HOUR_MS;
    struct sums sums = add_up(ahead, ahead->rain_mm, hour_ms, to_ms);
    bool old = ahead->made_ms == 0 || from_ms - ahead->made_ms > AHEAD_OLD_MS;
    return old || (int64_t)sums.count * 4 * TEA_HOUR_MS < (to_ms - hour_ms) * 3 ? NAN : sums.sum;
}

double ahead_rain_chance(const struct ahead *ahead, int64_t from_ms, int64_t to_ms)
{
    struct sums chance = add_up(ahead, ahead->rain_chance, from_ms, to_ms);
    double rain_mm = ahead_rain_mm(ahead, from_ms, to_ms);
    if (chance.count >= AHEAD_DAY)
        return fmin(1, fmax(0, chance.most));
    return isnan(rain_mm) ? NAN : rain_mm >= RAIN_DAY_MM ? RAIN_SAID : DRY_SAID;
}

double ahead_least_c(const struct ahead *ahead, int64_t from_ms, int64_t to_ms, int64_t *at_ms)
{
    struct sums sums = add_up(ahead, ahead->air_c, from_ms, to_ms);
    *at_ms = sums.least_ms;
    return (int64_t)sums.count * 4 * TEA_HOUR_MS < (to_ms - from_ms) * 3 ? NAN : sums.least;
}
