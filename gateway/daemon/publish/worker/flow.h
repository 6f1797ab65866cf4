/* SPDX-License-Identifier: Apache-2.0 */
/* How much goes to a broker at once: bytes of readings that may be in flight, by how the way to it
 * acknowledges, and bytes of one message, by what the broker says and what it has shown. Pure. */
#ifndef BAIYE_PUBLISH_WORKER_FLOW_H
#define BAIYE_PUBLISH_WORKER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow {
    size_t limit, used; /* bytes of readings in flight: at most, now */
    int64_t fastest_ms; /* acknowledgement of this connection */
    int64_t slowed_ms;  /* monotonic */
    uint32_t message;   /* bytes of one message, at most */
    uint32_t packet;    /* a larger one ends the connection: so the broker says */
    uint32_t refused;   /* … and so large a message did, on any connection; else UINT32_MAX */
    uint32_t largest;   /* bytes of a message sent on this connection */
    uint32_t sent;      /* messages on this connection */
    uint32_t alone;     /* so many more of them go one at a time */
};

void flow_init(struct flow *flow);
/* A connection is up. `max_packet`: what its broker says, 0: nothing. */
void flow_begin(struct flow *flow, uint32_t max_packet);

/* Of one message. flow_takes(): `texts` are its topic and its correlation. */
size_t flow_message_most(const struct flow *flow);
bool flow_takes(const struct flow *flow, size_t size, size_t texts);
void flow_sent(struct flow *flow, size_t size);
/* The broker found a message too large: `waiting` is the largest that it has not taken, 0: none. */
void flow_too_large(struct flow *flow, uint32_t waiting);

/* The connection ended soon. Why, the broker may have said, and a message that was sent behind the
 * one that it did not like has had the connection reset before that was read: as many as this one
 * had are sent one at a time. */
void flow_ended_soon(struct flow *flow);
/* Is the end of each message waited for before the next one? */
bool flow_goes_alone(const struct flow *flow);

/* Of readings in flight. */
bool flow_is_full(const struct flow *flow);
void flow_add(struct flow *flow, size_t bytes);
void flow_remove(struct flow *flow, size_t bytes);
/* An acknowledgement took so long; of readings also how many bytes. */
void flow_timed(struct flow *flow, int64_t took_ms);
void flow_acked(struct flow *flow, size_t bytes, int64_t sent_ms, int64_t acked_ms, int64_t now_ms);

#endif
