/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up tea farms for fitting and judging the forecast, apart from its own model: none of the
 * three truths shares its form, and each farm draws its numbers anew. All is fixed by the farm's
 * number; numbers for fitting (FARMS_FIT on) and for judging (FARMS_JUDGE on) are apart.
 *
 *   cohorts     shoots of two waves of buds, each ready between two thermal times; pickers slow
 *               down as 1 - exp(-density)
 *   stock       a skewed curve of readiness, leaf outgrows the standard at a rate of its own;
 *               pickers slow down as the root of the density
 *   saturation  cohorts over hourly warmth, with large crews that soon get into each other's way
 *
 * Around them: rounds of 1 to 4 days, rain that keeps pickers at home, market days, crews booked by
 * an impression of the bushes, a count of ready shoots once a week, and notes as clean or as dirty
 * as people make them. */
#ifndef BAIYE_BENCH_FARMS_H
#define BAIYE_BENCH_FARMS_H

#include "gateway/forecast/outlook.h"

#define FARMS_FIT   1000000
#define FARMS_JUDGE 5000000
#define FARM_YEARS  3
#define FARM_DAYS   150 /* from 1 January */
#define FARM_NOTES  3   /* a day, at most */

enum farm_truth { FARM_COHORTS, FARM_STOCK, FARM_SATURATION, FARM_TRUTHS };

struct farm_note {
    double kg;
    unsigned pickers;
    int hours; /* after the beginning of its day; below 0: the evening before */
};

/* What the gateway sees of a day. */
struct farm_day {
    double hourly_c[24], rain_mm;
    struct farm_note notes[FARM_NOTES];
    int note_count;
    double shoots_m2; /* counted before the picking; NAN: nobody did */
    /* What only the farm knows. */
    double kg;        /* picked; 0: none */
    double oracle_kg; /* what who knows the farm, its weather and the booked crew would expect */
    double ready_kg, share_ready;
};

struct farm_season {
    enum farm_truth truth;
    bool dirty;
    double area_m2, gate_cd; /* gate_cd: as the file names it; NAN: it does not */
    double told_kg;          /* what the owner says of the year before */
    int opening;             /* day on which 5 % were ready; -1: never */
    int first, last;         /* noted picks; -1: none */
    struct farm_day days[FARM_DAYS];
};

/* `year` 0..FARM_YEARS - 1; the truth follows from `farm` % FARM_TRUTHS, dirty from its next
 * digit. */
void farm_season_make(int farm, int year, struct farm_season *season);

#endif
