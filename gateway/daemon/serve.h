/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon shows to people and programs: HTTP with the app, the MQTT-over-WebSocket bridge,
 * health, metrics and export; the control socket; the remote procedure calls that come by MQTT.
 * All of it runs in the main thread, in one event loop; it asks buses, store and publishers by
 * message, and tells the service manager that all of them are alive. */
#ifndef BAIYE_SERVE_H
#define BAIYE_SERVE_H

#include <stdbool.h>

#include "gateway/daemon/bus/listener.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/rpc/parts.h"

struct serve;

/* The event loop, nothing is listening yet. `config` must outlive it. Main thread, before
 * publish_start(). NULL: out of memory. */
struct serve *serve_open(const struct config *config);
/* For publish_start(): requests from brokers. Valid until serve_close(). */
const struct publish_callbacks *serve_callbacks(struct serve *serve);

/* Opens the sockets of the configuration; one that can't be had is tried again later. false: out
 * of memory. `parts` without `stats`, which is answered here, and `listener`, which may be NULL,
 * must stay until serve_end() and may then be stopped. */
bool serve_start(struct serve *serve, const struct rpc_parts *parts, struct listener *listener);

/* Calls `readable` in the loop whenever `fd` can be read. One descriptor (the signals'); takes it
 * over. false: it can't be watched. */
bool serve_watch(struct serve *serve, int fd, void (*readable)(void *context, int fd),
                 void *context);

/* Runs the loop until serve_stop(). */
void serve_run(struct serve *serve);
/* Any thread, any signal handler. */
void serve_stop(struct serve *serve);

/* The order of the end: serve_run() returns, serve_end(), then buses, publishers and store are
 * stopped (they may still answer what was asked), then serve_close(). */
void serve_end(struct serve *serve);
void serve_close(struct serve *serve);

#endif
