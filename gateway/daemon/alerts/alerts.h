/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: one for one cause, with its words in two languages, from its beginning over "seen by" to
 * its end. Judged where readings come in (the sink that bus threads give to), at once and only by
 * arithmetic; a thread of its own reports to the outside: topics through `publish_doc`, rows in the
 * store. So neither a broker nor the disk delays an alert, and none of them is waited for.
 *
 *   bus threads ─> alerts_sink ─┬─> store's sink
 *                               └─> rules, offline ─> active ─> thread ─┬─> alert/<id>
 *   others: alerts_raise() ─────────────────────────────^               └─> table alert */
#ifndef BAIYE_ALERTS_ALERTS_H
#define BAIYE_ALERTS_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/alerts/kinds.h"
#include "gateway/daemon/alerts/rules.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/store/store.h"

struct alerts;
struct active;
struct active_now;

/* Where alerts go and what they look at; called on the alerts' thread, must not wait. */
struct alerts_out {
    void *context;
    /* A retained topic below the site's root; size 0 clears it. false: again later. */
    bool (*publish_doc)(void *context, const char *suffix, const void *payload, size_t size,
                        bool retain, uint8_t qos);
    /* The same for a retained one whose value alone has changed, where data cost nothing. */
    bool (*follow)(void *context, const char *suffix, const void *payload, size_t size);
    /* config.brokers[index]. */
    void (*broker)(void *context, uint16_t index, struct alerts_broker *broker);
    void *people;
    /* What stands, once a second and at each change, for people to be told; under the lock of the
     * alerts. NULL: no one is told. */
    void (*look)(void *people, const struct active *active, const struct active_now *now);
    /* Why config.ways[index] does not work; "": it does. */
    void (*way)(void *people, uint16_t index, char why[ALERTS_WHY_SIZE]);
};

/* Copies `out`. `config` and `store` (started) must outlive it. NULL: can't be started (errno). */
struct alerts *alerts_start(const struct config *config, struct store *store,
                            const struct alerts_out *out);
/* Ends the thread: after buses and all others that call it, before what `out` leads to. NULL is
 * fine. */
void alerts_stop(struct alerts *alerts);
/* After the store was stopped, which may still answer until then. NULL is fine. */
void alerts_free(struct alerts *alerts);
/* For bus threads, instead of the store's, which it passes everything on to. */
const struct reading_sink *alerts_sink(struct alerts *alerts);

/* An alert of another part of the daemon. English, and Chinese where `what_zh` is not NULL; what is
 * too long is cut. */
struct alerts_event {
    const char *id;                  /* one of those in kinds.h */
    const char *what, *where, *todo; /* where: a plot's name, or "" */
    const char *what_zh, *todo_zh;
    const char *level; /* "info", "watch" or "alarm" */
    int64_t since_ms;
};
/* It begins, or its words have changed; one that stands keeps its `since_ms`. Any thread. */
void alerts_raise(struct alerts *alerts, const struct alerts_event *event);
/* It is over; nothing when it does not stand. Any thread. */
void alerts_lower(struct alerts *alerts, const char *id);
/* The web server can't be reached by anybody, for that reason; NULL: it can. Any thread. */
void alerts_web_trouble(struct alerts *alerts, const char *what);
/* Somebody has seen an alert: until it ends its topic says who, and when. Kept over a restart. Any
 * thread. false: no such alert stands. */
bool alerts_acknowledge(struct alerts *alerts, const char *id, const char *user, int64_t at_ms);
/* Is there a frost, measured, or so near that it is an alarm? Any thread. */
bool alerts_frost_stands(struct alerts *alerts);
/* As rules_holds(), now. Any thread. */
enum rules_truth alerts_rule_holds(struct alerts *alerts, uint16_t rule, const uint16_t *devices,
                                   uint16_t count);
/* Milliseconds since its thread last made a step; for the watchdog. Any thread. */
int64_t alerts_idle_ms(const struct alerts *alerts);

#endif
