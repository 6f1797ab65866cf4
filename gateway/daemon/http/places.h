/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the places for connections, and who gives one up when few are left: whoever has been
 * idle longest; where nobody is, the longest answer to the address that takes the most of them.
 * WebSockets stay: the bridge has limits of its own. The loop's thread. */
#ifndef BAIYE_HTTP_PLACES_H
#define BAIYE_HTTP_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/http/http.h"

#define PLACES_SPARE 8 /* from so few free ones on one is given up for each that comes */

struct place {
    struct lws *wsi; /* NULL: free */
    int64_t since_ms;
    bool busy; /* a request is answered, or it is a WebSocket */
    bool websocket, leaving;
    char peer[48];
};

struct places {
    struct place list[HTTP_CONNECTIONS_MAX];
    uint32_t taken;
};

/* A connection came, and goes: its place is its opaque user data. */
void place_take(struct places *places, struct lws *wsi);
void place_release(struct places *places, struct lws *wsi);
/* It begins or ends to answer. Nothing for a connection without a place. */
void place_busy(struct lws *wsi, bool busy);
/* It has become a WebSocket. */
void place_websocket(struct lws *wsi);

#endif
