/* SPDX-License-Identifier: Apache-2.0 */
/* Our own requests as they come back: an adapter with half duplex hears what it sends, and a host
 * that is busy, or a converter far away, may hand several of them over long after they were given
 * up. A request that is heard is another master's only if it is none of these.
 *
 *     A ── no answer   B ── no answer   C ── A', answer of A, B', C', answer of C
 *
 * Adapters echo everything or nothing, in order, each request once and before its answer: what was
 * heard or answered, and what is older, is not waited for any more, and where answers come without
 * an echo nothing is. Pure; owned by who asks. */
#ifndef BAIYE_BUS_ECHOES_H
#define BAIYE_BUS_ECHOES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHOES_SENT    64 /* more are not under way: a unit that is silent is left alone */
#define ECHOES_LAST    2
#define ECHOES_ENOUGH  3 /* answers in a row show what the adapter does */
#define ECHOES_REQUEST 6 /* unit and PDU of a read; its CRC follows from them */

/* Zeroed: nothing was sent, and the line was opened at the beginning of time. */
struct echoes {
    struct echoes_request {
        uint8_t bytes[ECHOES_REQUEST];
        uint32_t sent_ms; /* monotonic, goes round */
    } sent[ECHOES_SENT];  /* the oldest first */
    uint8_t count;
    bool known; /* one was heard where it belongs: before that, only the last two requests count */
    /* Answers in a row before which our request was not heard, and before which it was: another
     * master asks the same now and then. */
    uint8_t silent, heard;
    int64_t opened_ns;
};

/* The line was opened, maybe with another adapter. */
void echoes_open(struct echoes *echoes, int64_t now_ns);
/* May what is sent be heard? Until it is known, yes. */
bool echoes_possible(const struct echoes *echoes);
/* … and so may what somebody else asked by the same adapter before it was opened? */
bool echoes_of_before(const struct echoes *echoes, int64_t now_ns);
/* A request of functions 1 to 6 goes out; others can't be taken for another master's. */
void echoes_sent(struct echoes *echoes, uint8_t unit, const uint8_t *pdu, size_t pdu_size,
                 int64_t now_ns);
/* Is the request that was heard one of ours? */
bool echoes_take(struct echoes *echoes, const uint8_t *frame, int64_t now_ns);
/* A request is over: was it answered, by something that is not the request once more, and was it
 * heard before that? True: it was, and it was an echo. */
bool echoes_ended(struct echoes *echoes, bool answered, bool heard);

#endif
