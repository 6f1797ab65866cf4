/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon shows to people and programs: HTTP with the app, the MQTT-over-WebSocket bridge,
 * health and metrics; the control socket; the remote procedure calls that come by MQTT. All of it
 * runs in the main thread, in one event loop; it asks buses, store and publishers by message. */
#ifndef BAIYE_SERVE_H
#define BAIYE_SERVE_H

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/config/config.h"

struct serve;

/* Opens the sockets of the configuration. A port that can't be had is tried again later. NULL:
 * out of memory. `config` must outlive it. Main thread. */
struct serve *serve_open(const struct config *config);
void serve_close(struct serve *serve);

/* Runs the loop until serve_stop(). */
void serve_run(struct serve *serve);
/* Any thread, any signal handler. */
void serve_stop(struct serve *serve);

#endif
