/* SPDX-License-Identifier: Apache-2.0 */
/* Thirty nodes on one line in virtual time, with boot loader and update service on a simulated
 * flash each, and a gateway that updates them. Frames are lost as the test says. */
#ifndef BAIYE_LINE_SIM_H
#define BAIYE_LINE_SIM_H

#include "firmware/boot/service.h"
#include "gateway/daemon/update/update.h"
#include "tests/unit/boot/flash_sim.h"
#include "tests/unit/boot/test_image.h"

#define NODES 30

struct line_node {
    struct flash_sim flash;
    struct service service;
    bool dead;
    bool tells_no_keys;   /* its firmware is older than that */
    bool never_starts;    /* the new image hangs: the watchdog bites until it is given up */
    bool never_samples;   /* the new image takes none, so that it cannot test itself */
    uint8_t checks[2];    /* of the self-test, those that fail under the old and the new image */
    int64_t tested_at_ms; /* when its first sample after the start is there; INT64_MAX: never */
    int64_t unlocked_until_ms;
    unsigned starts;
};

struct line {
    struct line_node nodes[NODES];
    unsigned count;
    unsigned units;                     /* to update: the first so many; line_make() says all */
    unsigned lost_to_all, lost_to_each; /* per mille of frames */
    uint64_t bytes;
    uint32_t random;
    int64_t now_ms;
    uint32_t old_version;
};

extern struct line line;
extern struct update update;

/* `count` nodes with this image, written at the bench. */
void line_make(unsigned count, const struct test_image *old);
/* As after a cut of power. */
void line_start_node(struct line_node *node);
/* One request of `update` and what comes of it; takes `line.now_ms` 300 ms on. */
void line_exchange(const struct update_request *request);
/* From update_start() to the end. */
void line_update(const struct test_image *image, struct update_options options);

#endif
