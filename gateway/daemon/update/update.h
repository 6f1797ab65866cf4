/* SPDX-License-Identifier: Apache-2.0 */
/* Updates all nodes of one kind on one line at once: a pure state machine that says which request
 * to send next and is told how it ended. No clock, no bus, no thread: the caller feeds both, so
 * the same code runs on the daemon's line and in virtual time.
 *
 *   ask every node its status, and whether it knows the image's key -> open the session -> wait
 * until one has erased
 *   -> broadcast every block once -> ask each node what it misses -> repair -> … until each is
 *   whole and has verified -> restart and judge the first node alone, then the others
 *
 * The first is the canary: when it does not come back well, the others forget the image. A node is
 * judged by its self-test after its first sample: confirmed when no check fails that did not fail
 * before the update too, else made to go back to its old image.
 *
 * Repair costs the least line: a block that two or more nodes miss is broadcast again, one that a
 * single node misses is sent to it alone, whose answer saves asking again.
 *
 * A session names its target slot, so nodes that run from the other one are left for a second
 * session with the other variant of the image (update_start() again). */
#ifndef BAIYE_UPDATE_UPDATE_H
#define BAIYE_UPDATE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/image/image.h"
#include "protocols/image/window.h"

#define UPDATE_NODES_MAX  247
#define UPDATE_BLOCKS_MAX 2000
#define UPDATE_IMAGE_MAX  (UPDATE_BLOCKS_MAX * WINDOW_BLOCK_DATA_MAX)

/* Where a node stands; each state but the last four asks for one request. */
enum node_state {
    NODE_UNKNOWN,    /* read its status */
    NODE_TRUSTING,   /* read which key it has in the place that the image names */
    NODE_LOCKED,     /* unlock it for a new session */
    NODE_JOINED,     /* was sent the session: read whether it stands */
    NODE_UNOPENED,   /* did not hear it: send it the session alone */
    NODE_RECEIVING,  /* read what it misses */
    NODE_READY,      /* verified: restart it */
    NODE_HELD_BACK,  /* tell it to forget the image: the canary did not come back */
    NODE_RESTARTING, /* read what it runs now, and whether it has tested itself */
    NODE_FIT,        /* runs the new image, which passed: confirm it */
    NODE_UNFIT,      /* runs the new image, which did not: have it go back */
    NODE_REVERTING,  /* read what it runs now: the old one again? */
    NODE_DONE,
    NODE_CURRENT,    /* ran this version already */
    NODE_OTHER_SLOT, /* runs from the slot that this session writes: for the other session */
    NODE_FAILED      /* see `silent` and `result` */
};

struct update_node {
    uint8_t unit;
    uint8_t state;  /* enum node_state */
    bool silent;    /* failed because it no longer answers */
    uint8_t tries;  /* unanswered requests in a row, or looks in vain */
    bool resumed;   /* held blocks of this image before the first was sent */
    bool counted;   /* told its map already: the number is enough, until it is not 0 */
    int16_t result; /* why it failed: an image_result or window_result */
    uint8_t checks_before, checks; /* of its self-test, those that failed: before, and by now */
    uint32_t version_before;       /* 0: not known yet */
    int64_t ask_again_ms;
};

struct update_request {
    uint8_t unit; /* 0: broadcast */
    uint16_t pdu_size;
    uint8_t pdu[253];
};

enum update_phase {
    UPDATE_ASK,
    UPDATE_OPEN,
    UPDATE_ERASE,
    UPDATE_SEND,
    UPDATE_COLLECT,
    UPDATE_REPAIR,
    UPDATE_RESTART,
    UPDATE_END
};

struct update {
    const uint8_t *image; /* header and program; the caller's, must stay */
    size_t image_size;
    struct image_header header;
    struct window_session session;
    struct update_node nodes[UPDATE_NODES_MAX];
    unsigned node_count;
    uint8_t phase; /* enum update_phase */
    unsigned round, cursor;
    uint8_t need[UPDATE_BLOCKS_MAX];  /* how many nodes miss this block, 255: or more */
    uint8_t owner[UPDATE_BLOCKS_MAX]; /* index of the one that does, when need is 1 */
    bool asked[UPDATE_NODES_MAX];     /* reported its missing blocks in this round */
    int waiting;                      /* index of the node asked, or WAITING_… in update.c */
    bool canary_passed, canary_failed, restarted_all;
    bool alone; /* all who hear a broadcast are to be updated */
    bool dry_run;
};

enum update_action {
    UPDATE_SEND_REQUEST, /* send it, then call update_answered() */
    UPDATE_WAIT,         /* ask again at *again_ms */
    UPDATE_FINISHED
};

struct update_options {
    bool dry_run;   /* only ask */
    bool hold_back; /* the canary has failed already: the nodes only forget the image */
    /* Nodes are on the line that are not to be updated: nothing but blocks may be broadcast. */
    bool others_listen;
};

/* Starts with the image for one slot. false: the image is damaged or has too many blocks. What is
 * known of nodes that may run the new image already (`version_before`, `checks_before`: the update
 * was cut off) may be set before the first update_next(). */
bool update_start(struct update *update, const uint8_t *image, size_t size, const uint8_t *units,
                  size_t unit_count, struct update_options options);
enum update_action update_next(struct update *update, int64_t now_ms,
                               struct update_request *request, int64_t *again_ms);
/* How the request ended: the answer's PDU, or NULL for no believable answer. Broadcasts: NULL. */
void update_answered(struct update *update, int64_t now_ms, const uint8_t *pdu, size_t size);
/* Share of the work on the line that is behind, 0..1000. */
unsigned update_progress(const struct update *update);
/* How long to leave the line alone after a request that took `took_ms` of it, so that the update
 * has `share` percent (1..100) of the time. */
int64_t update_pause_ms(int64_t took_ms, unsigned share);
/* The share to take now, where `share` is wanted: nodes on trial are not kept waiting for long. */
unsigned update_share(const struct update *update, unsigned share);
/* The request just made is a node's confirmation: a poll may wait for it. */
bool update_hurries(const struct update *update);

#endif
