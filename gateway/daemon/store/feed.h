/* SPDX-License-Identifier: Apache-2.0 */
/* What publish takes from the store: committed records in order, from RAM or read from the file by
 * the store thread, and the live table. Used by the link thread only. */
#ifndef BAIYE_STORE_FEED_H
#define BAIYE_STORE_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/live.h"
#include "gateway/daemon/store/record.h"
#include "gateway/daemon/store/state.h"

struct store;

enum feed_result {
    FEED_BODY,  /* `out` and `body` are filled */
    FEED_NONE,  /* nothing newer is committed */
    FEED_LATER, /* being read from the file; the wake descriptor will be signalled */
    FEED_HELD   /* its time is not trusted yet; ask again in a second */
};

struct feed_body {
    uint64_t first_id;    /* may be beyond the id asked for: what is between is gone */
    uint64_t original_id; /* of store_feed_again(): the number of the first record when the others
                             follow it one by one, 0: they do not */
    uint16_t count;
    uint32_t size;
    bool offset_known; /* untrusted readings: wall time is monotonic + offset_ms */
    int64_t offset_ms;
};

/* The body that holds record `id`, or the first one after it. `out` has room for BODY_MAX. */
enum feed_result store_feed(struct store *store, uint16_t broker, uint64_t id, uint8_t *out,
                            struct feed_body *body);
/* The next body of what consumers asked for again; FEED_NONE when there is none. */
enum feed_result store_feed_again(struct store *store, uint16_t broker, uint8_t *out,
                                  struct feed_body *body);
/* Records first..last are to come once more by store_feed_again(). false: too many ranges wait. */
bool store_feed_later(struct store *store, uint16_t broker, uint64_t first, uint64_t last);
/* The first record that the broker has not acknowledged (as committed in the file). */
uint64_t store_cursor(struct store *store, uint16_t broker);
/* Where it stood at most a minute ago, an earlier run of the gateway included: what a restarted
 * broker may have lost begins there. 0: it has not moved since. */
uint64_t store_cursor_back(struct store *store, uint16_t broker);
/* The run before this one ended without store_stop(): with its power, perhaps, and the broker's. */
bool store_unclean(struct store *store);
/* Every record before `id` is acknowledged. Written with the next commit, at the latest in 5 s. */
void store_ack(struct store *store, uint16_t broker, uint64_t id);
/* The broker refuses this record for good: kept aside with the reason and the payload. */
void store_quarantine(struct store *store, uint16_t broker, uint64_t id, int reason,
                      const void *payload, uint32_t size);

/* Copies; false: no such stream. `schema` stays valid until store_stop(). */
bool store_stream(struct store *store, uint32_t id, struct stream *stream);
/* The one with the lowest id above `id`. Ids are given in ascending order and keep their meaning as
 * long as the store is open. */
bool store_stream_after(struct store *store, uint32_t id, struct stream *stream);
/* The serial numbers of the boards that stood under a device's name, in the order of their boots
 * (struct reading_board); how many. */
uint32_t store_boards_version(struct store *store); /* grows with each change of them */
unsigned store_boards(struct store *store, uint16_t device, uint32_t serials[STORE_BOARDS_MOST]);
struct live *store_live(struct store *store);
/* An eventfd that is signalled after each commit and when something asked for is there. */
void store_set_wake(struct store *store, int fd);

#endif
