/* SPDX-License-Identifier: Apache-2.0 */
/* How warmth, dry air and dry soil move the shoots of a tea bush: the formulas below the estimate
 * of tomorrow's pick (pick.h). Pure functions of measured values; any thread. A number that cannot
 * be given is NaN, and NaN in gives NaN out where nothing else is said. The constants come from
 * other gardens (Malawi, Jiangsu): a starting guess, which pick.h corrects by what is picked. */
#ifndef BAIYE_FORECAST_GROWTH_H
#define BAIYE_FORECAST_GROWTH_H

#include <stdbool.h>

#define GROWTH_HOURS 24
/* Baiye 1 in Liyang, 10 years: the steadier index (Jiang et al. 2014) */
#define GROWTH_BASE_C    10.0
#define GROWTH_CEILING_C 30.0 /* more warmth than this does not help: an assumption */
#define GROWTH_GAP_HOURS 4    /* longer gaps are not bridged: the daily curve bends in between */
#define GROWTH_DAY_HOURS 18   /* fewer hours than these don't make a day */
#define GROWTH_AIR_MIN_C (-50.0)
#define GROWTH_AIR_MAX_C 60.0 /* what lies outside is no air temperature, but a fault */

/* One day of a plot, local midnight to midnight. */
struct growth_day {
    double degree_days;     /* 0..20 °C d above the base; NaN: too few hours */
    double mean_c;          /* of the 24 hours, short gaps bridged; NaN: too few hours */
    unsigned missing_hours; /* 0..24, as measured, before any bridging */
};

/* Effective temperature of a day, G = (1/24) sum max(0, min(T_h, 30) - 10) °C d, from hourly means
 * in °C (NaN: not measured). The sum over hours counts warm afternoons of days whose mean is below
 * the base. Gaps of up to GROWTH_GAP_HOURS are bridged by a straight line (at the ends of the day
 * by the nearest hour). Base: extension is linear above 12.5-13 °C in Malawi (Squire 1979, Exp.
 * Agric.), above 8.9-11.3 °C in six clones of Tanzania (Burgess & Carr 2001). */
struct growth_day growth_day(const double hourly_c[GROWTH_HOURS]);

/* The same of the day's mean alone, max(0, min(mean, 30) - 10): the index in which the opening of
 * picking is published (pick.h), so it is what the shoots' thermal time sums. NaN gives NaN. */
double growth_daily_cd(double mean_c);

/* Share of growth that the day's largest vapour pressure deficit leaves, 0.2..1: extension is
 * severely depressed above 2.3 kPa (Tanton 1982 II); the slope of 0.5 per kPa is an assumption. NaN
 * (no sensor): 1. */
double growth_vpd_limit(double largest_kpa);

/* Share of growth that the soil's water leaves, min(1, REW / 0.4), GROWTH_WATER_LEAST..1: an
 * assumption; FAO-56's Ks for tea would begin to fall at 0.6. One probe stands for roots of half a
 * metre and errs by some % of volume, which is a third of what loam holds: even at the wilting
 * point it leaves the least. NaN (no sensor): 1. */
#define GROWTH_WATER_LEAST 0.4
double growth_water_limit(double extractable_water);

/* What limits may take from a season's thermal time: its own uncertainty, 35 °C d (pick.h's prior
 * of when the shoots are ready). A probe in a dry pocket delays the season so far and no further.
 * Start from 0; takes a day's growth without and under the limits, returns what counts of it. NaN
 * of `free_cd` gives NaN and changes nothing. */
#define GROWTH_LIMITS_MOST_CD 35.0
double growth_limits_take(double *taken_cd, double free_cd, double limited_cd);

/* Growth of a day under both limits, °C d: the smaller of the two rules, as the scarcest thing does
 * (Liebig's law). A limit of NaN counts as 1; degree_days of NaN gives NaN. */
double growth_limited(double degree_days, double vpd_limit, double water_limit);

/* Stable passing of 10 °C: the season's start in Chinese agrometeorology, where the 5-day running
 * mean reaches the base and does not fall below it again. "Never again" is not known on the day,
 * so: the running mean has been there for GROWTH_PASS_RUN days in a row. From then on it stays
 * passed, through any late cold spell. Start from zeros. */
#define GROWTH_PASS_DAYS 5
#define GROWTH_PASS_RUN  5
struct growth_passing {
    double mean_c[GROWTH_PASS_DAYS]; /* ring of the last days */
    unsigned days;                   /* taken in so far */
    unsigned run;                    /* running means at or above the base in a row */
    bool passed;
    bool from_cold; /* a running mean below the base was seen: the passing itself was witnessed */
};
/* Takes the next day in; a mean of NaN leaves all as it was (the day is not known). */
void growth_passing_add(struct growth_passing *passing, double mean_c);

#endif
