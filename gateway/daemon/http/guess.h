/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps guessing of passwords slow, whichever way it comes (HTTP or the bridge). Wrong ones are
 * counted by user and address together, and by address alone; beyond GUESS_FREE_* each further one
 * doubles the time until the next is looked at. Never by user alone: nobody can keep the owner out
 * from another address. While one that may be wrong is looked at, no other of its kind is, so that
 * many at once are no way around.
 *
 *   wrong so far   1 … 5   6    7    8   …        (one user from one address)
 *   then wait        0     1 s  2 s  4 s … 300 s
 *
 * What had no wrong one for GUESS_FORGET_MS is forgotten. Of IPv6 the /64 counts: one house has all
 * of it, and a guesser as many addresses as he likes; but a user who was let in from one address
 * counts there by himself, or a neighbour would keep him out. GUESS_ENTRIES are kept; the one that
 * was wrong longest ago makes room. Pure: takes the time; one thread. */
#ifndef BAIYE_HTTP_GUESS_H
#define BAIYE_HTTP_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#define GUESS_ENTRIES         256
#define GUESS_KNOWN           128 /* users with an address; a user has a quarter at most */
#define GUESS_FREE_USER       5   /* of one user from one address */
#define GUESS_FREE_ADDRESS    10  /* of all users from one address */
#define GUESS_FIRST_MS        1000
#define GUESS_MOST_USER_MS    300000
#define GUESS_MOST_ADDRESS_MS 60000
#define GUESS_FORGET_MS       900000
#define GUESS_USER_SIZE       65
#define GUESS_PEER_SIZE       48

struct guess;

/* NULL: no memory. */
struct guess *guess_open(void);
void guess_close(struct guess *guess);

/* May this login be looked at now? 0: yes, and guess_end() must follow; else the milliseconds to
 * wait. */
int64_t guess_begin(struct guess *guess, const char *user, const char *peer, int64_t now_ms);

enum guess_outcome {
    GUESS_RIGHT,
    GUESS_WRONG,
    GUESS_UNKNOWN /* nobody has answered */
};
void guess_end(struct guess *guess, const char *user, const char *peer, int64_t now_ms,
               enum guess_outcome outcome);

struct guess_stats {
    uint64_t wrong,
        delayed;           /* logins that the broker refused; that had to wait and were not asked */
    uint32_t wrong_in_day; /* of the last 24 hours, by whole hours */
};
void guess_stats(struct guess *guess, int64_t now_ms, struct guess_stats *stats);

#endif
