/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/forecast/ahead_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/units.h"

#define COLUMNS   4
#define FUTURE_MS (5 * INT64_C(60000)) /* of a clock that the file's differs from */

static void clear(struct ahead *ahead)
{
    ahead->count = 0;
    ahead->first_ms = 0;
    for (uint32_t i = 0; i < AHEAD_HOURS; i++)
        ahead->air_c[i] = ahead->rain_mm[i] = ahead->rain_chance[i] = NAN;
}

/* Hours that come before the first one, or too late, are left out: a forecast begins with today. */
static void put(struct ahead *ahead, int64_t seconds, const double values[COLUMNS])
{
    int64_t t_ms = seconds / 3600 * TEA_HOUR_MS;
    if (ahead->count == 0)
        ahead->first_ms = t_ms;
    int64_t index = (t_ms - ahead->first_ms) / TEA_HOUR_MS;
    if (t_ms < ahead->first_ms || index >= AHEAD_HOURS)
        return;
    if (values[1] >= AHEAD_LEAST_C && values[1] <= AHEAD_MOST_C)
        ahead->air_c[index] = (float)values[1];
    if (values[2] >= 0 && values[2] <= AHEAD_MOST_MM)
        ahead->rain_mm[index] = (float)values[2];
    if (values[3] >= 0 && values[3] <= 100)
        ahead->rain_chance[index] = (float)(values[3] / 100);
    if (index >= ahead->count)
        ahead->count = (uint32_t)index + 1;
}

/* Seconds since 1970 of a time without a zone; false: it is no time. */
static bool read_time(const char *text, int64_t *seconds)
{
    struct tm when = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &when);
    if (rest == NULL || (*rest != 'T' && *rest != ' ') || when.tm_year < 70 || when.tm_year > 8000)
        return false;
    rest = strptime(rest + 1, "%H:%M", &when);
    if (rest != NULL && *rest == ':')
        rest = strptime(rest, ":%S", &when);
    if (rest == NULL || (*rest != '\0' && strcmp(rest, "Z") != 0))
        return false;
    *seconds = timegm(&when);
    return true;
}

/* ---- Open-Meteo ---- */

static double element(const json_t *series, size_t index)
{
    const json_t *value = json_array_get(series, index);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool take_json(const json_t *root, struct ahead *ahead, char *why, size_t size)
{
    static const char *const names[COLUMNS] = {"time", "temperature_2m", "precipitation",
                                               "precipitation_probability"};
    const json_t *hourly = json_object_get(root, "hourly"), *series[COLUMNS];
    const json_t *offset = json_object_get(root, "utc_offset_seconds");
    for (int c = 0; c < COLUMNS; c++)
        series[c] = json_object_get(hourly, names[c]);
    if (!json_is_array(series[0]) || !json_is_array(series[1])) {
        (void)snprintf(why, size,
                       "no hourly.time and hourly.temperature_2m; ask for "
                       "hourly=temperature_2m,precipitation");
        return false;
    }
    for (size_t i = 0; i < json_array_size(series[0]); i++) {
        const json_t *time = json_array_get(series[0], i);
        double values[COLUMNS] = {NAN, NAN, NAN, NAN};
        int64_t seconds = json_integer_value(time);
        if (json_is_string(time) && read_time(json_string_value(time), &seconds)) {
            seconds -= json_integer_value(offset);
        } else if (!json_is_integer(time) || seconds < 0 || seconds > INT64_C(250000000000)) {
            (void)snprintf(why, size, "hourly.time[%zu] is no time", i);
            return false;
        }
        for (int c = 1; c < COLUMNS; c++)
            values[c] = element(series[c], i);
        put(ahead, seconds, values);
    }
    return true;
}

static bool parse_json(const char *text, struct ahead *ahead, char *why, size_t size)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    bool good = root != NULL && take_json(root, ahead, why, size);
    if (root == NULL)
        (void)snprintf(why, size, "line %d is no JSON: %.60s", error.line, error.text);
    json_decref(root);
    return good;
}

