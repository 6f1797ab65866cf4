/* SPDX-License-Identifier: Apache-2.0 */
/* The county's tables and their forward migrations. Every change is additive for one version, so
 * that the program before still runs on them. */
#ifndef BAIYE_COUNTY_SCHEMA_H
#define BAIYE_COUNTY_SCHEMA_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* Brings the database to this program's version; several programs may try at once. A database of a
 * newer version is left as it is. `keep_raw_days`: raw readings older than that are dropped by
 * schema_maintain(). false: `why`. */
bool schema_migrate(PGconn *db, unsigned keep_raw_days, char *why, size_t why_size);

/* Makes the partitions to come and drops those that are too old, unless another program is at it.
 * Once an hour is enough. */
bool schema_maintain(PGconn *db, char *why, size_t why_size);

#endif
