/* SPDX-License-Identifier: Apache-2.0 */
/* Where bus threads leave what they took: chunks of encoded records in memory taken at start. A
 * chunk becomes one row of the store as it is. The pool holds at least 30 s of the configured
 * readings; chunks are used last-freed first, so that in quiet times few pages are touched. When
 * no chunk is free the number of a record is kept, and reported as a gap once there is room. */
#ifndef BAIYE_STORE_WRITE_QUEUE_H
#define BAIYE_STORE_WRITE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/record.h"

#define CHUNK_SIZE  16384u
#define CHUNK_SLACK 2048u /* left free by the queue: stream numbers may grow at the commit */

struct chunk {
    struct chunk *next;
    uint64_t serial; /* counts up from 1 in the order of filling */
    struct body body;
    int64_t since_ms; /* monotonic: when its first record came */
    uint8_t data[];   /* up to CHUNK_SIZE altogether */
};

struct write_queue;

/* `streams` has one entry a configured device and must outlive the queue. `wake_fd` is an eventfd
 * that is signalled when there is something to commit. NULL: no memory. */
struct write_queue *write_queue_create(const struct config *config, const struct stream *streams,
                                       uint32_t gateway_boot, int wake_fd);
void write_queue_destroy(struct write_queue *write_queue);

/* Any bus thread. Never wait for the disk. */
void write_queue_reading(struct write_queue *write_queue, const struct reading *reading);
void write_queue_gap(struct write_queue *write_queue, const struct reading_gap *gap);
/* The store thread's own: the clock was wrong by add_ms in this boot. */
void write_queue_correction(struct write_queue *write_queue, int64_t add_ms);

struct write_queue_level {
    uint64_t taken, gaps, lost; /* since start; lost: readings that were taken and did not fit */
    uint32_t waiting;           /* records not taken out */
    uint32_t full_chunks;
    int64_t since_ms; /* monotonic: when the oldest of them came; 0: none */
};
void write_queue_level(struct write_queue *write_queue, struct write_queue_level *level);

/* Takes out the full chunks, oldest first, at most `max_chunks`; with `partial` also the one that
 * is being filled. The caller gives each back with write_queue_release(). Store thread. */
struct chunk *write_queue_take(struct write_queue *write_queue, uint32_t max_chunks, bool partial);
/* Where counters stand with the last readings of the chunks up to `serial`: takes out one; false:
 * there is none left. */
bool write_queue_mark(struct write_queue *write_queue, uint64_t serial, uint16_t *device,
                      struct reading_mark *mark);
void write_queue_release(struct write_queue *write_queue, struct chunk *chunk);

#endif
