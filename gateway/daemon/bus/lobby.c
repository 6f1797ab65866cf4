/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/lobby.h"

#include <string.h>

#include "gateway/daemon/bus/registration.h"

void lobby_init(struct lobby *lobby)
{
    memset(lobby, 0, sizeof *lobby);
    for (size_t i = 0; i < LOBBY_PLACES; i++)
        lobby->guests[i].fd = -1;
}

static unsigned held_by(const struct lobby *lobby, const uint8_t address[16])
{
    unsigned count = 0;
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        const struct lobby_guest *guest = &lobby->guests[i];
        count += guest->fd >= 0 && memcmp(guest->address, address, sizeof guest->address) == 0;
    }
    return count;
}

static struct lobby_guest *oldest_of(struct lobby *lobby, const uint8_t address[16])
{
    struct lobby_guest *oldest = NULL;
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        struct lobby_guest *guest = &lobby->guests[i];
        if (guest->fd >= 0 && memcmp(guest->address, address, sizeof guest->address) == 0 &&
            (oldest == NULL || guest->since_ms < oldest->since_ms))
            oldest = guest;
    }
    return oldest;
}

struct lobby_guest *lobby_least_wanted(struct lobby *lobby, const uint8_t address[16])
{
    struct lobby_guest *chosen = NULL;
    unsigned most = 0, taken = 0;
    if (held_by(lobby, address) >= LOBBY_PER_ADDRESS)
        return oldest_of(lobby, address);
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        struct lobby_guest *guest = &lobby->guests[i];
        unsigned weight = guest->fd >= 0 ? held_by(lobby, guest->address) : 0;
        taken += guest->fd >= 0;
        if (weight > most || (weight > 0 && weight == most && guest->since_ms < chosen->since_ms)) {
            most = weight;
            chosen = guest;
        }
    }
    return taken == LOBBY_PLACES ? chosen : NULL;
}

struct lobby_guest *lobby_enter(struct lobby *lobby, int fd, const uint8_t address[16],
                                uint16_t port, int64_t now_ms)
{
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        struct lobby_guest *guest = &lobby->guests[i];
        if (guest->fd >= 0)
            continue;
        *guest =
            (struct lobby_guest){.fd = fd, .port = port, .since_ms = now_ms, .heard_ms = now_ms};
        memcpy(guest->address, address, sizeof guest->address);
        return guest;
    }
    return NULL;
}

void lobby_leave(struct lobby_guest *guest)
{
    *guest = (struct lobby_guest){.fd = -1};
}

void lobby_hear(struct lobby_guest *guest, const uint8_t *bytes, size_t size, int64_t now_ms)
{
    size_t room = sizeof guest->bytes - guest->size;
    if (size > room)
        size = room;
    memcpy(guest->bytes + guest->size, bytes, size);
    guest->size = (uint16_t)(guest->size + size);
    guest->heard_ms = now_ms;
}

bool lobby_quiet(const struct lobby_guest *guest, int64_t now_ms)
{
    return guest->size == sizeof guest->bytes || now_ms - guest->heard_ms >= REGISTRATION_QUIET_MS;
}

bool lobby_expired(const struct lobby_guest *guest, int64_t now_ms)
{
    return now_ms - guest->since_ms >= LOBBY_DEADLINE_MS;
}

int64_t lobby_next_ms(const struct lobby *lobby, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        const struct lobby_guest *guest = &lobby->guests[i];
        if (guest->fd < 0)
            continue;
        int64_t due = guest->since_ms + LOBBY_DEADLINE_MS;
        if (guest->size > 0 && !lobby_quiet(guest, now_ms) &&
            guest->heard_ms + REGISTRATION_QUIET_MS < due)
            due = guest->heard_ms + REGISTRATION_QUIET_MS;
        next = due < next ? due : next;
    }
    return next;
}
