/* SPDX-License-Identifier: Apache-2.0 */
/* One lane of records on their way to the broker, in order of their numbers. Bodies are kept until
 * everything in them is acknowledged; messages are made from them when there is room to send, and
 * made again from the same place when one fails. Pure but for its heap: no clock, no socket.
 *
 *        watermark             next
 *   ────────┴──[m1][m2][m3]──────┴── bodies not yet made into messages ──
 *     delivered   in flight */
#ifndef BAIYE_PUBLISH_WORKER_LANE_H
#define BAIYE_PUBLISH_WORKER_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/publish/ipc.h"
#include "protocols/mqtt/json.h"

struct streams; /* what the records' stream numbers mean */

/* NULL: no memory. */
struct streams *streams_create(void);
void streams_destroy(struct streams *streams);
/* false: no memory. Records of a stream that was not added are left out: never go on then. */
bool streams_add(struct streams *streams, const struct ipc_stream *stream);
/* Which boards a device's boots are of; replaces what was known. false: no memory. */
bool streams_boards(struct streams *streams, const struct ipc_boards *boards);

struct lane_body {
    struct lane_body *next;
    uint64_t first_id, original_id; /* as in struct ipc_body */
    uint32_t size;
    uint16_t count;
    bool offset_known;
    int64_t offset_ms;
    uint8_t data[];
};

struct lane {
    struct lane_body *first, *last;
    struct lane_body *at; /* where `next` is, NULL: look for it */
    struct body_reader reader;
    uint64_t next;        /* the record to be put into the next message */
    uint64_t watermark;   /* every record before is delivered */
    uint32_t epoch;       /* grows with each reset: older messages no longer count */
    uint64_t skip_id;     /* a record that was given up, 0: none */
    uint64_t small_until; /* messages up to here hold at most small_records */
    uint32_t small_records;
    uint64_t unknown; /* records that could not be read: counted, not sent */
};

/* Frees its bodies; the next one begins at `id` or later. Also how a zeroed lane begins and
 * ends. */
void lane_reset(struct lane *lane, uint64_t id);
/* A copy of one body goes behind the others. false: no memory; it must come again after a reset. */
bool lane_add(struct lane *lane, const struct ipc_body *head, const void *data, size_t size);
bool lane_waits(const struct lane *lane); /* is there something to make a message of? */

struct lane_message {
    uint64_t first_id, end_id; /* [first, end) */
    uint32_t records;
    size_t size;
};
/* Makes the next message of at most `size` bytes into `out`, and moves `next` behind it. false:
 * nothing to send (next may have moved over records that cannot be sent). */
bool lane_encode(struct lane *lane, const struct streams *streams, const char *gateway, char *out,
                 size_t size, struct lane_message *message);
/* A message failed: its records are made again. */
void lane_rewind(struct lane *lane, uint64_t first_id);
/* Frees what is delivered: everything before `lowest_in_flight` and before next. */
void lane_settle(struct lane *lane, uint64_t lowest_in_flight);

#endif