/* ---- CSV ---- */

/* Copies field `index` of a line that ends with newline or NUL; false: there is none, or it is too
 * long. */
static bool field(const char *line, int index, char *out, size_t size)
{
    for (; index > 0 && *line != '\n' && *line != '\0'; line++)
        index -= *line == ',';
    size_t length = strcspn(line, ",\r\n");
    if (index > 0 || length >= size)
        return false;
    memcpy(out, line, length);
    out[length] = '\0';
    return true;
}

static bool read_header(const char *line, int place[COLUMNS])
{
    static const char *const names[COLUMNS] = {"time", "air_temperature", "rainfall",
                                               "rain_chance"};
    char name[40];
    for (int c = 0; c < COLUMNS; c++)
        place[c] = -1;
    for (int i = 0; i < 64 && field(line, i, name, sizeof name); i++)
        for (int c = 0; c < COLUMNS; c++)
            if (strcmp(name, names[c]) == 0)
                place[c] = i;
    return place[0] >= 0 && place[1] >= 0;
}

static bool parse_csv(const char *text, struct ahead *ahead, char *why, size_t size)
{
    int place[COLUMNS];
    unsigned number = 1;
    if (!read_header(text, place)) {
        (void)snprintf(why, size,
                       "line 1 names no columns time and air_temperature (CSV), or is no JSON");
        return false;
    }
    for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line, '\n')) {
        char value[40];
        double values[COLUMNS] = {NAN, NAN, NAN, NAN};
        int64_t seconds;
        line++;
        number++;
        if (*line == '\0' || *line == '\r' || *line == '\n')
            continue;
        if (!field(line, place[0], value, sizeof value) || !read_time(value, &seconds)) {
            (void)snprintf(why, size, "line %u: no time; write 2027-03-28T05:00, UTC", number);
            return false;
        }
        for (int c = 1; c < COLUMNS; c++)
            if (place[c] >= 0 && field(line, place[c], value, sizeof value) &&
                !units_number(value, &values[c]))
                values[c] = NAN;
        put(ahead, seconds, values);
    }
    return true;
}

bool ahead_parse(const char *text, struct ahead *ahead, char *why, size_t size)
{
    clear(ahead);
    const char *begin = text + strspn(text, " \t\r\n");
    bool good =
        *begin == '{' ? parse_json(begin, ahead, why, size) : parse_csv(begin, ahead, why, size);
    if (good && ahead->count == 0) {
        (void)snprintf(why, size, "it holds no hour");
        good = false;
    }
    if (!good)
        clear(ahead);
    return good;
}

static char *read_text(const char *path, int64_t *made_ms)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe would wait for its writer */
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *text = NULL;
    if (file == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode)) {
        *made_ms = (int64_t)status.st_mtim.tv_sec * 1000;
        text = malloc(AHEAD_FILE_MAX + 1);
    } else {
        errno = EINVAL;
    }
    if (text != NULL) {
        size_t length = fread(text, 1, AHEAD_FILE_MAX, file);
        text[length] = '\0';
    }
    (void)fclose(file);
    return text;
}

bool ahead_file_read(const char *path, int64_t now_ms, struct ahead *ahead, char *why, size_t size)
{
    int64_t made_ms = 0;
    char *text = read_text(path, &made_ms);
    ahead->made_ms = 0;
    clear(ahead);
    if (text == NULL) {
        (void)snprintf(why, size, "%s", strerror(errno));
        return false;
    }
    bool good = ahead_parse(text, ahead, why, size);
    free(text);
    if (good && (now_ms - made_ms > AHEAD_OLD_MS || made_ms - now_ms > FUTURE_MS)) {
        (void)snprintf(why, size, "it was written %s; let the script that brings it run again",
                       made_ms > now_ms ? "in the future" : "more than a day ago");
        clear(ahead);
        good = false;
    }
    if (good)
        ahead->made_ms = made_ms;
    return good;
}
