/* SPDX-License-Identifier: Apache-2.0 */
/* The alerts that stand: what they say, since when, who has seen them; and what of that the outside
 * has not been reported yet. Pure: times are arguments, nothing is sent or written here. One thread
 * at a time. */
#ifndef BAIYE_ALERTS_ACTIVE_H
#define BAIYE_ALERTS_ACTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/alerts/kinds.h"
#include "gateway/daemon/config/config.h"
#include "protocols/mqtt/alert_level.h"
#include "protocols/mqtt/json.h"

#define ALERT_WHAT_SIZE     256
#define ALERT_PLACE_SIZE    160
#define ALERT_DEVICES_SIZE  512
#define ALERT_QUANTITY_SIZE 96
#define ALERT_MOST          1024u /* standing at once; what is more is not raised */

/* By its name; an unknown one is an alarm. */
uint8_t alert_level_of(const char *name);

/* Ready to be read by people. "" where there is nothing to say. `what` says it whole; a screen that
 * shows the value in large digits takes `label` ("frost") and `quantity` ("air temperature"). */
struct alert_words {
    char what[ALERT_WHAT_SIZE], place[ALERT_PLACE_SIZE], todo[CONFIG_ADVICE_SIZE];
    char label[CONFIG_LABEL_SIZE], quantity[ALERT_QUANTITY_SIZE];
};

struct alert_text {
    char id[ALERT_ID_SIZE];       /* of the topic */
    char rule[CONFIG_NAME_SIZE];  /* "": the gateway's own */
    char where[CONFIG_NAME_SIZE]; /* name of a plot, device or line; "garden", "gateway" or "" */
    uint8_t level;                /* enum alert_level */
    struct alert_words words[METRIC_LANGUAGES];
    bool measured;         /* value, extreme, decimals and unit are known */
    bool stale;            /* value is the last known: nothing is heard any more */
    double value, extreme; /* now, and the worst since it began */
    uint8_t decimals;
    char unit[16];
    char devices[ALERT_DEVICES_SIZE]; /* names that hold it, separated by spaces */
};

struct alert {
    struct alert *next;
    struct alert_text text;
    int64_t begun_ms;           /* wall time when it was raised, as it was then: names its row */
    int64_t since_ms, ended_ms; /* wall time; ended 0: it stands */
    int64_t since_mono_ms;      /* 0: since_ms is what is known */
    int64_t heard_ms;           /* wall time: last measured beyond its limit; 0: not known */
    int64_t held_from_ms;       /* once it is over and a log has shown: from when to when it held */
    int64_t held_to_ms; /* by what was measured; 0: since_ms and ended_ms are what is known */
    char acked_by[65];  /* "": no one */
    int64_t acked_ms;
    /* What is still to be done. */
    bool publish, publish_now;      /* the topic; at once, or when its time has come */
    bool follow;                    /* the topic, where data cost nothing */
    bool save, save_now;            /* the row */
    bool saving;                    /* it is on its way to the store */
    int64_t published_ms, saved_ms; /* monotonic */
};

struct active;
struct active_now {
    int64_t mono_ms;
    struct wall_ms wall;
};

/* NULL: no memory. */
struct active *active_create(void);
void active_destroy(struct active *active);

/* It begins, or says something else. `since_mono_ms` 0: since `since_ms`, a wall time; that of one
 * that stands is kept. true: it begins. */
bool active_set(struct active *active, const struct alert_text *text, int64_t since_mono_ms,
                int64_t since_ms, const struct active_now *now);
/* Nothing when it does not stand. */
void active_end(struct active *active, const char *id, const struct active_now *now);
/* false: no such alert stands. */
bool active_acknowledge(struct active *active, const char *id, const char *user, int64_t at_ms);
/* One that stands; NULL. */
struct alert *active_find(const struct active *active, const char *id);
/* All, also those that ended and are not reported or written yet, by their beginning. */
struct alert *active_first(const struct active *active);
uint32_t active_count(const struct active *active);

/* The wall clock may have been set: `since` follows where the monotonic time is known. */
void active_clock(struct active *active, const struct active_now *now);
/* The topic of one that is not known any more is to be cleared. */
void active_ghost(struct active *active, const char *id);
/* Forgets those that ended and of which nothing is to be done any more. */
void active_sweep(struct active *active);

/* A row of before the start. Raised again meanwhile it goes on as the one it was: since then, seen
 * by whom, in its row. false: its text can't be read. */
bool active_restore(struct active *active, const char *id, int64_t begun_ms, const char *doc,
                    size_t size);

/* Has it been ended, and not begun again, before active_restored()? Then its row ends too. */
bool active_ended(struct active *active, const char *id);
/* All rows of before the start are there, or there is no more to come. */
void active_restored(struct active *active);

/* What a log says of an alert that is over (late.h). The text of its row with it: how bad it was,
 * and from when to when it held. false: it says nothing new, or of another time. */
struct late_stretch;
bool active_annotate(struct json_out *o, const char *doc, size_t size, int64_t ended_ms,
                     const struct late_stretch *stretch);

/* The payload of its topic. */
void active_json(struct json_out *o, const struct alert *alert);
/* The text of its row: {"v":1,…}. */
void active_doc(struct json_out *o, const struct alert *alert);

#endif
