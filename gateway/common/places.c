/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/places.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* ---- Whose they are ---- */

static uint64_t address_of(int fd)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    uint64_t house = 0;
    (void)getpeername(fd, (struct sockaddr *)&peer, &size);
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
    return place->taken && !place->stays && !place->leaving;
}

static unsigned count_of(const struct places *places, const struct place *like)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < places->room; i++) {
        const struct place *place = &places->list[i];
        count += may_go(place) && place->busy == like->busy && place->address == like->address;
    }
    return count;
}

/* The heaviest goes, of equal ones the oldest. */
static unsigned weight_of(const struct places *places, const struct place *place, unsigned count)
{
    if (place->busy)
        return count;
    return places->room + (count > places->share ? count : 0);
}

static struct place *least_wanted(const struct places *places)
{
    struct place *chosen = NULL;
    const struct place *counted = NULL; /* of many of one address they are counted once */
    unsigned most = 0, count = 0;
    for (uint32_t i = 0; i < places->room; i++) {
        struct place *place = &places->list[i];
        if (!may_go(place))
            continue;
        if (counted == NULL || counted->busy != place->busy || counted->address != place->address)
            count = count_of(places, place);
        counted = place;
        unsigned weight = weight_of(places, place, count);
        if (chosen == NULL || weight > most ||
            (weight == most && place->since_ms < chosen->since_ms)) {
            most = weight;
            chosen = place;
        }
    }
    return chosen;
}

/* ---- They come and go ---- */

static void evict(struct places *places, struct place *place)
{
    place->leaving = true;
    places->leaving++;
    (void)shutdown(place->fd, SHUT_RDWR);
}

struct place *places_take(struct places *places, int fd, int64_t now_ms, struct place **evicted)
{
    *evicted = NULL;
    if (places->taken - places->leaving + places->spare >= places->most)
        *evicted = least_wanted(places);
    if (*evicted != NULL)
        evict(places, *evicted);
    for (uint32_t i = 0; i < places->room; i++) {
        struct place *place = &places->list[i];
        if (place->taken)
            continue;
        *place =
            (struct place){.taken = true, .fd = fd, .since_ms = now_ms, .address = address_of(fd)};
        places->taken++;
        return place;
    }
    return NULL;
}

void places_release(struct places *places, struct place *place)
{
    places->taken--;
    places->leaving -= place->leaving;
    *place = (struct place){0};
}

void place_set_busy(struct place *place, bool busy, int64_t now_ms)
{
    place->busy = busy;
    place->since_ms = now_ms;
}

uint32_t places_end_overdue(struct places *places, int64_t idle_ms, int64_t busy_ms, int64_t now_ms)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < places->room; i++) {
        struct place *place = &places->list[i];
        if (!may_go(place) || now_ms - place->since_ms < (place->busy ? busy_ms : idle_ms))
            continue;
        evict(places, place);
        ended++;
    }
    return ended;
}
