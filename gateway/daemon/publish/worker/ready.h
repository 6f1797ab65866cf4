/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of readings made ahead, in the order in which they were made: an acknowledgement is then
 * answered by a message, and not by the making of one. Pure but for zlib: no clock, no socket, no
 * heap; a few hundred KiB, of which only what is used is ever touched. Publisher process. */
#ifndef BAIYE_PUBLISH_WORKER_READY_H
#define BAIYE_PUBLISH_WORKER_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/publish/worker/lane.h"

#define READY_MOST  8u     /* messages */
#define READY_BYTES 49152u /* the longest message */

struct ready_message {
    uint8_t lane;
    bool packed; /* data is deflated */
    struct lane_message made;
    size_t size; /* of data */
    char data[READY_BYTES];
};

struct ready_ring {
    struct ready_message messages[READY_MOST];
    uint32_t first, count;
    char json[READY_BYTES]; /* before it is deflated */
};

/* What all messages of one process have in common. */
struct ready_style {
    const struct streams *streams;
    const char *gateway; /* the store's uuid */
    bool deflate;        /* where it helps */
};

enum ready_result {
    READY_MADE,
    READY_PASSED, /* none was made, but lane->next went over records that cannot be sent */
    READY_NONE    /* no room, or nothing to make one of */
};

/* Makes the next message of lane number `index`, of at most `limit` bytes of JSON. */
enum ready_result ready_make(struct ready_ring *ring, struct lane *lane, uint8_t index,
                             const struct ready_style *style, size_t limit);
/* The one to be sent next, NULL: none. Stays until it is popped. */
const struct ready_message *ready_head(const struct ready_ring *ring);
void ready_pop(struct ready_ring *ring);
/* Unmakes those of a lane: it is rewound to the first of them. */
void ready_drop(struct ready_ring *ring, struct lane *lane, uint8_t index);
/* The lowest number in those of a lane, UINT64_MAX: there are none. */
uint64_t ready_lowest(const struct ready_ring *ring, uint8_t index);

#endif
