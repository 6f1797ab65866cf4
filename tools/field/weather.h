/* SPDX-License-Identifier: Apache-2.0 */
/* Weather and soil of the garden as a pure function of time, place and seed: season, day, slow
 * noise, rain in showers, soil that follows with lag. A recorded hourly series may replace what
 * it has columns for:
 *   time,air_temperature,air_humidity,pressure,rainfall,illuminance,soil_moisture,soil_temperature
 *   2026-04-01T00:00:00Z,11.2,93,91.2,0.0,0,31.0,13.1
 * Any subset and order of the columns, `time` first. Between rows values are interpolated; after
 * the last row the series starts again. */
#ifndef BAIYE_FIELD_WEATHER_H
#define BAIYE_FIELD_WEATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weather_column {
    WEATHER_AIR_TEMPERATURE,  /* °C */
    WEATHER_AIR_HUMIDITY,     /* %RH */
    WEATHER_PRESSURE,         /* kPa */
    WEATHER_RAINFALL,         /* mm in the hour */
    WEATHER_ILLUMINANCE,      /* lx */
    WEATHER_SOIL_MOISTURE,    /* % volumetric */
    WEATHER_SOIL_TEMPERATURE, /* °C */
    WEATHER_COLUMN_COUNT
};

struct weather_now {
    double value[WEATHER_COLUMN_COUNT];
    double conductivity; /* of the soil, µS/cm */
    double ph;
    double vapour_pressure; /* kPa */
};

struct weather_series {
    unsigned columns; /* bit i: column i is there */
    size_t rows;
    int64_t *time_s;
    double (*values)[WEATHER_COLUMN_COUNT];
};

struct weather {
    uint64_t seed;
    double latitude; /* degrees north */
    struct weather_series series;
};

/* The place `spot` of the garden (any number, one a device) at UTC second `t_s`: spots differ by
 * some tenths of a degree and some per cent. */
void weather_at(const struct weather *weather, double t_s, uint32_t spot, struct weather_now *now);

/* Rain between two UTC seconds, the same at every spot. Rows of a series stand on whole minutes. */
double weather_rain_mm(const struct weather *weather, double from_s, double to_s);

/* Reads a recorded series. False: `error` says what is wrong in which line. */
bool weather_series_load(struct weather_series *series, const char *file, char *error,
                         size_t error_size);
void weather_series_free(struct weather_series *series);
/* UTC seconds of "2026-04-01T06:00:00Z" or of a plain number. False: neither. */
bool weather_time_parse(const char *text, int64_t *t_s);

#endif
