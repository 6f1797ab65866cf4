/* SPDX-License-Identifier: Apache-2.0 */
/* What the screen knows: the values its pages name, alerts, forecast, and how far all of it may be
 * believed at a moment. Pure: time and bytes come as arguments; all memory is one struct, taken
 * once, so that no message can make it grow. One thread.
 *
 * Time. `wall` may be wrong or step, `mono` never steps. Once the gateway has told its time
 * (state_time()), the screen's clock is mono plus that offset, and the wall clock counts no more.
 * A value's age is the larger of (clock - its ts) and the monotonic time since it was first seen:
 * a clock that steps back makes nothing young again. */
#ifndef BAIYE_LED_STATE_H
#define BAIYE_LED_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/led/strings.h"
#include "protocols/metric/metric.h"

#define STATE_NAME_SIZE     33 /* [a-z0-9-]{1,32} and NUL; metrics too */
#define STATE_LABEL_SIZE    49 /* cut with an ellipsis when longer */
#define STATE_UNIT_SIZE     16
#define STATE_TEXT_SIZE     193
#define STATE_PLACE_SIZE    161
#define STATE_ALERT_ID_SIZE 96 /* <rule>-<place> of the gateway */
#define STATE_SOURCES_MAX   48
#define STATE_SLOTS_MAX     96
#define STATE_ALERTS_MAX    16
#define STATE_DISEASES_MAX  3
#define STATE_TREND_POINTS  16
#define STATE_SETTLE_MS     5000
#define STATE_PAYLOAD_MAX   65536 /* larger messages are not looked at */

struct led_now {
    int64_t mono_ms;      /* CLOCK_BOOTTIME: goes on through suspend and SIGSTOP */
    int64_t wall_ms;      /* UTC by the local clock */
    int32_t utc_offset_s; /* of the site's timezone, east positive */
};

enum source_kind { SOURCE_PLOT = 0, SOURCE_DEVICE, SOURCE_FORECAST };

/* Whatever sends values together under one topic. */
struct state_source {
    uint8_t kind;
    char name[STATE_NAME_SIZE];   /* "" for the forecast */
    char label[STATE_LABEL_SIZE]; /* from the site's description; "" : none */
    bool seen, proven;            /* proven: came live or with a time that fits the clock */
    int64_t ts_ms, every_ms;
    int64_t seen_mono_ms; /* when this ts was first seen */
};

struct state_point {
    int64_t mono_ms;
    double value;
};

/* One metric of one source, because a page shows it. */
struct state_slot {
    uint8_t source;
    char scope[STATE_NAME_SIZE]; /* forecast: the plot, or "frost" */
    char metric[STATE_NAME_SIZE];
    char unit[STATE_UNIT_SIZE]; /* from the site's description; "": not said */
    bool present;               /* the source's last message had a value */
    bool triple;                /* 10/50/90 % in low, value, high */
    uint8_t flag;               /* enum metric_flag */
    double value, low, high;
    double limit_low, limit_high; /* beyond them the value is marked; +-HUGE_VAL: none */
    struct state_point points[STATE_TREND_POINTS];
    uint8_t point_count; /* newest last */
    int64_t day;         /* local day of min and max, days since 1970 */
    bool day_whole;      /* nothing of the day was missed */
    double day_min, day_max;
    bool sums;      /* of increments, such as rain: the day's sum is shown */
    double day_sum; /* by the gateway's history, of `day` if it is whole */
};

struct state_alert {
    bool used, measured; /* measured: value and unit are known */
    bool confirmed;      /* the broker sent it since the connection came up */
    char id[STATE_ALERT_ID_SIZE];
    uint8_t level; /* enum alert_level */
    int64_t since_ms;
    char what[LANGUAGE_COUNT][STATE_TEXT_SIZE];
    char where[STATE_LABEL_SIZE];                 /* name of a plot, device or line */
    char place[LANGUAGE_COUNT][STATE_PLACE_SIZE]; /* the gateway's words for it; "": none */
    char todo[LANGUAGE_COUNT][STATE_TEXT_SIZE];
    /* Of one that is measured: "frost", "air temperature", "-1.4" and "°C". "": not said. */
    char label[LANGUAGE_COUNT][STATE_LABEL_SIZE], quantity[LANGUAGE_COUNT][STATE_LABEL_SIZE];
    char value[16], unit[STATE_UNIT_SIZE];
};

struct state_disease {
    char name[STATE_NAME_SIZE];
    char level[16];
};

