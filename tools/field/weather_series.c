/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/field/weather.h"

#define LINE_SIZE   512
#define SERIES_ROWS 100000 /* eleven years of hours */

static const char *const column_names[WEATHER_COLUMN_COUNT] = {
    [WEATHER_AIR_TEMPERATURE] = "air_temperature",
    [WEATHER_AIR_HUMIDITY] = "air_humidity",
    [WEATHER_PRESSURE] = "pressure",
    [WEATHER_RAINFALL] = "rainfall",
    [WEATHER_ILLUMINANCE] = "illuminance",
    [WEATHER_SOIL_MOISTURE] = "soil_moisture",
    [WEATHER_SOIL_TEMPERATURE] = "soil_temperature",
};

bool weather_time_parse(const char *text, int64_t *t_s)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end != NULL && (*end == '\0' || strcmp(end, "Z") == 0)) {
        *t_s = (int64_t)timegm(&tm);
        return true;
    }
    char *rest;
    errno = 0;
    long long seconds = strtoll(text, &rest, 10);
    *t_s = seconds;
    return errno == 0 && rest != text && *rest == '\0';
}

/* The header: which column stands where. */
static bool read_header(char *line, int *place, size_t *count, unsigned *columns)
{
    char *save = NULL;
    *count = 0;
    *columns = 0;
    char *word = strtok_r(line, ",\r\n", &save);
    if (word == NULL || strcmp(word, "time") != 0)
        return false;
    while ((word = strtok_r(NULL, ",\r\n", &save)) != NULL) {
        int column = 0;
        while (column < WEATHER_COLUMN_COUNT && strcmp(word, column_names[column]) != 0)
            column++;
        if (column == WEATHER_COLUMN_COUNT || *count == WEATHER_COLUMN_COUNT)
            return false;
        place[(*count)++] = column;
        *columns |= 1u << column;
    }
    return *count > 0;
}

static bool read_row(char *line, const int *place, size_t count, int64_t *t_s, double *values)
{
    char *save = NULL;
    char *word = strtok_r(line, ",\r\n", &save);
    if (word == NULL || !weather_time_parse(word, t_s))
        return false;
    for (size_t i = 0; i < count; i++) {
        char *rest;
        word = strtok_r(NULL, ",\r\n", &save);
        if (word == NULL)
            return false;
        values[place[i]] = strtod(word, &rest);
        if (rest == word || *rest != '\0')
            return false;
    }
    return strtok_r(NULL, ",\r\n", &save) == NULL;
}

static bool add_row(struct weather_series *series, int64_t t_s, const double *values)
{
    if (series->rows && t_s <= series->time_s[series->rows - 1])
        return false;
    series->time_s[series->rows] = t_s;
    memcpy(series->values[series->rows], values, sizeof(series->values[0]));
    series->rows++;
    return true;
}

static bool read_file(struct weather_series *series, FILE *file, char *error, size_t error_size)
{
    char line[LINE_SIZE];
    int place[WEATHER_COLUMN_COUNT];
    size_t count;
    if (fgets(line, sizeof(line), file) == NULL ||
        !read_header(line, place, &count, &series->columns)) {
        (void)snprintf(error, error_size, "line 1: the header must be 'time' and known columns");
        return false;
    }
    for (size_t number = 2; fgets(line, sizeof(line), file) != NULL; number++) {
        double values[WEATHER_COLUMN_COUNT] = {0};
        int64_t t_s;
        if (series->rows == SERIES_ROWS || !read_row(line, place, count, &t_s, values) ||
            !add_row(series, t_s, values)) {
            (void)snprintf(error, error_size,
                           "line %zu: not a time later than the one before and %zu numbers", number,
                           count);
            return false;
        }
    }
    if (series->rows < 2)
        (void)snprintf(error, error_size, "fewer than two rows");
    return series->rows >= 2;
}

bool weather_series_load(struct weather_series *series, const char *file, char *error,
                         size_t error_size)
{
    *series = (struct weather_series){0};
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        (void)snprintf(error, error_size, "%s", strerror(errno));
        return false;
    }
    series->time_s = malloc(SERIES_ROWS * sizeof(*series->time_s));
    series->values = malloc(SERIES_ROWS * sizeof(*series->values));
    bool good = series->time_s != NULL && series->values != NULL &&
                read_file(series, stream, error, error_size);
    (void)fclose(stream);
    if (!good)
        weather_series_free(series);
    return good;
}

void weather_series_free(struct weather_series *series)
{
    free(series->time_s);
    free(series->values);
    *series = (struct weather_series){0};
}
