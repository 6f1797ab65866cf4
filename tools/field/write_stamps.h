/* SPDX-License-Identifier: Apache-2.0 */
/* When masters wrote: a file of one slot for each pseudo terminal, shared with masters that tell
 * (tests/bench/say_when.c). The master puts its time of CLOCK_MONOTONIC, right before it writes,
 * into a slot that is empty; whoever sees the bytes empties it. */
#ifndef BAIYE_TOOLS_FIELD_WRITE_STAMPS_H
#define BAIYE_TOOLS_FIELD_WRITE_STAMPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WRITE_STAMPS_SLOTS   1024 /* of ptys with a greater number nothing is reported */
#define WRITE_STAMPS_MOST_NS 20000000

struct write_stamps {
    atomic_llong *slots; /* NULL: not open, nothing is reported */
};

/* Makes the file anew. False: errno says why. */
bool write_stamps_open(struct write_stamps *stamps, const char *path);
void write_stamps_close(struct write_stamps *stamps);
/* When the bytes that are seen at `seen_ns` were written; 0: not reported, or more than
 * WRITE_STAMPS_MOST_NS ago (something else was meant). `pty` may be -1. */
int64_t write_stamps_take(struct write_stamps *stamps, int pty, int64_t seen_ns);

#endif
