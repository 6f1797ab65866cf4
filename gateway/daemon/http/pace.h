/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends a great many small frames, or pings, which libwebsockets answers by itself, costs a
 * core and says nothing. Looked at every PACE_TICK_MS: what came in beside the payload, and in how
 * many frames. Too much of it: nothing is read from there for a while, which doubles each time
 * until it has been calm for as long as the last wait. Pure but for pace_received(). */
#ifndef BAIYE_HTTP_PACE_H
#define BAIYE_HTTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_TICK_MS    250
#define PACE_FRAMES     250 /* of a tick: 1000 a second */
#define PACE_FRAME      64 /* bytes that a frame and its TLS record may have beside their payload */
#define PACE_OVERHEAD   8192 /* of a tick, besides: handshakes, some pings */
#define PACE_FIRST_MS   1000
#define PACE_LONGEST_MS 32000

struct pace {
    uint64_t received;        /* by the last tick, as pace_received() */
    uint32_t frames, payload; /* since then */
    int64_t wait_ms;          /* the last one; 0: none */
    int64_t until_ms;         /* nothing is read; then calm is waited for */
};

/* A frame with payload came. */
void pace_frame(struct pace *pace, uint32_t size);
/* A tick: may be read on? */
bool pace_tick(struct pace *pace, uint64_t received, int64_t now_ms);
/* Bytes that the TCP connection has brought in all; 0: not known. */
uint64_t pace_received(int fd);

#endif
