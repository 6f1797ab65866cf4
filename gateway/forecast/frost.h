/* SPDX-License-Identifier: Apache-2.0 */
/* Will frost hurt the sprouting buds tonight? Pure: hours and times in, a level and its reason out.
 *
 * - Sprouted shoots take harm from 4 °C of air on (Meng et al. 2019; Qian et al. 2023): on clear
 *   calm nights a leaf lies 3-4 K below the air at 1.5 m (Takaichi & Yonetani 1990). In the record
 *   of 1961-2020 3.7 °C tells 93 % of the events. The levels, watch <= 4 °C, alarm <= 2 °C, severe
 *   <= 0 °C of the air or of the canopy, whichever is colder, are this project's.
 * - Buds that are hardly out take little harm: nothing is told before half of the thermal time at
 *   which picking opens (67 °C d above 10 °C: Jiang Run et al. 2014, Baiye 1; the half is an
 *   assumption), so that a winter's frosts cry no wolf; nor after the fifth month. Where the
 * thermal time is not known, from the second month on. Earlier cultivars need another gate.
 * - From two hours after sunset on the morning's least is reckoned: the air has fallen by the
 * square root of the time since sunset (Brunt 1932; so too FAO's frost protection, Snyder & de
 *   Melo-Abreu 2005), on to sunrise. Condensing water slows that: not more than 4 K below the
 *   evening's dew point, an assumption (sample nights of FAO's method end up to 5 K below it). */
#ifndef BAIYE_FORECAST_FROST_H
#define BAIYE_FORECAST_FROST_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/forecast/hours.h"

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
    struct tea_hours recent; /* the last hours, the one under way included; 6 are enough */
    int64_t now_ms;
    int64_t sunset_ms, sunrise_ms; /* sun_night(); 0: the place is not known */
    double thermal_time;           /* °C d since the season's beginning; NAN: not known */
    int season_day;                /* 0 on its first day */
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
/* The least until sunrise: NAN without two hours of temperature since sunset, or without humidity.
 */
double frost_morning_c(const struct frost_input *input);

#endif
