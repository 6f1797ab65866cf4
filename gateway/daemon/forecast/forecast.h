/* SPDX-License-Identifier: Apache-2.0 */
/* The site's forecast: tomorrow's pick, frost, disease, water, as the retained document `forecast`,
 * and the alert of a frost. Made anew a few minutes into every hour, after each pick that is noted,
 * and at the start; when it is sent: document_is_due().
 *
 * A thread of its own, of low priority: a season of a large garden takes seconds to read and to
 * compute with, which neither the loop nor the link thread has. It owns what it keeps; it asks the
 * store by message (store_client.h) and speaks through publish and alerts. Of the models nothing is
 * kept on disk: the same readings and notes give the same numbers, so a restart changes nothing.
 * What was sent of tomorrow is, by store_say(), and is what a day is judged by when it is over. */
#ifndef BAIYE_FORECAST_FORECAST_H
#define BAIYE_FORECAST_FORECAST_H

#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/store.h"
#include "gateway/forecast/ahead.h"
#include "gateway/forecast/pick.h"

struct forecast;

/* Where the weather ahead of config.forecast_url is. Copied. */
struct forecast_weather {
    void *context;
    /* The one that came last; false: none has. Any thread, must not wait. */
    bool (*last)(void *context, struct ahead *ahead);
};

/* For a config with plots. All four, and what `weather` (NULL is fine) leads to, must outlive it.
 * NULL when it can't be started (errno). */
struct forecast *forecast_start(const struct config *config, struct store *store,
                                struct publish *publish, struct alerts *alerts,
                                const struct forecast_weather *weather);
/* A pick was noted: look again, soon. Any thread. NULL is fine. */
void forecast_picked(struct forecast *forecast);
/* The weather ahead that is gone by; false: there is none that is not too old. Any thread, does not
 * wait. NULL is fine. */
bool forecast_ahead(struct forecast *forecast, struct ahead *ahead);
/* What is known of config.plots[plot], to doubt a note before it is stored. Any thread; NULL: no
 * forecast, only what the file says. */
struct pick_known forecast_known(struct forecast *forecast, const struct config *config,
                                 uint16_t plot);
/* Milliseconds since its thread last made a step; for the watchdog. Any thread. It has steps to
 * wait for that the store makes, and delays nobody: let the limit be FORECAST_STUCK_MS. */
int64_t forecast_idle_ms(struct forecast *forecast);
#define FORECAST_STUCK_MS 600000
/* Before publish and store are stopped. NULL is fine. */
void forecast_stop(struct forecast *forecast);

#endif
