/* SPDX-License-Identifier: Apache-2.0 */
/* The silence that one device needs in front of its requests: learned. Pure. One thread.
 *
 * The standard asks for 3.5 characters. A device that measures them with a coarse timer, or is
 * still busy with its own answer, does not hear a request that comes so soon, and each one costs
 * its timeout. So it is noted how long the line was silent before a request that had no answer:
 *
 *   no answer after the shortest silence, and an answer after the longest  ->  it came too early
 *   that happened eight times, or to half of all  ->  is the longest silence better?
 *   yes  ->  the least that is good is looked for by halves; no  ->  it is noise or a bad cable:
 *            a share of losses that silence does not help is put up with from now on
 *
 * Two tries after a loss have the longest silence: the first shows whether that was the cause, and
 * may have been for something else than the one that was lost (owed.h).
 *
 * A level is good when, of eight times as many tries as gave one loss before, one was lost at most.
 * What is put up with becomes less by an eighth every window, so that it is looked at again; a
 * level that was taken by mistake is left when its losses go on and none is as good. */
#ifndef BAIYE_BUS_OWN_SILENCE_H
#define BAIYE_BUS_OWN_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#define OWN_SILENCE_STEPS  16u   /* of one level, in a silence of the standard's */
#define OWN_SILENCE_MOST   32u   /* levels: three times the standard's */
#define OWN_SILENCE_WINDOW 1000u /* tries, after which what was counted counts half */

enum own_silence_phase {
    OWN_SILENCE_SETTLED,
    OWN_SILENCE_LONGEST, /* is the longest better? */
    OWN_SILENCE_HALVES,  /* between `low` and `high` */
    OWN_SILENCE_NONE     /* is the standard's as good as what was taken? */
};

/* All 0 at the start. */
struct own_silence {
    uint8_t level; /* in force */
    uint8_t taken; /* what was in force when the search began */
    uint8_t low, high;
    uint8_t phase;         /* enum own_silence_phase */
    uint8_t long_tries;    /* so many are made after the longest now: one had no answer */
    uint16_t tries, lost;  /* after the shortest silence, at this level */
    uint16_t wanted;       /* tries that a level must stand */
    uint16_t put_up_tries; /* one loss in so many is put up with; 0: none */
};

/* How much longer than `silence_ns`, the standard's, the line is to be silent before the next
 * request. */
int64_t own_silence_more_ns(const struct own_silence *own, int64_t silence_ns);
/* A request went out after `gap_ns` without a byte on the line, and was answered or not. */
void own_silence_try(struct own_silence *own, int64_t silence_ns, int64_t gap_ns, bool answered);
/* The last one was answered after all, or may have been: it shows nothing. */
void own_silence_forget_try(struct own_silence *own);

#endif
