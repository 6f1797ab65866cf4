/* SPDX-License-Identifier: Apache-2.0 */
/* A message of one reading, in one statement that is a transaction of its own: it stores the
 * reading if the gateway's row, its stream and the numbers are such that nothing has to be decided,
 * and otherwise changes nothing. Then the long way (rows.h) finds out what is the matter. One
 * thread. */
#ifndef BAIYE_COUNTY_SINGLE_H
#define BAIYE_COUNTY_SINGLE_H

#include <stdbool.h>

#include "gateway/county/connection.h"
#include "gateway/county/message.h"
#include "gateway/county/metrics.h"
#include "gateway/county/sql_text.h"

/* Memory that is used again for the next message; all zero at first. */
struct single {
    struct sql_text flags, more, metrics, values, xs, ys;
};

/* The statement, to be prepared as "single"; its columns are those of the metrics. */
void single_put_statement(const struct metrics *metrics, struct sql_text *text);
/* Is it such a message? */
bool single_fits(const struct message *message);
/* `*stored`: it is durable. false: the connection says why. */
bool single_take(struct single *single, struct metrics *metrics, struct connection *connection,
                 const struct message *message, const char *site, bool *stored);
void single_free(struct single *single);

#endif
