/* SPDX-License-Identifier: Apache-2.0 */
/* What the notes alone say of tomorrow's pick: kg per picker smoothed over the last picks, moved by
 * what other farms' seasons teach of crews, rain, rest and the season's course. A linear rule in
 * logarithms, its coefficients in trend_table.h (tools/fit-forecast writes it and its data sheet).
 * Pure; the caller's struct, its thread. Unknown quantities are NaN. */
#ifndef BAIYE_FORECAST_TREND_H
#define BAIYE_FORECAST_TREND_H

#include <stdbool.h>

#define TREND_FEATURES 24
#define TREND_START    8    /* features of the first pick */
#define TREND_NORM_KG  1.65 /* of a picker and day, where nothing is known */
#define TREND_ALPHA    0.5

/* Begin from trend_begin(). */
struct trend {
    double area_m2;            /* of the plot */
    double last_each_ln;       /* last season's kg per picker, mean of ln; NaN: none noted */
    double each_ln, crew_ln;   /* smoothed: ln kg per picker, ln pickers */
    double last_each_ln_kg;    /* of the last pick with a crew */
    double fast_ln, rain, gap; /* smoothed: kg per picker over more picks; rain 0..1; days */
    double noise;              /* smoothed absolute change of ln kg per picker */
    double cov, var;           /* of ln kg per picker with ln crew, for this farm's own slope */
    double picked_kg, warm_cd; /* since the first pick */
    double since_cd;           /* since the last pick */
    unsigned picks;            /* with a crew */
    unsigned rest_days;        /* since the last pick of any kind */
    bool started;
};

/* Of tomorrow. */
struct trend_tomorrow {
    double pickers;     /* > 0 */
    bool booked;        /* else a guess */
    double rain_chance; /* 0..1 */
    double growth_cd;   /* of the day */
    double season_kg;   /* the plot's, as believed; NaN: not known */
    double model_kg;    /* the particles' median of the pick; NaN: none */
    double ready_kg;    /* and their mean of what is on the bushes tonight */
    double share_ready; /* of the season's shoots, by thermal time; NaN: not known */
};

struct trend trend_begin(double area_m2, double last_each_kg);
/* Each day, in order, after its pick. */
void trend_day(struct trend *trend, double growth_cd);
/* A believed note; `pickers` NaN: not noted. Before trend_day() of its day. */
void trend_pick(struct trend *trend, double kg, double pickers, double rain);
/* 10, 50, 90 % of tomorrow's kg. */
void trend_say(const struct trend *trend, const struct trend_tomorrow *tomorrow, double kg[3]);
/* What trend_say() weighs, for fitting: returns ln kg of no change, or of the norm for a first
 * pick (then only TREND_START features count). */
double trend_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                      double x[TREND_FEATURES]);

#endif
