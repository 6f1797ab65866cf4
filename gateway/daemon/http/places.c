/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/places.h"

void place_begin(struct places *places, struct place *list)
{
    *places = (struct places){.list = list,
                              .room = PLACES_MAX,
                              .most = HTTP_CONNECTIONS_MAX,
                              .spare = PLACES_SPARE,
                              .share = PLACES_SHARE};
}

void place_busy(struct lws *wsi, bool busy)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    if (place != NULL)
        place_set_busy(place, busy, loop_now_ms());
}

void place_websocket(struct lws *wsi)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    place_busy(wsi, true);
    if (place != NULL)
        place->stays = true;
}

bool place_none(const struct places *places)
{
    return places->taken >= places->room;
}

/* The shutdown alone would do, but later: libwebsockets sets another timeout with the next request
 * or the next bytes of a handshake. */
void place_take(struct places *places, struct lws *wsi)
{
    struct place *evicted;
    struct place *place = places_take(places, lws_get_socket_fd(wsi), loop_now_ms(), &evicted);
    if (evicted != NULL)
        lws_set_timeout(evicted->owner, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    if (place == NULL)
        return;
    place->owner = wsi;
    lws_set_opaque_user_data(wsi, place); /* marks it as counted */
}

void place_release(struct places *places, struct lws *wsi)
{
    struct place *place = lws_get_opaque_user_data(wsi);
    if (place == NULL)
        return;
    places_release(places, place);
    lws_set_opaque_user_data(wsi, NULL);
}
