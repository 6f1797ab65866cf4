/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT over WebSocket for browsers: each WebSocket connection (path /mqtt, subprotocol "mqtt") gets
 * its own TCP connection to the local broker, and bytes pass both ways unchanged. The broker checks
 * the user; therefore the bridge is open only while the broker is known to refuse a CONNECT without
 * a user, which is asked at start, every 30 s, and after each lost connection.
 *
 *   browser <-- WebSocket frames --> [ BRIDGE_BUFFER each way ] <-- TCP --> broker
 *
 * Bounds: BRIDGE_MAX connections, of which BRIDGE_STRANGERS_MAX whom the broker has not let in yet;
 * a stranger is cut off after BRIDGE_LOGIN_MS. When the strangers' places are taken, the oldest one
 * of the address that has most of them gives up its own: who only holds places locks nobody out.
 * The first packet must be a CONNECT of at most MQTT_CONNECT_MAX bytes. A user has BRIDGE_USER_MAX
 * connections from one address; one more ends the oldest. When only the strangers' places are left,
 * the oldest one of the user with the most ends. Who floods is not read for a while (pace.h). A
 * slow side stops the reading of the other one. */
#ifndef BAIYE_HTTP_BRIDGE_H
#define BAIYE_HTTP_BRIDGE_H

#include "gateway/daemon/http/auth.h"
#include "gateway/daemon/http/broker_check.h"

#define BRIDGE_MAX           64
#define BRIDGE_STRANGERS_MAX 16
#define BRIDGE_LOGIN_MS      5000
#define BRIDGE_USER_MAX      4    /* connections of one user from one address */
#define BRIDGE_BUFFER        8192 /* two chunks of libwebsockets' 4096 */
#define BRIDGE_PATH          "/mqtt"

struct bridge;

/* `host` and `port`: the local broker. `guess` makes whoever guesses wait and `report` hears of
 * wrong logins; both must outlive it. NULL when it is not on loopback or out of memory. */
struct bridge *bridge_open(struct loop *loop, const char *host, uint16_t port, struct guess *guess,
                           const struct auth_report *report);
/* After loop_end(), which ends the connections. */
void bridge_close(struct bridge *bridge);

enum bridge_state {
    BRIDGE_UNKNOWN, /* the broker was not asked yet, or does not answer */
    BRIDGE_READY,
    BRIDGE_BROKER_OPEN /* the broker lets anybody in */
};
enum bridge_state bridge_state(const struct bridge *bridge);
const struct sockaddr_in *bridge_broker(const struct bridge *bridge);

struct bridge_stats {
    uint32_t connections, strangers;
    uint64_t accepted, refused, bytes_in, bytes_out; /* in: from browsers */
    uint64_t paused;                                 /* floods that were not read for a while */
};
void bridge_stats(const struct bridge *bridge, struct bridge_stats *stats);

/* May one more come in now? 0, or the HTTP status that says why not. */
int bridge_admit(const struct bridge *bridge);

/* The libwebsockets callback of subprotocol "mqtt"; the vhost's user pointer gives the bridge
 * through bridge_of(). */
int bridge_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size);
/* Given by http.c: the bridge of a connection, and a write that never leaves a part behind. */
struct bridge *bridge_of(struct lws *wsi);
int http_write(struct lws *wsi, uint8_t *data, size_t size, enum lws_write_protocol how);

#endif
