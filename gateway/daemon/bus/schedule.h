/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is on one line. Pure: time is an argument (any monotonic microseconds).
 *
 * Each unit has a due time; the earliest due unit whose own quiet time is over goes next, so the
 * line is given to another while one unit's silence or late window runs. Phases are spread over
 * the period at the start. A try that fails is made again (SCHEDULE_TRIES at most for one poll),
 * after the unit's late window.
 *
 * A unit that keeps failing is dead: it leaves the cadence and is only probed, each time after 8 %
 * of the time that it has been away (1.6 s at least, PROBE_EVERY_US at most). All probes of a line
 * together get PROBE_SHARE of its time, three times that of a unit that has just gone: after a
 * probe that cost c the next one waits until c / PROBE_SHARE has passed. The one that is overdue
 * for longest goes first, and a probe's timeout is cut so that each has its turn within
 * PROBE_EVERY_US. When no unit lives there is no one to protect: dead units take turns and may take
 * IDLE_SHARE. The first good answer puts a unit back into the cadence, and when it was the first
 * after all were dead (a cable, a power supply), all are tried at once. */
#ifndef BAIYE_BUS_SCHEDULE_H
#define BAIYE_BUS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_TRIES   3 /* of one poll */
#define SCHEDULE_TIMEOUT 2 /* what a try without answer adds to `weakness` */
#define SCHEDULE_GARBLED 1 /* what a garbled one adds */
#define SCHEDULE_DEAD    8 /* weakness at which a unit counts as dead */

#define SCHEDULE_MAX_WAIT_US 2000000 /* how long polls may keep background requests waiting */

enum schedule_outcome {
    SCHEDULE_ANSWERED, /* also an exception: it lives */
    SCHEDULE_SILENT,
    SCHEDULE_NOISE /* bytes, but no answer */
};

struct schedule_unit {
    int64_t due_us;    /* when its next poll should be made */
    int64_t quiet_us;  /* not before this: own silence, late window */
    int64_t period_us; /* from config */
    int64_t probed_us; /* dead: last probe */
    int64_t good_us;   /* its last answer; at first when polling began */
    uint8_t tries;     /* failed ones of this poll */
    uint8_t weakness;  /* 0: the last try was good */
    bool dead;
    bool seen; /* it has answered since the start: its probes are short */
};

struct schedule {
    struct schedule_unit *units; /* the caller's */
    uint16_t unit_count, dead_count;
    int64_t next_probe_us;
    int64_t revived_us; /* last time that all dead units were given a try at once */
};

/* What schedule_next() says besides the unit. */
struct schedule_turn {
    int unit;            /* -1: no one yet */
    int64_t wake_us;     /* with -1: when to call again */
    int64_t cost_max_us; /* probes: take the line at most this long; 0: no limit */
};

/* unit.period_us is set by the caller; phases are spread from `now`. */
void schedule_init(struct schedule *s, struct schedule_unit *units, uint16_t unit_count,
                   int64_t now_us);
struct schedule_turn schedule_next(const struct schedule *s, int64_t now_us);

/* Does a background request that waits since `waits_us` go before this turn? */
bool schedule_yields(const struct schedule_turn *turn, int64_t waits_us, int64_t now_us);

/* A try ended at `now`, having taken the line for `cost_us`. The unit is left alone until
 * `quiet_us`. True when the poll is over, good or bad; false when it will be tried again. */
bool schedule_end(struct schedule *s, unsigned unit, enum schedule_outcome outcome, int64_t now_us,
                  int64_t cost_us, int64_t quiet_us);
/* Puts a poll's next time (units that report when their next sample is). */
void schedule_set_due(struct schedule *s, unsigned unit, int64_t due_us);
/* Dues of a unit that have passed without a poll (it is dead, or the line is down): their number;
 * the due time moves on past `now`. */
uint32_t schedule_skip(struct schedule *s, unsigned unit, int64_t now_us);
/* A dead unit answered, too late for its probe: it gets one try with all its time, now. */
void schedule_heard(struct schedule *s, unsigned unit, int64_t now_us);
/* The line came back: failures of before are forgotten, everybody is tried soon. */
void schedule_restart(struct schedule *s, int64_t now_us);

#endif
