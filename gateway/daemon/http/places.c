/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/places.h"

#include <string.h>

void place_busy(struct lws *wsi, bool busy)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    if (place == NULL)
        return;
    place->busy = busy;
    place->since_ms = loop_now_ms();
}

void place_websocket(struct lws *wsi)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    place_busy(wsi, true);
    if (place != NULL)
        place->websocket = true;
}

/* How many answers are under way to an address. */
static unsigned answers_to(const struct places *places, const char *peer)
{
    unsigned count = 0;
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        const struct place *place = &places->list[i];
        count += place->wsi != NULL && place->busy && !place->websocket && !place->leaving &&
                 strcmp(place->peer, peer) == 0;
    }
    return count;
}

static struct place *least_wanted(struct places *places)
{
    struct place *chosen = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        struct place *place = &places->list[i];
        if (place->wsi == NULL || place->websocket || place->leaving)
            continue;
        unsigned weight = place->busy ? answers_to(places, place->peer) : HTTP_CONNECTIONS_MAX + 1;
        if (chosen == NULL || weight > most ||
            (weight == most && place->since_ms < chosen->since_ms)) {
            most = weight;
            chosen = place;
        }
    }
    return chosen;
}

static void evict(struct places *places)
{
    struct place *place = least_wanted(places);
    if (place == NULL)
        return;
    place->leaving = true;
    lws_set_timeout(place->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

void place_take(struct places *places, struct lws *wsi)
{
    if (places->taken + PLACES_SPARE >= HTTP_CONNECTIONS_MAX)
        evict(places);
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        struct place *place = &places->list[i];
        if (place->wsi == NULL) {
            *place = (struct place){.wsi = wsi, .since_ms = loop_now_ms()};
            (void)lws_get_peer_simple(wsi, place->peer, sizeof place->peer);
            lws_set_opaque_user_data(wsi, place); /* marks it as counted */
            places->taken++;
            return;
        }
    }
}

void place_release(struct places *places, struct lws *wsi)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    if (place == NULL)
        return;
    places->taken--;
    *place = (struct place){0};
    lws_set_opaque_user_data(wsi, NULL);
}
