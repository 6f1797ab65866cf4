/* SPDX-License-Identifier: Apache-2.0 */
/* The places for connections of the daemon's HTTP (gateway/common/places.h). WebSockets stay: the
 * bridge has limits of its own. The loop's thread.
 *
 * Whoever gives up a place is gone only when the loop comes round, and in one round as many may
 * come as the kernel has waiting: PLACES_BURST more find room until then, and nobody is refused
 * because others hold places that they are to leave. */
#ifndef BAIYE_HTTP_PLACES_H
#define BAIYE_HTTP_PLACES_H

#include <stdbool.h>

#include "gateway/common/places.h"
#include "gateway/daemon/loop.h"

#define HTTP_CONNECTIONS_MAX LOOP_REQUESTS_MAX
#define PLACES_SPARE         8                          /* so many are kept free */
#define PLACES_SHARE         (HTTP_CONNECTIONS_MAX / 4) /* of one address, when it is short */
#define PLACES_BURST         256
#define PLACES_MAX           (HTTP_CONNECTIONS_MAX + PLACES_BURST)

struct lws;

/* Before the first of them. `list`: PLACES_MAX, zeroed. */
void place_begin(struct places *places, struct place *list);
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
