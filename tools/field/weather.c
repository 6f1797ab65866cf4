/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is computed from the time asked for, nothing is stepped: a garden at any speed, or
 * asked in any order, gives the same values. Noise is hashed lattice points with a smooth line
 * between them; rain is decided for each six hours; soil moisture sums what is left of the rain
 * of the last fifteen days. */
#include "tools/field/weather.h"

#include <math.h>
#include <stdlib.h>

#include "gateway/common/moist_air.h"

#define DAY_S       86400.0
#define YEAR_S      (365.25 * DAY_S)
#define RAIN_SLOT_S 21600.0
#define RAIN_SLOTS  60 /* 15 days */
#define TAU         6.283185307179586
#define DEGREE      (TAU / 360)

enum stream { AIR_WEEK = 1, AIR_HOUR, HUMIDITY, PRESSURE, CLOUD, RAIN_YES, RAIN_MM, SPOT };

static double hash_unit(uint64_t seed, uint64_t stream, int64_t n)
{
    uint64_t z = seed ^ stream * 0x9e3779b97f4a7c15u ^ (uint64_t)n * 0xd1342543de82ef95u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

/* -1..1, changing slowly over `period_s`. */
static double noise(uint64_t seed, uint64_t stream, double t_s, double period_s)
{
    double x = t_s / period_s, floor_x = floor(x), f = x - floor_x;
    double a = hash_unit(seed, stream, (int64_t)floor_x);
    double b = hash_unit(seed, stream, (int64_t)floor_x + 1);
    double smooth = f * f * (3 - 2 * f);
    return 2 * (a + (b - a) * smooth) - 1;
}

static double clip(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* -1 in deep winter (north), 1 in high summer, `lag_s` behind the sun. */
static double season(double t_s, double lag_s)
{
    return -cos(TAU * (t_s - 10 * DAY_S - lag_s) / YEAR_S);
}

/* -1 before sunrise, 1 in the afternoon; local time from the longitude of 108° E. */
static double daytime(double t_s, double lag_s)
{
    double local = t_s + DAY_S * 108 / 360 - lag_s;
    return -cos(TAU * (local - 3 * 3600) / DAY_S);
}

/* Sine of the sun's height, below 0 at night. */
static double sun(const struct weather *w, double t_s)
{
    double local = t_s + DAY_S * 108 / 360;
    double hour_angle = TAU * (local / DAY_S - floor(local / DAY_S) - 0.5);
    double declination = 23.44 * DEGREE * season(t_s, 0);
    double latitude = w->latitude * DEGREE;
    return sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle);
}

/* Millimetres of six hours' rain. */
static double rain_of_slot(const struct weather *w, int64_t slot)
{
    double wet = 0.22 + 0.08 * season((double)slot * RAIN_SLOT_S, 0);
    if (hash_unit(w->seed, RAIN_YES, slot) > wet)
        return 0;
    double x = hash_unit(w->seed, RAIN_MM, slot);
    return 1 + 30 * x * x * x;
}

static double soil_moisture(const struct weather *w, double t_s)
{
    int64_t last = (int64_t)floor(t_s / RAIN_SLOT_S);
    double water = 0;
    for (int i = 0; i < RAIN_SLOTS; i++) {
        double age = t_s - (double)(last - i) * RAIN_SLOT_S;
        double fallen = age < RAIN_SLOT_S ? age / RAIN_SLOT_S : 1;
        water += rain_of_slot(w, last - i) * fallen * exp(-age / (6 * DAY_S));
    }
    return clip(16 + 0.32 * water, 8, 45);
}

static void from_model(const struct weather *w, double t_s, struct weather_now *now)
{
    double *v = now->value;
    double rain = rain_of_slot(w, (int64_t)floor(t_s / RAIN_SLOT_S)) / 6;
    double cloud =
        clip(0.5 + 0.5 * noise(w->seed, CLOUD, t_s, 5 * 3600) + (rain > 0 ? 0.4 : 0), 0, 1);
    double swing = 5.5 * (1 - 0.6 * cloud);
    double height = sun(w, t_s);
    v[WEATHER_AIR_TEMPERATURE] = 15.5 + 9.5 * season(t_s, 28 * DAY_S) + swing * daytime(t_s, 0) +
                                 3.5 * noise(w->seed, AIR_WEEK, t_s, 3 * DAY_S) +
                                 0.8 * noise(w->seed, AIR_HOUR, t_s, 1800);
    v[WEATHER_AIR_HUMIDITY] = clip(82 - 2.6 * swing * daytime(t_s, 0) + (rain > 0 ? 14 : 0) +
                                       6 * noise(w->seed, HUMIDITY, t_s, 3 * 3600),
                                   18, 99.5);
    v[WEATHER_PRESSURE] = 91.5 + 0.9 * noise(w->seed, PRESSURE, t_s, 2 * DAY_S);
    v[WEATHER_RAINFALL] = rain;
    v[WEATHER_ILLUMINANCE] = height > 0 ? 118000 * height * (1 - 0.8 * cloud) : 0;
    v[WEATHER_SOIL_MOISTURE] = soil_moisture(w, t_s);
    v[WEATHER_SOIL_TEMPERATURE] = 16 + 8 * season(t_s, 40 * DAY_S) + 1.2 * daytime(t_s, 4 * 3600) +
                                  1.5 * noise(w->seed, AIR_WEEK, t_s - DAY_S, 3 * DAY_S);
}

static void from_series(const struct weather_series *series, double t_s, struct weather_now *now)
{
    double first = (double)series->time_s[0];
    double length = (double)series->time_s[series->rows - 1] - first;
    double t = t_s - first;
    t = first + t - floor(t / length) * length;
    size_t low = 0, high = series->rows - 1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if ((double)series->time_s[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    double t0 = (double)series->time_s[low], t1 = (double)series->time_s[high];
    double f = t1 > t0 ? (t - t0) / (t1 - t0) : 0;
    for (unsigned c = 0; c < WEATHER_COLUMN_COUNT; c++)
        if (series->columns & (1u << c))
            now->value[c] =
                series->values[low][c] + f * (series->values[high][c] - series->values[low][c]);
}

void weather_at(const struct weather *weather, double t_s, uint32_t spot, struct weather_now *now)
{
    static const double spread[WEATHER_COLUMN_COUNT] = {
        [WEATHER_AIR_TEMPERATURE] = 1.2,
        [WEATHER_AIR_HUMIDITY] = 3,
        [WEATHER_SOIL_MOISTURE] = 3,
        [WEATHER_SOIL_TEMPERATURE] = 0.8,
    };
    from_model(weather, t_s, now);
    if (weather->series.rows > 1)
        from_series(&weather->series, t_s, now);
    for (int c = 0; c < WEATHER_COLUMN_COUNT; c++)
        now->value[c] +=
            spread[c] * (2 * hash_unit(weather->seed, SPOT + (uint64_t)c, spot) - 1) / 2;
    double *v = now->value;
    v[WEATHER_AIR_HUMIDITY] = clip(v[WEATHER_AIR_HUMIDITY], 5, 100);
    v[WEATHER_SOIL_MOISTURE] = clip(v[WEATHER_SOIL_MOISTURE], 1, 60);
    now->vapour_pressure =
        moist_air_saturation_kpa(v[WEATHER_AIR_TEMPERATURE]) * v[WEATHER_AIR_HUMIDITY] / 100;
    now->conductivity = 40 + 9 * v[WEATHER_SOIL_MOISTURE];
    now->ph = 4.8 + 0.4 * hash_unit(weather->seed, SPOT, (int64_t)spot);
}

/* Millimetres in the hour. */
static double rain_rate(const struct weather *w, double t_s)
{
    struct weather_now now;
    if (w->series.rows < 2 || !(w->series.columns & (1u << WEATHER_RAINFALL)))
        return rain_of_slot(w, (int64_t)floor(t_s / RAIN_SLOT_S)) / 6;
    from_series(&w->series, t_s, &now);
    return now.value[WEATHER_RAINFALL];
}

/* Between two whole minutes the rate is a straight line: the middle times the length is exact. */
double weather_rain_mm(const struct weather *weather, double from_s, double to_s)
{
    double mm = 0;
    while (from_s < to_s) {
        double end_s = fmin(to_s, (floor(from_s / 60) + 1) * 60);
        mm += rain_rate(weather, (from_s + end_s) / 2) * (end_s - from_s) / 3600;
        from_s = end_s;
    }
    return mm;
}
