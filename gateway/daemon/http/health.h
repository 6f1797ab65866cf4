/* SPDX-License-Identifier: Apache-2.0 */
/* How the whole daemon is, looked at in one place: for /alive and /ready, for the service manager's
 * watchdog, for rpc stats and for Prometheus. Loop's thread. */
#ifndef BAIYE_HTTP_HEALTH_H
#define BAIYE_HTTP_HEALTH_H

#include <jansson.h>

#include "gateway/daemon/bus/listener.h"
#include "gateway/daemon/http/http.h"
#include "gateway/daemon/rpc/parts.h"

/* A thread that made no step for so long is stuck: longer than a slow fsync, shorter than the
 * patience of whoever waits for data. A watchdog with less patience makes it less. */
#define HEALTH_STUCK_MS 60000

struct health {
    const struct config *config;
    const struct rpc_parts *parts;
    struct listener *listener; /* may be NULL */
    const struct loop *loop;
    struct bridge *bridge; /* may be NULL */
    struct http *http;     /* may be NULL */
    struct guess *guess;   /* may be NULL */
    int64_t started_ms;    /* loop_now_ms() */
    int64_t stuck_ms;      /* notify_stuck_ms() */
};

/* Every thread makes progress. When not, the names of those that don't go to `stuck`, a JSON
 * array (may be NULL). */
bool health_alive(const struct health *health, json_t *stuck);
/* {"ready":bool,"reasons":[…],"warnings":[…]}: reasons keep it from doing its work here; warnings
 * don't (one bus, a far broker). New reference. */
json_t *health_ready(const struct health *health);
/* All counters. New reference. */
json_t *health_stats(const struct health *health);
/* The same and each device's counters in Prometheus' text format; malloc'd, NULL: no memory. */
char *health_metrics(const struct health *health, size_t *size);

/* Tells the service manager: ready once, and alive as long as health_alive(). */
struct notify;
int64_t notify_stuck_ms(void);
struct notify *notify_open(struct loop *loop, const struct health *health);
void notify_close(struct notify *notify);

#endif
