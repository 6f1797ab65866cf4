/* SPDX-License-Identifier: Apache-2.0 */
/* A message of one reading, in one statement that is a transaction of its own: it stores the
 * reading if the gateway's row, its stream and the numbers are such that nothing has to be decided,
 * and otherwise changes nothing. Then the long way (rows.h) finds out what is the matter.
 *
 * Its hour is a part of the stream's row, which is written anyway: as long as readings come in one
 * hour and measure the same, nothing else is touched. One of another hour first closes the stream's
 * open hour into table `hour` and opens its own; view `hourly` has both.
 * One thread. */
#ifndef BAIYE_COUNTY_SINGLE_H
#define BAIYE_COUNTY_SINGLE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/county/connection.h"
#include "gateway/county/copy.h"
#include "gateway/county/message.h"
#include "gateway/county/metrics.h"
#include "gateway/county/open_hints.h"
#include "gateway/county/sql_text.h"

#define SINGLE_VALUES_MAX 24 /* one that has more of them goes the long way */
#define SINGLE_KINDS_MAX  64 /* statements that are kept prepared */

/* Readings with the same metrics, of which the same are believed, have a statement of their own. */
struct single_kind {
    uint32_t values[SINGLE_VALUES_MAX]; /* metrics by number, ascending, and whether believed */
    unsigned count;
    bool serial; /* it has the board's serial number, which the stream must know then */
};

/* Memory that is used again for the next message; all zero at first. */
struct single {
    struct sql_text flags, more, statement, metrics, zeros;
    struct copy numbers;
    struct single_kind kinds[SINGLE_KINDS_MAX];
    unsigned kind_count;
    struct open_hints hints;
};

/* "open" of the prepared statements. */
extern const char single_open_statement[];

/* Is it such a message? */
bool single_fits(const struct message *message);
/* `*stored`: it is durable. false: the connection says why. */
bool single_take(struct single *single, struct metrics *metrics, struct connection *connection,
                 const struct message *message, const char *site, bool *stored);
/* The statements were prepared for what the metrics were; `connected`: the connection has them. */
bool single_forget(struct single *single, struct connection *connection, bool connected);
void single_free(struct single *single);

#endif
