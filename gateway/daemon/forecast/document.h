/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast as JSON (protocols/mqtt/forecast.schema.json). Pure: the same outlooks are the same
 * bytes, so that a document that says nothing new need not be sent. */
#ifndef BAIYE_FORECAST_DOCUMENT_H
#define BAIYE_FORECAST_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/forecast/outlook.h"

#define DOCUMENT_DAYS_MOST 14

/* What was picked lately in the whole garden, by day: the newest last. */
struct document_picks {
    unsigned count;
    struct {
        int32_t date; /* YYYYMMDD */
        double kg, pickers;
    } days[DOCUMENT_DAYS_MOST];
};

/* One outlook for each of config->plots. Writes at most `size` bytes, without NUL; 0: it does not
 * fit. The bytes that differ from hour to hour, `"ts":…`, come first: document_says() is behind. */
size_t document_write(const struct config *config, const struct outlook *outlooks,
                      const struct ahead *ahead, const struct document_picks *picks, int64_t ts_ms,
                      char *json, size_t size);
/* What it says: all of it behind `ts`. */
const char *document_says(const char *json, size_t size, size_t *length);

/* Whether to send it, `age_ms` after the last one. What says nothing new goes out after six hours;
 * what does after three, since numbers of a spring day change with every hour; what is `pressing`
 * at once. A negative age, of a clock that was set back, is no reason to wait. */
bool document_is_due(bool same, bool pressing, int64_t age_ms);

/* The plot with the worst frost, the coldest of those of one level; -1: of none anything is
 * known. */
int document_frost_plot(const struct config *config, const struct outlook *outlooks);

#endif
