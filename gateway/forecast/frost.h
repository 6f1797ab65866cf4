/* SPDX-License-Identifier: Apache-2.0 */
/* Will frost hurt the sprouting buds tonight? Pure: hours and times in, a level and its reason out.
 *
 * - Sprouted shoots take harm from 4 °C of air on (Meng et al. 2019; Qian et al. 2023): on clear
 *   calm nights a leaf lies 3-4 K below the air at 1.5 m (Takaichi & Yonetani 1990). In the record
 *   of 1961-2020 3.7 °C tells 93 % of the events. The levels, watch <= 4 °C, alarm <= 2 °C, severe
 *   <= 0 °C of the air or of the canopy, whichever is colder, are this project's.
 * - Buds that are hardly out take little harm: nothing is said before half of the thermal time at
 *   which picking opens (67 °C d above 10 °C: Jiang Run et al. 2014, Baiye 1; the half is an
 *   assumption; an earlier or later plot's own opening where it is known), so that a winter's
 * frosts cry no wolf; nor after the fifth month. Where the thermal time is not known, from the
 * second month on.
 * - From two hours after sunset on the morning's least is computed. The fall still to come follows
 *   the root of the hours left (Brunt 1932), by what the evening shows (K and h; T of the air, drop
 * since sunset, dew: T - Td): sqrt(left) (0.533 - 0.0248 T - 0.0570 dew - 0.156 drop / sqrt(since))
 * - 0.198 left fitted by tools/fit-frost on the hours of Portland and Seattle in 2014, less the
 * plot's own mean error of its last FROST_NIGHTS nights: a hollow falls further than the formula
 * knows. On the winter nights of three stations that it was not fitted on (New York, 2013) it errs
 * by 1.46 K three hours after sunset (tools/bench forecast).
 * - What is said is a distribution. A level is given when its chance is at least `alarm_chance`:
 * the cost of a night's work over that of a lost first flush. */
#ifndef BAIYE_FORECAST_FROST_H
#define BAIYE_FORECAST_FROST_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/forecast/hours.h"

#define FROST_WATCH_C      4.0
#define FROST_ALARM_C      2.0
#define FROST_SEVERE_C     0.0
#define FROST_GATE_CD      33.5 /* half of the 67 °C d of the opening */
#define FROST_FIRST_DAY    31   /* of the season, where the thermal time is not known */
#define FROST_LAST_DAY     150
#define FROST_ALARM_CHANCE 0.3 /* a lost first flush costs three times a night's work, and more */
#define FROST_FRESH_MS     (2 * TEA_HOUR_MS) /* an hour that began before is not "now" */

/* In the order of harm. */
enum frost_level { FROST_UNKNOWN = -1, FROST_NONE = 0, FROST_WATCH, FROST_ALARM, FROST_SEVERE };

struct frost_input {
    struct tea_hours recent; /* the last hours, the one under way included; a day is enough */
    int64_t now_ms;
    int64_t sunset_ms, sunrise_ms; /* sun_night(); 0: the place is not known */
    double bias_k;                 /* frost_bias_k() of the plot's last nights; 0: not known */
    double alarm_chance;           /* 0..1; 0: FROST_ALARM_CHANCE */
    double gate_cd;                /* half of the plot's opening, °C d; 0: FROST_GATE_CD */
    double thermal_time;           /* °C d since the season's beginning; NAN: not known */
    int season_day;                /* 0 on its first day */
};

struct frost {
    enum frost_level level;
    double min_c;        /* what the level is of; NAN: nothing to report */
    int64_t at_ms;       /* when; 0: nothing to report */
    bool expected;       /* min_c is yet to come */
    double range_c[2];   /* 10 and 90 % of the morning's least; NAN: nothing computed */
    double chance_alarm; /* of FROST_ALARM_C or less by the morning, 0..1; NAN: nothing computed */
    char why[200], why_zh[240];
};

void frost_judge(const struct frost_input *input, struct frost *frost);

/* "none", "watch", "alarm", "severe"; NULL for FROST_UNKNOWN. */
const char *frost_level_name(enum frost_level level);
/* Only by the temperature, whatever the buds do. */
enum frost_level frost_level_of(double temp_c);
/* What the evening shows, in the middle of its newest hour; NAN: not known. */
struct frost_evening {
    double now_c, air_c;    /* now: of the canopy where it is measured */
    double drop_k;          /* since sunset */
    double dew_k;           /* air less its dew point */
    double change_k;        /* in the last hour */
    double since_h, left_h; /* since sunset, until sunrise */
};
struct frost_evening frost_evening(const struct frost_input *input);
/* The least until sunrise, and the standard deviation of it. */
struct frost_night {
    double min_c, sd_k; /* NAN: not two hours since sunset, or no humidity, or none around sunset */
};
struct frost_night frost_night(const struct frost_input *input);
/* The chance that it falls to that or less, 0..1; NAN: not known. */
double frost_chance(const struct frost_night *night, double to_c);

/* Errors of what was computed three hours after sunset, computed less measured, one a night, oldest
 * first, NAN where not known: their mean over the last FROST_NIGHTS, nearer to 0 while they are
 * few. */
#define FROST_NIGHTS 20
double frost_bias_k(const double *errors_k, int count);
/* That error of a night that is over; NAN: not known. `night` as in the evening, without bias;
 * `recent` to hold the hours until sunrise. */
double frost_error_k(const struct frost_input *night);

#endif
