/* SPDX-License-Identifier: Apache-2.0 */
/* Places for connections of a server, where anybody may connect: who holds them, and who gives one
 * up when few are left. Of those that are idle an address's that has more than its share, or else
 * whoever has been idle longest; where nobody is, the longest answer to the address that takes the
 * most of them. Of IPv6 the /64 is one address. Whoever is to go has its socket shut down, and is
 * gone when its server notices. Not for several threads at once.
 *
 * A choice looks at each pair of places in the worst case: 2,000 of as many addresses take some
 * milliseconds, less than the handshake of the one who comes. */
#ifndef BAIYE_COMMON_PLACES_H
#define BAIYE_COMMON_PLACES_H

#include <stdbool.h>
#include <stdint.h>

struct place {
    bool taken;
    int fd;
    void *owner;      /* the server's, as it likes */
    int64_t since_ms; /* it is as it is: it came, or began or ended to be answered */
    bool busy;        /* a request is answered */
    bool stays;       /* has limits of its own: is neither counted nor chosen */
    bool leaving;
    uint64_t address;
};

struct places {
    struct place *list; /* `room` of them, zeroed at first */
    uint32_t room;
    uint32_t most;  /* may be held; `room` may be more, for those who come while others leave */
    uint32_t spare; /* so many are kept free */
    uint32_t share; /* of one address, when it is short */
    uint32_t taken, leaving;
};

/* Who comes as `fd`, which stays open until places_release(). `*evicted`: who goes for it, or
 * NULL. NULL: there is not even room in the list. */
struct place *places_take(struct places *places, int fd, int64_t now_ms, struct place **evicted);
void places_release(struct places *places, struct place *place);
void place_set_busy(struct place *place, bool busy, int64_t now_ms);
/* Shuts down who has been idle, or answered, for so long: whatever a peer sends or takes now and
 * then, in the end it goes. Gives how many. */
uint32_t places_end_overdue(struct places *places, int64_t idle_ms, int64_t busy_ms,
                            int64_t now_ms);

#endif
