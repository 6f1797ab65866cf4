/* SPDX-License-Identifier: Apache-2.0 */
/* When masters wrote: a file of one slot for each pseudo terminal, shared with masters that tell
 * (tests/bench/say_when.c). The master puts its time of CLOCK_MONOTONIC, right before it writes,
 * into a slot that is empty; whoever sees the bytes empties it. */
#ifndef BAIYE_FIELD_SAID_H
#define BAIYE_FIELD_SAID_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SAID_SLOTS   1024 /* of ptys with a greater number nobody tells */
#define SAID_MOST_NS 20000000

struct said {
    atomic_llong *slots; /* NULL: not open, nobody tells */
};

/* Makes the file anew. False: errno says why. */
bool said_open(struct said *said, const char *path);
void said_close(struct said *said);
/* When the bytes that are seen at `seen_ns` were written; 0: nobody told, or more than SAID_MOST_NS
 * ago (something else was meant). `pty` may be -1. */
int64_t said_take(struct said *said, int pty, int64_t seen_ns);

#endif
