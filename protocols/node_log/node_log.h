/* SPDX-License-Identifier: Apache-2.0 */
/* The node's log: how a sample is packed into 22 bytes, and how a stretch of the log travels
 * through the log window. Pure functions over bytes; node and gateway share them.
 *
 * The log is a ring of slots. Each slot has a place, a number that counts up for ever; it lies in
 * the ring at place % NODE_LOG_SLOTS. A slot is a marker or a sample:
 *
 *   marker  1 place:31 │ boot 16 │ seq 32 │ uptime 32 │ interval 16 │ wall 32 │ crc 16
 *   sample  0 values and flags packed: 159 bits                               │ crc 16
 *
 * A marker says which (boot, seq) and uptime the next sample has, and how far apart the samples are
 * that follow it. A sample's own identity is counted on from the marker before it and is not
 * stored, but its CRC is computed over it: a sample that is read under a wrong place, boot, seq or
 * uptime does not pass, and neither does what an earlier lap of the ring left behind. Every
 * NODE_LOG_STRETCH-th place is a marker, so no more than one stretch is ever read to find anything,
 * and so many samples at most hang on a marker that was overwritten first.
 *
 * With NODE_LOG_SLOTS of 1,376 and a stretch of 32: 1,376 - 43 markers - 31 orphans - 1 = 1,301
 * samples at least are readable when the ring is full, in 30,272 bytes. */
#ifndef BAIYE_PROTOCOLS_NODE_LOG_NODE_LOG_H
#define BAIYE_PROTOCOLS_NODE_LOG_NODE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/node_map/node_map.h"

#define NODE_LOG_SLOT_SIZE   22u
#define NODE_LOG_PACKED_SIZE 20u /* a sample without its CRC, as it travels */
#define NODE_LOG_SLOTS       1376u
#define NODE_LOG_STRETCH     32u
#define NODE_LOG_SIZE        (NODE_LOG_SLOTS * NODE_LOG_SLOT_SIZE)

/* What a sample is, besides its values. Uptime is the node's, in 0.1 s since that boot. */
struct node_log_identity {
    uint32_t place;
    uint16_t boot;
    uint32_t seq;
    uint32_t uptime_ds;
};

struct node_log_marker {
    struct node_log_identity next; /* of the marker itself: place; of the next sample: the rest */
    uint16_t interval_ds;          /* from sample to sample */
    uint32_t wall_s;               /* UTC when this boot's uptime was 0; 0: not known */
};

enum node_log_kind { NODE_LOG_NOTHING, NODE_LOG_MARKER, NODE_LOG_SAMPLE };

/* Values and flags, to 20 bytes and back. Flags of values that are there: good, range, stuck,
 * uncalibrated (rain and battery: good, range); others travel only without value, as all flags can
 * when there is none. A value with another flag is packed as its nearest: fault becomes range. */
void node_log_pack(const struct node_values *values, uint8_t packed[NODE_LOG_PACKED_SIZE]);
void node_log_unpack(const uint8_t packed[NODE_LOG_PACKED_SIZE], struct node_values *values);

/* A sample, or a marker, as it stands in its slot of the log. */
void node_log_sample_write(const struct node_log_identity *identity,
                           const uint8_t packed[NODE_LOG_PACKED_SIZE],
                           uint8_t slot[NODE_LOG_SLOT_SIZE]);
void node_log_marker_write(const struct node_log_marker *marker, uint8_t slot[NODE_LOG_SLOT_SIZE]);
/* What a slot is when it stands at `expected` (a marker needs only the place). A marker is written
 * to `marker`; a sample's bytes are the first NODE_LOG_PACKED_SIZE of the slot. */
enum node_log_kind node_log_slot_read(const uint8_t slot[NODE_LOG_SLOT_SIZE],
                                      const struct node_log_identity *expected,
                                      struct node_log_marker *marker);

/* ---- the log window, NODE_LOG_WINDOW ---- */

#define NODE_LOG_WINDOW_HEAD    15u
#define NODE_LOG_RECORD_WORDS   (NODE_LOG_PACKED_SIZE / 2)
#define NODE_LOG_WINDOW_RECORDS 11u
#define NODE_LOG_WINDOW_WORDS                                                                      \
    (NODE_LOG_WINDOW_HEAD + NODE_LOG_RECORD_WORDS * NODE_LOG_WINDOW_RECORDS)

/* Records of one boot, seq counting up by one, `interval_ds` apart. When what was wanted is no
 * longer (or never was) there, the window begins with the next that is; count 0: nothing later. */
struct node_log_window {
    uint16_t count;
    uint16_t boot;
    uint32_t seq;       /* of the first */
    uint32_t uptime_ds; /* when the first was taken */
    uint16_t interval_ds;
    uint32_t wall_s; /* UTC when the first was taken; 0: not known */
    uint16_t wall_ms;
    uint16_t newest_boot; /* of the whole log; 0: it is empty */
    uint32_t newest_seq;
    uint32_t now_ds; /* the node's uptime when it answered: age of a record of its present boot */
    uint8_t records[NODE_LOG_WINDOW_RECORDS][NODE_LOG_PACKED_SIZE];
};

/* The window's registers, all of them. */
void node_log_window_write(const struct node_log_window *window,
                           uint16_t words[NODE_LOG_WINDOW_WORDS]);
/* From the first `count` registers of the window: as many records as are whole in them. False when
 * they are no window. */
bool node_log_window_read(const uint16_t *words, size_t count, struct node_log_window *window);

#endif
