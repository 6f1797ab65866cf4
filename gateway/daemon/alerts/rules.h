/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the configuration, judged over readings. Pure: readings and times come as arguments,
 * what follows is reported by a callback. One thread at a time.
 *
 *   reading ─> spot (a rule at a device: side of the limit, since when) ─> cause (a rule at a
 * place)
 *
 * A spot holds when its value has been beyond the limit for the rule's time, and lets go when it is
 * beyond `clear` on the other side; between the two it stays as it is. A cause stands as long as
 * any of its spots holds: six cold thermometers are one frost. What is not believed (flagged), late
 * or the first increment behind a silence judges nothing; what comes late of the time in which a
 * cause stands counts for its extreme; the first reading behind a silence decides nothing alone.
 * All times of decisions are monotonic: a step of the wall clock changes nothing. */
#ifndef BAIYE_ALERTS_RULES_H
#define BAIYE_ALERTS_RULES_H

#include "gateway/daemon/config/config.h"

struct rules;

#define RULES_ID_SIZE 96

/* One rule at one place. */
struct rules_cause {
    const struct alert_rule *rule;
    int32_t plot, device; /* index of the place; both -1: the garden */
    bool stands;
    int64_t since_mono_ms; /* since when the value has been beyond the limit */
    uint32_t holding;      /* spots that hold */
    bool silent;           /* none of them has been measured lately: `value` is the last known */
    /* The worst of those that are fresh, and the worst since it stands; NAN: not measured since the
     * start. With `per_s` changes. */
    double value, extreme;
    int64_t
        heard_mono_ms; /* when it ends: last measured beyond its limit; 0: not since the start */
};

/* A cause has begun, has changed (value, extreme, spots), or has ended. */
typedef void (*rules_changed)(void *context, const struct rules_cause *cause);

/* What the clocks say: the wall clock for hours and months. */
struct rules_time {
    int64_t mono_ms; /* 0: readings alone say how time goes */
    bool known;      /* else all hours and months count */
    int minute;      /* of the day, in the site's time */
    int month;       /* 0 January … 11 */
};

/* `config` must outlive it. NULL: no memory. */
struct rules *rules_create(const struct config *config, rules_changed changed, void *context);
void rules_destroy(struct rules *rules);
/* What a log says: the cause, whether it stands or not, was beyond its limit then. */
typedef void (*rules_late)(void *context, const struct rules_cause *cause, int64_t at_ms,
                           double value);
void rules_on_late(struct rules *rules, rules_late late);

void rules_reading(struct rules *rules, const struct reading *reading);
/* Is that within the rule's hours and months? */
bool rules_counts(const struct alert_rule *rule, const struct rules_time *time);
/* Once a second or so: rules whose hours or months begin or end, and causes that nothing is heard
 * of any more; of these `changed` reports nothing: see rules_each(). */
void rules_time_is(struct rules *rules, const struct rules_time *time);
/* A cause stood before the start: it goes on, held by those of its devices that are named here
 * (separated by spaces). `extreme`: NAN when not known; `since_mono_ms` may lie before this boot.
 * false: no rule has it, or none of its devices is left. */
bool rules_restore(struct rules *rules, const char *id, const char *devices, double extreme,
                   int64_t since_mono_ms);
/* Names of the devices that hold a cause, separated by spaces; those that do not fit are left out.
 * The number of those that hold. */
uint32_t rules_devices(const struct rules *rules, const struct rules_cause *cause, char *out,
                       size_t size);
/* "frost" of the garden is frost-garden, else <rule>-<plot or device>. */
void rules_id(const struct rules *rules, const struct rules_cause *cause, char id[RULES_ID_SIZE]);
/* Another cause says the same more gravely: the same metric beyond a limit on the same side at the
 * same place, with a higher level. */
bool rules_outranked(const struct rules *rules, const struct rules_cause *cause);
/* Does a rule hold at one of these devices? By values that are fresh: one from which nothing that
 * is believed has come for a while is not known, nor is one that held before the start and has not
 * been measured since. */
enum rules_truth { RULES_NO, RULES_YES, RULES_UNKNOWN };
enum rules_truth rules_holds(const struct rules *rules, uint16_t rule, const uint16_t *devices,
                             uint16_t count, int64_t now_mono_ms);
/* How often a device's metric of that index is read. */
int64_t rules_period_ms(const struct device_config *device, uint8_t field);
/* For so long what is read that often is fresh. */
int64_t rules_fresh_ms(int64_t every_ms);
/* Is a value believed: measured, finite, and not flagged as wrong? */
bool rules_believes(const struct reading_value *value);
/* Calls `each` for every cause that stands. */
void rules_each(const struct rules *rules, rules_changed each, void *context);

#endif
