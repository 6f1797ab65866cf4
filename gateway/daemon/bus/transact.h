/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer on the line.
 *
 *   last byte ──silence──> request ──turnaround──> answer ─┬ complete: done at once
 *                                                          └ deadline: fixed when the request goes
 *                                                            out, no byte puts it off
 *
 * Bytes that come while nothing is asked for are thrown away and the silence begins anew. After a
 * timeout the unit may still answer: until its late window is over it must not be asked again, and
 * what arrives, while others are asked as well, is compared with the old request, so that a late
 * answer is known as one.
 *
 * A request that is not ours, heard while the line is listened to, is another master's: its answer
 * is no value of ours, the line is left to it until that came, and what its unit may owe is noted.
 *
 * What cannot be known: a unit that repeats its answer of its own accord, at the very time when the
 * answer to the next request is due, and does not hear that request. Answers carry no number. The
 * bus leaves a unit alone for a while wherever there was a sign of it: see exchange.c. */
#ifndef BAIYE_BUS_TRANSACT_H
#define BAIYE_BUS_TRANSACT_H

#include <stdatomic.h>

#include "gateway/daemon/bus/bus_result.h"
#include "gateway/daemon/bus/echoes.h"
#include "gateway/daemon/bus/line.h"
#include "gateway/daemon/bus/owed.h"
#include "gateway/daemon/bus/wake_latency.h"
#include "protocols/modbus/rtu_client.h"

#define TRANSACT_SLACK_NS 3000000LL /* what a host may be late in passing bytes on */

struct transact_request {
    const uint8_t *pdu;
    size_t pdu_size;
    uint16_t answer_size; /* bytes of the whole expected answer frame, at most */
    uint8_t unit;
    bool wide_registers;              /* each register that is read has 32 bits */
    const struct serial_timing *wire; /* rate and parity of the unit; NULL: as the line is set */
    int64_t extra_ns;   /* how much longer than the line's silence the unit is left alone */
    int64_t before_ns;  /* how much longer the line is silent before the request */
    int64_t timeout_ns; /* from the request's end to the answer's begin */
    int64_t fastest_ns; /* it never answered sooner: what comes much sooner is an earlier answer
                              that comes twice. INT64_MIN: not known yet */
    bool insists;       /* something is asked even of a unit that is left alone: by others, and of
                           one that is dead */
    int64_t late_ns;    /* how long after its deadline it may still answer */
};

struct transact_answer {
    enum bus_result result;
    const uint8_t *pdu; /* of BUS_OK and BUS_EXCEPTION; valid until the next transaction */
    size_t pdu_size;
    int64_t sent_ns;       /* begin of the request */
    int64_t gap_ns;        /* serial lines: how long the line was silent before that */
    int64_t end_ns;        /* when it was over */
    int64_t turnaround_ns; /* from the request's end to the answer's begin, by the line's rate:
                              below 0 where no real line is (a simulator, a rate that is not the
                              converter's) */
    int64_t quiet_ns;      /* the unit must be left alone until then */
    bool too_fast;         /* an answer was stepped over for that */
    int64_t too_fast_ns;   /* its turnaround */
    bool echo;             /* our own request came back first */
    bool babble;           /* the line would not become silent */
    /* Not what was requested, but a good frame of the unit came: of another size or function. */
    uint8_t other_function, other_bytes; /* 0: none came */
    bool other_size;                     /* the same function, another size */
    bool awake;   /* the unit answered something else just before: see bus_exchange() */
    bool unasked; /* … and this: it did not, so that the request was not made */
};

struct transact {
    struct line *line;
    struct { /* Modbus TCP: what is being listened for */
        uint16_t transaction;
        size_t have; /* bytes of client.run */
        int64_t deadline_ns;
        int64_t behind_ns; /* the answer is there; what comes behind it until then tells whether it
                              is whole. 0: it is not */
    } awaited;
    struct rtu_client client; /* of the last request */
    struct rtu_client missed; /* of the last one that timed out: does its answer come late? */
    bool listening;
    int64_t missed_ns; /* when that was requested */
    uint16_t missed_size;
    struct rtu_client given; /* of the last answer: does it come twice? */
    bool watching;
    struct overheard {   /* another master's requests */
        uint64_t window; /* the newest eight bytes, `filled` of them not yet a request */
        uint8_t filled;
        uint16_t run_heard; /* bytes of the answer's run that were listened to */
        bool answer_awaited;
        struct rtu_client client; /* of its answer */
        int64_t until_ns;         /* the line is left to it until then, or its answer */
        uint64_t requests;        /* heard, ever */
        uint64_t foreign;         /* of them, those that can't be what another process asked before
                                     the line was opened, and an adapter echoes: after a reload */
    } overheard;
    struct echoes echoes; /* of our own requests */
    bool spoken_between;  /* to the unit, about something of the same form, since our request */
    struct owed *owed;    /* by unit, the owner's: what it was asked by others is owed, too. NULL:
                             no one keeps it */
    bool twice;           /* it did; the owner resets it */
    int64_t silence_ns;   /* between frames, the bus's own included */
    struct wake_latency aim; /* at the end of a silence */
    uint8_t late_unit;       /* a late answer of this unit came, 0: none; the owner resets it */
    int64_t late_after_ns;   /* … so long after its request */
    bool late_over;          /* … while nothing else was asked: its late window is over */
    atomic_bool stopping;    /* set by another thread: waits end within SLICE_NS with BUS_DOWN, and
                                twice that while bytes come */
    uint8_t broken_off;      /* the unit whose answer was not waited for then; 0: none */
    uint64_t stray_bytes, silence_violations, busy_ns;
};

/* The line stays the caller's and must live as long. */
void transact_init(struct transact *t, struct line *line);
/* Waits until `until_ns`, throwing away what comes. LINE_TIME, LINE_WOKEN or LINE_GONE. */
enum line_event transact_idle(struct transact *t, int64_t until_ns, bool wakes);
/* Throws away what has come on a connection without being asked for. False: the other end has
 * closed it. Never waits. */
bool transact_drop(struct transact *t);
/* The line must be open. After BUS_DOWN it must be closed. */
void transact_do(struct transact *t, const struct transact_request *request,
                 struct transact_answer *answer);
/* The same on Modbus TCP without waiting: sends the request, which must live until its end. True:
 * that was the end, `answer` says why. */
bool transact_begin(struct transact *t, const struct transact_request *request,
                    struct transact_answer *answer);
/* Takes what has come since. True: it is over. */
bool transact_go_on(struct transact *t, const struct transact_request *request,
                    struct transact_answer *answer);
/* When to go on although nothing comes. */
int64_t transact_until_ns(const struct transact *t);

#endif
