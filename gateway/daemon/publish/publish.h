/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the brokers. One thread in the daemon (the link) keeps one publisher process a broker
 * running and talks to it over a socket pair; only that process has Paho, the broker's connection
 * and its keys, so a dead uplink or name server disturbs no one else. Two lanes: live values and
 * documents never wait for the disk or for a backlog; readings follow from the store, oldest
 * first, and count as delivered only by a PUBACK of success. */
#ifndef BAIYE_PUBLISH_PUBLISH_H
#define BAIYE_PUBLISH_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/child.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/store/store.h"

struct publish;

#define PUBLISH_TOPIC_SIZE       160
#define PUBLISH_CORRELATION_SIZE 64

/* A message on baiye/<site>/rpc/<user>/<method>. Pointers are valid inside the callback only. */
struct publish_request {
    uint16_t broker; /* index into config.brokers: where the answer goes */
    char user[65];
    char method[33];
    bool retained;                     /* never to be obeyed */
    bool has_response;                 /* `response` names a topic */
    char response[PUBLISH_TOPIC_SIZE]; /* as the sender wrote it: not yet checked */
    uint8_t correlation[PUBLISH_CORRELATION_SIZE];
    uint16_t correlation_size;
    const char *payload; /* NUL-terminated for convenience; may hold others */
    size_t payload_size; /* at most 64 KiB; longer ones are dropped and counted */
};

struct publish_callbacks {
    void *context;
    /* On the link thread; must copy and return at once. NULL: requests are not subscribed. */
    void (*request)(void *context, const struct publish_request *request);
};

/* Starts the link thread and with it the publishers. `store` must be started and outlive it.
 * NULL when that cannot be done (errno). */
struct publish *publish_start(const struct config *config, struct store *store,
                              const struct publish_callbacks *callbacks);
/* Publishes `offline`, ends the processes within 3 s (then kills them), frees. */
void publish_stop(struct publish *publish);

/* An alert whose value alone has changed: as publish_doc(), but brokers with a budget have it with
 * the next publish_doc(). Any thread. */
bool publish_follow(struct publish *publish, const char *suffix, const void *payload, size_t size);
/* Sets a document: sent to every broker now and after each reconnect until replaced. `suffix`
 * follows "baiye/<site>/". size 0 clears it (an empty retained message). Copies. Any thread.
 * false: no memory, or too many documents. */
bool publish_doc(struct publish *publish, const char *suffix, const void *payload, size_t size,
                 bool retain, uint8_t qos);
/* Sends an answer once, to a topic below baiye/<site>/answer/. Copies. Any thread. false: the
 * broker is away or too many answers wait. */
bool publish_answer(struct publish *publish, uint16_t broker, const char *topic,
                    const void *correlation, size_t correlation_size, const void *payload,
                    size_t payload_size);

/* Others have used the uplink too (messages to people): that many bytes count against the month of
 * the first broker with a budget. Any thread. */
void publish_spent(struct publish *publish, uint64_t bytes);

/* Who else is at a broker and taken for this gateway. */
enum publish_twin {
    PUBLISH_TWIN_NONE,
    PUBLISH_TWIN_SESSION, /* it connects as we do: the broker ends our session for it */
    PUBLISH_TWIN_SITE,    /* another gateway, for a site of the same name */
    PUBLISH_TWIN_IDENTITY /* a box with this gateway's identity: a copied card */
};
/* In English; "" of none. */
const char *publish_twin_text(enum publish_twin twin);

struct publish_stats {
    char state[16];                    /* "up", "connecting", "down", "stopped", "refused" */
    char why[96];                      /* of a state other than up */
    int64_t since_ms;                  /* CLOCK_MONOTONIC of the last change */
    uint64_t connects, restarts;       /* sessions begun; processes started again */
    uint64_t messages, acked, refused; /* PUBLISH sent; PUBACK good; PUBACK refused */
    uint64_t bytes_sent;               /* MQTT bytes */
    uint64_t bytes_month;              /* in this month (UTC), frames and pings included */
    uint64_t backlog;                  /* records committed and not acknowledged */
    uint64_t thinned;                  /* readings that went out as hourly means */
    uint64_t quarantined;
    uint32_t pid;
    uint8_t twin;        /* enum publish_twin */
    uint8_t boundary;    /* of its process, or of enum boundary_part */
    bool used_up;        /* all of the budget: only alerts and forecast */
    bool budget_limited; /* from 80 % of the budget on: only alerts, forecast, hourly means */
    int64_t later_ms; /* budget_limited: UTC from which readings go out again, also those asked for
                         once more; 0: not known, since the time is not */
};
/* A copy. Any thread. */
void publish_stats(struct publish *publish, uint16_t broker, struct publish_stats *stats);
/* Milliseconds since the link thread last made a step; for the watchdog. Any thread. */
int64_t publish_idle_ms(const struct publish *publish);

/* main() of the publisher process, when baiyed is called as `baiyed --publisher`: its socket is
 * descriptor 3. Returns the exit code. */
int publisher_main(const struct child_files *files);

#endif
