/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that have not identified themselves yet. Places are few, so that a stranger who opens
 * many takes neither memory nor a converter's place: each has a deadline, an address has a share,
 * and who comes when there is none left takes the place of the oldest of the address that holds
 * most. Pure: bytes and monotonic milliseconds in, what is to be closed out; the caller has the
 * sockets. */
#ifndef BAIYE_BUS_LOBBY_H
#define BAIYE_BUS_LOBBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOBBY_PLACES      64
#define LOBBY_PER_ADDRESS 16 /* many converters of one network may have one address */
#define LOBBY_DEADLINE_MS 30000
#define LOBBY_BYTES       256 /* more than any registration with heartbeats before it */

struct lobby_guest {
    int fd; /* -1: the place is free */
    uint16_t port;
    uint16_t size; /* of bytes */
    uint8_t address[16];
    int64_t since_ms, heard_ms;
    uint8_t bytes[LOBBY_BYTES];
};

struct lobby {
    struct lobby_guest guests[LOBBY_PLACES];
};

void lobby_init(struct lobby *lobby);
/* Who must go so that one from `address` can come in; NULL: there is room. */
struct lobby_guest *lobby_least_wanted(struct lobby *lobby, const uint8_t address[16]);
/* Takes a free place; NULL: there is none. */
struct lobby_guest *lobby_enter(struct lobby *lobby, int fd, const uint8_t address[16],
                                uint16_t port, int64_t now_ms);
void lobby_leave(struct lobby_guest *guest);
/* Adds what it says; what is more than LOBBY_BYTES is left out. */
void lobby_hear(struct lobby_guest *guest, const uint8_t *bytes, size_t size, int64_t now_ms);
/* Is what it has said all, for now? */
bool lobby_quiet(const struct lobby_guest *guest, int64_t now_ms);
bool lobby_expired(const struct lobby_guest *guest, int64_t now_ms);
/* When one is to be looked at again although it says nothing; INT64_MAX: never. */
int64_t lobby_next_ms(const struct lobby *lobby, int64_t now_ms);

#endif
