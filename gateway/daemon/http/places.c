/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/places.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

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

/* ---- Whose they are ---- */

static uint64_t address_of(struct lws *wsi)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    uint64_t house = 0;
    (void)getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &size);
    if (peer.ss_family == AF_INET) {
        memcpy(&v4, &peer, sizeof v4);
        return v4.sin_addr.s_addr;
    }
    memcpy(&v6, &peer, sizeof v6);
    bool is_v4 = memcmp(v6.sin6_addr.s6_addr, mapped, sizeof mapped) == 0;
    memcpy(&house, v6.sin6_addr.s6_addr + (is_v4 ? 12 : 0), is_v4 ? 4 : sizeof house);
    return house;
}

static bool may_go(const struct place *place)
{
    return place->wsi != NULL && !place->websocket && !place->leaving;
}

static unsigned count_of(const struct places *places, const struct place *like)
{
    unsigned count = 0;
    for (size_t i = 0; i < PLACES_MAX; i++) {
        const struct place *place = &places->list[i];
        count += may_go(place) && place->busy == like->busy && place->address == like->address;
    }
    return count;
}

/* The heaviest goes, of equal ones the oldest. */
static unsigned weight_of(const struct places *places, const struct place *place)
{
    unsigned count = count_of(places, place);
    if (place->busy)
        return count;
    return PLACES_MAX + (count > PLACES_SHARE ? count : 0);
}

static struct place *least_wanted(struct places *places)
{
    struct place *chosen = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < PLACES_MAX; i++) {
        struct place *place = &places->list[i];
        unsigned weight = may_go(place) ? weight_of(places, place) : 0;
        if (weight > most || (weight > 0 && weight == most && place->since_ms < chosen->since_ms)) {
            most = weight;
            chosen = place;
        }
    }
    return chosen;
}

/* ---- They come and go ---- */

/* Its timeout alone would not do: libwebsockets sets another with the next request or the next
 * bytes of a handshake. */
static void evict(struct places *places)
{
    struct place *place = least_wanted(places);
    if (place == NULL)
        return;
    place->leaving = true;
    places->leaving++;
    (void)shutdown(lws_get_socket_fd(place->wsi), SHUT_RDWR);
    lws_set_timeout(place->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

bool place_none(const struct places *places)
{
    return places->taken >= PLACES_MAX;
}

void place_take(struct places *places, struct lws *wsi)
{
    if (places->taken - places->leaving + PLACES_SPARE >= HTTP_CONNECTIONS_MAX)
        evict(places);
    for (size_t i = 0; i < PLACES_MAX; i++) {
        struct place *place = &places->list[i];
        if (place->wsi == NULL) {
            *place =
                (struct place){.wsi = wsi, .since_ms = loop_now_ms(), .address = address_of(wsi)};
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
    places->leaving -= place->leaving;
    *place = (struct place){0};
    lws_set_opaque_user_data(wsi, NULL);
}
