/* SPDX-License-Identifier: Apache-2.0 */
/* Will frost hurt the sprouting buds tonight? Pure: hours and times in, a level and its reason out.
 *
 * - Sprouted shoots take harm from 4 °C of air on (Meng et al. 2019; Qian et al. 2023); in the
 *   record of 1961-2020 3.7 °C tells 93 % of the events. Levels after the grades in daily use:
 *   watch <= 4 °C, alarm <= 2 °C, severe <= 0 °C, of the air or of the canopy, whichever is colder.
 * - Buds that sleep take no harm: nothing is told before half of the thermal time at which picking
 *   opens (67 °C d above 10 °C: Jiang Run et al. 2014, Baiye 1), so that a winter's frosts cry no
 *   wolf; nor after the fifth month. Where the thermal time is not known, from the second month on.
 * - From 20:00 to 06:00 the morning's least is reckoned: a line through the last three hours, on to
 *   06:00; not below the dew point, where condensing water gives its heat back. The line is the
 *   project's own rule and errs to the cold side: cooling slackens through a night. */
#ifndef BAIYE_TEA_FROST_H
#define BAIYE_TEA_FROST_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/tea/hours.h"

#define FROST_WATCH_C   4.0
#define FROST_ALARM_C   2.0
#define FROST_SEVERE_C  0.0
#define FROST_GATE_CD   33.5 /* half of the 67 °C d of the opening */
#define FROST_FIRST_DAY 31   /* of the season, where the thermal time is not known */
#define FROST_LAST_DAY  150
#define FROST_FRESH_MS  (2 * TEA_HOUR_MS) /* an hour that began before is not "now" */

/* In the order of harm. */
enum frost_level { FROST_UNKNOWN = -1, FROST_NONE = 0, FROST_WATCH, FROST_ALARM, FROST_SEVERE };

struct frost_input {
    struct tea_hours recent; /* the last hours, the one under way included; 5 are enough */
    int64_t now_ms;
    int64_t night_ms, morning_ms; /* the 20:00 and 06:00 of the site around now, or the next */
    double thermal_time;          /* °C d since the season's beginning; NAN: not known */
    int season_day;               /* 0 on its first day */
};

struct frost {
    enum frost_level level;
    double min_c;  /* what the level is of; NAN: nothing to tell */
    int64_t at_ms; /* when; 0: nothing to tell */
    bool reckoned; /* min_c is yet to come */
    char why[160], why_zh[200];
};

void frost_judge(const struct frost_input *input, struct frost *frost);

/* "none", "watch", "alarm", "severe"; NULL for FROST_UNKNOWN. */
const char *frost_level_name(enum frost_level level);
/* Only by the temperature, whatever the buds do. */
enum frost_level frost_level_of(double temp_c);
/* The temperature at which that air is saturated, Magnus's formula over water with the coefficients
 * of FAO-56 eq. 11; NAN for what is no humidity (%RH). */
double frost_dew_point_c(double temp_c, double humidity);
/* The least until `morning_ms`: NAN without three hours of temperature, or without humidity. */
double frost_morning_c(const struct tea_hours *recent, int64_t now_ms, int64_t morning_ms);

#endif
