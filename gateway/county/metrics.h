/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics that the county knows: their numbers, and which have a column of their own in
 * `reading`. Loaded with the connection; grows by what messages name. One thread. */
#ifndef BAIYE_COUNTY_METRICS_H
#define BAIYE_COUNTY_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/county/connection.h"
#include "gateway/county/message.h"
#include "gateway/county/sql_text.h"

#define METRICS_MAX         512 /* more names than that are somebody's mistake */
#define METRICS_COLUMNS_MAX 64  /* of them with a column */
#define METRICS_PLACES      2048

struct known_metric {
    char name[MESSAGE_NAME_SIZE];
    int32_t id;
    int column; /* -1: it goes into `more` */
    bool angle;
};

struct metrics { /* all zero: none */
    struct known_metric known[METRICS_MAX];
    uint16_t places[METRICS_PLACES]; /* by a name's hash: its number in `known` and 1; 0: free */
    unsigned count;
    unsigned column_count;
    char site[MESSAGE_NAME_SIZE]; /* whose message names them */
};

/* false: the connection says why; so with the others. */
bool metrics_load(struct metrics *metrics, struct connection *connection);
/* Whose messages come from now on. */
void metrics_of(struct metrics *metrics, const char *site);
/* One that is new is added, by the prepared statement "metric". NULL: there are too many, or the
 * database does not answer. */
const struct known_metric *metrics_find(struct metrics *metrics, struct connection *connection,
                                        const char *name);
/* Names of those columns, in their order, each behind ", ". */
void metrics_put_columns(const struct metrics *metrics, const bool used[METRICS_COLUMNS_MAX],
                         struct sql_text *text);
/* The statement that adds a boot's readings to the hours, once their time has become known ($1: the
 * gateway, $2: its boot, $3: ms to add). Its columns are those of the metrics. */
void metrics_put_correct(const struct metrics *metrics, struct sql_text *text);

#endif
