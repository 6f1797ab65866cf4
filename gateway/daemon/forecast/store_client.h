/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the store from a thread of one's own that may wait: the store thread answers by
 * callback, here a call returns with the answer. Also what such a thread sleeps on. Nothing is
 * waited for after store_client_stop(); an answer that comes later is dropped. */
#ifndef BAIYE_FORECAST_STORE_CLIENT_H
#define BAIYE_FORECAST_STORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/store/store.h"

struct store_client {
    struct store *store;
    bool stopping, woken; /* under store_client.c's lock, as what follows */
    int64_t step_ms;      /* monotonic: when something waited for last came, or was over */
};

void store_client_init(struct store_client *client, struct store *store);
/* Any thread. Ends waits and refuses questions from now on. */
void store_client_stop(struct store_client *client);
bool store_client_stopping(struct store_client *client);
/* Any thread: milliseconds since a question was answered or a sleep was over. */
int64_t store_client_idle_ms(struct store_client *client);

/* Any thread: ends the next store_client_sleep(). */
void store_client_wake(struct store_client *client);
/* Until `wait_ms` are over, store_client_wake() or store_client_stop(); true: it was woken. */
bool store_client_sleep(struct store_client *client, int64_t wait_ms);

/* As store_history(); `points` has room for query->max_points. `next_ms` 0: that was all. */
enum store_result store_client_history(struct store_client *client,
                                       const struct store_history_query *query,
                                       struct store_point *points, uint32_t *count,
                                       int64_t *next_ms);
/* As store_picks(); *picks is the caller's to free, NULL when there are none. */
enum store_result store_client_picks(struct store_client *client, const char *plot,
                                     int32_t from_day, bool counted, struct store_pick **picks,
                                     uint32_t *count);
/* As store_said(); *said is the caller's to free, NULL when there are none. */
enum store_result store_client_said(struct store_client *client,
                                    const struct store_said_query *query, struct store_said **said,
                                    uint32_t *count);

#endif
