/* SPDX-License-Identifier: Apache-2.0 */
/* Another box that is taken for this gateway: it has a copy of its card, or the same name for its
 * site, or connects under the same client identifier. Each says with its status who it is; who
 * hears another repeats its own, so that both come to know of it. Pure: times are arguments. */
#ifndef BAIYE_PUBLISH_WORKER_TWINS_H
#define BAIYE_PUBLISH_WORKER_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/publish/publish.h"

#define TWINS_MOST      4u
#define TWINS_MARK_SIZE 54 /* "uuid run": the gateway's, and one of each start of the daemon */
#define TWINS_UUID_SIZE 36u

struct twin {
    char mark[TWINS_MARK_SIZE];
    unsigned heard; /* once may be late news of a daemon that was ended */
    int64_t heard_ms;
};

struct twins {
    struct twin known[TWINS_MOST];
    unsigned spoken; /* since someone was heard first */
    int64_t spoken_ms;
    unsigned taken; /* sessions, one after the other */
    int64_t taken_ms;
};

/* Somebody is online; our own mark, through a bridge, is no one. */
void twins_hear(struct twins *twins, const char *mark, const char *own, int64_t now_ms);
/* Our session was taken over. How long to wait at least before the next one, in ms. */
uint32_t twins_taken_over(struct twins *twins, int64_t now_ms);
/* When to say again that we are there; INT64_MAX: there is no need. */
int64_t twins_speak_ms(const struct twins *twins, int64_t now_ms);
void twins_spoke(struct twins *twins, int64_t now_ms);
enum publish_twin twins_now(const struct twins *twins, const char *own, int64_t now_ms);

#endif
