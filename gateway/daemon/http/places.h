/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the places for connections, and who gives one up when few are left: of those that are
 * idle an address's that has more than its share, or else whoever has been idle longest; where
 * nobody is, the longest answer to the address that takes the most of them. Of IPv6 the /64 is one
 * address. WebSockets stay: the bridge has limits of its own. The loop's thread.
 *
 * Whoever gives up a place is gone only when the loop comes round, and in one round as many may
 * come as the kernel has waiting: PLACES_BURST more find room until then, and nobody is refused
 * because others hold places that they are to leave. */
#ifndef BAIYE_HTTP_PLACES_H
#define BAIYE_HTTP_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/loop.h"

#define HTTP_CONNECTIONS_MAX LOOP_REQUESTS_MAX
#define PLACES_SPARE         8                          /* so many are kept free */
#define PLACES_SHARE         (HTTP_CONNECTIONS_MAX / 4) /* of one address, when it is short */
#define PLACES_BURST         256
#define PLACES_MAX           (HTTP_CONNECTIONS_MAX + PLACES_BURST)

struct lws;

struct place {
    struct lws *wsi; /* NULL: free */
    int64_t since_ms;
    bool busy; /* a request is answered, or it is a WebSocket */
    bool websocket, leaving;
    uint64_t address;
};

struct places {
    struct place list[PLACES_MAX];
    uint32_t taken, leaving;
};

/* Not even in a burst there is room. */
bool place_none(const struct places *places);
/* A connection came, and goes: its place is its opaque user data. */
void place_take(struct places *places, struct lws *wsi);
void place_release(struct places *places, struct lws *wsi);
/* It begins or ends to answer. Nothing for a connection without a place. */
void place_busy(struct lws *wsi, bool busy);
/* It has become a WebSocket. */
void place_websocket(struct lws *wsi);

#endif
