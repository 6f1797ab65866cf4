/* SPDX-License-Identifier: Apache-2.0 */
/* Which output is to be on, and who says so. Pure: times, truths and readings come as arguments,
 * orders to switch go out as values, and what became of each is reported back. All times are
 * monotonic; only a time of the day asks the wall clock. One thread at a time.
 *
 *            order OFF                 order ON: its cause holds, its pause is over, nobody
 *   UNKNOWN ───────────> OFF ──────────────────────────────────────────> ON   else owns it
 *      ^                  ^  order OFF: cause over, `until` reached, time over,     │
 *      │                  └─────────────── values gone, answered, stop ─────────────┤
 *      └── start, device silent, order failed, found otherwise <────────────────────┘
 *
 * With `until` a rule only begins it. An output whose state is not known is switched off before
 * anything else. A person's write owns it for `override_s`: it is neither switched on nor off
 * meanwhile, and off when that is over. An output that no action has any more, and that may be on
 * from before, is adopted: switched off, and let go. */
#ifndef BAIYE_ACTIONS_SWITCHING_H
#define BAIYE_ACTIONS_SWITCHING_H

#include "gateway/daemon/alerts/rules.h"
#include "gateway/forecast/ahead.h"

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
    SWITCH_LEFT,       /* on from before the start, and no action has it any more */
    SWITCH_STOP,       /* the gateway stops */
    SWITCH_RAIN        /* it is due, and left off, since rain is forecast */
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
    bool adopted;      /* no action has it: it is only switched off */
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
    uint32_t silent; /* looks without an answer, one after the other */
};

#define SWITCHING_ADOPTED_MOST 32u

struct switching_now {
    int64_t mono_ms;
    bool settled;   /* what was before the start is known: until then nothing is switched on */
    bool day_known; /* the wall clock is trusted */
    int minute;     /* of the day, in the site's time */
    int64_t wall_ms;
    const struct ahead *ahead; /* the weather that is forecast; NULL: none has been read */
};

/* `config` must outlive it. NULL: no memory. */
struct switching *switching_create(const struct config *config);
void switching_destroy(struct switching *switching);
uint16_t switching_output_count(const struct switching *switching);
const struct switching_output *switching_output(const struct switching *switching, uint16_t output);
/* The output of a register, also where the profile has another name for the same; -1: no action has
 * it, and it is off. */
int switching_find(const struct switching *switching, uint16_t device,
                   const struct write_config *write);

void switching_reading(struct switching *switching, const struct reading *reading);
/* A person is about to write it. on_most_s: so long it may be on; 0: as long as it is the
 * person's. */
void switching_person(struct switching *switching, uint16_t output, bool on, uint32_t on_most_s,
                      const char *user, int64_t mono_ms);
/* A person is about to write one that was adopted: it is left to people. */
void switching_release(struct switching *switching, uint16_t output);
/* What became of that; false: how it is now is not known. */
void switching_person_done(struct switching *switching, uint16_t output, bool good);

/* What is due. truths[i]: whether the cause of config.actions[i] holds (rule or call; not looked at
 * for times of the day). At most one order an output. */
uint16_t switching_tick(struct switching *switching, const struct switching_now *now,
                        const enum rules_truth *truths, struct switching_order *orders);
/* An action that is due is left to that rain: reported once for each time of the day, and once
 * while its rule holds and waits. false: there are no more. */
struct switching_skip {
    uint16_t action; /* config.actions */
    double rain_mm;
};
bool switching_skipped(struct switching *switching, struct switching_skip *skip);
/* Is the output off because of that, as far as was decided last? */
bool switching_rain(const struct switching *switching, uint16_t output,
                    struct switching_skip *skip);
/* The gateway stops: orders to switch off all that may be on. */
uint16_t switching_stop(struct switching *switching, int64_t mono_ms,
                        struct switching_order *orders);
/* How an order to switch ended. */
void switching_done(struct switching *switching, const struct switching_order *order, bool good,
                    int64_t mono_ms);
/* What a look found. Silent: nothing answered; not said: it answers, but can't be read. */
enum switching_found { SWITCH_FOUND_OFF, SWITCH_FOUND_ON, SWITCH_FOUND_SILENT, SWITCH_NOT_SAID };
void switching_seen(struct switching *switching, uint16_t output, enum switching_found found,
                    int64_t mono_ms);

/* ---- What outlives the process: persisted.h ---- */

/* Has anything of it changed since the last asking? */
bool switching_kept_changed(struct switching *switching);
/* When a time of the day was last taken, so that a restart within it does not take it again. */
struct switching_time {
    const char *action;
    uint16_t minute;
    bool ran;
    int64_t wall_ms;
};
/* The times of all actions, one after the other; false: there are no more. */
bool switching_time(const struct switching *switching, uint32_t index, struct switching_time *time);
/* Wall time at which a time was taken before the start. */
void switching_time_ran(struct switching *switching, const char *action, uint16_t minute,
                        int64_t wall_ms);
/* May be on from before the start: switched off, whether an action has it or not. */
void switching_adopt(struct switching *switching, const struct device_config *device,
                     const struct write_config *write, int32_t off);
/* Was a person's before the start: goes on being so, until `person_ms` or the longest override. */
void switching_keep_person(struct switching *switching, uint16_t output, const char *user,
                           int64_t person_ms, int64_t mono_ms);

#endif
