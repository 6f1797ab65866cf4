/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules about tea look at: one plot's weather, hour by hour, as the store's means have it.
 * Pure data; a value that was not measured, or may not be believed, is NAN and never a number. */
#ifndef BAIYE_FORECAST_HOURS_H
#define BAIYE_FORECAST_HOURS_H

#include <stdint.h>

#define TEA_HOUR_MS INT64_C(3600000)
#define TEA_DAY_MS  (24 * TEA_HOUR_MS)

struct tea_hour {
    float air_c, air_min_c;       /* air_temperature: mean and least of the hour */
    float canopy_c, canopy_min_c; /* canopy_temperature */
    float humidity;               /* air_humidity, %RH, mean */
    float leaf_wetness;           /* %, mean */
    float lux;                    /* illuminance, mean */
    float rain_mm;                /* rainfall, sum */
    float soil_moisture;          /* % by volume, mean */
};

/* Consecutive UTC hours of one plot, oldest first: hours[i] begins at first_ms + i h. */
struct tea_hours {
    int64_t first_ms; /* UTC */
    uint32_t count;
    const struct tea_hour *hours;
};

#endif
