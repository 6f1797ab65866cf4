/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the store from a thread of one's own that may wait: the store thread answers by
 * callback, here a call returns with the answer. Also what such a thread sleeps on. Nothing is
 * waited for after ask_stop(), and an answer that comes later finds nobody and is dropped. */
#ifndef BAIYE_FORECAST_STORE_CLIENT_H
#define BAIYE_FORECAST_STORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/store/store.h"

struct ask {
    struct store *store;
    bool stopping, woken; /* under store_client.c's lock, as what follows */
    int64_t step_ms;      /* monotonic: when something waited for last came, or was over */
};

void ask_init(struct ask *ask, struct store *store);
/* Any thread. Ends waits and refuses questions from now on. */
void ask_stop(struct ask *ask);
bool ask_stopping(struct ask *ask);
/* Any thread: milliseconds since a question was answered or a sleep was over. */
int64_t ask_idle_ms(struct ask *ask);

/* Any thread: ends the next ask_sleep(). */
void ask_wake(struct ask *ask);
/* Until `wait_ms` are over, ask_wake() or ask_stop(); true: it was woken. */
bool ask_sleep(struct ask *ask, int64_t wait_ms);

/* As store_history(); `points` has room for query->max_points. `next_ms` 0: that was all. */
enum store_result ask_history(struct ask *ask, const struct store_history_query *query,
                              struct store_point *points, uint32_t *count, int64_t *next_ms);
/* As store_picks(); *picks is the caller's to free, NULL when there are none. */
enum store_result ask_picks(struct ask *ask, const char *plot, int32_t from_day, bool counted,
                            struct store_pick **picks, uint32_t *count);
/* As store_said(); *said is the caller's to free, NULL when there are none. */
enum store_result ask_said(struct ask *ask, const struct store_said_query *query,
                           struct store_said **said, uint32_t *count);

#endif
