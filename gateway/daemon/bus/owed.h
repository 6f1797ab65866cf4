/* SPDX-License-Identifier: Apache-2.0 */
/* Which answers a unit may still owe. An answer carries no number: after a request that timed out,
 * the next one with an answer of the same function and size could be given the old answer, however
 * late that comes. So such a request is not made until the unit is known to be past it:
 *
 *     R (size n) ── no answer ──> owed {n}
 *     another R wanted: first P, a request whose answer has another size
 *     P's answer comes ──> a unit answers in order: what it owed before P never comes  ──> R
 *
 * A unit that answers no P is left alone for OWED_FORGET_NS before R is made again. Nothing is owed
 * on a healthy line, so this costs it nothing. What other masters asked the unit counts as owed,
 * too. Pure; owned by the bus thread; outlives the port's being opened anew. */
#ifndef BAIYE_BUS_OWED_H
#define BAIYE_BUS_OWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWED_FORGET_NS 10000000000LL /* nothing comes later than that after a request */
#define OWED_TYPES     6
#define OWED_PROBES    3 /* so many P without an answer, and the unit is left alone */
#define OWED_PDU_SIZE  5

/* Of one unit; zeroed: nothing is owed. */
struct owed {
    struct owed_type {
        uint8_t function;
        uint8_t count;        /* how many of these; 255: that many or more */
        uint16_t answer_size; /* of the whole frame */
        bool probe;           /* asked to learn where the unit is: no value comes of it */
        int64_t asked_ns;     /* the last of these, monotonic */
    } types[OWED_TYPES];
    uint8_t used;
    uint8_t probes;   /* since an answer came */
    int64_t last_ns;  /* when the last request was made that is owed, monotonic; P is none */
    int64_t probe_ns; /* and the last P */
};

/* A request of that function and answer ended without a usable answer. */
void owed_add(struct owed *owed, uint8_t function, uint16_t answer_size, bool probe,
              int64_t sent_ns);
/* Could an answer to that request be one that is owed? */
bool owed_blocks(struct owed *owed, uint8_t function, uint16_t answer_size, int64_t now_ns);
/* The answer to the request that was made at `sent_ns` came, no older than the last of its kind but
 * `probe` ones. What was owed before it is past; what was asked after it is owed still. */
void owed_answered(struct owed *owed, uint8_t function, uint16_t answer_size, int64_t sent_ns);
/* P was answered with an exception, or with another size than it asked for: whichever of the unit's
 * requests that answers, a single one before P is past. True: it was a single one. */
bool owed_past_single(struct owed *owed, uint8_t function, uint16_t probe_size, int64_t sent_ns);
/* Somebody else's request, which was added, has its answer. */
void owed_overheard(struct owed *owed, uint8_t function, uint16_t answer_size);
/* Is anything of that function owed? Then an exception may be the answer to that. */
bool owed_function(const struct owed *owed, uint8_t function);
/* P for a request: read registers next to or among those that it is about, with an answer that is
 * told from all that is owed. Its answer's size, 0: there is none. */
uint16_t owed_probe(const struct owed *owed, const uint8_t *pdu, size_t pdu_size,
                    uint8_t probe[OWED_PDU_SIZE]);

#endif
