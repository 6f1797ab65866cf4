/* SPDX-License-Identifier: Apache-2.0 */
/* A weather forecast out of a file that any script may write: Open-Meteo's JSON, with the hourly
 * series temperature_2m and, where they are, precipitation and precipitation_probability; or CSV
 * whose first line names its columns: time, air_temperature, rainfall, rain_chance (%). Times are
 * ISO 8601: UTC in CSV, as utc_offset_seconds says in JSON; JSON may have Unix seconds, too. */
#ifndef BAIYE_FORECAST_AHEAD_FILE_H
#define BAIYE_FORECAST_AHEAD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/forecast/ahead.h"

#define AHEAD_FILE_MAX 1000000u /* bytes */

/* Made when the file was written. false: `ahead` holds nothing, and `why` says what is wrong and
 * where. Waits for the disk. */
bool ahead_file_read(const char *path, int64_t now_ms, struct ahead *ahead, char *why, size_t size);
/* The same of its text, which ends with NUL; made_ms is left alone. */
bool ahead_parse(const char *text, struct ahead *ahead, char *why, size_t size);

#endif
