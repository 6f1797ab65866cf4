/* SPDX-License-Identifier: Apache-2.0 */
/* One message of readings into PostgreSQL, in one transaction: what is new of it is stored, what
 * was there already is left out, and what is known of the gateway's numbers grows. Whatever comes
 * twice, in whatever order and by however many programs, counts once: the gateway's row is locked
 * first. One connection; one thread. */
#ifndef BAIYE_COUNTY_DATABASE_H
#define BAIYE_COUNTY_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/message.h"
#include "gateway/county/told.h"

struct database;

enum database_result {
    DATABASE_STORED,      /* durable: it may be acknowledged */
    DATABASE_REFUSED,     /* it contradicts what is there, or PostgreSQL can't take it: `why` */
    DATABASE_UNAVAILABLE, /* nothing is stored: `why`; try again */
};

struct database_counts {
    uint64_t messages, readings, duplicates, gaps, means, corrections, dead;
};

/* `conninfo`: libpq's connection string. Does not connect. NULL: no memory. */
struct database *database_create(const char *conninfo, unsigned keep_raw_days);
void database_destroy(struct database *database);

/* Connects, if it is not, and brings the tables up to date. Waits at most 10 s. */
bool database_connect(struct database *database, char *why, size_t why_size);

/* Of a message that was only glanced at (message_glance()): `*known` if all of its records are
 * stored. DATABASE_STORED: that could be found out. */
enum database_result database_known(struct database *database, const struct message *message,
                                    const char *site, bool *known, char *why, size_t why_size);

enum database_result database_take(struct database *database, const struct message *message,
                                   const char *site, char *why, size_t why_size);

/* gateway/log, and what else a gateway tells of itself. */
enum database_result database_note(struct database *database, const struct told_log *log,
                                   const char *site, char *why, size_t why_size);
enum database_result database_hear(struct database *database, const struct told *told, char *why,
                                   size_t why_size);

/* What could not be taken, as it came, with the reason. */
enum database_result database_bury(struct database *database, const char *topic,
                                   const char *content_type, const char *reason, const void *body,
                                   size_t size, char *why, size_t why_size);

/* Once an hour: partitions. */
bool database_maintain(struct database *database, char *why, size_t why_size);

/* told_forget_alerts() */
bool database_forget_alerts(struct database *database, const char *broker, int64_t age_ms,
                            char *why, size_t why_size);

/* Since the start; of this connection's owner. */
const struct database_counts *database_counts(const struct database *database);

#endif
