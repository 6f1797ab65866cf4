/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to PostgreSQL for threads that each need one for a moment (the routes of web.h). */
#ifndef BAIYE_COUNTY_POOL_H
#define BAIYE_COUNTY_POOL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct pool;

/* At most `count` connections, made when they are wanted. NULL: no memory. */
struct pool *pool_create(const char *conninfo, unsigned count);
/* All have been given back. */
void pool_destroy(struct pool *pool);
/* One for the caller alone, who may have to wait until another gives his back; statements on it end
 * after 15 s. NULL: PostgreSQL can't be reached (`why`). Any thread. */
PGconn *pool_take(struct pool *pool, char *why, size_t why_size);
/* What is inside a transaction is rolled back. NULL: nothing happens. */
void pool_give(struct pool *pool, PGconn *db);

#endif
