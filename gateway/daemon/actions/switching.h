/* SPDX-License-Identifier: Apache-2.0 */
/* Which output is to be on, and who says so. Pure: times, truths and readings come as arguments,
 * orders to switch go out as values, and what became of each is told. All times are monotonic; only
 * a time of the day asks the wall clock. One thread at a time.
 *
 *            order OFF                 order ON: its cause holds, its pause is over, nobody
 *   UNKNOWN ───────────> OFF ──────────────────────────────────────────> ON   else owns it
 *      ^                  ^  order OFF: cause over, `until` reached, time over,     │
 *      │                  └─────────────── values gone, answered, stop ─────────────┤
 *      └── start, device silent, order failed, found otherwise <────────────────────┘
 *
 * With `until` a rule only begins it. An output whose state is not known is switched off before
 * anything else. A person's write owns it for `override_s`: it is neither switched on nor off
 * meanwhile, and off when that is over. */
#ifndef BAIYE_ACTIONS_SWITCHING_H
#define BAIYE_ACTIONS_SWITCHING_H

#include "gateway/daemon/alerts/rules.h"

struct switching;

enum switching_why {
    SWITCH_RULE,       /* its rule holds */
    SWITCH_TIME,       /* its time of the day has come */
    SWITCH_CALL,       /* people are called by it */
    SWITCH_OVER,       /* its cause is over, or somebody has answered */
    SWITCH_REACHED,    /* `until` is reached */
    SWITCH_LONGEST,    /* its longest time is over */
    SWITCH_NO_VALUES,  /* nothing fresh to go by */
    SWITCH_START,      /* as it was when the gateway started is not known */
    SWITCH_SILENT,     /* nor when its device was silent */
    SWITCH_FAILED,     /* nor when an order failed */
    SWITCH_OTHERWISE,  /* it was found otherwise than it was left */
    SWITCH_PERSON_END, /* the person's time is over */
    SWITCH_STOP        /* the gateway stops */
};
/* For audit and log. */
const char *switching_why_text(enum switching_why why);

enum switching_do { SWITCH_ON, SWITCH_OFF, SWITCH_LOOK };

/* What is to be done at the device; at most one of an output is under way. */
struct switching_order {
    uint16_t output;
    uint8_t what;   /* enum switching_do */
    uint8_t why;    /* enum switching_why; not with SWITCH_LOOK */
    int32_t action; /* config.actions: whose it is; -1: nobody's */
};

enum switching_state { SWITCH_IS_UNKNOWN, SWITCH_IS_OFF, SWITCH_IS_ON };

struct switching_output {
    const struct device_config *device;
    const struct write_config *write;
    int32_t off;
    uint8_t state; /* enum switching_state */
    uint8_t why;   /* enum switching_why: of the last order */
    bool asking;
    bool person;       /* a person owns it */
    bool overtaken;    /* a person wrote while an order was under way: how that ends says nothing */
    bool off_failed;   /* it can't be switched off */
    int32_t on_failed; /* this action can't switch it on; -1 */
    int32_t action;    /* that has it on; -1 */
    char user[65];     /* of the person */
    int64_t on_ms;     /* since when it may be on */
    int64_t off_ms;    /* since when it is off for sure */
    int64_t person_ms; /* until then */
    int64_t retry_ms, look_ms;
    uint32_t tries;
};

struct switching_now {
    int64_t mono_ms;
    bool day_known; /* the wall clock is trusted */
    int minute;     /* of the day, in the site's time */
    int64_t wall_ms;
};

/* `config` must outlive it. NULL: no memory. */
struct switching *switching_create(const struct config *config);
void switching_destroy(struct switching *switching);
uint16_t switching_output_count(const struct switching *switching);
const struct switching_output *switching_output(const struct switching *switching, uint16_t output);
/* The output of a register; -1: no action has it. */
int switching_find(const struct switching *switching, uint16_t device,
                   const struct write_config *write);

void switching_reading(struct switching *switching, const struct reading *reading);
/* A person is about to write it. */
void switching_person(struct switching *switching, uint16_t output, bool on, const char *user,
                      int64_t mono_ms);
/* What became of that; false: how it is now is not known. */
void switching_person_done(struct switching *switching, uint16_t output, bool good);

/* What is due. truths[i]: whether the cause of config.actions[i] holds (rule or call; not looked at
 * for times of the day). At most one order an output. */
uint16_t switching_tick(struct switching *switching, const struct switching_now *now,
                        const enum rules_truth *truths, struct switching_order *orders);
/* The gateway stops: orders to switch off all that may be on. */
uint16_t switching_stop(struct switching *switching, int64_t mono_ms,
                        struct switching_order *orders);
/* How an order to switch ended. */
void switching_done(struct switching *switching, const struct switching_order *order, bool good,
                    int64_t mono_ms);
/* What a look found. */
void switching_seen(struct switching *switching, uint16_t output, bool answered, bool on,
                    int64_t mono_ms);

/* When each time of the day was last taken, so that a restart within it does not take it again.
 * changed: since the last asking. */
bool switching_times_changed(struct switching *switching);
/* {"v":1,"ran":{"<action> 06:00":<wall ms>,…}}; its length, 0: does not fit. */
size_t switching_times_write(const struct switching *switching, char *doc, size_t size);
/* Wall time at which a time was taken before the start. */
void switching_time_ran(struct switching *switching, const char *action, uint16_t minute,
                        int64_t wall_ms);

#endif
