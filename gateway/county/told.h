/* SPDX-License-Identifier: Apache-2.0 */
/* What gateways tell of themselves beside their readings: retained documents (site, status,
 * forecast, alerts) and gateway/log. The last of each is kept, by broker: one that a gateway has
 * left still has what it said there, and gives it to whoever subscribes anew. A gateway is where it
 * was last heard, not where such a copy lies. One connection; one thread. */
#ifndef BAIYE_COUNTY_TOLD_H
#define BAIYE_COUNTY_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/connection.h"
#include "gateway/county/message.h"

#define TOLD_NAME_SIZE 80

struct told {
    char site[MESSAGE_NAME_SIZE];
    char name[TOLD_NAME_SIZE]; /* "site", "status", "forecast", "alert/ID" */
    const char *broker;
    char *json; /* malloc'ed, told_free(); NULL: there is no such document any more */
};

/* gateway/log: which records the gateway's store has. */
struct told_log {
    char gateway[37];
    int64_t first, last, sent, boot, ts_ms;
    char version[41];    /* "": not told */
    char undone[61];     /* the package's version that it has gone back from; "": none */
    int64_t month_bytes; /* through this broker, in this month (UTC); -1: not told */
    const char *broker;
    bool kept; /* the broker's copy of what was said some time before, not said now */
};

/* Is baiye/SITE/… a topic of such documents? Fills site and name. */
bool told_topic(struct told *told, const char *topic);
/* Takes the document's bytes. false: `why` says what is wrong with them. */
bool told_parse(struct told *told, const void *payload, size_t size, char *why, size_t why_size);
void told_free(struct told *told);

bool told_log_parse(struct told_log *log, const void *payload, size_t size, char *why,
                    size_t why_size);

/* Once for a connection. */
bool told_prepare(struct connection *connection);
bool told_take(struct connection *connection, const struct told *told);
bool told_take_log(struct connection *connection, const struct told_log *log, const char *site);
/* Alerts that this broker has not handed out for so long are over: what ended while nobody listened
 * is told to nobody. */
bool told_forget_alerts(struct connection *connection, const char *broker, int64_t age_ms);

#endif