enum gateway_state { GATEWAY_UNKNOWN = 0, GATEWAY_ONLINE, GATEWAY_OFFLINE };

struct state {
    int64_t batch_ms; /* the broker's batch time, part of the staleness rule */
    char farm[STATE_LABEL_SIZE];
    struct state_source sources[STATE_SOURCES_MAX];
    struct state_slot slots[STATE_SLOTS_MAX];
    struct state_alert alerts[STATE_ALERTS_MAX];
    struct state_disease diseases[STATE_DISEASES_MAX];
    char frost_level[16];
    uint8_t source_count, slot_count, disease_count;
    bool connected; /* to the broker */
    uint8_t gateway;
    int64_t link_mono_ms, gateway_mono_ms; /* since when */
    char timezone[64]; /* of the site's description; "": it has none that is a name */
    bool clock_known;
    int64_t clock_offset_ms; /* gateway's UTC - mono */
    bool located;
    double latitude, longitude; /* from the site's description */
    uint32_t rejected;          /* messages that could not be understood */
};

enum shown {
    SHOWN_WAITING = 0, /* nothing came yet */
    SHOWN_GOOD,
    SHOWN_MARKED, /* true, with a caution (flag): uncalibrated, clock */
    SHOWN_STALE,  /* "--" and its age */
    SHOWN_BAD     /* "--" and its flag */
};

struct led_value {
    enum shown shown;
    enum metric_flag flag;
    bool triple;
    double value, low, high;
    int64_t age_ms; /* -1: unknown */
    int trend;      /* -1 falls, 0 steady or unknown, 1 rises, within about an hour */
    int beyond;     /* -1 below, 1 above the site's limits */
    bool has_range;
    double min, max; /* of the local day, only when the whole day was seen */
};

void state_init(struct state *state);
/* The slot of "plot/NAME/METRIC", "dev/NAME/METRIC", "forecast/PLOT/FIELD" or "frost/min_c";
 * made when new. -1: not such a reference, or no room. */
int state_slot(struct state *state, const char *reference);
/* "plot/NAME" or "dev/NAME": its label is wanted. False: neither, or no room. */
bool state_watch(struct state *state, const char *source);

/* One MQTT message; `topic` without "baiye/<site>/". What is not understood changes nothing. */
void state_message(struct state *state, const char *topic, const void *payload, size_t size,
                   bool retained, const struct led_now *now);
/* For ingest.c: a slot got a new value from a message whose source had ts `before_ts_ms` until now
 * (0: none): its trend and its day's range move on. */
void state_slot_taken(struct state *state, struct state_slot *slot, int64_t before_ts_ms,
                      const struct led_now *now);
/* The broker's connection came or went. */
void state_link(struct state *state, bool connected, const struct led_now *now);
/* Drops alerts that were cleared while there was no connection: the broker sends every retained
 * one within STATE_SETTLE_MS of the connection's beginning. Call it before drawing. */
void state_settle(struct state *state, const struct led_now *now);
/* The gateway answered that it was `gateway_ms` at a moment between `asked_mono_ms` and now. */
void state_time(struct state *state, int64_t gateway_ms, int64_t asked_mono_ms,
                const struct led_now *now);
/* Min and max of the local day so far, from the gateway's history. */
void state_day(struct state *state, int slot, double min, double max, const struct led_now *now);
/* The same of what adds up: its sum. */
void state_day_sum(struct state *state, int slot, double sum, const struct led_now *now);
/* Should the gateway be asked for the day's min and max, or sum, of this slot? Of a sum again and
 * again: a plot's messages repeat an increment, so that they can't be added up here. */
bool state_wants_day(const struct state *state, int slot, const struct led_now *now);

/* UTC, milliseconds. */
int64_t state_clock_ms(const struct state *state, const struct led_now *now);
struct led_value state_value(const struct state *state, int slot, const struct led_now *now);
/* "plot/upper" -> its label, or name. NULL: no page names this source. */
const char *state_label(const struct state *state, const char *source);
/* What an alert calls its place: the label of the plot or device of that name, if known. */
const char *state_place(const struct state *state, const char *name);
/* Where an alert is, in people's words. */
const char *state_alert_place(const struct state *state, const struct state_alert *alert,
                              enum language language);
/* Of the used alerts with at least `level`: how many, and the i-th, worst and newest first. */
int state_alert_count(const struct state *state, int level);
const struct state_alert *state_alert(const struct state *state, int level, int index);
bool state_forecast_fresh(const struct state *state, const struct led_now *now);

#endif
