/* SPDX-License-Identifier: Apache-2.0 */
/* Where converters dial in: listens at every address that buses name, finds out by the first bytes
 * of a connection whose it is, and gives its socket to that bus. A thread of its own; nothing of
 * Modbus. Connections are not authenticated: whoever sends a registration from an address that
 * `from:` allows is that converter. */
#ifndef BAIYE_BUS_LISTENER_H
#define BAIYE_BUS_LISTENER_H

#include "gateway/daemon/bus/bus.h"

struct listener;

struct listener_stats {
    uint64_t accepted;   /* connections */
    uint64_t registered; /* given to their bus */
    uint64_t unknown;    /* refused: a registration that is no one's */
    uint64_t elsewhere;  /* refused: an address that `from:` does not allow */
    uint64_t expired;    /* closed: they did not identify themselves */
    uint64_t evicted;    /* closed: too many did not */
    uint32_t waiting;    /* now, of those that have not done so yet */
};

/* `buses`: one a config.buses; they and the configuration must outlive it. An address that can't be
 * had is tried again. NULL: errno. */
struct listener *listener_start(const struct config *config, struct bus *const *buses);
/* Ends within 1 s, closes what it holds, frees. NULL: nothing. */
void listener_stop(struct listener *listener);
/* A copy. Any thread. */
void listener_stats(struct listener *listener, struct listener_stats *stats);
/* Does any bus wait for its converter? */
bool listener_wanted(const struct config *config);

#endif
